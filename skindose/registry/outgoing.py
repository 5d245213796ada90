"""The outbox: which mail tells which alerts, who sends it, what each try gave, when the next is due.

Alerts of one case that come at the same time are one mail to each recipient. Between a server's "taken" and the
transaction that notes it a crash leaves a mail `sending` (life.py); it is then sent once more under the same
Message-ID. Nothing else sends a mail twice.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from skindose.registry import audit, life
from skindose.registry.audit import Entry, canonical, now
from skindose.registry.claims import LONGEST_HOST, is_gone
from skindose.registry.guard import guarded
from skindose.registry.life import FAILED, QUEUED, SENDING, SENT
from skindose.registry.models import Alert, Computation, Outgoing, Told, lengthy
from skindose.registry.records import Registry

_MOST_CRASHES = 10  # of the program while it had one mail; then it is given up
_EVENTS = {"sent": life.TAKEN, "refused": life.REFUSED, "later": life.PUT_OFF}


class Letter(NamedTuple):
    """A mail that this worker has, with all that it is made of.

    alert      None for a digest, whose `lines` are its text
    by         this worker
    attempts   this try included
    date       when it was put into the outbox: an escalation stands in the inbox where it came, not with its alert
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
    """What a mail tells of its most severe alert.

    result   digest of result.json
    also     rule, quantity and severity of the others in it
    of_sum   it was raised by a sum of procedures
    sums     keys of the sums that raised any of them
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
    also: tuple[tuple[str, str, int], ...] = ()
    of_sum: bool = False
    sums: tuple[int, ...] = ()


class To(NamedTuple):
    """One recipient, and what is said to him alone.

    told             every role that is told
    escalated_from   the role that did not acknowledge; "" for a first mail
    """

    recipient: str
    role: str
    told: tuple[str, ...] = ()
    escalated_from: str = ""


def most_severe(alerts: Iterable[Alert]) -> list[Alert]:
    """The most severe first, of equals the one that was raised first."""
    return sorted(alerts, key=lambda alert: (-alert.severity, alert.pk))


def queue(entry: Entry, wanted: Sequence[tuple[Alert, To]], purpose: str, domain: str) -> int:
    """Put mails that tell these into the outbox, one to each recipient and case; returns how many.

    What he was told for this purpose already is left out.
    """
    mails: dict[tuple[int, str], list[tuple[Alert, To]]] = {}
    for alert, to in wanted:
        mails.setdefault((alert.procedure_id, to.recipient.lower()), []).append((alert, to))
    return sum(_queue(entry, pairs, purpose, domain) for pairs in mails.values())


def _queue(entry: Entry, pairs: list[tuple[Alert, To]], purpose: str, domain: str) -> int:
    fresh = {alert.pk: (alert, to) for alert, to in reversed(pairs) if not _is_told(alert, to.recipient, purpose)}
    if not fresh:
        return 0
    alerts = most_severe(alert for alert, _ in fresh.values())
    to = fresh[alerts[0].pk][1]
    roles = dict.fromkeys(role for alert in alerts for role in fresh[alert.pk][1].told)
    until = [alert.due_at for alert in alerts if alert.due_at]
    said = {
        "acknowledge_by": min(until).isoformat() if until else None,
        "told": [role for role in roles if role != to.role],
        "escalated_from": to.escalated_from,
    }
    mail = put(entry, to, purpose, domain, said, alerts[0])
    for alert in alerts:
        entry.add(Told(alert=alert, mail=mail, recipient=to.recipient, purpose=purpose))
    return 1


def _is_told(alert: Alert, recipient: str, purpose: str) -> bool:
    return bool(Told.objects.filter(alert=alert, recipient__iexact=recipient, purpose=purpose).exists())


def put(entry: Entry, to: To, purpose: str, domain: str, said: dict[str, Any], alert: Alert | None = None) -> Outgoing:
    """A new row of the outbox, due at once; Message-ID and date stay with it, however often it is sent."""
    moment = now()
    row: Outgoing = entry.add(
        Outgoing(
            alert=alert,
            recipient=to.recipient,
            role=to.role,
            message_id=f"<skindose.{secrets.token_hex(16)}@{domain}>",
            purpose=purpose,
            state=QUEUED,
            next_at=moment,
            document=canonical({**said, "date": moment.isoformat(timespec="seconds"), "tries": []}),
        )
    )
    return row


def told_by(mail: Outgoing) -> list[Alert]:
    """The alerts that a mail tells."""
    return most_severe(one.alert for one in Told.objects.filter(mail=mail).select_related("alert__procedure"))


def of_alerts(alerts: Iterable[Alert]) -> QuerySet:
    """The mails that tell any of these."""
    return Outgoing.objects.filter(pk__in=Told.objects.filter(alert__in=list(alerts)).values("mail_id")).order_by("pk")


def queue_again(entry: Entry, alerts: Sequence[Alert], again: bool, domain: str) -> int:
    """Failed mails of these alerts once more; delivered ones as a new mail where `again`. Returns how many."""
    rows = list(of_alerts(alerts))
    for row in (one for one in rows if one.state == FAILED):
        row.state = life.mail_after(row.state, life.AGAIN)
        row.attempts, row.next_at, row.last_error = 0, now(), ""
        row.document = canonical({**json.loads(row.document), "digested": False, "crashes": 0})
        entry.change(row)
    count = len([row for row in rows if row.state == QUEUED])
    for row in (one for one in rows if again and one.state == SENT and not one.purpose.startswith("resend")):
        number = sum(one.recipient == row.recipient and one.purpose.startswith("resend") for one in rows) + 1
        to = To(row.recipient, row.role, tuple(json.loads(row.document)["told"]))
        count += queue(entry, [(alert, to) for alert in told_by(row)], f"resend {number}", domain)
    return count


def cancel_escalations(entry: Entry, alerts: Sequence[Alert]) -> None:
    """Take back what was not sent yet and tells nothing that is still open, because somebody acknowledged."""
    for row in of_alerts(alerts).filter(state=QUEUED, purpose__startswith="escalation"):
        if all(alert.state == life.ACKNOWLEDGED for alert in told_by(row)):
            row.state, row.next_at = life.mail_after(row.state, life.NOT_NEEDED), None
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

    The most severe first. A mail of a worker that died is due again at once; where the program dies of it again, after
    a lease that grows, so that it does not stand in the way of others, and is given up in the end.
    raises   RegistryError
    """
    moment, own = now(), _own()
    with audit.writing(registry.key_of("audit"), registry.who, "mail tried") as entry:
        while (row := _next(moment)) is not None:
            document = json.loads(row.document)
            crashes = document.get("crashes", 0) + (row.state == SENDING)
            row.document = canonical(document | {"by": own, "crashes": crashes})
            if crashes > _MOST_CRASHES:
                row.state, row.next_at = life.mail_after(row.state, life.GIVEN_UP), None
                row.last_error = f"the program ended {crashes} times while it sent this mail"
                entry.change(row)
                continue
            row.state, row.attempts = life.mail_after(row.state, life.CLAIMED), row.attempts + 1
            row.next_at = moment + lease * (1 + crashes)
            entry.change(row)
            entry.details |= {"mail": row.message_id, "try": row.attempts, "crashes": crashes}
            return _letter(row, own)
    return None


