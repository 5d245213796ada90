"""Whole programs under faults: nothing lost, one line that says what, where and what to do, done when it is over."""

import contextlib
import json
import os
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from skindose.errors import RegistryError
from skindose.registry import open_registry
from tests import mailserver
from tests.alerts import made
from tests.alerts.whole import crew, everything_once, feed, kill, run, sign, start, tomorrow
from tests.mailserver import Keys, Received
from tests.notify.test_notify import hangs_up_within_the_mail, silent
from tests.registry.conftest import own_postgres

__all__ = ["crew"]
QUICK = "from skindose.registry import home\nhome.WAIT_S = 1"


@pytest.fixture
def site(sqlite_home, tmp_path, crew):
    """A registry with signed rules, its mail server's keys, and `people(port)` who are told."""
    keys = Keys(tmp_path)
    sign()
    return keys, lambda port, **mail: crew(port, keys, **mail)


def one_line(said, *words):
    """Standard error is one line, and says this."""
    assert len(said.splitlines()) == 1, said
    for word in words:
        assert word in said
    assert "Traceback" not in said


# --- The mail server


@contextlib.contextmanager
def refusing_people(keys):
    handler = Received(dict.fromkeys((made.A, made.B, "nurse@example.org"), "550 5.1.1 no such user"))
    with mailserver.starttls(handler, keys) as port:
        yield port, {}


@contextlib.contextmanager
def refusing_mails(keys):
    with mailserver.starttls(Received(data="554 5.7.1 no"), keys) as port:
        yield port, {}


@contextlib.contextmanager
def of_another_name(keys):
    with mailserver.starttls(Received(), keys, name="elsewhere.example.org") as port:
        yield port, {}


@contextlib.contextmanager
def hanging_up(_):
    with mailserver.scripted(hangs_up_within_the_mail) as (port, _):
        yield port, {"security": "none", "user": "", "password_env": "", "timeout_s": 1}


@contextlib.contextmanager
def stalling(_):
    with mailserver.scripted(silent) as (port, _):
        yield port, {"timeout_s": 0.5}


@contextlib.contextmanager
def down(_):
    yield mailserver.free_port(), {}


def late(fault, *words):
    return pytest.param(fault, words, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        late(refusing_people, "the mail server answered 550 5.1.1", "Check the address of this role"),
        late(refusing_mails, "the mail server answered 554 5.7.1", "Check the address of this role"),
        late(of_another_name, "certificate is not trusted", "Check host and ca_file"),
        (hanging_up, ("broke the connection off",)),
        late(stalling, "does not answer", "Check host, port and firewall"),
        late(down, "nobody listens at the mail server's port", "is it running?"),
    ],
)
def test_a_mail_server_that_fails_for_the_whole_batch(site, tmp_path, fault, words):
    """The reports are stored, the exit code and a line tell it; when the cause is gone, every mail goes out once."""
    keys, people = site
    where, config = feed(tmp_path, 1)
    with fault(keys) as (port, mail):
        people(port, **mail)
        _, said = run("batch", where, "--config", config, code=1)
    for word in words:
        assert word in said
    assert "Traceback" not in said
    handler = Received()
    with mailserver.starttls(handler, keys) as port:
        people(port)
        send_all()
        assert everything_once(handler, 1) == 0
        run("batch", where, "--config", config)
        assert everything_once(handler, 1) == 0


def send_all():
    """As `alerts resend` of what failed, and a day later `alerts send`."""
    with open_registry() as registry:
        from skindose import outbox, recipients
        from skindose.registry import alerts

        crew = recipients.load(registry.place.folder)
        for row in alerts.listed():
            if any(mail["state"] == "failed" for mail in row["mails"]):
                alerts.resend(registry, row["case"], crew)
        tomorrow()
    with open_registry() as registry:
        assert outbox.send(registry, crew).trouble == []


# --- The disk


