"""Nobody acknowledged in time: the deputy is told, then the head. What failed for good: the administrator is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from skindose.registry import alerts, audit, outgoing
from skindose.registry.alerts import People
from skindose.registry.audit import Entry, canonical, now
from skindose.registry.guard import guarded
from skindose.registry.life import FAILED, OPEN
from skindose.registry.models import Alert, Outgoing, Told
from skindose.registry.outgoing import To
from skindose.registry.records import Registry

HEAD = "head_of_department"
_DEPUTIES, _HEAD, _NOBODY_LEFT = 1, 2, 3  # steps; after the last the administrator is told


def escalate(registry: Registry, people: People) -> int:
    """Queue mails for alerts that nobody acknowledged in time, and for those that nobody could be told of before.

    Returns how many mails. Each step leaves as much time as the first; a step without anybody is passed over.
    raises   RegistryError
    """
    with audit.writing(registry.key_of("audit"), registry.who, "alerts escalated") as entry:
        count = alerts.address(entry, alerts.without_mail(), people)
        steps: dict[int, list[tuple[Alert, To]]] = {}
        for alert in Alert.objects.filter(state__in=OPEN, due_at__lt=now()).order_by("-severity", "pk"):
            step, recipients = _step(entry, alert, people)
            steps.setdefault(step, []).extend((alert, to) for to in recipients)
        count += sum(
            outgoing.queue(entry, wanted, f"escalation {step}", people.domain) for step, wanted in steps.items()
        )
        entry.details |= {"mails": count}
    return count


def _step(entry: Entry, alert: Alert, people: People) -> tuple[int, list[To]]:
    """The next step that somebody holds, and who; the alert has it now."""
    document = json.loads(alert.document)
    step, recipients = document["step"], list[To]()
    while not recipients and step < _NOBODY_LEFT:
        step += 1
        recipients = list(_recipients(alert, document["roles"], step, people))
    alert.document = canonical(document | {"step": step})
    alert.due_at = people.until(alert.severity, now()) if recipients else None
    entry.change(alert)
    return step, recipients


def _recipients(alert: Alert, roles: list[str], step: int, people: People) -> Iterator[To]:
    station = alert.procedure.machine.room
    if step == _DEPUTIES:
        for role in roles:
            for address in people.deputies(role, station):
                yield To(address, role, tuple(roles), role)
    if step == _HEAD:
        for address in people.addresses(HEAD, station):
            yield To(address, HEAD, tuple(roles), roles[0])


# --- What failed for good


def digest(registry: Registry, administrators: tuple[str, ...], domain: str) -> list[str]:
    """Queue one mail a day to each administrator with what failed and was not told before; its lines.

    raises   RegistryError
    """
    with audit.writing(registry.key_of("audit"), registry.who, "digest of failures") as entry:
        purpose = f"digest {now().date().isoformat()}"
        if not administrators or Outgoing.objects.filter(purpose=purpose).exists():
            return []
        lines = [*_failed(entry), *_unanswered(entry)]
        for address in administrators if lines else ():
            outgoing.put(entry, To(address, "administrator"), purpose, domain, {"lines": lines})
        entry.details |= {"lines": len(lines)}
    return lines


def unheard() -> list[str]:
    """What stays wrong until somebody mends it: told in every round, whether or not the administrator has a mailbox.

    raises   RegistryError
    """
    with guarded():
        told = Told.objects.filter(alert__state__in=OPEN).values("mail_id")
        failed = Outgoing.objects.filter(state=FAILED, pk__in=told).count()
        without = len(alerts.without_mail())
    look = "`skindose alerts list --open` has them."
    said = [f"Mails of open alerts that failed for good: {failed}. {look}"] if failed else []
    return [*said, *([f"Open alerts whose roles nobody holds: {without}. {look}"] if without else [])]


def _failed(entry: Entry) -> Iterator[str]:
    rows = Outgoing.objects.select_related("alert__procedure").filter(state=FAILED).exclude(alert=None)
    for row in rows.order_by("pk"):
        if _told(entry, row):
            continue
        tries = f"{row.attempts} {'try' if row.attempts == 1 else 'tries'}"
        yield f"{_case(row.alert)}: the mail to the role {row.role} failed after {tries}: {row.last_error}"


def _unanswered(entry: Entry) -> Iterator[str]:
    for alert in Alert.objects.select_related("procedure").filter(state__in=OPEN).order_by("pk"):
        document = json.loads(alert.document)
        over = document["step"] == _NOBODY_LEFT
        if (over or document["nobody"]) and not _told(entry, alert, [over, document["nobody"]]):
            if over:
                yield f"{_case(alert)}: nobody acknowledged it, and nobody is left who could be told"
            if document["nobody"]:
                yield f"{_case(alert)}: nobody holds the role {', '.join(document['nobody'])}"


def _told(entry: Entry, row: Any, what: Any = True) -> bool:
    """Whether the administrator was told this already; he is now."""
    document = json.loads(row.document)
    if document.get("digested") == what:
        return True
    row.document = canonical(document | {"digested": what})
    entry.change(row)
    return False


def _case(alert: Alert) -> str:
    return f"{alert.procedure.case_number}, level {alert.severity}, {alert.rule or 'no map'}"
