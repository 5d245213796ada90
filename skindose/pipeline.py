"""compute(procedure, settings) -> Result: the one place that strings the stages together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from skindose import geometry, normalise, phantom, triggers, units
from skindose.config import Settings
from skindose.dose import dose_map, on_body_fraction
from skindose.errors import SettingsError
from skindose.model import (
    Beams,
    DoseMap,
    Events,
    Factors,
    Findings,
    FloatArray,
    Hits,
    Peak,
    Phantom,
    Placement,
    Procedure,
    Quantity,
    Result,
    Status,
)
from skindose.uncertainty import BASIS, KERMA_TOLERANCE, interval_95

# Least distance from focal spot to skin that equipment for interventional use allows [IEC 60601-1-3].
LEAST_SKIN_DISTANCE_MM = 380.0
# Largest backscatter factor times medium factor over the published tables [Benmakhlouf 2011], for an upper bound.
LARGEST_SCATTER_FACTOR = 1.7
_EXCLUDED = "excluded by the user"


def compute(procedure: Procedure, settings: Settings) -> Result:
    """One procedure's skin-dose map, peak and findings.

    settings   options; what they leave open comes from the file, else from stated defaults
    raises     SettingsError for an unknown profile, phantom or rule set; InputError for an unusable file
    """
    rules = triggers.load(settings.triggers)
    events, excluded = exclude(normalise.normalise(procedure, settings), settings.exclude)
    body = phantom.make(settings, procedure.header.patient)
    totals = _totals(events)
    mapped = _map(events, body, settings) if events.mapped.any() else None
    result = Result(
        procedure=procedure,
        events=events,
        phantom=body,
        settings=settings,
        findings=Findings(rules.id, "", ()),
        totals=totals,
        excluded=excluded,
        no_map_reason="" if mapped else _why_no_map(events),
        assumptions=(*events.assumptions, *body.assumptions),
        warnings=(*procedure.warnings, *events.warnings, *body.warnings),
    )
    if mapped:
        result = _with_map(result, mapped)
    if result.dosemap is None or result.dosemap.peak is None:
        bound, why = _upper_bound(events, totals)
        result = replace(result, peak_upper_bound_mgy=bound, assumptions=(*result.assumptions, *why))
    findings = triggers.evaluate(rules, quantities(result), _context(result))
    return replace(result, findings=findings)


_Mapped = tuple[Placement, Beams, Hits, Factors, DoseMap]


def _map(events: Events, body: Phantom, settings: Settings) -> _Mapped | None:
    from skindose import kernel, physics  # numba is loaded only where there is something to cast

    placement = geometry.place(events, body, settings)
    placed = geometry.beams(events, placement, settings)
    if not len(placed):
        return None
    hits = kernel.cast(placed, body)
    factors = physics.factors(events, placed, hits, settings)
    return placement, placed, hits, factors, dose_map(placed, hits, factors, body)


def _with_map(result: Result, mapped: _Mapped) -> Result:
    placement, beams, hits, factors, dosemap = mapped
    on_body = on_body_fraction(beams, hits, result.phantom)
    kap = np.nan_to_num(result.events.kap_gycm2)[beams.event] * beams.weight
    share = float((on_body * kap).sum() / kap.sum()) if kap.sum() > 0 else None
    return replace(
        result,
        placement=placement,
        beams=beams,
        hits=hits,
        factors=factors,
        dosemap=dosemap,
        peak_interval_mgy=interval_95(dosemap.peak.skin_dose_mgy) if dosemap.peak else None,
        totals={**result.totals, "kap_on_patient_fraction": share},
        no_map_reason="" if dosemap.peak else "no beam meets the body where it was placed",
        assumptions=(
            *result.assumptions,
            *placement.assumptions,
            *factors.assumptions,
            f"Interval and probabilities: {BASIS}.",
        ),
        warnings=(
            *result.warnings,
            *placement.warnings,
            *beams.warnings,
            *factors.warnings,
            *_doubts(result, dosemap.peak, on_body, beams),
        ),
    )


def _doubts(result: Result, peak: Peak | None, on_body: FloatArray, beams: Beams) -> tuple[str, ...]:
    """What a physicist would question in the map: events whose beams miss the body, a peak on an arm."""
    doubts = _missing(result, on_body, beams)
    if peak is not None and ("arm" in peak.region or "hand" in peak.region):
        doubts += (
            "The peak lies on an arm at the patient's side. If the arm was held out of the beam, the skin behind it "
            "was hit instead: compare with --pose arms-up, left-arm-up or right-arm-up.",
        )
    return doubts


def _missing(result: Result, on_body: FloatArray, beams: Beams) -> tuple[str, ...]:
    """Say which events' beams do not meet the body at all."""
    best = np.zeros(len(result.events))
    np.maximum.at(best, beams.event, on_body)
    lost = [i + 1 for i in np.unique(beams.event).tolist() if best[i] == 0.0]
    if not lost:
        return ()
    shown = ", ".join(map(str, lost[:10])) + (" ..." if len(lost) > 10 else "")
    return (f"The beam of {len(lost)} events does not meet the body where it was placed (events {shown}).",)


