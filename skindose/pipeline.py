"""compute(procedure, settings) -> Result: the one place that strings the stages together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from skindose import geometry, normalise, phantom, triggers, units
from skindose.changes import Change, changes, exclude, in_words, named, set_aside
from skindose.config import Settings
from skindose.dose import dose_map, find_peak, if_they_stood_mgy, on_body_fraction
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

# Share of the air kerma in the map from which on the map counts as complete.
COMPLETE = 0.995
# Least distance from focal spot to skin that equipment for interventional use allows [IEC 60601-1-3].
LEAST_SKIN_DISTANCE_MM = 380.0
# The same for surgery with mobile equipment, the least that is allowed at all.
NEAREST_SKIN_MM = 200.0
# Largest backscatter factor times medium factor over the published tables [Benmakhlouf 2011], for an upper bound.
LARGEST_SCATTER_FACTOR = 1.7


def compute(procedure: Procedure, settings: Settings) -> Result:
    """One procedure's skin-dose map, peak and findings.

    settings   options; what they leave open comes from the file, else from stated defaults
    raises     SettingsError for an unknown profile, phantom or rule set; InputError for an unusable file
    """
    rules = triggers.load(settings.triggers)
    events, changed = _as_the_user_has_them(procedure, settings)
    events, excluded = exclude(events, settings.exclude)
    body = phantom.make(settings, procedure.header.patient)
    events, mapped = _map(set_aside(events, geometry.faults(events)), body, settings)
    totals = _totals(events)
    result = Result(
        procedure=procedure,
        events=events,
        phantom=body,
        settings=settings,
        findings=Findings(rules.id, "", ()),
        totals=totals,
        excluded=excluded,
        changes=changed,
        no_map_reason="" if mapped else _why_no_map(events),
        assumptions=(*events.assumptions, *body.assumptions),
        warnings=(*procedure.warnings, *events.warnings),
    )
    if mapped:
        result = _with_map(result, mapped)
    if result.dosemap is None or result.dosemap.peak is None:
        bound, why = _upper_bound(events, totals)
        result = replace(result, peak_upper_bound_mgy=bound, assumptions=(*result.assumptions, *why))
    findings = triggers.evaluate(rules, quantities(result), _context(result))
    return replace(result, findings=findings)


def _as_the_user_has_them(procedure: Procedure, settings: Settings) -> tuple[Events, tuple[Change, ...]]:
    """The events with the user's corrections, and everything that he changed."""
    events = normalise.normalise(procedure, settings)
    before = events
    if settings.correct:
        before = normalise.normalise(procedure, settings.model_copy(update={"correct": ()}))
    found = changes(before, settings)
    return replace(events, assumptions=(*events.assumptions, *in_words(found))), found


_Mapped = tuple[Placement, Beams, Hits, Factors, DoseMap]


def _map(events: Events, body: Phantom, settings: Settings) -> tuple[Events, _Mapped | None]:
    """The events, of which impossible ones are now set aside, and the map of the others; None where none is left."""
    if not events.mapped.any():
        return events, None
    placement = geometry.place(events, body, settings)
    placed = geometry.beams(events, placement, settings)
    impossible = geometry.misplaced(placed, body)
    events, placed = set_aside(events, impossible), geometry.without(placed, impossible)
    if not len(placed):
        return events, None
    from skindose import kernel, physics  # numba is loaded only where there is something to cast

    hits = kernel.cast(placed, body)
    factors = physics.factors(events, placed, hits, settings)
    return events, (placement, placed, hits, factors, dose_map(placed, hits, factors, body))


def _with_map(result: Result, mapped: _Mapped) -> Result:
    placement, beams, hits, factors, dosemap = mapped
    on_body = on_body_fraction(beams, hits, result.phantom)
    kap = np.nan_to_num(result.events.kap_gycm2)[beams.event] * beams.weight
    bound, why = _if_runs_stood(result, mapped)
    share = float((on_body * kap).sum() / kap.sum()) if kap.sum() > 0 else None
    return replace(
        result,
        placement=placement,
        beams=beams,
        hits=hits,
        factors=factors,
        dosemap=dosemap,
        plane_peaks=_plane_peaks(result, mapped),
        peak_if_runs_stood_mgy=bound,
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
            *factors.warnings,
            *why,
            *_doubts(result, dosemap.peak, on_body, beams, hits),
        ),
    )


