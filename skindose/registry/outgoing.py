"""The outbox: who sends which mail, what each try gave, when the next is due.

A mail is `queued`, `sending` while one worker has it, then `sent`, or `failed` where it was refused or given up, or
`cancelled`. Between a server's "taken" and the transaction that notes it a crash leaves the mail `sending`; it is then
sent once more under the same Message-ID. Nothing else sends a mail twice.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q

from skindose.registry import audit
from skindose.registry.audit import Entry, canonical, now
from skindose.registry.claims import LONGEST_HOST, is_gone
from skindose.registry.guard import guarded
from skindose.registry.models import Alert, Computation, Outgoing
from skindose.registry.records import Registry

QUEUED, SENDING, SENT, FAILED, CANCELLED = "queued", "sending", "sent", "failed", "cancelled"
_TEXT = 2000


class Letter(NamedTuple):
    """A mail that this worker has, with all that it is made of.

    alert      None for a digest, whose `lines` are its text
    by         this worker
    attempts   this try included
    """

    number: int
    by: str
    message_id: str
    recipient: str
    role: str
    purpose: str
    attempts: int
    date: datetime
    lines: tuple[str, ...] = ()
    alert: AlertFacts | None = None


class AlertFacts(NamedTuple):
    """What a mail tells of its alert.

    result   digest of result.json
    of_sum   key of the sum of procedures that raised it; None: the procedure alone
    """

    case: str
    procedure: int
    version: int
    result: str
    station: str
    severity: int
    rule: str
    quantity: str
    signed_by: str
    acknowledge_by: datetime
    told: tuple[str, ...]
    escalated_from: str
    of_sum: int | None


class To(NamedTuple):
    """One recipient, and what is said to him alone.

    told             every role that is told
    escalated_from   the role that did not acknowledge; "" for a first mail
    """

    recipient: str
    role: str
    told: tuple[str, ...] = ()
    escalated_from: str = ""


def queue(entry: Entry, alert: Alert, to: To, purpose: str, domain: str) -> int:
    """Put a mail into the outbox; 0 where it is there already."""
    if Outgoing.objects.filter(alert=alert, recipient__iexact=to.recipient, purpose=purpose).exists():
        return 0
    document = {
        "acknowledge_by": alert.due_at.isoformat() if alert.due_at else None,
        "told": [other for other in to.told if other != to.role],
        "escalated_from": to.escalated_from,
        "tries": [],
    }
    entry.add(
        Outgoing(
            alert=alert,
            recipient=to.recipient,
            role=to.role,
            message_id=new_id(domain),
            purpose=purpose,
            state=QUEUED,
            next_at=now(),
            document=canonical(document),
        )
    )
    return 1


def new_id(domain: str) -> str:
    """A Message-ID; it stays with its row, however often that is sent."""
    return f"<skindose.{secrets.token_hex(16)}@{domain}>"


def queue_again(entry: Entry, alert: Alert, again: bool, domain: str) -> int:
    """Failed mails of an alert once more; delivered ones as a new mail where `again`. Returns how many."""
    rows = list(Outgoing.objects.filter(alert=alert))
    for row in (one for one in rows if one.state == FAILED):
        row.state, row.attempts, row.next_at, row.last_error = QUEUED, 0, now(), ""
        row.document = canonical({**json.loads(row.document), "digested": False})
        entry.change(row)
    count = len([row for row in rows if row.state == QUEUED])
    for row in (one for one in rows if again and one.state == SENT and not one.purpose.startswith("resend")):
        number = sum(one.recipient == row.recipient and one.purpose.startswith("resend") for one in rows) + 1
        to = To(row.recipient, row.role, tuple(json.loads(row.document)["told"]))
        count += queue(entry, alert, to, f"resend {number}", domain)
    return count


def cancel_escalations(entry: Entry, alert: Alert) -> None:
    """Take back what was not sent yet, because somebody acknowledged."""
    for row in Outgoing.objects.filter(alert=alert, state=QUEUED, purpose__startswith="escalation"):
        row.state, row.next_at = CANCELLED, None
        entry.change(row)


def shown(row: Outgoing) -> dict[str, Any]:
    """A mail in a list, without what depends on the clock."""
    return {
        "recipient": row.recipient,
        "role": row.role,
        "purpose": row.purpose,
        "message_id": row.message_id,
        "state": row.state,
        "attempts": row.attempts,
        "error": row.last_error or None,
    }


# --- The worker


def claim(registry: Registry, lease: timedelta) -> Letter | None:
    """The next mail that is due, this worker's until it notes the outcome; None: nothing is due.

    The most severe first. A mail of a worker that died, or that held it longer than `lease`, is due again.
    raises   RegistryError
    """
    moment, own = now(), _own()
    with audit.writing(registry.key_of("audit"), registry.who, "mail tried") as entry:
        row = _next(moment)
        if row is None:
            return None
        again = row.state == SENDING
        row.state, row.next_at, row.attempts = SENDING, moment + lease, row.attempts + 1
        row.document = canonical(json.loads(row.document) | {"by": own})
        entry.change(row)
        entry.details |= {"mail": row.message_id, "try": row.attempts, "after_a_crash": again}
        return _letter(row, own)


def _next(moment: datetime) -> Outgoing | None:
    rows = Outgoing.objects.select_related("alert__procedure__machine").order_by("-alert__severity", "next_at", "pk")
    due: Outgoing | None = rows.filter(Q(state=QUEUED) | Q(state=SENDING), next_at__lte=moment).first()
    if due is not None:
        return due
    return next((row for row in rows.filter(state=SENDING) if _is_dead(json.loads(row.document)["by"])), None)


def _letter(row: Outgoing, own: str) -> Letter:
    document = json.loads(row.document)
    alert = row.alert
    date = alert.raised_at if alert else datetime.fromisoformat(document["date"])
    return Letter(
        row.pk, own, row.message_id, row.recipient, row.role, row.purpose, row.attempts, date,
        tuple(document.get("lines", ())), _facts(alert, document) if alert else None,
    )  # fmt: skip


def _facts(alert: Alert, document: dict[str, Any]) -> AlertFacts:
    said = json.loads(alert.document)
    row = Computation.objects.get(procedure_id=alert.procedure_id, version=said["version"])
    by = document["acknowledge_by"]
    return AlertFacts(
        alert.procedure.case_number, alert.procedure_id, row.version, row.result_id, alert.procedure.machine.station,
        alert.severity, alert.rule, alert.quantity, said["signed_by"],
        datetime.fromisoformat(by) if by else alert.raised_at,
        tuple(document["told"]), document["escalated_from"], said.get("sum"),
    )  # fmt: skip


def note(registry: Registry, letter: Letter, outcome: dict[str, Any], wait: timedelta | None) -> str:
    """Note what a try gave; returns the mail's state.

    outcome   state ("sent", "refused", "later"), code, reason, remedy, doubtful
    wait      until the next try; None: it is given up
    raises    RegistryError
    """
    moment = now()
    with audit.writing(registry.key_of("audit"), registry.who, f"mail {outcome['state']}") as entry:
        row = Outgoing.objects.select_related("alert").get(pk=letter.number)
        document = json.loads(row.document)
        sent = outcome["state"] == "sent"
        if row.state == SENT or (document["by"] != letter.by and not sent):
            return str(row.state)  # another worker took it over in the meantime
        document["tries"].append({"at": moment.isoformat(timespec="seconds"), **outcome})
        row.document = canonical(document)
        if sent:
            row.state, row.delivered_at, row.next_at, row.last_error = SENT, moment, None, ""
        elif outcome["state"] == "refused" or wait is None:
            row.state, row.next_at, row.last_error = FAILED, None, outcome["reason"][:_TEXT]
        else:
            row.state, row.next_at, row.last_error = QUEUED, moment + wait, outcome["reason"][:_TEXT]
        entry.change(row)
        if sent and row.alert and row.alert.state == "waiting":
            row.alert.state = SENT
            entry.change(row.alert)
        entry.details |= {"mail": row.message_id, "try": letter.attempts, "outcome": outcome}
        return str(row.state)


def counts() -> dict[str, int]:
    """How many mails are in which state.

    raises   RegistryError
    """
    with guarded():
        states = list(Outgoing.objects.values_list("state", flat=True))
    return {state: states.count(state) for state in (QUEUED, SENDING, SENT, FAILED, CANCELLED)}


def _own() -> str:
    return f"{socket.gethostname()}|{os.getpid()}|{secrets.token_hex(4)}"


def _is_dead(by: str) -> bool:
    """Whether the worker is no more, as far as this machine knows."""
    host, pid, _ = by.rsplit("|", 2)
    return is_gone(host[:LONGEST_HOST], pid)
