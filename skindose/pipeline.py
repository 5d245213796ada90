"""compute(procedure, settings) -> Result: the one place that strings the stages together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from skindose import geometry, normalise, phantom, triggers, units
from skindose.config import Settings
from skindose.dose import dose_map, on_body_fraction
from skindose.errors import SettingsError
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
from skindose.quantities import (
    EXCLUDED,
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
from skindose.uncertainty import basis, interval_95, kerma_tolerance


def compute(procedure: Procedure, settings: Settings) -> Result:
    """One procedure's skin-dose map, peak and findings.

    settings   options; what they leave open comes from the file, else from stated defaults
    raises     SettingsError for an unknown profile, phantom or rule set; InputError for an unusable file
    """
    rules = triggers.load(settings.triggers)
    events, excluded = exclude(normalise.normalise(procedure, settings), settings.exclude)
    body = phantom.make(settings, procedure.header.patient)
    totals = totals_of(events)
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
        warnings=(*filter(None, [contradiction(totals)]), *procedure.warnings, *events.warnings),
    )
    result = _with_map(result, mapped) if mapped else _bounded(result, np.zeros(len(events), dtype=np.bool_))
    findings = triggers.evaluate(rules, quantities(events, totals, _psd(result)), _context(result))
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
    unlit, tolerance = _unlit(result.events, beams, on_body), kerma_tolerance(result.events)
    result = replace(
        result,
        placement=placement,
        beams=beams,
        hits=hits,
        factors=factors,
        dosemap=dosemap,
        peak_interval_mgy=interval_95(dosemap.peak.skin_dose_mgy, tolerance) if dosemap.peak else None,
        totals={**result.totals, "kap_on_patient_fraction": share},
        no_map_reason="" if dosemap.peak else "no beam meets the body where it was placed",
        assumptions=(
            *result.assumptions,
            *placement.assumptions,
            *factors.assumptions,
            f"Interval and probabilities: {basis(tolerance)}.",
        ),
        warnings=(
            *result.warnings,
            *placement.warnings,
            *beams.warnings,
            *factors.warnings,
            *_doubts(dosemap.peak, unlit),
        ),
    )
    return _bounded(result, unlit)


def _bounded(result: Result, unlit: BoolArray) -> Result:
    """With the peak's upper bound and what the map lacks; the interval reaches up to the bound, or there is none.

    unlit   (events,) events whose beams meet no skin
    """
    events, peak = result.events, result.dosemap.peak if result.dosemap else None
    if peak is None:
        kerma, _ = larger(result.totals["air_kerma_mgy"]["together"])
        if not kerma or sum_shortfall(events, result.totals).reasons:
            return result
        bound = worst_skin_dose_mgy(events, kerma)
        return replace(result, peak_upper_bound_mgy=bound, assumptions=(*result.assumptions, bound_words(events)))
    lacks = map_shortfall(events, result.totals, unlit)
    if not lacks.reasons:
        return result
    most = peak.skin_dose_mgy + worst_skin_dose_mgy(events, lacks.missing_mgy)
    known, sure = bool(np.isfinite(most)), kerma_tolerance(events)
    warning = lower_bound_warning(lacks.reasons, result.totals["air_kerma_mapped_fraction"], most if known else None)
    return replace(
        result,
        peak_upper_bound_mgy=most if known else None,
        peak_lacks=lacks.reasons,
        peak_interval_mgy=(interval_95(peak.skin_dose_mgy, sure)[0], interval_95(most, sure)[1]) if known else None,
        assumptions=(*result.assumptions, *([bound_words(events)] if known else [])),
        warnings=(warning, *result.warnings),
    )


def _doubts(peak: Peak | None, unlit: BoolArray) -> tuple[str, ...]:
    """What a physicist would question in the map: events whose beams miss the body, a peak on an arm."""
    doubts = _missing(unlit)
    if peak is not None and ("arm" in peak.region or "hand" in peak.region):
        doubts += (
            "The peak lies on an arm at the patient's side. If the arm was held out of the beam, the skin behind it "
            "was hit instead: compare with --phantom oval, which has no arms.",
        )
    return doubts


def _unlit(events: Events, beams: Beams, on_body: FloatArray) -> BoolArray:
    """(events,) events with beams of which none meets the body at all."""
    best = np.full(len(events), np.nan)
    np.fmax.at(best, beams.event, on_body)
    return np.asarray(best == 0.0, dtype=np.bool_)


def _missing(unlit: BoolArray) -> tuple[str, ...]:
    """Say which events' beams do not meet the body at all."""
    lost = [i + 1 for i in np.flatnonzero(unlit).tolist()]
    if not lost:
        return ()
    shown = ", ".join(map(str, lost[:10])) + (" ..." if len(lost) > 10 else "")
    beams = "The beam of 1 event does" if len(lost) == 1 else f"The beams of {len(lost)} events do"
    return (f"{beams} not meet the body where it was placed (in time order: {shown}).",)


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
        reasons[index] = EXCLUDED
    if not chosen:
        return events, {}
    note = f"{len(chosen)} events {EXCLUDED}: {text}."
    events = replace(events, mapped=mapped, unmapped_reason=tuple(reasons), assumptions=(*events.assumptions, note))
    return events, dict.fromkeys(chosen, EXCLUDED)


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
    """The peak skin dose as the rules see it: a lower bound where the map lacks air kerma."""
    peak = result.dosemap.peak if result.dosemap else None
    if peak is None:
        return Quantity(None, "Gy", reason=f"no map: {result.no_map_reason}")
    bound = result.peak_upper_bound_mgy
    most = None if not result.peak_lacks else np.inf if bound is None else units.mgy_to_gy(bound)
    kerma = np.nan_to_num(result.events.air_kerma_rp_mgy)[list(result.excluded)].sum()
    return Quantity(
        units.mgy_to_gy(peak.skin_dose_mgy),
        "Gy",
        note=f"without the {dose_words(float(kerma))} of air kerma {EXCLUDED}" if kerma else "",
        tolerance=kerma_tolerance(result.events),
        at_most=most,
        lacks="; ".join(result.peak_lacks),
    )
