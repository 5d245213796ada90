"""Alerts that come together are one mail; the states of alerts and mails; a mail that the program dies of."""

import email
import json
import re
from datetime import timedelta
from email.policy import default
from pathlib import Path

import pytest

from skindose import registry as room
from skindose.registry import open_registry
from tests import mailserver
from tests.alerts import made
from tests.alerts.test_escalation import everybody, send, taken, too_late
from tests.alerts.test_people import run
from tests.mailserver import Received
from tests.registry import made as registered

FIRST, SUBSTANTIAL = ("ncrp-168.first", "psd", 4), ("ncrp-168.substantial", "psd", 0)
KERMA = ("ncrp-168.substantial", "kar", 0)


@pytest.fixture
def server():
    handler = Received()
    with mailserver.plain(handler) as port:
        yield handler, port


def mails(handler):
    return [email.message_from_bytes(data, policy=default) for _, _, data in handler.mails]


def words(mail):
    return " ".join(mail.get_body(("plain",)).get_content().split())


def test_alerts_of_one_result_are_one_mail_to_each_recipient(home, server):
    """Operator: all three; physicist: the two substantial ones. The most severe heads it, the earliest time counts."""
    handler, port = server
    with open_registry() as registry:
        from skindose.registry import alerts, check

        case = made.receive(registry, fired=[FIRST, SUBSTANTIAL, KERMA], crew=made.people(port))
        assert send(registry, port).count["sent"] == 3, "A and B, and the administrator's digest of the nurse"
        rows = alerts.listed(case)
        identifiers = [{mail["recipient"]: mail["message_id"] for mail in row["mails"]} for row in rows]
        assert [row["state"] for row in rows] == ["sent"] * 3
        assert [set(one) for one in identifiers] == [{made.A}, {made.A, made.B}, {made.A, made.B}], rows
        assert len({one[made.A] for one in identifiers}) == 1
        assert check.verify(registry) == []
    (mail,) = (one for one in mails(handler) if one["To"] == made.A or made.A in one["To"])
    assert mail["Subject"].startswith(f"[skindose] level 2 - case {case} - ")
    said = words(mail)
    assert said.count("Also alerted") == 2
    assert "level 1, ncrp-168.first: " in said
    assert "Also exceeded" not in said, "all that was exceeded has its alert here"


def test_a_higher_alert_later_is_a_mail_of_its_own(home, server):
    handler, port = server
    with open_registry() as registry:
        crew = made.people(port)
        case = made.receive(registry, fired=[("ncrp-168.first", "psd", 0)], crew=crew)
        send(registry, port)
        made.put(registry, case, fired=[FIRST, SUBSTANTIAL], crew=crew, configuration={"run": 2})
        send(registry, port)
        send(registry, port)
    to_a = [mail for mail in mails(handler) if made.A in mail["To"]]
    assert len(to_a) == 2
    assert words(to_a[1]).count("Also alerted") == 1


def test_escalations_of_one_case_are_one_mail_and_leave_out_what_was_taken_on(home, server):
    handler, port = server
    with open_registry() as registry:
        from skindose.registry import alerts, escalation

        crew = made.people(port, recipient=everybody())
        case = made.receive(registry, fired=[FIRST, SUBSTANTIAL, KERMA], crew=crew)
        send(registry, port, recipient=everybody())
        taken(handler)
        too_late(registry)
        assert escalation.escalate(registry, crew) == 1, "the deputy's"
        alerts.acknowledge(registry, case, "somebody", rule="ncrp-168.first")
        send(registry, port, recipient=everybody())
        (mail,) = mails(handler)
        assert "deputy@example.org" in mail["To"]
        assert words(mail).count("Also alerted") == 1
        taken(handler)
        too_late(registry)
        assert escalation.escalate(registry, crew) == 1, "the head's"
        alerts.acknowledge(registry, case, "somebody")
        assert send(registry, port, recipient=everybody()).count == {}, "taken back: every alert in it was taken on"


def test_sent_again_is_the_same_alerts_in_one_mail(sqlite_home, server):
    handler, port = server
    handler.refuse[made.A] = ["550 5.1.1 no"]
    with open_registry() as registry:
        from skindose.registry import alerts

        crew = made.people(port)
        case = made.receive(registry, fired=[SUBSTANTIAL, KERMA], crew=crew)
        send(registry, port)
        assert alerts.resend(registry, case, crew) == 1
        assert send(registry, port).count == {"sent": 1}
        assert alerts.resend(registry, case, crew, again=True) == 2
        send(registry, port)
        assert alerts.resend(registry, case, crew) == 0
    assert [words(mail).count("Also alerted") for mail in mails(handler) if made.A in mail["To"]] == [1, 1]


