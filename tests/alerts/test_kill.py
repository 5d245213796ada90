"""Kill -9 at random moments from report to mail, restart each time: each report stored and each alert told once.

A real mail server with STARTTLS and log-in keeps every mail that it took. A second copy is allowed in the documented
window only (taken, and killed before that was noted): at most one for each kill, under the same Message-ID.
"""

import email
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from email.policy import default
from pathlib import Path

import pytest

from skindose.registry import open_registry
from tests import mailserver
from tests.alerts import made
from tests.mailserver import Keys, Received
from tests.registry import made as registered

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
NURSE = "nurse@example.org"
SECRET = "SKINDOSE_TEST_MAIL_PASSWORD"  # the variable's name


@pytest.fixture
def crew(tmp_path, monkeypatch):
    """`crew(port, keys)` writes alerts.toml: three roles, STARTTLS, log-in."""
    monkeypatch.setenv(SECRET, mailserver.PASSWORD)

    def write(port, keys, **changes):
        mail = {
            "host": "127.0.0.1", "port": port, "security": "starttls", "sender": "alerts@example.org",
            "user": mailserver.USER, "password_env": SECRET, "ca_file": str(keys.ca_file), "timeout_s": 5,
        } | changes  # fmt: skip
        people = (("operator", made.A), ("physicist", made.B), ("followup_nurse", NURSE))
        lines = ['administrators = ["admin@example.org"]', "picture = false"]
        lines += [f'[[recipient]]\nrole = "{role}"\nto = ["{to}"]' for role, to in people]
        lines += ["[mail]", *(f"{key} = {json.dumps(value)}" for key, value in mail.items())]
        home = Path(os.environ["SKINDOSE_HOME"])
        home.mkdir(exist_ok=True)
        (home / "alerts.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write


def feed(folder, count):
    """Reports of 6 Gy air kerma, of one study each; returns (folder, configuration)."""
    (folder / "feed").mkdir()
    for number in range(count):
        path = folder / "feed" / f"{number}.dcm"
        path.write_bytes(registered.report(f"study {number}", events=(1, 2, 3, 4), number=f"PAT-47110815-{number}"))
        os.utime(path, (time.time() - 60,) * 2)
    (folder / "config.toml").write_text('phantom = "plane"\n', encoding="utf-8")
    return folder / "feed", folder / "config.toml"


def start(*arguments):
    """skindose, in a process group of its own."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "phantoms")))
    whole = [sys.executable, "-m", "skindose", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(whole, env={**os.environ, "PYTHONPATH": paths}, start_new_session=True, **pipes)


def run(*arguments, code=0):
    done = start(*arguments)
    out, said = done.communicate(timeout=300)
    assert done.returncode == code, said
    return out, said


def kill(victim):
    """The whole group, workers too; returns what it had said."""
    if victim.poll() is None:
        os.killpg(victim.pid, signal.SIGKILL)
    return "".join(victim.communicate(timeout=60))


def sign():
    with open_registry() as registry:
        from skindose.registry import signing

        signing.sign(registry, made.RULES, made.SIGNER, "medical physicist")


def tomorrow():
    """Let the time until the next try pass."""
    with open_registry() as registry:
        from skindose.registry import audit
        from skindose.registry.models import Outgoing

        with audit.writing(registry.key_of("audit"), "test", "time passes") as entry:
            for row in Outgoing.objects.exclude(next_at=None):
                row.next_at -= timedelta(days=2)
                entry.change(row)


def everything_once(handler, files):
    """Check registry, mails and trail; returns how many copies came."""
    with open_registry() as registry:
        from skindose.registry import alerts, check, reading

        rows, told = reading.procedures(), alerts.listed()
        assert check.verify(registry) == []
        assert [(row.reports, row.version) for row in rows] == [(1, 1)] * files
        assert reading.outdated(None) == []
    assert len({row["case"] for row in told}) == files
    assert {row["state"] for row in told} == {"sent"}
    wanted = {(mail["recipient"], mail["message_id"]) for row in told for mail in row["mails"]}
    for row in told:
        assert {mail["recipient"] for mail in row["mails"]} >= {made.A}, "the operator is told of every alert"
    came = Counter(
        (to[0], email.message_from_bytes(data, policy=default)["Message-ID"]) for _, to, data in handler.mails
    )
    assert set(came) == wanted
    return sum(came.values()) - len(came)


def no_identifier(handler, *said):
    everything = "".join((*said, *(data.decode() for _, _, data in handler.mails)))
    for identifier in ("47110815", *registered.NAME.split("^")):
        assert identifier not in everything


def a_moment(moments, number, victim, handler, longest_s):
    """Wait for the moment of a kill: any, and every other time one while mails go out."""
    before, deadline = len(handler.mails), time.monotonic() + 4 * longest_s
    if number % 2:
        while len(handler.mails) == before and victim.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.3))
    else:
        time.sleep(moments.uniform(0.4, longest_s))


def killed(folder, handler, kills, files, longest_s):
    """Kill a batch so many times; returns how many copies of mails came at the end."""
    moments, said = random.Random(SEED), []
    where, config = feed(folder, files)
    log = folder / "log.jsonl"
    batch = ("batch", where, "--config", config, "--jobs", 2, "--log", log)
    sign()
    for number in range(kills):
        victim = start(*batch)
        a_moment(moments, number, victim, handler, longest_s)
        said.append(kill(victim))
    tomorrow()
    said += run(*batch)
    copies = everything_once(handler, files)
    no_identifier(handler, log.read_text(), *said)
    return copies


@pytest.mark.parametrize(
    ("kills", "files", "longest_s"), [(6, 12, 2.0), pytest.param(200, 100, 5.0, marks=pytest.mark.slow)]
)
def test_killed_at_random_moments_each_alert_is_told_once(sqlite_home, tmp_path, crew, kills, files, longest_s):
    handler, keys = Received(), Keys(tmp_path)
    with mailserver.starttls(handler, keys) as port:
        crew(port, keys)
        copies = killed(tmp_path, handler, kills, files, longest_s)
    print(f"{kills} kills, {len(handler.mails)} mails, {copies} copies")
    assert copies <= kills, "each kill costs one copy at most"
