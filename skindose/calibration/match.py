"""Which records hold for which event: by machine, the procedure's date, plane and beam quality."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from skindose.calibration.applied import Calibrations, uncalibrated
from skindose.calibration.record import Loaded, Machine
from skindose.errors import SettingsError
from skindose.model import Events, FloatArray, Header, Status

KINDS = ("air-kerma", "transmission")
NO_DATE = "the procedure has no date"
SIGNATURES = {"signed": "", "unsigned": "not signed", "changed since it was signed": "changed since it was signed"}
_MACHINE = {"serial_number": "serial number", "station": "station", "manufacturer": "maker", "model": "model"}
_QUALITY = ("kvp_kv", "filter_al_mm", "filter_cu_mm")
_RANGES = {"kvp_kv": "kV", "cu_mm": "mm Cu", "hvl_mmal": "mm Al half-value layer"}


class Why(NamedTuple):
    """One record before one procedure.

    scope      per event, the record's factor or curve that is applied, None where none is
    reasons    per event, why none is; "" where one is applied
    """

    loaded: Loaded
    scope: tuple[Any, ...]
    reasons: tuple[str, ...]


def needs_hvl(records: Sequence[Loaded]) -> bool:
    """Whether any record asks for the half-value layer."""
    return any(scope.hvl_mmal for each in records for scope in each.record.scopes)


def apply(
    records: Sequence[Loaded], header: Header, events: Events, hvl_mmal: FloatArray | None = None
) -> Calibrations:
    """The calibration of every event of a procedure.

    A record counts if it is signed, its machine is the report's, and the procedure's date lies within its validity. Of
    two that count for one event the later one is taken.

    hvl_mmal   (events,) half-value layers; wanted only if `needs_hvl(records)`
    raises     SettingsError for two records of one date that contradict each other in an event
    """
    told = explain(records, header, events, hvl_mmal)
    kerma, support = (_chosen(told, kind, len(events)) for kind in KINDS)
    curves = list(dict.fromkeys(scope for _, scope in support if scope is not None))
    return Calibrations(
        factor=np.array([1.0 if scope is None else scope.value for _, scope in kerma]),
        standard_uncertainty=np.array([np.nan if scope is None else scope.uncertainty for _, scope in kerma]),
        record=tuple(name for name, _ in kerma),
        curves=tuple(scope.curve() for scope in curves),
        curve=np.array([-1 if scope is None else curves.index(scope) for _, scope in support], dtype=np.int32),
        transmission_record=tuple(name for name, _ in support),
        transmission_uncertainty=np.array([np.nan if scope is None else scope.uncertainty for _, scope in support]),
        warnings=_warnings(told),
    )


def without(found: Calibrations, air_kerma: bool, transmission: bool) -> Calibrations:
    """Without one kind or both: for corrections that are switched off."""
    none = uncalibrated(len(found.factor))
    if air_kerma:
        found = replace(found, factor=none.factor, standard_uncertainty=none.standard_uncertainty, record=none.record)
    if transmission:
        found = replace(
            found,
            curves=(),
            curve=none.curve,
            transmission_record=none.transmission_record,
            transmission_uncertainty=none.transmission_uncertainty,
        )
    return found


def explain(
    records: Sequence[Loaded], header: Header, events: Events, hvl_mmal: FloatArray | None = None
) -> tuple[Why, ...]:
    """Every record, and for each event what of it is applied, or why nothing; arguments as of `apply`."""
    columns = _columns(events, hvl_mmal)
    day = study_day(header)
    beams = [
        (plane, {name: float(column[event]) for name, column in columns.items()})
        for event, plane in enumerate(events.plane)
    ]
    told = []
    for each in records:
        whole = _why_not(each, header, day)
        fits = [(None, whole) if whole else _scope_of(each, *beam) for beam in beams]
        told.append(Why(each, tuple(scope for scope, _ in fits), tuple(reason for _, reason in fits)))
    return tuple(_without_superseded(why, told) for why in told)


def _columns(events: Events, hvl_mmal: FloatArray | None) -> dict[str, FloatArray]:
    """The beams' qualities, NaN where a stand-in holds their place: that is no known value and lies in no range."""
    voltage, copper, quality = (
        np.any([events.status[name] == Status.ASSUMED for name in names if name in events.status], axis=0)
        for names in (("kvp_kv",), ("filter_cu_mm",), _QUALITY)
    )
    return {
        "kvp_kv": np.where(voltage, np.nan, events.kvp_kv),
        "cu_mm": np.where(copper, np.nan, events.filter_cu_mm),
        "hvl_mmal": np.where(quality, np.nan, np.nan if hvl_mmal is None else hvl_mmal),
    }


def study_day(header: Header) -> datetime.date | None:
    """The procedure's date; None where the report has none."""
    try:
        return datetime.date.fromisoformat(header.study_date)
    except ValueError:
        return None


def _why_not(each: Loaded, header: Header, day: datetime.date | None) -> str:
    """Why a record cannot count for a procedure at all; "" if it can."""
    record = each.record
    if other := _other_machine(record.machine, header):
        return other
    if day is None:
        return NO_DATE
    if day < record.date:
        return f"the procedure came before it ({day.isoformat()} before {record.date.isoformat()})"
    if day > record.last_day:
        return f"expired on {record.last_day.isoformat()}, before the procedure"
    return SIGNATURES[each.signature]


def concerned(records: Sequence[Loaded], header: Header) -> tuple[Loaded, ...]:
    """The records that a result of this report depends on: those of its machine that do not begin after its day.

    Those among them that have expired or are not signed are told of in its warnings.
    """
    day = study_day(header)
    return tuple(
        each
        for each in records
        if not _other_machine(each.record.machine, header) and not (day and day < each.record.date)
    )


