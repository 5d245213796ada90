"""The worker, against a real mail server: once per alert and recipient, whatever is killed when, refused or down."""

import email
import os
import subprocess
import sys
from datetime import timedelta
from email.policy import default
from pathlib import Path

import pytest

from skindose.notify import Outcome, State
from skindose.registry import open_registry
from tests import mailserver
from tests.alerts import made
from tests.mailserver import Received
from tests.registry import made as registered

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server():
    """Handler and port of a mail server on loopback."""
    handler = Received()
    with mailserver.plain(handler) as port:
        yield handler, port


def send(registry, port):
    from skindose import outbox

    return outbox.send(registry, made.people(port))


def came(handler):
    """(recipient, Message-ID) of each mail that arrived."""
    return [(to[0], email.message_from_bytes(data, policy=default)["Message-ID"]) for _, to, data in handler.mails]


def states():
    from skindose.registry import alerts

    return [(row["state"], [mail["state"] for mail in row["mails"]]) for row in alerts.listed()]


def mailed():
    """(recipient, Message-ID) of each mail in the outbox."""
    from skindose.registry import alerts

    return [(mail["recipient"], mail["message_id"]) for row in alerts.listed() for mail in row["mails"]]


def overdue(registry):
    """Let the time until the next try, or of a worker's claim, pass."""
    from skindose.registry import audit
    from skindose.registry.models import Outgoing

    with audit.writing(registry.key_of("audit"), "test", "time passes") as entry:
        for row in Outgoing.objects.exclude(next_at=None):
            row.next_at -= timedelta(days=2)
            entry.change(row)


def test_each_recipient_gets_one_mail_and_never_another(home, server):
    handler, port = server
    with open_registry() as registry:
        from skindose.registry import check

        case = made.receive(registry, crew=made.people(port))
        assert send(registry, port).count == {"sent": 2}
        assert sorted(came(handler)) == sorted(mailed())
        assert states() == [("sent", ["sent", "sent"])]
        overdue(registry)
        made.put(registry, case, crew=made.people(port), configuration={"run": 2})
        assert send(registry, port).count == {}
        assert len(handler.mails) == 2
        assert check.verify(registry) == []


def test_the_mail_tells_the_alert_and_no_identifier(sqlite_home, server):
    handler, port = server
    with open_registry() as registry:
        case = made.receive(registry, crew=made.people(port))
        send(registry, port)
    mail = email.message_from_bytes(handler.mails[0][2], policy=default)
    text = mail.get_body(("plain",)).get_content()
    assert mail["Subject"].startswith(f"[skindose] level 2 - case {case} - acknowledge by ")
    assert mail["Message-ID"].endswith("@example.org>")
    assert "levels signed by this site's physicist" in " ".join(text.split())
    assert "4.10 Gy" in text
    assert any(part.get_content_type() == "text/calendar" for part in mail.walk())
    everything = b"".join(data for _, _, data in handler.mails) + "".join(str(part) for part in mail.walk()).encode()
    header = registered.incoming(registered.report()).header
    for secret in (registered.NUMBER, *registered.NAME.split("^"), header.study_instance_uid, made.SIGNER):
        assert secret.encode() not in everything


def test_a_picture_goes_with_it(sqlite_home, server):
    handler, port = server
    from skindose import outbox

    with open_registry() as registry:
        made.receive(registry)
        outbox.send(registry, made.people(port, picture=True))
    assert b"image/png" in handler.mails[0][2]


def test_a_server_that_is_down_is_told_and_nothing_is_lost(sqlite_home):
    port = mailserver.free_port()
    with open_registry() as registry:
        made.receive(registry)
        done = send(registry, port)
        assert done.count == {"queued": 1}, "one try says it for all"
        assert done.trouble
        assert send(registry, port).count == {"queued": 1}, "the other's turn"
        assert send(registry, port).count == {}, "both wait now"
        overdue(registry)
        handler = Received()
        with mailserver.plain(handler) as other:
            assert send(registry, other).count == {"sent": 2}
        assert sorted(came(handler)) == sorted(mailed())


