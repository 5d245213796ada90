"""Several procedures of one patient, added cell by cell on one body: the peak of the sum, and who drives it.

All are cast again on the body of the newest procedure that has a map and states height and weight.
Nothing is taken off for the time between them.
The order in which they are given does not matter, a procedure given twice counts once, and so does an event that
several reports hold (by Irradiation Event UID). See docs/cumulative.md for what the sum rests on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skindose.case import Case
from skindose.changes import numbered
from skindose.cumulative.parts import QUANTITIES, Part, contradictions, days_before, each_once, repeated, without
from skindose.dose import find_peak, patch_area_mm2
from skindose.errors import InputError
from skindose.model import FloatArray, Peak, Phantom, Result
from skindose.pipeline import compute_case
from skindose.uncertainty import Member, Together, together

WINDOWS_DAYS = (0, 14, 42, 60, 183, 365)  # same session, 2 and 6 weeks, 60 days, 6 and 12 months; then the lifetime
_ELSEWHERE = "counted in another report"


@dataclass(frozen=True, eq=False)
class Procedure:
    """A part in the sum.

    days_before   the newest; None without a date
    result        on the common body, without its hits; None where the part has no case
    repeated      events that another part counts
    totals        of the part, without those
    at_peak_mgy   what it gives to the place of the sum's peak
    differs       how its own body differs from the common one, in words
    """

    part: Part
    days_before: int | None
    totals: Mapping[str, float | None]
    result: Result | None = None
    repeated: int = 0
    at_peak_mgy: float = 0.0
    differs: str = ""

    @property
    def peak(self) -> Peak | None:
        """Its own, on the common body."""
        return self.result.dosemap.peak if self.result and self.result.dosemap else None

    @property
    def no_map_reason(self) -> str:
        """Why it adds nothing to the map; "" where it does."""
        if self.peak is not None or self.contained:
            return ""
        return (self.result.no_map_reason if self.result else self.part.no_map_reason) or "no map was computed"

    @property
    def contained(self) -> bool:
        """Whether all its events are counted in other parts."""
        return bool(self.part.case and self.repeated and self.repeated == len(self.part.case.events))

    @property
    def missing_mgy(self) -> float | None:
        """The most that its map lacks at one place; 0 where it lacks nothing, None where nobody knows how much."""
        if self.contained:
            return 0.0
        if self.result is None:
            return self.part.bound_mgy
        if self.peak is None:
            return self.result.peak_upper_bound_mgy
        most = self.result.peak_upper_bound_mgy
        return 0.0 if not self.result.peak_lacks else None if most is None else most - self.peak.skin_dose_mgy

    @property
    def lacks(self) -> str:
        """Why its part of the sum is a lower bound, in words; "" where it is none."""
        if self.no_map_reason:
            return f"{self.part.name} has no map: {self.no_map_reason}"
        if self.peak is not None and self.result is not None and self.result.peak_lacks:
            return f"{self.part.name}: {'; '.join(self.result.peak_lacks)}"
        return ""


class Window(NamedTuple):
    """The sum over the last so many days before the newest procedure; None: over all."""

    days: int | None
    names: tuple[str, ...]
    peak: Peak | None
    totals: Mapping[str, float | None]


@dataclass(frozen=True, eq=False)
class Cumulative:
    """The sum of several procedures.

    body, body_of      on which all are cast, and the name of the part that it was made for
    procedures         in the order of time, those without a date first
    outside, twice     names of parts outside the window, and of those that were given twice
    peak               of the sum; None where nothing has dose
    interval_mgy       95 %; of a lower bound up to the most it can be, None where nobody knows that
    at_most_mgy        of a lower bound: the most it can be
    """

    window_days: int | None
    body: Phantom
    body_of: str
    procedures: tuple[Procedure, ...]
    outside: tuple[str, ...]
    twice: tuple[str, ...]
    dose_mgy: FloatArray
    peak: Peak | None
    uncertainty: Together | None
    interval_mgy: tuple[float, float] | None
    at_most_mgy: float | None
    windows: tuple[Window, ...]
    notes: tuple[str, ...] = ()

    @property
    def lacks(self) -> tuple[str, ...]:
        """Why the sum is a lower bound; empty where it is none."""
        return tuple(filter(None, (one.lacks for one in self.procedures)))

    @property
    def driver(self) -> Procedure | None:
        """The one that gives most to the place of the peak."""
        return max(self.procedures, key=lambda one: one.at_peak_mgy) if self.peak else None

    @property
    def sum_of_peaks_mgy(self) -> float:
        """Of the procedures' own peaks, wherever they lie: an upper bound of the peak of the sum."""
        return sum(one.peak.skin_dose_mgy for one in self.procedures if one.peak)


# --- The sum