# --- Mails from before


def test_mails_from_before_tell_the_alert_that_they_belong_to(home):
    """The migration, on a registry that has mails: nothing is mailed again, and the trail verifies."""
    from django.core.management import call_command
    from django.db import connection

    with open_registry() as registry:
        from skindose.registry.models import Told

        made.receive(registry)
        told = sorted(Told.objects.values_list("alert_id", "mail_id", "recipient", "purpose"))
        assert len(told) == 2
        with connection.cursor() as cursor:  # as it was: without the table, and nothing of it in the trail's end
            cursor.execute("DELETE FROM skindose_told")
        call_command("migrate", "skindose", "0003", verbosity=0)
    with open_registry() as registry:
        from skindose.registry import alerts, check, escalation

        assert sorted(Told.objects.values_list("alert_id", "mail_id", "recipient", "purpose")) == told
        assert escalation.escalate(registry, made.people()) == 0
        assert [len(row["mails"]) for row in alerts.listed()] == [2]
        assert check.verify(registry) == []


# --- States


def test_every_state_knows_every_event():
    from skindose.registry import life

    for table in (life.ALERT, life.MAIL):
        events = {event for row in table.values() for event in row}
        for state, row in table.items():
            assert set(row) == events, state
            assert set(row.values()) <= set(table), state
    assert all(row[life.TAKEN] == life.SENT for row in life.MAIL.values()), "what the server took was sent"
    assert all(row[life.TAKEN_ON] == life.ACKNOWLEDGED for row in life.ALERT.values())


def test_states_are_changed_by_the_table_alone():
    for name in ("alerts", "outgoing", "escalation"):
        text = (Path(room.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
        changes = [line for line in text.splitlines() if re.search(r"\b(row|alert)\.state\b[^=]* = ", line)]
        assert all("life." in line for line in changes if "for row in" not in line), changes


def test_a_mail_that_the_program_dies_of_stands_in_nobodys_way(home, monkeypatch):
    """Taken over once at once; then the others go first; after ten more it is given up, and told."""
    with open_registry() as registry:
        from skindose.registry import audit, escalation, outgoing
        from skindose.registry.models import Outgoing

        made.receive(registry)
        monkeypatch.setattr(outgoing, "is_gone", lambda host, pid: True)
        lease = timedelta(hours=1)
        deadly = outgoing.claim(registry, lease).message_id
        assert outgoing.claim(registry, lease).message_id != deadly, "what was not tried yet goes first"
        again = {outgoing.claim(registry, lease).message_id for _ in range(2)}
        assert len(again) == 2
        assert outgoing.claim(registry, lease) is None, "the second time it waits"
        for _ in range(20):
            with audit.writing(registry.key_of("audit"), "test", "time passes") as entry:
                for row in Outgoing.objects.exclude(next_at=None):
                    row.next_at -= timedelta(days=2)
                    entry.change(row)
            while outgoing.claim(registry, lease):
                pass
        rows = list(Outgoing.objects.all())
        assert {row.state for row in rows} == {"failed"}
        assert "the program ended 11 times" in rows[0].last_error
        assert escalation.unheard()[0].startswith("Mails of open alerts that failed for good: 2")


# --- What the worker makes


def test_facts_and_picture_are_made_once_for_all_recipients(sqlite_home, server, monkeypatch):
    from skindose import outbox

    _, port = server
    made_of, facts = [], outbox._facts
    monkeypatch.setattr(outbox, "_facts", lambda known: made_of.append(known.case) or facts(known))
    with open_registry() as registry:
        for study in "ab":
            made.receive(registry, registered.report(study), crew=made.people(port))
        assert send(registry, port).count["sent"] == 5
    assert len(made_of) == 2


def test_that_mails_wait_and_since_when_is_said_where_people_look(sqlite_home):
    with open_registry() as registry:
        made.receive(registry)
        done = send(registry, mailserver.free_port())
    assert done.waiting.startswith("2 mails wait: the mail server fails since 20")
    for command in (("alerts", "list"), ("registry", "status")):
        assert "2 mails wait: the mail server fails since 20" in run(*command).stdout
    assert "since" not in json.dumps(json.loads(run("alerts", "list", "--json").stdout))
