"""compute(procedure, settings) -> Result: the one place that strings the stages together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skindose import geometry, release, triggers, units
from skindose.calibration import Calibrations
from skindose.case import Case
from skindose.changes import EXCLUDED, Change, changes, exclude, in_words, named, set_aside
from skindose.config import Settings
from skindose.dose import dose_map, find_peak, if_they_stood_mgy
from skindose.model import (
    Beams,
    BoolArray,
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
from skindose.prepare import prepare
from skindose.quantities import (
    bound_words,
    contradiction,
    dose_words,
    larger,
    lower_bound_warning,
    map_shortfall,
    quantities,
    sum_shortfall,
    totals_of,
    worst_skin_dose_mgy,
)
from skindose.uncertainty import kerma_ratio, up_to_mgy, with_uncertainty

# The least distance from focal spot to skin that is allowed at all, for surgery with mobile equipment [IEC 60601-1-3].
NEAREST_SKIN_MM = 200.0
# Largest number of beams times cells of which the hits are held at once: with their factors about 600 MB.
BLOCK = 15_000_000
# Largest number of beams times cells of which it is kept who made the dose outside the fields: about 400 MB.
WHOLE = 500_000_000
# How far outside the field scattered dose is computed, at the reference plane.
HALO_MM = 100.0


def compute(procedure: Procedure, settings: Settings, sampled: bool = True) -> Result:
    """One procedure's skin-dose map, peak and findings.

    settings   options; what they leave open comes from the file, else from stated defaults
    sampled    with the peak's uncertainty and interval, which take about a second
    raises     SettingsError for an unknown profile, phantom or rule set; InputError for an unusable file
    """
    return compute_case(prepare(procedure, settings), sampled)


def compute_case(case: Case, sampled: bool = True) -> Result:
    """The same of a case that is normalised already; its settings say who is moved and which events are left out.

    raises   SettingsError for a movement or exclusion that names no event
    """
    events, found = _as_the_user_has_them(case)
    events, excluded = exclude(events, found)
    body, known = case.body, case.calibrations
    events, mapped = _map(set_aside(events, geometry.faults(events)), body, case.settings, known)
    totals = totals_of(events)
    result = Result(
        case=case,
        procedure=case.procedure,
        events=events,
        phantom=body,
        settings=case.settings,
        findings=Findings(case.rules.id, "", ()),
        totals=totals,
        excluded=excluded,
        changes=found,
        calibrations=known,
        no_map_reason="" if mapped else _why_no_map(events),
        assumptions=(*events.assumptions, *body.assumptions),
        warnings=(
            *filter(None, [contradiction(totals)]),
            *case.procedure.warnings,
            *events.warnings,
            *body.warnings,
            *known.warnings,
        ),
    )
    result = _with_map(result, mapped, sampled) if mapped else _bounded(result, np.zeros(len(events), dtype=np.bool_))
    return replace(result, findings=judged(result, case.rules))


def judged(result: Result, rules: triggers.RuleSet) -> Findings:
    """What the rules say of a result whose map and totals are there."""
    ratio = kerma_ratio(result.events, result.calibrations)
    found = quantities(result.events, result.totals, _psd(result), ratio)
    context, signature = _context(result), release.signature(rules.digest)
    if signature is not None:
        context = replace(context, signed_by=signature.signed_by, signed_on=signature.signed_on)
    return triggers.evaluate(rules, found, context)


def preview(case: Case) -> tuple[Beams, DoseMap] | None:
    """The beams, and the map of their primary alone with its scatter inside the field: for a moving slider.

    A tenth of the full map's work; the peak comes out about 1 % low. None where no event is mapped.
    raises   as `compute_case`
    """
    from skindose import physics

    events, _ = exclude(*_as_the_user_has_them(case))
    events, placed = _placed(set_aside(events, geometry.faults(events)), case.body, case.settings)
    if placed is None:
        return None
    parts = (
        (block, hits, physics.factors(events, block, hits, case.settings, case.calibrations, case.body))
        for block, hits in cast_in_blocks(placed[1], case.body, case.settings, halo=False)
    )
    return placed[1], dose_map(parts, case.body)


def _as_the_user_has_them(case: Case) -> tuple[Events, tuple[Change, ...]]:
    """The events, with a sentence for everything that the user changed."""
    found = changes(case.events, case.settings, case.corrected)
    return replace(case.events, assumptions=(*case.events.assumptions, *in_words(found))), found


class _Mapped(NamedTuple):
    """A map and what made it; hits and factors are None where they were too many to keep."""

    placement: Placement
    beams: Beams
    hits: Hits | None
    factors: Factors | None
    dosemap: DoseMap
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


def _map(events: Events, body: Phantom, settings: Settings, known: Calibrations) -> tuple[Events, _Mapped | None]:
    """The events, of which impossible ones are now set aside, and the map of the others; None where none is left."""
    events, placed = _placed(events, body, settings)
    return events, _cast(events, *placed, body, settings, known) if placed else None


def _placed(events: Events, body: Phantom, settings: Settings) -> tuple[Events, tuple[Placement, Beams] | None]:
    """The patient on the table and the beams in him; events whose beams cannot be are set aside."""
    if not events.mapped.any():
        return events, None
    placement = geometry.place(events, body, settings)
    beams = geometry.beams(events, placement, settings)
    impossible = geometry.misplaced(beams, body)
    events, beams = set_aside(events, impossible), geometry.without(beams, impossible)
    return events, (placement, beams) if len(beams) else None


def _cast(
    events: Events, placement: Placement, beams: Beams, body: Phantom, settings: Settings, known: Calibrations
) -> _Mapped:
    """The map, block of beams by block, so that memory does not grow with the procedure."""
    from skindose import physics  # numba is loaded only where there is something to cast

    said: dict[str, None] = {}
    warned: dict[str, None] = {}
    last: list[tuple[Hits, Factors]] = []

    def parts() -> Iterator[tuple[Beams, Hits, Factors]]:
        for block, hits in cast_in_blocks(beams, body, settings):
            factors = physics.factors(events, block, hits, settings, known, body)
            said.update(dict.fromkeys(factors.assumptions))
            warned.update(dict.fromkeys(factors.warnings))
            last[:] = [(hits, factors)] if len(block) == len(beams) else []
            yield block, hits, factors

    dosemap = dose_map(parts(), body, keep_halo=len(beams) * len(body.area_mm2) <= WHOLE)
    hits, factors = last[0] if last else (None, None)
    return _Mapped(placement, beams, hits, factors, dosemap, tuple(said), tuple(warned))


def cast_in_blocks(beams: Beams, body: Phantom, settings: Settings, halo: bool = True) -> Iterator[tuple[Beams, Hits]]:
    """The beams block by block, with their hits, and the halo where scatter is wanted."""
    from skindose import kernel

    size = max(1, BLOCK // len(body.area_mm2))
    halo_mm = HALO_MM if halo and "backscatter" in settings.corrections else 0.0
    for first in range(0, len(beams), size):
        block = geometry.only(beams, slice(first, first + size))
        yield block, kernel.cast(block, body, halo_mm=halo_mm, thickness=halo_mm > 0)


def recast(result: Result, events: Events) -> DoseMap:
    """The map of a result's beams with other events, behind another table for instance; the result has a map.

    raises   as `compute`
    """
    if result.placement is None or result.beams is None:
        raise ValueError("a result without a map has no beams")
    known = result.calibrations
    return _cast(events, result.placement, result.beams, result.phantom, result.settings, known).dosemap


def _with_map(result: Result, mapped: _Mapped, sampled: bool) -> Result:
    placement, beams, dosemap = mapped.placement, mapped.beams, mapped.dosemap
    on_body = dosemap.on_body
    kap = np.nan_to_num(result.events.kap_gycm2)[beams.event] * beams.weight
    bound, why = _if_runs_stood(result, mapped)
    share = float((on_body * kap).sum() / kap.sum()) if kap.sum() > 0 else None
    unlit = _unlit(result.events, beams, on_body)
    result = replace(
        result,
        placement=placement,
        beams=beams,
        hits=mapped.hits,
        factors=mapped.factors,
        dosemap=dosemap,
        plane_peaks=_plane_peaks(result, mapped),
        peak_if_runs_stood_mgy=bound,
        totals={**result.totals, "kap_on_patient_fraction": share},
        no_map_reason="" if dosemap.peak else "no beam meets the body where it was placed",
        assumptions=(
            *result.assumptions,
            *placement.assumptions,
            *mapped.assumptions,
        ),
        warnings=(
            *result.warnings,
            *placement.warnings,
            *mapped.warnings,
            *why,
            *_doubts(dosemap, unlit, beams),
        ),
    )
    return _bounded(with_uncertainty(result) if sampled else result, unlit)


def _bounded(result: Result, unlit: BoolArray) -> Result:
    """With the peak's upper bound and what the map lacks; the interval reaches up to the bound, or there is none.

    unlit   (events,) events whose beams meet no skin
    """
    events, peak = result.events, result.dosemap.peak if result.dosemap else None
    highest = float(result.calibrations.factor.max(initial=1.0))
    if peak is None:
        kerma, _ = larger(result.totals["air_kerma_mgy"]["together"])
        if not kerma or sum_shortfall(events, result.totals).reasons:
            return result
        bound = worst_skin_dose_mgy(events, kerma, highest)
        return replace(result, peak_upper_bound_mgy=bound, assumptions=(*result.assumptions, bound_words(events)))
    lacks = map_shortfall(events, result.totals, unlit)
    if not lacks.reasons:
        return result
    most = peak.skin_dose_mgy + worst_skin_dose_mgy(events, lacks.missing_mgy, highest)
    known = bool(np.isfinite(most))
    warning = lower_bound_warning(lacks.reasons, result.totals["air_kerma_mapped_fraction"], most if known else None)
    return replace(
        result,
        peak_upper_bound_mgy=most if known else None,
        peak_lacks=lacks.reasons,
        peak_interval_mgy=up_to_mgy(result, most) if known else None,
        assumptions=(*result.assumptions, *([bound_words(events)] if known else [])),
        warnings=(warning, *result.warnings),
    )


def _plane_peaks(result: Result, mapped: _Mapped) -> dict[str, Peak]:
    """Peak of each plane's dose alone, for the planes A and B that have any; they may lie elsewhere than the sum's."""
    dosemap = mapped.dosemap
    plane = np.array(result.events.plane)[mapped.beams.event]
    count = np.diff(dosemap.beam_start)
    found = {}
    for name in np.intersect1d(plane, ("A", "B")).tolist():
        own = np.repeat(plane == name, count)
        dose_mgy = np.bincount(dosemap.cell[own], weights=dosemap.hit_dose_mgy[own], minlength=len(dosemap.dose_mgy))
        peak = dosemap.peak if own.all() else find_peak(dose_mgy.astype(float), result.phantom)
        if peak is not None:
            found[name] = peak
    return found


def _if_runs_stood(result: Result, mapped: _Mapped) -> tuple[float | None, tuple[str, ...]]:
    """The peak if the runs whose way is assumed had stood still at the worst place, and the warning that says so."""
    dosemap, events = mapped.dosemap, result.events
    column, end = (events.status.get(f"positioner_primary{suffix}_angle_deg") for suffix in ("", "_end"))
    if column is None or end is None or dosemap.peak is None:
        return None, ()
    turning = np.array([kind == "rotational acquisition" for kind in events.event_type], dtype=bool)
    unknown = (column == Status.ASSUMED) | (end == Status.ASSUMED)
    runs = np.flatnonzero(events.mapped & turning & unknown).tolist()
    if not runs:
        return None, ()
    peak = find_peak(if_they_stood_mgy(mapped.beams, dosemap, runs), result.phantom)
    bound = peak.skin_dose_mgy if peak else dosemap.peak.skin_dose_mgy
    return bound, (
        f"Where the stand turned in {named(runs)} is assumed, not reported, and the dose is spread over that way: had "
        f"it stood still somewhere on it, the peak would be up to {bound:.4g} mGy instead of "
        f"{dosemap.peak.skin_dose_mgy:.4g} mGy.",
    )


def _doubts(dosemap: DoseMap, unlit: BoolArray, beams: Beams) -> tuple[str, ...]:
    """What a physicist would question in the map: beams that miss the body, skin too near, a peak on an arm."""
    doubts = _missing(unlit) + _too_near(beams, dosemap.nearest_mm)
    peak = dosemap.peak
    if peak is not None and ("arm" in peak.region or "hand" in peak.region):
        doubts += (
            "The peak lies on an arm at the patient's side. If the arm was held out of the beam, the skin behind it "
            "was hit instead: compare with --pose arms-up, left-arm-up or right-arm-up.",
        )
    return doubts


def _unlit(events: Events, beams: Beams, on_body: FloatArray) -> BoolArray:
    """(events,) events with beams of which none meets the body at all."""
    best = np.full(len(events), np.nan)
    np.fmax.at(best, beams.event, on_body)
    return np.asarray(best == 0.0, dtype=np.bool_)


def _missing(unlit: BoolArray) -> tuple[str, ...]:
    """Say which events' beams do not meet the body at all."""
    lost = np.flatnonzero(unlit).tolist()
    if not lost:
        return ()
    beams = "The beam of 1 event does" if len(lost) == 1 else f"The beams of {len(lost)} events do"
    return (f"{beams} not meet the body where it was placed ({named(lost)}).",)