def _other_machine(machine: Machine, header: Header) -> str:
    """Why a record's machine is not the report's: every key given must equal it, and be in the report."""
    has = {
        "serial_number": header.device_serial_number,
        "station": header.station,
        "manufacturer": header.manufacturer,
        "model": header.model,
    }
    for key, words in _MACHINE.items():
        wanted, given = getattr(machine, key).strip(), has[key].strip()
        if wanted and not given:
            return f"the report does not say the {words}"
        if wanted.casefold() != given.casefold() and wanted:
            return f"another {words}"
    return ""


def _scope_of(each: Loaded, plane: str, beam: dict[str, float]) -> tuple[Any, str]:
    """The first of a record's factors or curves that fits a beam, or why none does."""
    reason = ""
    for scope in each.record.scopes:
        reason = _misfit(scope, plane, beam)
        if not reason:
            return scope, ""
    return None, reason if len(each.record.scopes) == 1 else "no entry for this plane and beam quality"


def _misfit(scope: Any, plane: str, beam: dict[str, float]) -> str:
    if scope.plane not in ("any", plane):
        return f"for plane {scope.plane}, not {plane}"
    for name, unit in _RANGES.items():
        ends, value = getattr(scope, name), beam[name]
        if ends and not ends[0] <= value <= ends[1]:  # NaN lies in no range
            has = f"{value:.4g}" if np.isfinite(value) else "unknown"
            return f"for {ends[0]:g} to {ends[1]:g} {unit}, not {has}"
    return ""


def _without_superseded(why: Why, told: Sequence[Why]) -> Why:
    """Of records of one kind that fit an event, only those of the latest date are applied."""
    record = why.loaded.record
    others = [
        other for other in told if other.loaded.record.kind == record.kind and other.loaded.record.date > record.date
    ]
    scope, reasons = list(why.scope), list(why.reasons)
    for event, own in enumerate(scope):
        later = [other.loaded.record for other in others if other.scope[event] is not None]
        if own is not None and later:
            scope[event] = None
            reasons[event] = f"{max(later, key=lambda each: each.date).name} is later"
    return Why(why.loaded, tuple(scope), tuple(reasons))


def _chosen(told: Sequence[Why], kind: str, count: int) -> list[tuple[str, Any]]:
    """For each event the record's name and its factor or curve that is applied; ("", None) where none is."""
    found: list[tuple[str, Any]] = [("", None)] * count
    for why in told:
        record = why.loaded.record
        for event, scope in enumerate(why.scope if record.kind == kind else ()):
            name, former = found[event]
            if scope is not None and former not in (None, scope):
                what = f"{name} and {record.name}, of one date, contradict each other in event {event + 1}"
                raise SettingsError(f"the calibration records {what}", why.loaded.file, "Withdraw one of them.")
            if former is None and scope is not None:
                found[event] = (record.name, scope)
    return found


def _warnings(told: Sequence[Why]) -> tuple[str, ...]:
    """What a reader should know of records for this machine that were not applied, or not alone."""
    said = []
    for why in told:
        name = why.loaded.record.name
        for reason, count in Counter(why.reasons).items():
            if reason.endswith("is later"):
                said.append(f"Calibration record {name} would hold for {count} events too, but {reason}: that counts.")
            elif reason.startswith("expired") or reason == NO_DATE:
                said.append(f"Calibration record {name} does not count: {reason}.")
            elif reason and reason in SIGNATURES.values():
                said.append(f"Calibration record {name} does not count: it was {reason} (skindose calibrate sign).")
    return tuple(said)


def contradictions(records: Sequence[Loaded]) -> tuple[tuple[str, str], ...]:
    """(file, what) of every two entries for the same beams of one machine and day that say different things.

    Ranges that only touch do not overlap: at the common edge the entry written first holds. Records whose machines are
    named by different keys are held against each other only when a report fits both.
    """
    found = []
    for index, one in enumerate(records):
        for other in records[index:]:
            if one.record.kind != other.record.kind or one.record.date != other.record.date:
                continue
            if one is not other and not _same_machine(one.record.machine, other.record.machine):
                continue
            name = one.record.name if one is other else f"{one.record.name} and {other.record.name}, of one date,"
            pairs = _overlaps(one, other)
            found += [(other.file, f"{name} contradict{'s itself' if one is other else ''}: {pair}") for pair in pairs]
    return tuple(found)


def _same_machine(one: Machine, other: Machine) -> bool:
    pairs = [(getattr(one, key).strip().casefold(), getattr(other, key).strip().casefold()) for key in _MACHINE]
    both = [a == b for a, b in pairs if a and b]
    return bool(both) and all(both)


def _overlaps(one: Loaded, other: Loaded) -> list[str]:
    """Entries of two records, or of one, that overlap and differ, in words."""
    found = []
    for i, a in enumerate(one.record.scopes):
        for j, b in enumerate(other.record.scopes):
            if (one is other and j <= i) or a == b:
                continue
            planes = "any" in (a.plane, b.plane) or a.plane == b.plane
            if planes and all(_meet(getattr(a, name), getattr(b, name)) for name in _RANGES):
                found.append(f"entries {i + 1} and {j + 1} hold for the same beams")
    return found


def _meet(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    """Two ranges have more than an edge in common; None is everything."""
    if one is None or other is None:
        return True
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return low < high or (low == high and (one[0] == one[1] or other[0] == other[1]))