def add(
    parts: Iterable[Part],
    window_days: int | None = None,
    same_patient: bool = False,
    made: dict[Any, Any] | None = None,
) -> Cumulative:
    """The parts added on one body.

    window_days    only those at most so many days before the newest; those without a date count nevertheless
    same_patient   who calls knows that it is one patient: what contradicts it is a note, not an error
    made           what is kept from one sum of the very same parts to the next: each is cast once on each body
    raises         InputError where they cannot be of one patient, or none of them has a map
    """
    distinct, twice = each_once(parts)
    days = days_before(distinct)
    inside = [one for one in distinct if window_days is None or (days[one.name] or 0) <= window_days]
    sure, doubts = contradictions(inside)
    if sure and not same_patient:
        what = f"these results cannot be of one patient: {'; '.join(sure)}"
        raise InputError(what, remedy="Leave out what is another's; --same-patient adds them where the reports err.")
    body_of, leading = _leading(inside)
    made = {} if made is None else made
    procedures = _computed(inside, leading, days, made)
    dose_mgy = _summed(procedures, leading.body)
    peak = find_peak(dose_mgy, leading.body)
    procedures = _at_peak(procedures, peak, leading.body)
    found = _uncertainty(procedures, peak, leading.settings.seed, made.setdefault("draws", {}))
    interval, at_most = _interval(procedures, peak, found)
    outside = tuple(one.name for one in distinct if one not in inside)
    windows = _windows(procedures, leading.body, window_days)
    notes = (*sure, *doubts, *_notes(procedures, leading, days))
    return Cumulative(
        window_days, leading.body, body_of, procedures, outside, twice,
        dose_mgy, peak, found, interval, at_most, windows, notes,
    )  # fmt: skip


def within(found: Cumulative, window_days: int | None) -> Cumulative | None:
    """The same sum of another window; None where other procedures would be in it."""
    fits = window_days is None or all((one.days_before or 0) <= window_days for one in found.procedures)
    if found.outside or not fits:
        return None
    windows = _windows(found.procedures, found.body, window_days)
    return replace(found, window_days=window_days, windows=windows)


def _leading(parts: Sequence[Part]) -> tuple[str, Case]:
    """Whose body all are cast on: the newest that states height and weight, else the newest with a case.

    raises   InputError where none has a case
    """
    cases = [(one.name, one.case, one.patient) for one in reversed(parts) if one.case]
    if not cases:
        raise InputError("none of these results has a map", remedy="Add their totals by hand.")
    stated = [each for each in cases if each[2].height_cm and each[2].weight_kg]
    return (stated or cases)[0][:2]


def _computed(
    parts: Sequence[Part], leading: Case, days: Mapping[str, int | None], made: dict[Any, Any]
) -> tuple[Procedure, ...]:
    """Each part on the body of the leading case, without the events that another counts."""
    elsewhere = repeated(parts)
    found = []
    for one in parts:
        left_out, totals = elsewhere.get(one.name, []), dict(one.totals)
        if one.case is None:
            found.append(Procedure(one, days[one.name], totals))
            continue
        if left_out:
            totals = without(one, left_out)
        key = id(one.case), _skin_key(leading.body), leading.settings.medium, tuple(left_out)
        if key not in made:
            made[key] = _slim(compute_case(_on(one.case, leading, left_out), sampled=False))
        result = made[key]
        differs = _differs(one.case.body, leading.body)
        found.append(Procedure(one, days[one.name], totals, result, len(left_out), differs=differs))
    return tuple(found)


def _skin_key(body: Phantom) -> bytes:
    """The same for bodies that are alike to the last bit."""
    digest = hashlib.sha256(body.vertices_mm.tobytes())
    digest.update(body.triangles.tobytes())
    digest.update(body.region.tobytes())
    return digest.digest()


def _slim(result: Result) -> Result:
    """The result without what it keeps of every hit, so that memory does not grow with the number of procedures."""
    dosemap = result.dosemap
    if dosemap is not None:
        start = np.zeros_like(dosemap.beam_start)
        dosemap = replace(dosemap, beam_start=start, cell=dosemap.cell[:0], hit_dose_mgy=dosemap.hit_dose_mgy[:0])
    return replace(result, hits=None, factors=None, dosemap=dosemap)


def _on(case: Case, leading: Case, left_out: Sequence[int]) -> Case:
    """The case on the leading one's body and dose medium, without some events."""
    exclude = case.settings.exclude
    if left_out:
        exclude = ";".join(filter(None, (exclude, f"{','.join(numbered(left_out))}={_ELSEWHERE}")))
    settings = case.settings.model_copy(update={"medium": leading.settings.medium, "exclude": exclude})
    return replace(case, body=leading.body, settings=settings)