def _too_near(beams: Beams, nearest_mm: FloatArray) -> tuple[str, ...]:
    """Say which events light skin nearer to the focal spot than any equipment lets it come: the dose is too high."""
    near = np.unique(beams.event[nearest_mm < NEAREST_SKIN_MM]).tolist()
    if not near:
        return ()
    return (
        f"Skin comes as near as {nearest_mm.min():.0f} mm to the focal spot ({named(near)}), which no equipment "
        f"allows (at least {NEAREST_SKIN_MM:g} mm): the patient's place or the distances are wrong, the dose too high.",
    )


def _why_no_map(events: Events) -> str:
    if not len(events):
        return "the report has no irradiation event"
    reasons = Counter(reason for reason in events.unmapped_reason if reason)
    words = [f"{reason} ({count} of {len(events)} events)" for reason, count in reasons.most_common()]
    return "; ".join(words) or "no event's numbers describe a beam"


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


def _psd(result: Result) -> Quantity:
    """The peak skin dose as the rules see it: a lower bound where the map lacks air kerma, or where the dose of runs is
    spread over a way that is only assumed.
    """
    peak = result.dosemap.peak if result.dosemap else None
    if peak is None:
        return Quantity(None, "Gy", reason=f"no map: {result.no_map_reason}")
    bound = result.peak_upper_bound_mgy
    most = None if not result.peak_lacks else np.inf if bound is None else units.mgy_to_gy(bound)
    kerma = np.nan_to_num(result.events.air_kerma_rp_mgy)[list(result.excluded)].sum()
    lacks = result.peak_lacks
    if (stood := result.peak_if_runs_stood_mgy) is not None:
        more = units.mgy_to_gy(stood - peak.skin_dose_mgy)
        most = more + (units.mgy_to_gy(peak.skin_dose_mgy) if most is None else most)
        lacks += ("where rotational runs turned is assumed, and the dose spread over that way",)
    return Quantity(
        units.mgy_to_gy(peak.skin_dose_mgy),
        "Gy",
        note=f"without the {dose_words(float(kerma))} of air kerma {EXCLUDED}" if kerma else "",
        at_most=most,
        lacks="; ".join(lacks),
        draws=None if (drawn := result.uncertainty) is None else units.mgy_to_gy(peak.skin_dose_mgy) * drawn.ratio,
    )
