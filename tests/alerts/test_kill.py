"""Kill -9 at random moments from report to mail, restart each time: each report stored and each alert told once.

A real mail server with STARTTLS and log-in keeps every mail that it took. A second copy is allowed in the documented
window only (taken, and killed before that was noted): at most one for each kill, under the same Message-ID.
"""

import random
import time

import pytest

from tests import mailserver
from tests.alerts.whole import crew, everything_once, feed, kill, run, sign, start, tomorrow
from tests.mailserver import Keys, Received
from tests.registry import made as registered

SEED = 7
__all__ = ["crew"]


def no_identifier(handler, *said):
    everything = "".join((*said, *(data.decode() for _, _, data in handler.mails)))
    for identifier in ("47110815", *registered.NAME.split("^")):
        assert identifier not in everything


def a_moment(moments, number, victim, handler, start_s):
    """Wait for the moment of a kill: any, and every other time one while mails go out.

    start_s   what the program and its workers take on this machine for one file
    """
    before, deadline = len(handler.mails), time.monotonic() + 4 * start_s
    if number % 2:
        while len(handler.mails) == before and victim.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.3))
    else:
        time.sleep(moments.uniform(0.2, 2.0) * start_s)


def killed(folder, handler, kills, files):
    """Kill a batch so many times; returns how many copies of mails came at the end."""
    moments, said = random.Random(SEED), []
    where, config = feed(folder, files)
    log = folder / "log.jsonl"
    batch = ("batch", where, "--config", config, "--jobs", 2, "--log", log)
    sign()
    began = time.monotonic()
    run("batch", where / "0.dcm", "--config", config, "--jobs", 2)
    start_s = time.monotonic() - began
    for number in range(kills):
        victim = start(*batch)
        a_moment(moments, number, victim, handler, start_s)
        said.append(kill(victim))
    tomorrow()
    said += run(*batch)
    copies = everything_once(handler, files)
    no_identifier(handler, log.read_text(), *said)
    return copies


@pytest.mark.parametrize(("kills", "files"), [(6, 8), pytest.param(200, 100, marks=pytest.mark.slow)])
def test_killed_at_random_moments_each_alert_is_told_once(sqlite_home, tmp_path, crew, kills, files):
    handler, keys = Received(), Keys(tmp_path)
    with mailserver.starttls(handler, keys) as port:
        crew(port, keys)
        copies = killed(tmp_path, handler, kills, files)
    print(f"{kills} kills, {len(handler.mails)} mails, {copies} copies")
    assert copies <= kills, "each kill costs one copy at most"