def _next(moment: datetime) -> Outgoing | None:
    rows = Outgoing.objects.select_related("alert").order_by("-alert__severity", "next_at", "pk")
    due: Outgoing | None = rows.filter(Q(state=QUEUED) | Q(state=SENDING), next_at__lte=moment).first()
    return due if due is not None else next((row for row in rows.filter(state=SENDING) if _is_left(row)), None)


def _is_left(row: Outgoing) -> bool:
    """Whether its worker died, as far as this machine knows, and it was the first time."""
    document = json.loads(row.document)
    host, pid, _ = document["by"].rsplit("|", 2)
    return not document.get("crashes") and is_gone(host[:LONGEST_HOST], pid)


def _letter(row: Outgoing, own: str) -> Letter:
    document = json.loads(row.document)
    alerts = told_by(row)
    if row.purpose.startswith("escalation"):  # who took on one of them is not told that nobody did
        alerts = [alert for alert in alerts if alert.state != life.ACKNOWLEDGED] or alerts
    date = document.get("date") or max(alert.raised_at for alert in alerts).isoformat()  # of a former version
    return Letter(
        row.pk, own, row.message_id, row.recipient, row.role, row.purpose, row.attempts, datetime.fromisoformat(date),
        tuple(document.get("lines", ())), _facts(alerts, document) if alerts else None,
    )  # fmt: skip