def _why_no_map(events: Events) -> str:
    if not len(events):
        return "the report has no irradiation event"
    reasons = Counter(reason for reason in events.unmapped_reason if reason)
    words = [f"{reason} ({count} of {len(events)} events)" for reason, count in reasons.most_common()]
    return "; ".join(words) or "no event's numbers describe a beam"


def exclude(events: Events, text: str) -> tuple[Events, dict[int, str]]:
    """Take the events named in `text` ("3,7-9", counted from 1 in time order) out of the map; totals keep them."""
    chosen = sorted(parse_numbers(text, len(events)))
    reasons = list(events.unmapped_reason)
    mapped = events.mapped.copy()
    for index in chosen:
        mapped[index] = False
        reasons[index] = _EXCLUDED
    if not chosen:
        return events, {}
    note = f"{len(chosen)} events {_EXCLUDED}: {text}."
    events = replace(events, mapped=mapped, unmapped_reason=tuple(reasons), assumptions=(*events.assumptions, note))
    return events, dict.fromkeys(chosen, _EXCLUDED)


def parse_numbers(text: str, count: int) -> set[int]:
    """Indices from 0 for numbers and ranges from 1: "3,7-9" -> {2, 6, 7, 8}.

    raises   SettingsError for what is no number, or beyond the procedure's events
    """
    found: set[int] = set()
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, dash, last = part.partition("-")
        if not (first.strip().isdigit() and (last.strip().isdigit() or not dash)):
            raise SettingsError(f"exclude: {part!r} is no event number or range", "options", "Write e.g. 3,7-9.")
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= count:
            raise SettingsError(
                f"exclude: {part!r} is not within the procedure's events 1 to {count}",
                "options",
                "The column event of events.csv numbers them.",
            )
        found.update(range(low - 1, high))
    return found


def _totals(events: Events) -> dict[str, Any]:
    """`totals` of result.json; None where nothing is known."""
    kerma = np.nan_to_num(events.air_kerma_rp_mgy)
    fluoroscopy = np.array([kind == "fluoroscopy" for kind in events.event_type], dtype=bool)
    columns = {
        "air_kerma_mgy": kerma,
        "kap_gycm2": np.nan_to_num(events.kap_gycm2),
        "fluoro_time_s": np.where(fluoroscopy, np.nan_to_num(events.irradiation_duration_s), 0.0),
    }
    reported = {total.plane: total for total in events.totals}
    totals: dict[str, Any] = {}
    for name, column in columns.items():
        totals[name] = {}
        for plane in ("together", "A", "B"):
            own = np.array([plane in ("together", p) for p in events.plane], dtype=bool)
            value = getattr(reported[plane], name) if plane in reported else float("nan")
            summed = float(column[own].sum()) if column[own].any() else None
            totals[name][plane] = {"reported": value if np.isfinite(value) else None, "summed": summed}
    total = kerma.sum()
    known = totals["air_kerma_mgy"]["together"]["reported"]
    if known and np.isnan(events.air_kerma_rp_mgy).any():  # an event without a usable kerma: the total knows of it
        total = max(total, known)
    totals["events"] = len(events)
    totals["events_mapped"] = int(events.mapped.sum())
    totals["air_kerma_mapped_fraction"] = float(kerma[events.mapped].sum() / total) if total > 0 else None
    totals["kap_on_patient_fraction"] = None
    return totals


