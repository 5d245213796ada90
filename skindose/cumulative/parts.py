"""One procedure as the sum takes it, and which of several count: each once, of one patient, each event once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date as calendar_date
from typing import Any

import numpy as np

from skindose.case import Case
from skindose.model import Patient
from skindose.quantities import larger, totals_of

QUANTITIES = {"air_kerma_mgy": "air_kerma_rp_mgy", "kap_gycm2": "kap_gycm2", "fluoro_time_s": "irradiation_duration_s"}
AGE_SLACK_YEARS = 1.5  # two ages in whole years are up to 1 off the time between them; half a year for the dates
HEIGHT_SLACK_CM = 5.0  # of one adult, measured twice
_GROWN_YEARS = 20.0


@dataclass(frozen=True, eq=False)
class Part:
    """One procedure as the sum takes it.

    date            ISO 8601, "" where nobody knows
    digests         sha256 of the reports that it was made from
    totals          of `QUANTITIES`, the larger of reported and summed; None where nothing is reported
    case            None: there is no map, for the reason given
    bound_mgy       without a case: the most it can add to one place, None where nobody knows
    """

    name: str
    date: str
    patient: Patient
    digests: frozenset[str]
    totals: Mapping[str, float | None]
    case: Case | None = None
    no_map_reason: str = ""
    bound_mgy: float | None = None

    @property
    def order(self) -> tuple[Any, ...]:
        """By date, then by start, then by what cannot be the same; those without a date first."""
        started = min(filter(None, self.case.events.started), default="") if self.case else ""
        return self.date, started, sorted(self.digests), self.name


def part_of_case(name: str, case: Case) -> Part:
    """A procedure that is stored as a case."""
    header, settings = case.procedure.header, case.settings
    started = min(filter(None, case.events.started), default="")
    given: dict[str, Any] = {"height_cm": settings.height_cm, "weight_kg": settings.weight_kg}
    given |= {"sex": settings.sex, "age_years": settings.age}
    return Part(
        name,
        _iso(header.study_date) or _iso(started[:10]),
        replace(header.patient, **{key: value for key, value in given.items() if value is not None}),
        frozenset(one.sha256 for one in case.procedure.inputs),
        _totals(totals_of(case.events)),
        case,
    )


def part_of_facts(name: str, facts: Mapping[str, Any]) -> Part:
    """A procedure of which only result.json is left: it has no map."""
    digests = frozenset(one["sha256"] for one in facts["inputs"])
    date, patient = _iso(facts["procedure"]["date"] or ""), Patient(**facts["patient"])
    reason, bound = facts["no_map_reason"] or "", facts["peak_upper_bound_mgy"]
    return Part(name, date, patient, digests, _totals(facts["totals"]), None, reason, bound)


def _totals(totals: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: larger(totals[name]["together"])[0] for name in QUANTITIES}


def _iso(text: str) -> str:
    """The date where it is one, else ""."""
    try:
        return calendar_date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def each_once(parts: Iterable[Part]) -> tuple[list[Part], tuple[str, ...]]:
    """In the order of time; of those made from the same reports a correction, else one with a map."""
    chosen: dict[frozenset[str], Part] = {}
    twice = []
    for one in sorted(parts, key=lambda part: (_rank(part), part.order)):
        if one.digests in chosen:
            twice.append(one.name)
        chosen.setdefault(one.digests, one)
    return _told_apart(sorted(chosen.values(), key=lambda part: part.order)), tuple(sorted(twice))


def _told_apart(parts: Sequence[Part]) -> list[Part]:
    """The parts; of those with one name the later ones get a number."""
    found: list[Part] = []
    for one in parts:
        same = sum(one.name == other.name for other in parts[: len(found)])
        found.append(replace(one, name=f"{one.name} ({same + 1})") if same else one)
    return found


def _rank(part: Part) -> int:
    return 2 if part.case is None else 1 if part.case.revises is None else 0


def days_before(parts: Sequence[Part]) -> dict[str, int | None]:
    """Name -> days before the newest; None without a date."""
    dates = {one.name: calendar_date.fromisoformat(one.date) if one.date else None for one in parts}
    newest = max(filter(None, dates.values()), default=None)
    return {name: (newest - date).days if newest and date else None for name, date in dates.items()}


def contradictions(parts: Sequence[Part]) -> tuple[list[str], list[str]]:
    """What shows that the parts are of several patients, and what makes one doubt; that it is one, nothing can show."""
    sure = []
    if len({one.patient.sex for one in parts} - {None}) > 1:
        sure.append("the patient's sex differs")
    aged = [one for one in parts if one.date and one.patient.age_years is not None]
    born = [calendar_date.fromisoformat(one.date).toordinal() / 365.25 - (one.patient.age_years or 0) for one in aged]
    if born and max(born) - min(born) > AGE_SLACK_YEARS:
        sure.append(f"ages and dates put the births {max(born) - min(born):.0f} years apart")
    heights = [
        one.patient.height_cm
        for one in parts
        if one.patient.height_cm and (one.patient.age_years or _GROWN_YEARS) >= _GROWN_YEARS
    ]
    if heights and max(heights) - min(heights) > HEIGHT_SLACK_CM:
        return sure, [f"an adult's height is given as {min(heights):g} to {max(heights):g} cm: is it one patient?"]
    return sure, []


def repeated(parts: Sequence[Part]) -> dict[str, list[int]]:
    """Name -> events that count elsewhere: each where its air kerma is largest, then where most events are."""
    owner: dict[str, tuple[tuple[Any, ...], str]] = {}
    known = [(one, one.case.events) for one in parts if one.case]
    for place, (one, events) in enumerate(known):
        for uid, kerma in zip(events.uid, np.nan_to_num(events.air_kerma_rp_mgy).tolist(), strict=True):
            rank = (kerma, len(events), place)
            if uid and (uid not in owner or rank > owner[uid][0]):
                owner[uid] = rank, one.name
    return {
        one.name: [index for index, uid in enumerate(events.uid) if uid and owner[uid][1] != one.name]
        for one, events in known
    }


def without(part: Part, left_out: Sequence[int]) -> dict[str, float | None]:
    """The part's totals less those of some events."""
    events = part.case.events if part.case else None
    if events is None or len(left_out) == len(events):
        return dict.fromkeys(QUANTITIES, 0.0)
    found = {}
    for name, column in QUANTITIES.items():
        values = np.nan_to_num(getattr(events, column))[list(left_out)]
        if name == "fluoro_time_s":
            values = values * [events.event_type[index] == "fluoroscopy" for index in left_out]
        total = part.totals[name]
        found[name] = None if total is None else max(0.0, total - float(values.sum()))
    return found
