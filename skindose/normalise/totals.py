"""Accumulated dose data per plane, and whether they agree with the sums over the events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skindose.model import BoolArray, FloatArray, Totals
from skindose.normalise.areas import resolution
from skindose.normalise.items import Record
from skindose.normalise.kerma import AIR_KERMA, KAP, SECONDS
from skindose.normalise.notes import number
from skindose.normalise.work import Span, Work, plane_of
from skindose.units import convert, gy_to_mgy, mgy_to_gy, s_to_min

TOLERANCE = 0.02
TIME_TOLERANCE, TIME_S = 0.10, 30.0  # of fluoroscopy time; the real files differ by up to 13 %, and by under 4 s
HIGHEST_TOTAL_MGY = gy_to_mgy(100.0)  # of air kerma; the highest that are published for one procedure are near 50 Gy
HIGHEST_TOTAL_GYCM2 = 10_000.0
_NAN = float("nan")
_PARTS = {
    "dose_rp_total": ("fluoro_dose_rp_total", "acquisition_dose_rp_total"),
    "dose_area_product_total": ("fluoro_dose_area_product_total", "acquisition_dose_area_product_total"),
}


def read_totals(work: Work) -> tuple[Totals, ...]:
    """One `Totals` per plane that the file has, "together" first; differences from the sums become warnings."""
    planes: dict[str, list[Record]] = {}
    for record in work.accumulated:
        planes.setdefault(plane_of(record), []).append(record)
    found = {plane: _plane(work, plane, records) for plane, records in sorted(planes.items())}
    together = found.pop("single", None) or _together(found)
    totals = tuple(entry for entry in (together, *found.values()) if entry is not None)
    for entry in found.values() or totals:
        _compare(work, entry)
    everything = np.ones(len(work), dtype=np.bool_)
    kerma, kap = (_summed(work.columns[name], everything) for name in ("air_kerma_rp_mgy", "kap_gycm2"))
    _implausible(work, Totals("together", kerma, kap, _NAN), "sum of the events' {}")
    _calibration(work)
    return totals


def _together(planes: dict[str, Totals]) -> Totals | None:
    if not planes:
        return None
    entries = list(planes.values())
    return Totals(
        "together",
        _sum([entry.air_kerma_mgy for entry in entries]),
        _sum([entry.kap_gycm2 for entry in entries]),
        _sum([entry.fluoro_time_s for entry in entries]),
    )


def _sum(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(sum(known)) if known else _NAN


def _plane(work: Work, plane: str, records: list[Record]) -> Totals:
    name = "together" if plane == "single" else plane
    events = _events_of(work, name)
    kerma = _value(work, records, "dose_rp_total", AIR_KERMA, _summed(work.columns["air_kerma_rp_mgy"], events))
    kap = _value(work, records, "dose_area_product_total", KAP, _summed(work.columns["kap_gycm2"], events))
    fluoro = events & np.array([kind == "fluoroscopy" for kind in work.event_type], dtype=np.bool_)
    time = _summed(work.columns["irradiation_duration_s"], fluoro)
    return Totals(name, kerma, kap, _value(work, records, "total_fluoro_time", SECONDS, time))


def _events_of(work: Work, plane: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([plane == "together" or own == plane for own in work.plane], dtype=np.bool_)


def _summed(values: FloatArray, events: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    return float(np.nansum(np.where(events, values, 0.0)))


def _value(work: Work, records: list[Record], reference: str, span: Span, summed: float) -> float:
    """One total of one plane. Several reports of one plane are cumulative or parts: what fits the events' sum."""
    values = [value for value in (_reported(work, record, reference, span) for record in records) if value == value]
    if len(values) < 2:
        return values[0] if values else _NAN
    choices: list[Callable[[list[float]], float]] = [max, sum]
    best = min(choices, key=lambda choice: abs(choice(values) - summed))
    if max(values) < sum(values):
        words = "the largest counts (cumulative reports)" if best is max else "they are added (reports of parts)"
        work.notes.assume("several accumulated totals of one plane", words)
    return float(best(values))


def _reported(work: Work, record: Record, reference: str, span: Span) -> float:
    value = work.number(record, reference, span)
    if np.isnan(value) and reference in _PARTS:
        return _sum([work.number(record, part, span) for part in _PARTS[reference]])
    return value