def _plane_peaks(result: Result, mapped: _Mapped) -> dict[str, Peak]:
    """Peak of each plane's dose alone, for the planes A and B that have any; they may lie elsewhere than the sum's."""
    _, beams, hits, _, dosemap = mapped
    plane = np.array(result.events.plane)[beams.event]
    count = np.diff(hits.beam_start)
    found = {}
    for name in np.intersect1d(plane, ("A", "B")).tolist():
        own = np.repeat(plane == name, count)
        dose_mgy = np.bincount(hits.cell[own], weights=dosemap.hit_dose_mgy[own], minlength=len(dosemap.dose_mgy))
        peak = dosemap.peak if own.all() else find_peak(dose_mgy.astype(float), result.phantom)
        if peak is not None:
            found[name] = peak
    return found


def _if_runs_stood(result: Result, mapped: _Mapped) -> tuple[float | None, tuple[str, ...]]:
    """The peak if the runs whose way is assumed had stood still at the worst place, and the warning that says so."""
    _, beams, hits, _, dosemap = mapped
    events = result.events
    column, end = (events.status.get(f"positioner_primary{suffix}_angle_deg") for suffix in ("", "_end"))
    if column is None or end is None or dosemap.peak is None:
        return None, ()
    turning = np.array([kind == "rotational acquisition" for kind in events.event_type], dtype=bool)
    unknown = (column == Status.ASSUMED) | (end == Status.ASSUMED)
    runs = np.flatnonzero(events.mapped & turning & unknown).tolist()
    if not runs:
        return None, ()
    peak = find_peak(if_they_stood_mgy(beams, hits, dosemap, runs), result.phantom)
    bound = peak.skin_dose_mgy if peak else dosemap.peak.skin_dose_mgy
    return bound, (
        f"Where the stand turned in {named(runs)} is assumed, not reported, and the dose is spread over that way: had "
        f"it stood still somewhere on it, the peak would be up to {bound:.4g} mGy instead of "
        f"{dosemap.peak.skin_dose_mgy:.4g} mGy.",
    )


def _doubts(result: Result, peak: Peak | None, on_body: FloatArray, beams: Beams, hits: Hits) -> tuple[str, ...]:
    """What a physicist would question in the map: beams that miss the body, skin too near, a peak on an arm."""
    doubts = _missing(result, on_body, beams) + _too_near(beams, hits)
    if peak is not None and ("arm" in peak.region or "hand" in peak.region):
        doubts += (
            "The peak lies on an arm at the patient's side. If the arm was held out of the beam, the skin behind it "
            "was hit instead: compare with --phantom oval, which has no arms.",
        )
    return doubts


def _missing(result: Result, on_body: FloatArray, beams: Beams) -> tuple[str, ...]:
    """Say which events' beams do not meet the body at all."""
    best = np.zeros(len(result.events))
    np.maximum.at(best, beams.event, on_body)
    lost = [i for i in np.unique(beams.event).tolist() if best[i] == 0.0]
    if not lost:
        return ()
    return (f"The beam of {len(lost)} events does not meet the body where it was placed ({named(lost)}).",)


def _too_near(beams: Beams, hits: Hits) -> tuple[str, ...]:
    """Say which events light skin nearer to the focal spot than any equipment lets it come: the dose is too high."""
    rows = np.flatnonzero(hits.distance_mm < NEAREST_SKIN_MM)
    near = np.unique(beams.event[np.searchsorted(hits.beam_start, rows, side="right") - 1]).tolist()
    if not near:
        return ()
    return (
        f"Skin comes as near as {hits.distance_mm.min():.0f} mm to the focal spot ({named(near)}), which no equipment "
        f"allows (at least {NEAREST_SKIN_MM:g} mm): the patient's place or the distances are wrong, the dose too high.",
    )


def _why_no_map(events: Events) -> str:
    if not len(events):
        return "the report has no irradiation event"
    reasons = Counter(reason for reason in events.unmapped_reason if reason)
    words = [f"{reason} ({count} of {len(events)} events)" for reason, count in reasons.most_common()]
    return "; ".join(words) or "no event's numbers describe a beam"


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
        "psd": Quantity(units.mgy_to_gy(peak.skin_dose_mgy), "Gy", note=_left_out(totals), tolerance=KERMA_TOLERANCE)
        if peak
        else Quantity(None, "Gy", reason=f"no map: {result.no_map_reason}"),
        "kar": _quantity(kerma_gy, "Gy", kerma_note, KERMA_TOLERANCE),
        "kap": _quantity(kap, "Gy.cm2", kap_note, KERMA_TOLERANCE),
        "ft": _quantity(time_min, "min", time_note, 0.0),
        **({"field_area_cm2": Quantity(kap / kerma_gy, "cm2")} if kap and kerma_gy else {}),
    }


def _left_out(totals: Mapping[str, Any]) -> str:
    """What the map lacks, where that is more than rounding: the peak may then be too low."""
    share = totals["air_kerma_mapped_fraction"]
    if share is None or share > COMPLETE:
        return ""
    return f"{1 - share:.1%} of the air kerma is not in the map".replace("%", " %", 1)


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
