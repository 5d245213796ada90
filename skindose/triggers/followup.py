"""What follows an alert: when the patient is contacted, as data.

Source: merged from ICRP 85, NCRP 168, SIR/CIRSE 2009, ACC/SCAI 2018 and HAS 2014 as the project's clinical rules have
it. A contact that was missed is an open task, never "no finding".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from skindose.model import Finding
from skindose.units import mgy_to_gy

SITE_QUESTION = "Does the place of a finding match the dose map?"


@dataclass(frozen=True)
class Contact:
    """One contact with the patient.

    from_day, to_day   days after the procedure
    from_psd_gy        peak skin dose from which it is due; 0: after every fired trigger
    after_finding      due too, whatever the dose, once an earlier contact found something on the skin
    what               what is done and asked
    """

    name: str
    from_day: int
    to_day: int
    from_psd_gy: float
    after_finding: bool
    what: str


CONTACTS: tuple[Contact, ...] = (
    Contact(
        "before discharge", 0, 0, 0.0, False,
        "Tell the patient where on the skin, what to look for and whom to call.",
    ),
    Contact("10-14 days", 10, 14, 0.0, False, f"Phone: early redness? {SITE_QUESTION}"),
    Contact(
        "2-4 weeks", 14, 28, 0.0, False,
        f"Call or visit; from 10 Gy a visit with examination of the skin. {SITE_QUESTION}",
    ),
    Contact("30 days", 28, 35, 0.0, False, f"Call: any change of the skin since? {SITE_QUESTION}"),
    Contact("3 months", 84, 98, 5.0, True, f"Look at the skin again: hair loss, desquamation? {SITE_QUESTION}"),
    Contact("6 months", 168, 196, 10.0, True, f"Look for late effects: atrophy, telangiectasia. {SITE_QUESTION}"),
    Contact("12 months", 350, 380, 10.0, True, f"Look for late effects: atrophy, breakdown. {SITE_QUESTION}"),
)  # fmt: skip

# A trigger fired but there is no map: the peak may well be above 5 Gy, so the contact due from there is planned.
_UNKNOWN_PSD_GY = 5.0


def starts_followup(findings: Iterable[Finding]) -> bool:
    """Whether a rule of the kind `trigger` fired: first notifications and notification rules start no follow-up."""
    return any(finding.fired is True and finding.kind == "trigger" for finding in findings)


def plan(psd_gy: float | None, fired: bool, finding: bool = False, lower_bound: bool = False) -> tuple[Contact, ...]:
    """The contacts due, in order of time.

    psd_gy    peak skin dose in Gy; None where there is no map, planned like 5 Gy
    fired     whether a trigger fired (`starts_followup`); without one nothing is due
    finding   whether a contact already found something on the skin
    lower_bound   the peak may be higher: planned at least like 5 Gy

    >>> [contact.name for contact in plan(4.1, True)]
    ['before discharge', '10-14 days', '2-4 weeks', '30 days']
    """
    if not fired:
        return ()
    dose_gy = _UNKNOWN_PSD_GY if psd_gy is None else max(psd_gy, _UNKNOWN_PSD_GY) if lower_bound else psd_gy
    return tuple(one for one in CONTACTS if dose_gy >= one.from_psd_gy or (finding and one.after_finding))


def of_facts(facts: Mapping[str, Any]) -> tuple[Contact, ...]:
    """The contacts that a result asks for, wherever it is told or planned.

    facts   result.json
    """
    sums = (one for one in (facts.get("earlier") or {"sums": ()})["sums"] if starts(one))
    peaks = [facts["peak"], *(one["peak"] for one in sums)]
    known = [peak for peak in peaks if peak]
    dose_gy = mgy_to_gy(max(peak["skin_dose_mgy"] for peak in known)) if known else None
    return plan(dose_gy, starts(facts), lower_bound=any(peak["lower_bound_reason"] for peak in known))


def starts(facts: Mapping[str, Any]) -> bool:
    """As `starts_followup`, of result.json."""
    return any(one["fired"] is True and one["kind"] == "trigger" for one in facts["triggers"])


class Due(NamedTuple):
    """A contact of one patient with its dates; both days are included."""

    name: str
    first: date
    last: date
    what: str


def due(contacts: Iterable[Contact], procedure_day: date) -> tuple[Due, ...]:
    """When the contacts of a procedure of that day are due, in order of time.

    >>> [str(one.first) for one in due(plan(4.1, True), date(2026, 11, 25))]
    ['2026-11-25', '2026-12-05', '2026-12-09', '2026-12-23']
    """
    return tuple(
        Due(one.name, procedure_day + timedelta(one.from_day), procedure_day + timedelta(one.to_day), one.what)
        for one in contacts
    )