def test_refused_put_off_and_given_up(sqlite_home):
    handler = Received({made.A: "550 5.1.1 no such user", made.B: "450 4.2.0 come back later"})
    with mailserver.plain(handler) as port, open_registry() as registry:
        from skindose.registry import alerts

        made.receive(registry)
        assert send(registry, port).count == {"failed": 1, "queued": 1}
        assert states() == [("waiting", ["failed", "queued"])]
        for _ in range(20):
            overdue(registry)
            send(registry, port)
        assert states() == [("waiting", ["failed", "failed"])]
        refused, given_up = alerts.listed()[0]["mails"]
        assert (refused["attempts"], given_up["attempts"]) == (1, 14), "13 waits between 14 tries, then it is given up"
        assert refused["error"].endswith("550 5.1.1")


def test_two_workers_send_each_mail_once(home, server):
    handler, port = server
    with open_registry() as registry:
        for number in range(2):
            made.receive(registry, registered.report(f"study {number}"), crew=made.people(port))
        workers = [child(port, "") for _ in range(2)]
        assert [worker.communicate(timeout=120)[1] for worker in workers] == [b"", b""]
        assert sorted(came(handler)) == sorted(mailed())
        assert len(handler.mails) == 4


# --- Killed

# The child replaces one step of the product by "that step, and SIGKILL before or after it".
CHILD = """
import os, signal, sys
from skindose import notify, outbox
from skindose.registry import open_registry
from tests.alerts import made
def dies(step, after):
    def run(*given, **named):
        result = step(*given, **named) if after else None
        os.kill(os.getpid(), signal.SIGKILL)
    return run
port, point = int(sys.argv[1]), sys.argv[2]
with open_registry() as registry:
    from skindose.registry import audit, outgoing
    deliver = notify.deliver
    if point == "claimed":
        deliver = dies(deliver, after=False)
    elif point == "taken":
        deliver = dies(deliver, after=True)
    elif point == "claiming":
        audit.Entry.close = dies(audit.Entry.close, after=True)
    elif point == "noting":
        note, close = outgoing.note, audit.Entry.close
        def noting(*given):
            audit.Entry.close = dies(close, after=True)
            return note(*given)
        outgoing.note = noting
    elif point == "noted":
        outgoing.note = dies(outgoing.note, after=True)
    outbox.send(registry, made.people(port), deliver)
"""


def child(port, point):
    paths = os.pathsep.join((str(ROOT), str(ROOT / "phantoms")))
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", CHILD, str(port), point]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, **pipes)


@pytest.mark.parametrize(
    ("point", "twice"),
    [
        ("claimed", 0),
        ("taken", 1),
        pytest.param("claiming", 0, marks=pytest.mark.slow),
        pytest.param("noting", 1, marks=pytest.mark.slow),
        pytest.param("noted", 0, marks=pytest.mark.slow),
    ],
)
def test_killed_between_any_two_steps(sqlite_home, server, point, twice):
    """One mail each; a second copy, under the same Message-ID, only where the server had it and nobody had noted it."""
    handler, port = server
    with open_registry() as registry:
        from skindose.registry import check

        made.receive(registry, crew=made.people(port))
        with child(port, point) as victim:
            victim.communicate(timeout=120)
        assert victim.returncode == -9
        send(registry, port)
        assert states() == [("sent", ["sent", "sent"])], "nobody waits for a worker that is dead"
        arrived = came(handler)
        assert sorted(set(arrived)) == sorted(mailed())
        assert len(arrived) == 2 + twice
        overdue(registry)
        assert send(registry, port).count == {}
        assert check.verify(registry) == []


def test_who_lost_his_claim_changes_nothing_but_what_was_sent(home):
    with open_registry() as registry:
        from skindose.registry import outgoing

        made.receive(registry, crew=made.people(recipient=[{"role": "operator", "to": [made.A]}]))
        slow = outgoing.claim(registry, timedelta(0))
        quick = outgoing.claim(registry, timedelta(hours=1))
        assert (quick.number, quick.message_id) == (slow.number, slow.message_id)
        later = {**Outcome(State.LATER, None, "stalled")._asdict(), "state": "later"}
        assert outgoing.note(registry, slow, later, timedelta(1)) == "sending", "it is another worker's"
        sent = {**Outcome(State.SENT, 250)._asdict(), "state": "sent"}
        assert outgoing.note(registry, slow, sent, None) == "sent"
        assert outgoing.note(registry, quick, later, timedelta(1)) == "sent", "what was sent stays sent"