def _compare(work: Work, entry: Totals) -> None:
    """Warns of totals that differ from the sums over the events.

    Air kerma and KAP alike: by more than `excess` allows.
    """
    events = _events_of(work, entry.plane)
    where = "" if entry.plane == "together" else f" of plane {entry.plane}"
    _implausible(work, entry, f"total {{}}{where} in the file")
    if not events.any():
        return
    _compare_time(work, entry, where, events)
    for column, total, name, unit, scale in (
        ("air_kerma_rp_mgy", entry.air_kerma_mgy, "air kerma", "Gy", mgy_to_gy(1.0)),
        ("kap_gycm2", entry.kap_gycm2, "KAP", "Gy.cm2", 1.0),
    ):
        values = np.where(events, work.columns[column], np.nan)
        summed = float(np.nansum(values))
        if np.isnan(total) or excess(total, values) == 0:
            continue
        more = f" ({_compared(total, summed)})" if summed > 0 else ""
        work.notes.warn(
            f"total {name}{where} in the file, {number(total * scale)} {unit}, differs from the sum over events, "
            f"{number(summed * scale)} {unit}{more}",
            "triggers use the larger",
        )


def _compare_time(work: Work, entry: Totals, where: str, events: BoolArray) -> None:
    """Fluoroscopy times are written in whole seconds or tenths of a minute, so they may differ by more than doses."""
    fluoro = events & np.array([kind == "fluoroscopy" for kind in work.event_type], dtype=np.bool_)
    total, summed = entry.fluoro_time_s, _summed(work.columns["irradiation_duration_s"], fluoro)
    if not summed or np.isnan(total) or abs(total - summed) <= max(TIME_TOLERANCE * max(total, summed), TIME_S):
        return
    work.notes.warn(
        f"total fluoroscopy time{where} in the file, {number(s_to_min(total))} min, differs from the sum over events, "
        f"{number(s_to_min(summed))} min ({_compared(total, summed)})",
        "triggers use the larger",
    )


def _compared(total: float, summed: float) -> str:
    """In words: "+19 %", and where a unit is likely wrong "1000 times the sum"."""
    if not 0.5 <= total / summed <= 2.0:
        return f"{number(total / summed)} times the sum"
    return f"{total / summed - 1:+.0%}".replace("%", " %")


def _implausible(work: Work, entry: Totals, words: str) -> None:
    for total, highest, name, unit, scale in (
        (entry.air_kerma_mgy, HIGHEST_TOTAL_MGY, "air kerma", "Gy", mgy_to_gy(1.0)),
        (entry.kap_gycm2, HIGHEST_TOTAL_GYCM2, "KAP", "Gy.cm2", 1.0),
    ):
        if total > highest:
            what = f"{words.format(name)}, {number(total * scale)} {unit}, is more than any procedure has"
            work.notes.warn(what, "a wrong unit? triggers use it nevertheless")


def excess(total: float, values: FloatArray) -> float:
    """By how much a total is above (negative: below) the sum of the events' values; 0 where the two agree.

    They agree within 2 % or within what rounding explains (events x resolution / 2), whichever is larger.
    """
    summed, allowed = float(np.nansum(values)), int(np.isfinite(values).sum()) * resolution(values) / 2
    return 0.0 if abs(total - summed) <= max(TOLERANCE * max(total, summed), allowed) else total - summed


def _calibration(work: Work) -> None:
    """A calibration factor is information: makers apply it, or not, before they write the values."""
    span = Span("number", 0.01, 100.0)
    factors = {work.number(record, "calibration_factor", span) for record in work.accumulated}
    for factor in sorted(value for value in factors if not np.isnan(value)):
        work.notes.assume(f"the file states a calibration factor of {factor:g}", "shown only, not applied")


def vendor_peak_mgy(work: Work) -> float:
    """The maker's own peak skin dose in mGy, NaN where the file has none; by the profile's items, else by its name."""
    highest = convert(100.0, "Gy", "dose_mgy")
    span = Span("dose_mgy", 0.0, highest, True)
    records = (*work.accumulated, work.context)
    for reference in (*work.profile.peak_items, "peak_skin_dose"):
        values = [value for record in records for value in work.numbers(record, reference, span)]
        if values:
            return max(values)
    return _NAN