def _facts(alerts: list[Alert], document: dict[str, Any]) -> AlertFacts:
    """Of the newest result that any of them was raised of."""
    head = alerts[0]
    all_said = [json.loads(alert.document) for alert in alerts]
    said = max(all_said, key=lambda one: int(one["version"]))
    row = Computation.objects.get(procedure_id=head.procedure_id, version=said["version"])
    by = document["acknowledge_by"]
    return AlertFacts(
        head.procedure.case_number, head.procedure_id, row.version, row.result_id, head.procedure.machine.room,
        head.severity, head.rule, head.quantity, said["signed_by"],
        datetime.fromisoformat(by) if by else head.raised_at,
        tuple(document["told"]), document["escalated_from"],
        tuple((alert.rule, alert.quantity, alert.severity) for alert in alerts[1:]),
        "sum" in json.loads(head.document),
        tuple(sorted({one["sum"] for one in all_said if "sum" in one})),
    )  # fmt: skip


def note(registry: Registry, letter: Letter, outcome: dict[str, Any], wait: timedelta | None) -> str:
    """Note what a try gave; returns the mail's state.

    outcome   state ("sent", "refused", "later"), code, reason, remedy, doubtful, of_the_server
    wait      until the next try; None: it is given up
    raises    RegistryError
    """
    moment = now()
    event = life.GIVEN_UP if outcome["state"] == "later" and wait is None else _EVENTS[outcome["state"]]
    with audit.writing(registry.key_of("audit"), registry.who, f"mail {outcome['state']}") as entry:
        row = Outgoing.objects.get(pk=letter.number)
        document = json.loads(row.document)
        if row.state == SENT or (document["by"] != letter.by and event != life.TAKEN):
            return str(row.state)  # another worker took it over in the meantime
        document["tries"].append({"at": moment.isoformat(timespec="seconds"), **outcome})
        row.document = canonical(document | {"crashes": 0})
        row.state = life.mail_after(row.state, event)
        row.next_at = moment + wait if row.state == QUEUED and wait is not None else None
        row.last_error = "" if row.state == SENT else lengthy(outcome["reason"])
        row.delivered_at = moment if row.state == SENT else None
        entry.change(row)
        for alert in told_by(row) if row.state == SENT else ():
            former, alert.state = alert.state, life.alert_after(alert.state, life.TOLD)
            if alert.state != former:
                entry.change(alert)
        entry.details |= {"mail": row.message_id, "try": letter.attempts, "outcome": outcome}
        return str(row.state)


# --- How it stands


def counts() -> dict[str, int]:
    """How many mails are in which state.

    raises   RegistryError
    """
    with guarded():
        states = list(Outgoing.objects.values_list("state", flat=True))
    return {state: states.count(state) for state in life.MAIL}


def waiting() -> str:
    """How many mails wait, and since when and why the mail server fails; "" where none waits.

    raises   RegistryError
    """
    with guarded():
        rows = list(Outgoing.objects.filter(state__in=(QUEUED, SENDING)).values_list("document", flat=True))
    failing = [one for document in rows for one in _failing(json.loads(document)["tries"])]
    count = f"{len(rows)} mail{' waits' if len(rows) == 1 else 's wait'}" if rows else ""
    if not failing:
        return f"{count}." if rows else ""
    first, last = min(failing, key=lambda one: str(one["at"])), max(failing, key=lambda one: str(one["at"]))
    since = datetime.fromisoformat(first["at"])
    return f"{count}: the mail server fails since {since:%Y-%m-%d %H:%M} UTC. {_sentence(last['reason'])}"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _failing(tries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last tries of a mail, as far as it was the server itself that failed."""
    found: list[dict[str, Any]] = []
    for one in reversed(tries):
        if not one.get("of_the_server"):
            break
        found.append(one)
    return found


def _own() -> str:
    return f"{socket.gethostname()}|{os.getpid()}|{secrets.token_hex(4)}"
