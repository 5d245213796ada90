"""`skindose doctor`: what is right, what is broken, and that one broken thing hides no other."""

import json
import os
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from typer.testing import CliRunner

from skindose import alive, health, recipients
from skindose.cli import app
from skindose.health import Options, State, notes, rhythm
from skindose.health.database import _machine, _roles
from skindose.registry import open_registry
from skindose.registry.records import Heard
from tests import mailserver
from tests.alerts import made
from tests.mailserver import Keys, Received
from tests.registry import made as registered
from tests.registry.conftest import home, postgres, sqlite_home

__all__ = ["home", "postgres", "sqlite_home"]
SECRET = "SKINDOSE_TEST_MAIL_PASSWORD"  # the variable's name


def examined(**options):
    """check -> (state, what) of everything but what is well."""
    found = list(health.examine(Options(**options)))
    assert all(note.remedy for note in found if note.state is not State.OK), "what is wrong has a remedy"
    return {note.check: (note.state, note.what) for note in found if note.state is not State.OK}


def alerts_toml(folder, port, keys, roles=("operator", "physicist", "followup_nurse"), **changes):
    mail = {
        "host": "127.0.0.1", "port": port, "security": "starttls", "sender": "alerts@example.org",
        "user": mailserver.USER, "password_env": SECRET, "ca_file": str(keys.ca_file), "timeout_s": 2,
    } | changes  # fmt: skip
    lines = ['administrators = ["it@example.org"]']
    lines += [f'[[recipient]]\nrole = "{role}"\nto = ["{role}@example.org"]' for role in roles]
    lines += ["[mail]", *(f"{key} = {json.dumps(value)}" for key, value in mail.items())]
    (folder / "alerts.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def keys(tmp_path, monkeypatch):
    monkeypatch.setenv(SECRET, mailserver.PASSWORD)
    return Keys(tmp_path)


def sign():
    with open_registry() as registry:
        from skindose.registry import signing

        signing.sign(registry, made.RULES, made.SIGNER, "medical physicist")
        signing.copy(registry)


def test_a_site_where_all_is_well(home, keys):
    sign()
    handler = Received()
    with mailserver.starttls(handler, keys) as port:
        alerts_toml(home, port, keys)
        assert examined(mail_to=("it@example.org",), deep=True) == {}
    ((sender, to, mail),) = handler.mails
    assert (sender, to) == ("alerts@example.org", ("it@example.org",))
    assert b"Nothing happened" in mail


def test_where_there_is_nothing_yet_nothing_is_made(sqlite_home):
    found = examined()
    assert found["database"] == (State.WARNING, "there is no registry yet")
    assert State.FAULT not in {state for state, _ in found.values()}
    assert not sqlite_home.exists()


def broken_database(home):
    (home / "registry.sqlite3").write_bytes(b"no database" * 1000)


def broken_alerts(home):
    (home / "alerts.toml").write_text("recipient = 3\n", encoding="utf-8")


def broken_site(home):
    (home / "site.toml").write_text("colour = 'red'\n", encoding="utf-8")


def broken_rules(home):
    (home / "rules.toml").write_text("id = \n", encoding="utf-8")


def lost_key(home):
    (home / "site.key").unlink()


def another_key(home):
    (home / "site.key").write_text("0" * 64 + "\n", encoding="ascii")


def open_key(home):
    (home / "site.key").chmod(0o644)


@pytest.mark.parametrize(
    ("destroy", "check", "words"),
    [
        (broken_database, "database", "no database"),
        (broken_alerts, "recipients", "alerts.toml: recipient"),
        (broken_site, "configuration", "site.toml: colour"),
        (broken_rules, "rules", "rules.toml"),
        (lost_key, "site key", "missing"),
        (another_key, "site key", "not the one that the registry was made with"),
        (open_key, "site key", "can be read by other accounts"),
    ],
)
def test_what_is_broken_is_named_and_hides_nothing(sqlite_home, destroy, check, words):
    with open_registry():
        pass
    before = {note.check for note in health.examine(Options())}
    destroy(sqlite_home)
    state, what = examined()[check]
    assert (state, words in what) == (State.FAULT, True)
    assert {note.check for note in health.examine(Options())} >= before - {"outbox", "results", "disk"}


def test_a_registry_that_an_older_version_made_is_not_changed(sqlite_home):
    with open_registry():
        from django.db.migrations.recorder import MigrationRecorder

        MigrationRecorder.Migration.objects.order_by("-pk").first().delete()
    assert "an older version's" in examined()["database"][1]
    assert "an older version's" in examined()["database"][1], "it was not migrated by looking"


def test_a_database_that_is_locked_is_not_waited_for(sqlite_home):
    import sqlite3

    with open_registry():
        pass
    holding = sqlite3.connect(sqlite_home / "registry.sqlite3", isolation_level=None)
    try:
        holding.execute("BEGIN IMMEDIATE")
        assert "locked by another program" in examined()["database"][1]
    finally:
        holding.close()


def test_an_altered_end_of_the_trail_is_found(sqlite_home):
    with open_registry():
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER skindose_audit_update")
            cursor.execute("UPDATE skindose_audit SET who = 'somebody else'")
    assert examined()["audit trail"] == (State.FAULT, "audit row 1 does not fit")


@pytest.mark.parametrize("fault", ["closed", "password", "certificate", "stall"])
def test_a_mail_server_that_fails_is_told(sqlite_home, keys, monkeypatch, fault):
    sqlite_home.mkdir()
    handler = Received()
    with mailserver.starttls(handler, keys, "another.example" if fault == "certificate" else "127.0.0.1") as port:
        if fault == "password":
            monkeypatch.setenv(SECRET, "wrong")
        if fault == "stall":
            with mailserver.socket.create_server(("127.0.0.1", 0)) as silent:
                alerts_toml(sqlite_home, silent.getsockname()[1], keys, timeout_s=0.5)
                state, what = examined()["mail server"]
        else:
            alerts_toml(sqlite_home, mailserver.free_port() if fault == "closed" else port, keys)
            state, what = examined()["mail server"]
    assert state is State.FAULT
    assert mailserver.PASSWORD not in what
    assert handler.mails == []


def test_roles_that_nobody_holds_are_named(sqlite_home, keys):
    sqlite_home.mkdir()
    alerts_toml(sqlite_home, mailserver.free_port(), keys, roles=("operator",))
    found = [note.what for note in health.examine(Options()) if note.check == "recipients"]
    assert "nobody holds the role physicist, which the rules name" in found
    assert "1 entry" in found


def test_mails_and_alerts_that_wait_are_told(home):
    with open_registry() as registry:
        case = made.receive(registry, peak_mgy=4100.0)
        from skindose.registry import audit
        from skindose.registry.models import Alert, Outgoing

        with audit.writing(registry.key_of("audit"), "test", "time passes") as entry:
            for row in Outgoing.objects.all():
                row.attempts, row.last_error = 2, "no connection to the server"
                entry.change(row)
            for alert in Alert.objects.all():
                alert.due_at = datetime.now(UTC) - timedelta(days=1)
                entry.change(alert)
    found = examined()
    assert "could not be sent since" in found["outbox"][1]
    assert found["outbox"][1].endswith("no connection to the server")
    assert found["alerts"][1].endswith("past the time in which somebody had to acknowledge")
    assert case not in json.dumps([note._asdict() for note in health.examine(Options())])


def test_mails_that_nobody_sends_are_told(sqlite_home):
    with open_registry() as registry:
        made.receive(registry, peak_mgy=4100.0)
        from skindose.registry.models import Outgoing

        Outgoing.objects.update(next_at=datetime.now(UTC) - timedelta(hours=2))
        count = Outgoing.objects.count()
    assert examined()["outbox"] == (State.FAULT, f"{count} mails due for more than 60 min, not tried")


def test_another_programs_database_is_no_older_version(sqlite_home):
    import sqlite3

    sqlite_home.mkdir()
    with sqlite3.connect(sqlite_home / "registry.sqlite3") as other:
        other.execute("CREATE TABLE songs (title TEXT)")
    other.close()
    state, what = examined()["database"]
    assert (state, "another program's tables" in what) == (State.FAULT, True)


def test_each_profile_and_record_is_looked_at(sqlite_home, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(f'{name} = "x"\n', encoding="utf-8")
    config = tmp_path / "config"
    folder = json.dumps(str(tmp_path))
    config.write_text(f"profile_folder = {folder}\ncalibration_folder = {folder}\n", encoding="utf-8")
    faults = [(note.check, note.what[:6]) for note in health.examine(Options(config)) if note.state is State.FAULT]
    assert faults == [(check, file) for check in ("profiles", "calibrations") for file in ("a.toml", "b.toml")]


def test_a_mail_server_without_end_is_not_waited_for(monkeypatch):
    from skindose.health import mail

    monkeypatch.setattr(mail, "_LONGEST_S", 0.05)
    assert "was not done within" in mail._bounded(lambda: time.sleep(2)).reason


def test_a_room_that_nobody_is_told_of_is_named(sqlite_home):
    with open_registry() as registry:
        made.receive(registry)
        from skindose.registry import health

        (machine,) = health.machines()
    people = recipients.parse({"recipient": [{"role": "operator", "to": ["a@b.de"], "rooms": ["ELSEWHERE"]}]})
    (note,) = _roles(machine, people)
    assert (note.state, f"{machine.name}: nobody is told as operator" in note.what) == (State.FAULT, True)
    here = recipients.parse({"recipient": [{"role": "operator", "to": ["a@b.de"], "rooms": [machine.name]}]})
    assert list(_roles(machine, here)) == []


# --- Rhythm

MONDAY = date(2026, 1, 5)


def days(*which, weeks=20):
    return [MONDAY + timedelta(days=7 * week + day) for week in range(weeks) for day in which]


@pytest.mark.parametrize(
    ("worked", "silent_days"),
    [
        (days(0, 1, 2, 3, 4), 5.5),  # a long weekend of 5 days is no alarm
        (days(2), 11.5),
        (days(0, 1, 2, 3, 4, 5, 6), 2.5),
        (days(0, weeks=3), 30.0),  # too few to know a rhythm
        ([], 30.0),
    ],
)
def test_how_long_a_room_may_be_silent(worked, silent_days):
    assert rhythm.allowed(worked) == timedelta(days=silent_days)


def heard(silent_days):
    worked = days(0, 1, 2, 3, 4)
    last = datetime.now(UTC).date() - timedelta(days=silent_days)
    moved = tuple(day + (last - worked[-1]) for day in worked)
    return Heard("CATHLAB1", moved, last, "a profile", "commissioned", "calibrated")


@pytest.mark.parametrize(
    ("silent_days", "limit", "state"),
    [(1, None, State.OK), (5, None, State.OK), (6, None, State.FAULT), (6, 10, State.OK), (11, 10, State.FAULT),
     (400, None, State.OK)],
)  # fmt: skip
def test_a_silent_room_is_a_finding(silent_days, limit, state):
    (note,) = _machine(heard(silent_days), limit)
    assert note.state is state
    assert ("procedures every 1.4 days before" in note.what) == (state is State.FAULT)


# --- Watch


def test_signs_of_life(sqlite_home):
    sqlite_home.mkdir()
    life = alive.Life(sqlite_home, 10.0)
    life.sign()
    assert "watch" not in examined()
    life.sign(ended=True)
    assert "was stopped" in examined()["watch"][1]
    dead = alive.Sign("host", time.time() - 7200, 10.0, False)
    (sqlite_home / alive.FILE).write_text(json.dumps(dead._asdict()), encoding="ascii")
    assert examined()["watch"] == (State.FAULT, "no sign of life for 2 h: it was killed or hangs")
    (sqlite_home / alive.FILE).write_text("{", encoding="ascii")
    assert "watch" not in examined()


# --- The command


def test_exit_codes_and_json(sqlite_home):
    run = CliRunner().invoke
    assert run(app, ["doctor"]).exit_code == 0
    assert run(app, ["doctor", "--strict"]).exit_code == 1
    sqlite_home.mkdir()
    broken_site(sqlite_home)
    done = run(app, ["doctor", "--json"])
    document = json.loads(done.stdout)
    assert (done.exit_code, document["faults"]) == (1, 1)
    assert {note["state"] for note in document["notes"]} == {"ok", "warning", "fault"}
    assert run(app, ["doctor"]).stdout.splitlines()[-1].startswith("1 fault and ")


def test_a_check_that_breaks_itself_says_so(monkeypatch, sqlite_home):
    monkeypatch.delenv("SKINDOSE_DEBUG", raising=False)
    monkeypatch.setattr(health.examine.__globals__["files"], "watch", lambda: 1 / 0)
    assert examined()["watch"] == (State.FAULT, "the check itself failed (ZeroDivisionError)")


def test_no_patient_is_named(sqlite_home):
    with open_registry() as registry:
        made.receive(registry, registered.report(number="PAT-47110815"))
    said = json.dumps([note._asdict() for note in health.examine(Options(deep=True))])
    for identifier in ("47110815", *registered.NAME.split("^")):
        assert identifier not in said


def test_words():
    assert notes.lasting(119) == "119 s"
    assert os.sep not in notes.times(2, "file")
