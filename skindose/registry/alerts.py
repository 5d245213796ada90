"""Finding -> alert -> outbox, in the transaction that stores the result; what became of each; who took it on.

One alert per procedure, rule, quantity and level, whatever is computed or sent again. A higher level later is a new
one. Those of one result are one mail to each recipient. Nothing is raised for a test exposure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from skindose.errors import RegistryError
from skindose.registry import audit, followups, life, outgoing
from skindose.registry.audit import Entry, canonical, now
from skindose.registry.guard import guarded
from skindose.registry.life import ACKNOWLEDGED, OLD, UNSIGNED, WAITING
from skindose.registry.models import (
    Acknowledgement,
    Alert,
    Computation,
    Finding,
    Procedure,
    Sum,
    SumFinding,
    Told,
    lengthy,
    short,
)
from skindose.registry.reading import content, find
from skindose.registry.records import Registry
from skindose.registry.store import Hook, signed
from skindose.triggers.rules import Rule
from skindose.triggers.rules import RuleSet as Rules

NOT_MAILED = "not mailed: rules unsigned"
NO_MAP = "no map"
_UNKNOWN_SEVERITY, _UNKNOWN_ROLES = 2, ("operator", "physicist")  # without a map, or of a rule that is not in the set


class People(Protocol):
    """Who is told and by when: recipients.People."""

    @property
    def domain(self) -> str:
        """What stands behind the @ of a Message-ID."""

    def addresses(self, role: str, station: str) -> tuple[str, ...]:
        """Of a role in a room."""

    def deputies(self, role: str, station: str) -> tuple[str, ...]:
        """Of those."""

    def until(self, severity: int, moment: datetime) -> datetime:
        """By when to acknowledge."""

    def not_mailed(self, study_date: str, moment: datetime) -> str:
        """Why a procedure of this day is not mailed any more; "" where it is."""


class _Due(NamedTuple):
    """An alert that a result asks for; `reached` None: not a number.

    of_sum   which sum asks for it, with value and unit, where it is no finding
    """

    rule: str
    quantity: str
    level: str
    reached: float | None
    severity: int
    roles: tuple[str, ...]
    finding: Finding | None
    of_sum: Mapping[str, Any] = {}


class _Release(NamedTuple):
    """Who signed the rules, and why nobody is told all the same; "" where they are."""

    signed_by: str
    not_mailed: str

    @property
    def state(self) -> str:
        """Of an alert that is raised so."""
        return (OLD if self.signed_by else UNSIGNED) if self.not_mailed else WAITING


def raising(rules: Rules, people: People, signed: Callable[[str], str] = signed) -> Hook:
    """The hook of `store.receive` and `store.put` that raises alerts and fills the outbox.

    rules    what the result was judged by
    signed   digest of a set -> who released it; "" raises alerts that are never mailed
    """

    def hook(entry: Entry, row: Computation) -> None:
        if row.procedure.purpose == "test":
            return
        release = _release(signed(rules.digest), row.procedure, people)
        _raise(entry, row, (*_fired(rules, row), *_mapless(row)), release, people)
        if release.signed_by:
            followups.plan(entry, row, ahead_only=bool(release.not_mailed))

    return hook


def raising_of_sums(
    rules: Rules, people: People, signed: Callable[[str], str] = signed
) -> Callable[[Entry, Sum], None]:
    """The hook of `sums.put`: as `raising`, of what the rules say of several procedures.

    A level that the procedure alone has reached already raises nothing again.
    """

    def hook(entry: Entry, row: Sum) -> None:
        release = _release(signed(rules.digest), row.procedure, people)
        alone = Computation.objects.filter(procedure=row.procedure).order_by("-version").first()
        known = {rule.id: rule for rule in rules.rules}
        said = [json.loads(one.document) for one in SumFinding.objects.filter(sum=row, fired=True).order_by("pk")]
        due = []
        for one in said:
            rule = known[one["rule"]]
            finding = Finding(quantity=one["quantity"], level=one["level"], steps=one["steps"] or 0)
            reached = _reached(rule, finding)
            of_sum = {"sum": row.pk, "value": one["value"], "unit": one["unit"]}
            due.append(
                _Due(rule.id, one["quantity"], f"{reached:.6g}", reached, rule.severity, rule.recipients, None, of_sum)
            )
        _raise(entry, alone, due, release, people)
        if release.signed_by:
            peak = json.loads(content(row.document_id))["peak"]
            starts = any(one["kind"] == "trigger" for one in said)
            followups.plan_of_sum(
                entry, row, starts, bool(peak and peak["lower_bound_reason"]), bool(release.not_mailed)
            )

    return hook


def _release(signed_by: str, procedure: Procedure, people: People) -> _Release:
    """Whether alerts of a procedure are mailed, under rules that somebody or nobody signed."""
    return _Release(signed_by, people.not_mailed(procedure.study_date, now()) if signed_by else NOT_MAILED)


def _fired(rules: Rules, row: Computation) -> Iterator[_Due]:
    known = {rule.id: rule for rule in rules.rules}
    for finding in Finding.objects.filter(computation=row, fired=True).order_by("pk"):
        rule = known.get(finding.rule)
        reached = _reached(rule, finding)
        severity, roles = (rule.severity, rule.recipients) if rule else (_UNKNOWN_SEVERITY, _UNKNOWN_ROLES)
        yield _Due(finding.rule, finding.quantity, f"{reached:.6g}", reached, severity, roles, finding)


def _reached(rule: Rule | None, finding: Finding) -> float:
    """The level with its increments. As the rule states it where it grows with the field, which is another number for
    each change of the field, and no higher level."""
    stated = rule.levels.get(finding.quantity) if rule else None
    if rule is None or stated is None:
        return float(finding.level)
    scales = rule.kap_scales_with_field and finding.quantity == "kap"
    level = stated.level if scales else float(finding.level)
    return level + int(finding.steps) * (stated.step or 0.0)


def _mapless(row: Computation) -> Iterator[_Due]:
    """A map that failed alerts too; not where nothing was radiated."""
    totals = [row.air_kerma_mgy, row.kap_gycm2]
    if row.map_id is None and (any(totals) or totals == [None, None]):
        yield _Due("", "", NO_MAP, None, _UNKNOWN_SEVERITY, _UNKNOWN_ROLES, None)


def _raise(entry: Entry, row: Computation, due: Iterable[_Due], release: _Release, people: People) -> None:
    """Raise what was not raised, and put the mails that tell it into the outbox."""
    raised = [alert for wanted in due if (alert := _raised(entry, row, wanted, release, people)) is not None]
    if not release.not_mailed:
        address(entry, raised, people)


def _raised(entry: Entry, row: Computation, wanted: _Due, release: _Release, people: People) -> Alert | None:
    """The new alert; None where one of this level or a higher one is there."""
    earlier = Alert.objects.filter(procedure=row.procedure, rule=wanted.rule, quantity=wanted.quantity)
    if any(wanted.reached is None or float(one.level) >= float(wanted.level) for one in earlier):
        return None
    moment = now()
    alert: Alert = entry.add(
        Alert(
            procedure=row.procedure,
            finding=wanted.finding,
            rule=wanted.rule,
            quantity=wanted.quantity,
            level=wanted.level,
            severity=wanted.severity,
            state=release.state,
            raised_at=moment,
            due_at=None if release.not_mailed else people.until(wanted.severity, moment),
            document=canonical(
                {"roles": list(wanted.roles), "version": row.version, "step": 0, "nobody": []}
                | release._asdict()
                | dict(wanted.of_sum)
            ),
        )
    )
    entry.details.setdefault("alerts", []).append([wanted.rule, wanted.quantity, wanted.level])
    return alert


def address(entry: Entry, alerts: Sequence[Alert], people: People) -> int:
    """Put the mails of alerts into the outbox; returns how many. Roles that nobody holds are noted in the alert."""
    wanted: list[tuple[Alert, outgoing.To]] = []
    for alert in alerts:
        document, station = json.loads(alert.document), alert.procedure.machine.room
        nobody = [role for role in document["roles"] if not people.addresses(role, station)]
        told = tuple(role for role in document["roles"] if role not in nobody)
        wanted += [(alert, outgoing.To(who, role, told)) for role in told for who in people.addresses(role, station)]
        if nobody != document["nobody"]:
            alert.document = canonical(document | {"nobody": nobody})
            entry.change(alert)
    return outgoing.queue(entry, wanted, "alert", people.domain)


# --- Reading


def listed(case_number: str | None = None, open_only: bool = False) -> list[dict[str, Any]]:
    """Alerts with their mails, first raised first; nothing in it depends on the clock.

    raises   RegistryError, also for a case that there is not
    """
    procedure = None if case_number is None else find(case_number)
    with guarded():
        rows = Alert.objects.select_related("procedure", "finding").order_by("pk")
        if procedure is not None:
            rows = rows.filter(procedure_id=procedure)
        if open_only:
            rows = rows.exclude(state=ACKNOWLEDGED)
        alerts = list(rows)
        mails: dict[int, list[dict[str, Any]]] = {}
        for one in Told.objects.filter(alert__in=alerts).select_related("mail").order_by("mail_id"):
            mails.setdefault(one.alert_id, []).append(outgoing.shown(one.mail))
        taken = {one.alert_id: one for one in Acknowledgement.objects.filter(alert__in=alerts).order_by("-pk")}
    return [_shown(alert, mails.get(alert.pk, []), taken.get(alert.pk)) for alert in alerts]


def _shown(alert: Alert, mails: list[dict[str, Any]], taken: Acknowledgement | None) -> dict[str, Any]:
    document = json.loads(alert.document)
    return {
        "case": alert.procedure.case_number,
        "rule": alert.rule or None,
        "quantity": alert.quantity or None,
        "level": alert.level,
        "unit": alert.finding.unit if alert.finding else document.get("unit"),
        "value": alert.finding.value if alert.finding else document.get("value"),
        "of_sum": "sum" in document,
        "severity": alert.severity,
        "state": alert.state,
        "not_mailed": _not_mailed(document) or None,
        "roles_without_address": document["nobody"],
        "escalations": document["step"],
        "acknowledged_by": taken.by if taken else None,
        "note": taken.note or None if taken else None,
        "mails": mails,
    }


def _not_mailed(document: dict[str, Any]) -> str:
    """Why nobody is told of an alert; "" where they are."""
    return str(document.get("not_mailed") or ("" if document["signed_by"] else NOT_MAILED))


# --- What people do


def acknowledge(registry: Registry, case_number: str, by: str, note: str = "", rule: str | None = None) -> int:
    """Take on the open alerts of a case; returns how many. Escalations that wait are not sent any more.

    rule     only those of this rule
    raises   RegistryError where there is no such case, or none of its alerts is of this rule
    """
    with audit.writing(registry.key_of("audit"), by, "alert acknowledged") as entry:
        rows = _of_case(case_number, rule)
        rows = [row for row in rows if row.state != ACKNOWLEDGED]
        for row in rows:
            entry.add(Acknowledgement(alert=row, by=short(by), at=now(), note=lengthy(note)))
            row.state, row.due_at = life.alert_after(row.state, life.TAKEN_ON), None
            entry.change(row)
        outgoing.cancel_escalations(entry, rows)
        entry.details |= {"case": case_number, "alerts": len(rows)}
    return len(rows)


def resend(registry: Registry, case_number: str, people: People, again: bool = False, rule: str | None = None) -> int:
    """Queue what failed once more, under its Message-ID; returns how many mails.

    again    also what was delivered, as a new mail
    raises   RegistryError as `acknowledge`, and where none of its alerts may be mailed
    """
    with audit.writing(registry.key_of("audit"), registry.who, "mails queued again") as entry:
        found = _of_case(case_number, rule)
        rows = [row for row in found if not _not_mailed(json.loads(row.document))]
        if not rows:
            why = _not_mailed(json.loads(found[0].document))
            raise RegistryError(why, case_number, "So it was when it was raised; tell those who should know.")
        count = address(entry, rows, people) + outgoing.queue_again(entry, rows, again, people.domain)
        entry.details |= {"case": case_number, "mails": count}
    return count


def _of_case(case_number: str, rule: str | None) -> list[Alert]:
    if not Procedure.objects.filter(case_number=case_number).exists():
        raise RegistryError("there is no such case", case_number[:20], "`skindose alerts list` has their numbers.")
    rows = Alert.objects.filter(procedure__case_number=case_number).order_by("pk")
    found = list(rows if rule is None else rows.filter(rule=rule))
    if not found:
        raise RegistryError("there is no such alert", case_number, "`skindose alerts list` has them.")
    return found


def without_mail() -> list[Alert]:
    """Alerts that should be mailed and have no mail, because nobody held their roles."""
    rows = Alert.objects.select_related("procedure__machine").filter(state=WAITING)
    return list(rows.exclude(pk__in=Told.objects.values("alert_id")).order_by("pk"))
