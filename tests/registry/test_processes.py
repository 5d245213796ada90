"""Several processes on one registry, and one that is killed in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from skindose.registry import open_registry
from tests.registry import made

ROOT = Path(__file__).resolve().parents[2]
OPEN = (
    "import sys\nfrom skindose.registry import open_registry\n"
    "with open_registry() as r:\n from skindose.registry import audit, store\n"
)


def start(code, *arguments):
    paths = os.pathsep.join((str(ROOT), str(ROOT / "phantoms")))
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", OPEN + code, *arguments]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, **pipes)


def test_two_processes_write_at_once_and_neither_is_refused(home):
    code = (
        " for number in range(40):\n"
        "  for key in (f'{sys.argv[1]}{number:063}', f'c{number:063}'):\n"
        "   store.quarantine(r, key, 'a.dcm', 'empty')\n"
    )
    with open_registry():
        pass
    running = [start(code, name) for name in "ab"]
    assert [one.communicate()[1] for one in running] == [b"", b""]
    with open_registry() as registry:
        from skindose.registry import check, reading

        assert len(reading.quarantined()) == 120, "40 of each process, and 40 that both have, once"
        assert check.verify(registry) == []


def test_a_process_killed_in_the_middle_of_a_write_leaves_nothing_half_there(home):
    """It has written all its rows and is killed before it commits."""
    data = made.report()
    with open_registry() as registry:
        from skindose.registry import check, reading, store

        before = reading.status()
        code = (
            " entry = audit.Entry.close\n"
            " def wait(self):\n"
            "  entry(self)\n"
            "  print('written', flush=True)\n"
            "  sys.stdin.read()\n"
            " audit.Entry.close = wait\n"
            " store.quarantine(r, 'a' * 64, 'a.dcm', 'empty')\n"
        )
        with start(code) as victim:
            assert victim.stdout.readline().strip() == b"written"
            victim.send_signal(signal.SIGKILL)
            victim.wait()
        assert reading.status() == before
        assert check.verify(registry) == []
        assert store.receive(registry, made.incoming(data), made.stored(data)).new, "nobody holds a lock any more"