@contextlib.contextmanager
def small_disk(folder, size):
    """A disk of its own, `grow()` makes it larger; skipped where nobody may mount one."""
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], stderr=subprocess.DEVNULL, check=False
        ).returncode
    ):
        pytest.skip("no disk of a given size can be made here")
    try:
        yield lambda: subprocess.run(["mount", "-o", "remount,size=30m", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("size", [pytest.param("80k", marks=pytest.mark.slow), "650k"])
def test_a_disk_that_is_full_while_storing(tmp_path, monkeypatch, crew, size):
    """At 80k there is no room for the tables, at 650k for the signatures or the reports."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path / "disk" / "home"))
    where, config = feed(tmp_path, 4)
    handler, keys = Received(), Keys(tmp_path)
    with small_disk(tmp_path / "disk", size) as grow, mailserver.starttls(handler, keys) as port:
        if size != "80k":
            crew(port, keys)
            sign()
        _, said = run("batch", where, "--config", config, code=1)
        one_line(said, "no space left", "Free space and run again")
        grow()
        if size == "80k":
            crew(port, keys)
            sign()
        run("batch", where, "--config", config)
        assert everything_once(handler, 4) == 0


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_told_as_a_full_disk(site, tmp_path):
    """Where no disk can be made: the largest size of a file."""
    keys, people = site
    where, config = feed(tmp_path, 1)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))"
    handler = Received()
    with mailserver.starttls(handler, keys) as port:
        people(port)
        _, said = run("batch", where, "--config", config, code=1, changed=limit)
        one_line(said, "registry.sqlite3", "disk")
        run("batch", where, "--config", config)
        assert everything_once(handler, 1) <= 1, "the mail that was taken when there was no room to note it"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_log_that_cannot_be_written_is_told(site, tmp_path):
    where, config = feed(tmp_path, 1)
    _, said = run("batch", where, "--config", config, "--log", "/dev/full", code=1)
    one_line(said, "no space left", "full")


# --- The database


@contextlib.contextmanager
def sqlite_lock():
    held = sqlite3.connect(Path(os.environ["SKINDOSE_HOME"]) / "registry.sqlite3", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    yield
    held.execute("ROLLBACK")
    held.close()


@contextlib.contextmanager
def postgres_lock():
    import psycopg

    from skindose.registry import audit

    with psycopg.connect(os.environ["DATABASE_URL"]) as held:
        held.execute("SELECT pg_advisory_xact_lock(%s)", [audit._LOCK])
        yield


@pytest.mark.parametrize("home", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True)
def test_locked_by_another_program_for_longer_than_the_patience(home, tmp_path, crew):
    where, config = feed(tmp_path, 1)
    handler, keys = Received(), Keys(tmp_path)
    sign()
    lock = postgres_lock if "DATABASE_URL" in os.environ else sqlite_lock
    with mailserver.starttls(handler, keys) as port:
        crew(port, keys)
        with lock():
            _, said = run("batch", where, "--config", config, code=1, changed=QUICK)
            one_line(said, "the registry is locked by another program", "Wait until it is done, or stop it")
            _, said = run("alerts", "send", code=1, changed=QUICK)
            one_line(said, "the registry is locked by another program")
        run("batch", where, "--config", config)
        assert everything_once(handler, 1) == 0


@pytest.mark.slow
def test_postgresql_stopped_and_started_again_during_a_watch(tmp_path, monkeypatch, crew):
    where, config = feed(tmp_path, 1)
    handler, keys = Received(), Keys(tmp_path)
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path / "home"))
    with own_postgres() as (url, down), mailserver.starttls(handler, keys) as port:
        monkeypatch.setenv("DATABASE_URL", url.format("postgres"))
        crew(port, keys)
        sign()
        watching = start("watch", where, "--config", config, "--every", 0.3)
        try:
            wait_for(1)
            with down():
                late = where / "late.dcm"
                late.write_bytes(made.registered.report("late", events=(1, 2, 3, 4)))
                os.utime(late, (time.time() - 60,) * 2)
                time.sleep(1.5)
            wait_for(2)
        finally:
            watching.terminate()
            _, said = watching.communicate(timeout=60)
        assert watching.returncode == 130, said
        assert everything_once(handler, 2) == 0
    one_line(said, "the database server", "Start it", "It is tried again")


def wait_for(cases):
    """Until so many cases are there and all their mails are sent."""
    deadline, found, count = time.monotonic() + 60, {"procedures": 0}, {}
    while True:
        with contextlib.suppress(RegistryError), open_registry():  # it may be starting
            from skindose.registry import outgoing, reading

            found, count = reading.status(), outgoing.counts()
        if found["procedures"] == cases and count["sent"] and not count["queued"] + count["sending"]:
            return
        assert time.monotonic() < deadline, (found, count)
        time.sleep(0.3)


@pytest.mark.parametrize("home", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True)
def test_two_batches_at_once_do_each_file_and_mail_once(home, tmp_path, crew):
    where, config = feed(tmp_path, 6)
    handler, keys = Received(), Keys(tmp_path)
    sign()
    with mailserver.starttls(handler, keys) as port:
        crew(port, keys)
        both = [start("batch", where, "--config", config, "--json") for _ in range(2)]
        try:
            done = [one.communicate(timeout=120) for one in both]
        finally:
            for one in both:
                kill(one)
        assert [one.returncode for one in both] == [0, 0], done
        outcomes = [json.loads(out)["outcomes"] for out, _ in done]
        assert sum(one.get("stored", 0) for one in outcomes) == 6
        run("alerts", "send")
        assert everything_once(handler, 6) == 0