def _context(result: Result) -> triggers.Context:
    """What rules may ask for beside the quantities."""
    header, settings, events = result.procedure.header, result.settings, result.events
    return triggers.Context(
        procedure=" ".join(filter(None, (header.description, *sorted(set(events.protocol))))),
        station=header.station,
        region=events.region if events.region_status != Status.ASSUMED else "",
        age_years=settings.age if settings.age is not None else header.patient.age_years,
        weight_kg=settings.weight_kg if settings.weight_kg is not None else header.patient.weight_kg,
    )


def quantities(result: Result) -> dict[str, Quantity]:
    """What the rules judge: psd, kar, kap, ft; the larger of reported and summed totals."""
    totals = result.totals
    kerma_mgy, kerma_note = _larger(totals["air_kerma_mgy"]["together"])
    kap, kap_note = _larger(totals["kap_gycm2"]["together"])
    time_s, time_note = _larger(totals["fluoro_time_s"]["together"])
    if totals["air_kerma_mgy"]["B"]["summed"]:
        kerma_note = "; ".join(filter(None, [kerma_note, "sum of both planes, which meet the skin elsewhere"]))
    peak = result.dosemap.peak if result.dosemap else None
    kerma_gy = units.mgy_to_gy(kerma_mgy) if kerma_mgy else None
    time_min = units.s_to_min(time_s) if time_s else None
    return {
        "psd": Quantity(units.mgy_to_gy(peak.skin_dose_mgy), "Gy", tolerance=KERMA_TOLERANCE)
        if peak
        else Quantity(None, "Gy", reason=f"no map: {result.no_map_reason}"),
        "kar": _quantity(kerma_gy, "Gy", kerma_note, KERMA_TOLERANCE),
        "kap": _quantity(kap, "Gy.cm2", kap_note, KERMA_TOLERANCE),
        "ft": _quantity(time_min, "min", time_note, 0.0),
        **({"field_area_cm2": Quantity(kap / kerma_gy, "cm2")} if kap and kerma_gy else {}),
    }


def _quantity(value: float | None, unit: str, note: str, tolerance: float) -> Quantity:
    if value is None:
        return Quantity(None, unit, reason="neither a total nor events report it")
    return Quantity(value, unit, note=note, tolerance=tolerance)


def _larger(total: Mapping[str, float | None]) -> tuple[float | None, str]:
    """The larger of the reported total and the sum over events; a note where they differ by more than 2 %."""
    reported, summed = total["reported"], total["summed"]
    if not reported or not summed:
        return (reported or summed or None), ("" if reported else "sum over events, no total reported")
    if abs(reported - summed) <= 0.02 * max(reported, summed):
        return max(reported, summed), ""
    return max(reported, summed), f"{'reported total' if reported > summed else 'sum over events'}, the larger of two"


def _upper_bound(events: Events, totals: Mapping[str, Any]) -> tuple[float | None, tuple[str, ...]]:
    """Bound of the peak without a map: all kerma in one place, at the least distance of skin from the focal spot."""
    kerma, _ = _larger(totals["air_kerma_mgy"]["together"])
    if not kerma:
        return None, ()
    known = events.distance_source_to_reference_point_mm
    reference = float(np.nanmax(known)) if np.isfinite(known).any() else 600.0
    bound = kerma * max(1.0, reference / LEAST_SKIN_DISTANCE_MM) ** 2 * LARGEST_SCATTER_FACTOR
    why = (
        f"Upper bound of the peak: the whole air kerma in one place, {LEAST_SKIN_DISTANCE_MM:g} mm from the focal spot "
        f"(reference point at {reference:.0f} mm), with a backscatter and medium factor of {LARGEST_SCATTER_FACTOR:g}; "
        "the display's tolerance is not in it."
    )
    return bound, (why,)