def _differs(own: Phantom, common: Phantom) -> str:
    """How a body differs from the common one, in words; "" where it does not."""
    pairs: dict[str, Any] = {"body": (own.name, common.name)} if own.name != common.name else {}
    for key in dict.fromkeys((*own.parameters, *common.parameters)):
        values = own.parameters.get(key), common.parameters.get(key)
        pairs |= {key: values} if values[0] != values[1] and key != "age_years" else {}
    return ", ".join(f"{key.replace('_', ' ')} {mine} instead of {other}" for key, (mine, other) in pairs.items())


def _summed(procedures: Iterable[Procedure], body: Phantom) -> FloatArray:
    total: FloatArray = np.zeros(len(body.area_mm2))
    for one in procedures:
        if one.result and one.result.dosemap:
            total += one.result.dosemap.dose_mgy
    return total


def _at_peak(procedures: tuple[Procedure, ...], peak: Peak | None, body: Phantom) -> tuple[Procedure, ...]:
    """With what each gives to the patch of the peak."""
    if peak is None:
        return procedures
    area = patch_area_mm2(peak, body)
    return tuple(
        replace(one, at_peak_mgy=float(np.average(one.result.dosemap.dose_mgy[peak.patch], weights=area)))
        if one.result and one.result.dosemap
        else one
        for one in procedures
    )


# --- How sure


def _uncertainty(
    procedures: Sequence[Procedure], peak: Peak | None, seed: int, kept: dict[int, Any]
) -> Together | None:
    members = [
        Member(one.result, machine_of(one), " ".join(sorted(one.part.digests)))
        for one in procedures
        if one.result and one.result.beams
    ]
    return together(members, peak, seed, kept) if peak and members else None


def machine_of(one: Procedure) -> str:
    """What tells one machine from another: its serial number with its make, else make and station."""
    header = one.result.procedure.header if one.result else None
    if header is None:
        return ""
    return "|".join((header.manufacturer, header.model, header.device_serial_number or header.station))


def _interval(
    procedures: Sequence[Procedure], peak: Peak | None, found: Together | None
) -> tuple[tuple[float, float] | None, float | None]:
    """The 95 % interval, and of a lower bound the most it can be."""
    missing = [one.missing_mgy for one in procedures if one.lacks]
    known = [value for value in missing if value is not None]
    most = peak.skin_dose_mgy + sum(known) if peak and missing and len(known) == len(missing) else None
    if peak is None or found is None or (missing and most is None):
        return None, most
    low, high = found.interval
    return (low * peak.skin_dose_mgy, high * (most if most is not None else peak.skin_dose_mgy)), most


# --- Windows and words


def _windows(procedures: Sequence[Procedure], body: Phantom, window_days: int | None) -> tuple[Window, ...]:
    """Each window within the one that was asked for; those without a date count in all."""
    asked = [days for days in WINDOWS_DAYS if window_days is None or days < window_days]
    found = []
    for days in (*asked, window_days):
        own = [one for one in procedures if days is None or (one.days_before or 0) <= days]
        names = tuple(one.part.name for one in own)
        found.append(Window(days, names, find_peak(_summed(own, body), body), sums(own)))
    return tuple(found)


def sums(procedures: Sequence[Procedure]) -> dict[str, float | None]:
    """The plain sums of Ka,r, KAP and fluoroscopy time; None where no procedure reports any."""
    found: dict[str, float | None] = {}
    for name in QUANTITIES:
        known = [value for one in procedures if (value := one.totals[name]) is not None]
        found[name] = sum(known) if known else None
    return found


def _notes(procedures: Sequence[Procedure], leading: Case, days: Mapping[str, int | None]) -> list[str]:
    """What must be known beside the sum."""
    notes = []
    if undated := [name for name, value in days.items() if value is None]:
        notes.append(f"without a date, hence counted in every window: {', '.join(undated)}")
    by_anatomy = [one.part.name for one in procedures if _by_anatomy(one)]
    if len(by_anatomy) > 1:
        notes.append(
            f"{', '.join(by_anatomy)} were placed by anatomy: each one's isocentre was put at a landmark of the body, "
            "so procedures overlap by construction; whether their fields met the same skin is not known"
        )
    if len({one.result.settings.corrections for one in procedures if one.result}) > 1:
        notes.append("the results were computed with different corrections: run them again alike")
    media = {one.part.case.settings.medium for one in procedures if one.part.case}
    if len(media) > 1:
        notes.append(f"dose media differ; all are added as dose to {leading.settings.medium}")
    for name in QUANTITIES:
        if missing := [one.part.name for one in procedures if one.totals[name] is None]:
            notes.append(f"the sum of {name.rsplit('_', 1)[0]} is a lower bound without {', '.join(missing)}")
    return notes


def _by_anatomy(one: Procedure) -> bool:
    """Whether anatomy decided where along or across the body the procedure's fields lie."""
    axes = one.result.placement.axes if one.result and one.result.placement else {}
    return any(axes[axis].startswith("anatomy") for axis in ("left", "head") if axis in axes)
