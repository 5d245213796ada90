"""Contacts with the patient that are due: planned with the alert, open until somebody says what came of them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from skindose.errors import RegistryError
from skindose.registry import audit, reading
from skindose.registry.audit import Entry, now
from skindose.registry.guard import guarded
from skindose.registry.models import Alert, Computation, FollowUp, Procedure, Sum, lengthy, short
from skindose.registry.records import Registry
from skindose.triggers import followup
from skindose.units import mgy_to_gy

OPEN, DONE = "open", "done"
_WINDOWS = {one.name: one for one in followup.CONTACTS}


def plan(entry: Entry, row: Computation, ahead_only: bool = False) -> None:
    """Add the contacts that a result asks for and that are not there; none is ever taken away.

    ahead_only   leave out those whose days are over: the procedure is an old one that came in late
    """
    contacts = followup.of_facts(json.loads(reading.content(row.result_id)))
    _add(entry, row.procedure, contacts, now().date() if ahead_only else date.min)


def plan_of_sum(entry: Entry, row: Sum, fired: bool, lower_bound: bool, ahead_only: bool = False) -> None:
    """The same for a sum of procedures, by its peak; counted from the day of the last one.

    fired         a rule of the kind trigger
    lower_bound   the peak may be higher
    """
    peak_gy = None if row.peak_skin_dose_mgy is None else mgy_to_gy(row.peak_skin_dose_mgy)
    contacts = followup.plan(peak_gy, fired, lower_bound=lower_bound)
    _add(entry, row.procedure, contacts, now().date() if ahead_only else date.min)


def _add(entry: Entry, procedure: Procedure, contacts: tuple[followup.Contact, ...], since: date = date.min) -> None:
    """Those that end `since` or later.

    From the day of the procedure; where the report does not state it, from the day it came in.
    """
    there = set(FollowUp.objects.filter(procedure=procedure).values_list("what", flat=True))
    alert = Alert.objects.filter(procedure=procedure).order_by("pk").first()
    for one in followup.due(contacts, _day(procedure)):
        if one.name not in there and one.last >= since:
            entry.add(FollowUp(procedure=procedure, alert=alert, what=one.name, due=one.first, state=OPEN))


def _day(procedure: Procedure) -> date:
    try:
        return date.fromisoformat(procedure.study_date)
    except ValueError:
        return procedure.since.date()  # type: ignore[no-any-return]


def listed(case_number: str | None = None, every: bool = False) -> list[dict[str, Any]]:
    """Open contacts, or all, by the day from which they are due; `number` names one for `done`.

    raises   RegistryError
    """
    procedure = None if case_number is None else reading.find(case_number)
    with guarded():
        rows = FollowUp.objects.select_related("procedure").order_by("due", "pk")
        if procedure is not None:
            rows = rows.filter(procedure_id=procedure)
        return [_shown(row) for row in (rows if every else rows.exclude(state=DONE))]


def _shown(row: FollowUp) -> dict[str, Any]:
    contact = _WINDOWS.get(row.what)
    return {
        "number": row.pk,
        "case": row.procedure.case_number,
        "contact": row.what,
        "from": row.due.isoformat(),
        "to": (row.due + timedelta(contact.to_day - contact.from_day if contact else 0)).isoformat(),
        "what": contact.what if contact else None,
        "state": row.state,
        "done_by": row.done_by or None,
        "outcome": row.outcome or None,
    }


def done(registry: Registry, number: int, by: str, outcome: str, finding: bool = False) -> bool:
    """Note what came of a contact; False where it was done already and nothing was found since.

    finding   something was found on the skin: the later contacts are due too, whatever the dose; it is added to what
              was noted before
    raises    RegistryError where there is no such contact
    """
    with audit.writing(registry.key_of("audit"), by, "follow-up done") as entry:
        row = FollowUp.objects.select_related("procedure").filter(pk=number).first()
        if row is None:
            raise RegistryError("there is no such contact", str(number), "`skindose followup list` has them.")
        if row.state == DONE and (not finding or outcome in row.outcome):
            return False
        before = f"{row.outcome} ({row.done_by}); later: " if row.state == DONE else ""
        row.state, row.done_by, row.done_at, row.outcome = DONE, short(by), now(), lengthy(before + outcome)
        entry.change(row)
        if finding:
            _add(entry, row.procedure, tuple(one for one in followup.CONTACTS if one.after_finding))
        entry.details |= {"case": row.procedure.case_number, "contact": row.what, "finding": finding}
    return True
