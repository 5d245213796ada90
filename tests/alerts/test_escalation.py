"""Nobody acknowledges: the deputy, then the head, then the administrator; each once."""

import email
from datetime import timedelta
from email.policy import default

import pytest

from skindose.registry import open_registry
from tests import mailserver
from tests.alerts import made
from tests.mailserver import Received

DEPUTY, ADMIN = "deputy@example.org", "admin@example.org"


@pytest.fixture
def server():
    handler = Received()
    with mailserver.plain(handler) as port:
        yield handler, port


def send(registry, port, **changes):
    """A round of the worker."""
    from skindose import outbox

    return outbox.send(registry, made.people(port, administrators=[ADMIN], **changes))


def taken(handler):
    """To whom the mails went since the last look, sorted."""
    found = sorted(to[0] for _, to, _ in handler.mails)
    handler.mails.clear()
    return found


def too_late(registry):
    """Let the time to acknowledge pass."""
    from skindose.registry import audit
    from skindose.registry.models import Alert

    with audit.writing(registry.key_of("audit"), "test", "time passes") as entry:
        for alert in Alert.objects.exclude(due_at=None):
            alert.due_at -= timedelta(days=10)
            entry.change(alert)


def next_day(registry):
    """Let the day of the last digest be another one."""
    from skindose.registry import audit
    from skindose.registry.models import Outgoing

    with audit.writing(registry.key_of("audit"), "test", "time passes") as entry:
        for mail in Outgoing.objects.filter(purpose__startswith="digest"):
            mail.purpose = "digest of yesterday"
            entry.change(mail)


def everybody():
    """Somebody for every role of the alert."""
    roles = {"operator": made.A, "followup_nurse": made.B, "physicist": made.B, "head_of_department": made.HEAD}
    return [{"role": role, "to": [to]} | ({"deputies": [DEPUTY]} if to == made.A else {}) for role, to in roles.items()]


def test_deputy_then_head_then_administrator_each_once(home, server):
    handler, port = server
    with open_registry() as registry:
        from skindose.registry import alerts, check

        made.receive(registry, crew=made.people(port))
        crew = {"recipient": everybody()}
        heard = []
        for _ in range(6):
            send(registry, port, **crew)
            heard.append(taken(handler))
            send(registry, port, **crew)
            assert taken(handler) == [], "before its time is over nobody else is told"
            too_late(registry)
            next_day(registry)
        assert heard[:3] == [sorted([made.A, made.B, ADMIN]), [DEPUTY], [made.HEAD]], (
            "when it was raised nobody was nurse: the administrator is told at once"
        )
        assert heard[3:] == [[ADMIN], [], []]
        (row,) = alerts.listed()
        assert [mail["purpose"] for mail in row["mails"]] == ["alert", "alert", "escalation 1", "escalation 2"]
        assert check.verify(registry) == []


def test_an_escalation_says_who_did_not_answer(sqlite_home, server):
    handler, port = server
    with open_registry() as registry:
        made.receive(registry, crew=made.people(port))
        too_late(registry)
        send(registry, port)
        (mail,) = [email.message_from_bytes(data, policy=default) for _, to, data in handler.mails if to == (DEPUTY,)]
    words = " ".join(mail.get_body(("plain",)).get_content().split())
    assert "Escalated: The operator did not acknowledge in time." in words


def test_an_escalation_is_dated_when_it_is_made_and_keeps_its_date(sqlite_home, server, monkeypatch):
    from datetime import UTC, datetime

    handler, port = server
    with open_registry() as registry:
        from skindose.registry import outgoing

        made.receive(registry, crew=made.people(port))
        too_late(registry)
        later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        with monkeypatch.context() as patch:
            patch.setattr(outgoing, "now", lambda: later)
            send(registry, port)
        dates = {
            to[0]: email.message_from_bytes(data, policy=default)["Date"].datetime for _, to, data in handler.mails
        }
    assert dates[DEPUTY] == later, "else it stands in the inbox below what was read long ago"
    assert dates[made.A] < later


@pytest.mark.parametrize("when", ["before", "while the escalation waits"])
def test_who_acknowledges_stops_it(sqlite_home, server, when):
    handler, port = server
    with open_registry() as registry:
        from skindose.registry import alerts, escalation

        case = made.receive(registry, crew=made.people(port))
        send(registry, port)
        taken(handler)
        too_late(registry)
        if when != "before":
            assert escalation.escalate(registry, made.people(port)) == 1
        alerts.acknowledge(registry, case, "somebody")
        too_late(registry)
        send(registry, port)
        assert taken(handler) == []


def test_unsigned_alerts_are_not_escalated(sqlite_home, server):
    handler, port = server
    with open_registry() as registry:
        made.receive(registry, who="", crew=made.people(port))
        too_late(registry)
        send(registry, port)
        assert taken(handler) == []


def test_somebody_is_found_for_the_role_later(sqlite_home, server):
    handler, port = server
    with open_registry() as registry:
        made.receive(registry, crew=made.people(recipient=[]))
        assert any("nobody holds: 1" in line for line in send(registry, port, recipient=[]).trouble)
        assert taken(handler) == [ADMIN]
        assert any("nobody holds: 1" in line for line in send(registry, port, recipient=[]).trouble), "never silence"
        send(registry, port)
        assert taken(handler) == [made.A, made.B]
        assert send(registry, port).trouble == []


def test_the_digest_says_what_failed_once_a_day(sqlite_home):
    handler = Received({made.A: "550 5.1.1 no such user", DEPUTY: "550 5.1.1 no such user"})
    with mailserver.plain(handler) as port, open_registry() as registry:
        crew = {"recipient": everybody()}
        case = made.receive(registry, crew=made.people(port, **crew))
        assert any("550 5.1.1" in line for line in send(registry, port, **crew).trouble)
        (mail,) = [email.message_from_bytes(data, policy=default) for _, to, data in handler.mails if to == (ADMIN,)]
        words = " ".join(mail.get_content().split())
        assert f"{case}, level 2, ncrp-168.substantial: the mail to the role operator failed after 1 try" in words
        assert "550 5.1.1" in words
        assert made.A not in words
        taken(handler)
        too_late(registry)
        send(registry, port, **crew)
        assert taken(handler) == [], "the deputy's mail failed too; it stands in tomorrow's digest"
        trouble = send(registry, port, **crew).trouble
        assert trouble[0].startswith("Mails of open alerts that failed for good: 2."), "never silence"
        next_day(registry)
        send(registry, port, **crew)
        assert taken(handler) == [ADMIN]
