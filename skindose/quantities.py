"""What the rules judge: totals, and how much of the air kerma the map may lack.

A dose that is only part of the truth is a lower bound, and a rule must not say "no" to it where the missing part could
carry it over the level. Air kerma can be missing because an event has no usable geometry, because its beam does not
meet the body where it was placed, because its number is missing or absurd, or because a unit is wrong in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skindose import units
from skindose.changes import EXCLUDED
from skindose.model import BoolArray, Events, FloatArray, Quantity
from skindose.normalise.totals import HIGHEST_TOTAL_MGY, excess
from skindose.triggers.engine import FIELD_AREAS_CM2
from skindose.uncertainty import KERMA_TOLERANCE, kerma_tolerance

# Least distance from focal spot to skin that equipment for interventional use allows [IEC 60601-1-3].
LEAST_SKIN_DISTANCE_MM = 380.0
# Largest (1 + scatter) times medium factor, for an upper bound: 1.74 in water, 1.78 in soft tissue, in fields of 48 cm.
LARGEST_SCATTER_FACTOR = 1.8
# No field is smaller at the reference point: a KAP that says so is in a wrong unit. (The engine's 10 cm2 would do
# for whole procedures; single events of 2 x 2 cm occur.)
SMALLEST_FIELD_CM2 = 1.0
# KAP / Ka,r is judged where it changes the sum by more than what totals and sums may differ by.
SLIP = 0.02
# Below this share of the air kerma the map's peak is not merely a lower bound but not to be used. The display's
# tolerance (0.75 to 1.50 with 95 %) and the worst published deviation of a product from film (76 %) leave more than
# half; units slip by 10, 100 or 1000.
UNUSABLE_BELOW = 0.5


@dataclass(frozen=True)
class Shortfall:
    """Air kerma that belongs to the procedure and is not in a sum; nothing is missing where `reasons` is empty.

    missing_mgy   how much; infinite where something is missing and nobody knows how much
    reasons       why, in words
    """

    missing_mgy: float = 0.0
    reasons: tuple[str, ...] = ()

    def __add__(self, other: Shortfall) -> Shortfall:
        return Shortfall(self.missing_mgy + other.missing_mgy, self.reasons + other.reasons)


# --- Totals


def totals_of(events: Events) -> dict[str, Any]:
    """`totals` of result.json; None where nothing is known."""
    reported = {total.plane: total for total in events.totals}
    totals: dict[str, Any] = {}
    for name, column in _columns(events).items():
        totals[name] = {}
        for plane in ("together", "A", "B"):
            own = np.array([plane in ("together", p) for p in events.plane], dtype=bool)
            value = getattr(reported[plane], name) if plane in reported else float("nan")
            summed = float(column[own].sum()) if column[own].any() else None
            totals[name][plane] = {"reported": value if np.isfinite(value) else None, "summed": summed}
    kerma = np.nan_to_num(events.air_kerma_rp_mgy)
    total = kerma.sum() + _beyond_sum(events, totals["air_kerma_mgy"])
    totals["events"] = len(events)
    totals["events_mapped"] = int(events.mapped.sum())
    totals["air_kerma_mapped_fraction"] = float(kerma[events.mapped].sum() / total) if total > 0 else None
    totals["kap_on_patient_fraction"] = None
    return totals


def _columns(events: Events) -> dict[str, FloatArray]:
    fluoroscopy = np.array([kind == "fluoroscopy" for kind in events.event_type], dtype=bool)
    return {
        "air_kerma_mgy": np.nan_to_num(events.air_kerma_rp_mgy),
        "kap_gycm2": np.nan_to_num(events.kap_gycm2),
        "fluoro_time_s": np.where(fluoroscopy, np.nan_to_num(events.irradiation_duration_s), 0.0),
    }


def _beyond_sum(events: Events, total: Mapping[str, Any]) -> float:
    """By how much the reported total air kerma is above the sum over the events, mGy; 0 where they agree."""
    return max(0.0, excess(total["together"]["reported"] or 0.0, events.air_kerma_rp_mgy))


def larger(total: Mapping[str, float | None]) -> tuple[float | None, str]:
    """The larger of the reported total and the sum over events; a note where they differ by more than 2 %."""
    reported, summed = total["reported"], total["summed"]
    if not reported or not summed:
        return (reported or summed or None), ("" if reported else "sum over events, no total reported")
    if abs(reported - summed) <= 0.02 * max(reported, summed):
        return max(reported, summed), ""
    return max(reported, summed), f"{'reported total' if reported > summed else 'sum over events'}, the larger of two"


# --- What is missing


def sum_shortfall(events: Events, totals: Mapping[str, Any]) -> Shortfall:
    """What Ka,r, the larger of reported total and sum over events, may lack: events without a usable number, a slip
    of unit that KAP tells."""
    kerma, kap = events.air_kerma_rp_mgy, events.kap_gycm2
    unknown = (np.isnan(kerma) & ~(kap == 0)) | ((kerma == 0) & (kap > 0))
    return _uncovered(unknown, totals["air_kerma_mgy"], "air kerma") + _slip(events, totals)


def _uncovered(unknown: BoolArray, total: Mapping[str, Any], words: str) -> Shortfall:
    """Events of unknown amount, unless a reported total (that is not below the sum of the others) counts them."""
    reported, summed = total["together"]["reported"], total["together"]["summed"] or 0.0
    if not unknown.any() or (reported and reported >= (1 - SLIP) * summed):
        return Shortfall()
    count = int(unknown.sum())
    return Shortfall(np.inf, (f"the {words} of {count} of {len(unknown)} events is not known and no total covers it",))


def _slip(events: Events, totals: Mapping[str, Any]) -> Shortfall:
    """Ka,r that is too low for its KAP: even the largest field would have needed more.

    A total of Ka,r that is not below the sum and gives a possible field with the total KAP covers it: the events' KAP
    is wrong, or their Ka,r and the total says by how much.
    """
    (kap_total, kap_sum), (kerma_total, kerma_sum) = (
        (totals[name]["together"]["reported"], totals[name]["together"]["summed"] or 0.0)
        for name in ("kap_gycm2", "air_kerma_mgy")
    )
    covered = kerma_total and kerma_total >= (1 - SLIP) * kerma_sum
    if covered and (kap_total or kap_sum) / units.mgy_to_gy(kerma_total) <= FIELD_AREAS_CM2[1]:
        return Shortfall()
    kerma, kap = np.nan_to_num(events.air_kerma_rp_mgy), np.nan_to_num(events.kap_gycm2)
    least = units.gy_to_mgy(1.0) / FIELD_AREAS_CM2[1] * kap
    low = (kerma > 0) & (least > kerma)
    if not (least - kerma)[low].sum() > SLIP * kerma.sum():
        return Shortfall()
    area = float(kap[low].sum()) / units.mgy_to_gy(float(kerma[low].sum()))
    reason = (
        f"KAP / Ka,r of {int(low.sum())} of {len(kap)} events is {_area(area)} cm2, no possible field: their air kerma "
        "may be far too low (a wrong unit?)"
    )
    return Shortfall(np.inf, (reason,))


def _events(count: int) -> str:
    return f"{count} event" + ("" if count == 1 else "s")


def dose_words(dose_mgy: float) -> str:
    """An air kerma or dose in a sentence: in Gy from 1 Gy, else in mGy.

    >>> dose_words(7689.0), dose_words(0.0023)
    ('7.689 Gy', '0.0023 mGy')
    """
    return f"{units.mgy_to_gy(dose_mgy):.4g} Gy" if dose_mgy >= units.gy_to_mgy(1.0) else f"{dose_mgy:.3g} mGy"


def _area(area_cm2: float) -> str:
    return f"{area_cm2:.0f}" if area_cm2 < 1e7 else f"{area_cm2:.0e}"


def map_shortfall(events: Events, totals: Mapping[str, Any], unlit: BoolArray) -> Shortfall:
    """What the map lacks of the procedure's air kerma. What the user excluded does not count: it is his decision.

    unlit   (events,) mapped events whose beam meets no skin where the body was placed
    """
    kerma = np.nan_to_num(events.air_kerma_rp_mgy)
    left_out = ~events.mapped & np.array(
        [not reason.startswith(EXCLUDED) for reason in events.unmapped_reason], dtype=np.bool_
    )
    found = Shortfall()
    for lost, words in (
        (left_out & (kerma > 0), "not on the map: {} with {}"),
        (unlit & (kerma > 0), "beams that do not meet the body where it was placed: {} with {}"),
    ):
        if lost.any():
            missing = float(kerma[lost].sum())
            found += Shortfall(missing, (words.format(_events(int(lost.sum())), dose_words(missing)),))
    return found + _total_beyond_sum(events, totals) + sum_shortfall(events, totals)


def _total_beyond_sum(events: Events, totals: Mapping[str, Any]) -> Shortfall:
    """What the reported total has and the events have not; a total that no procedure has tells no amount."""
    beyond, summed = _beyond_sum(events, totals["air_kerma_mgy"]), float(np.nansum(events.air_kerma_rp_mgy))
    if not beyond:
        return Shortfall()
    absurd = summed + beyond > HIGHEST_TOTAL_MGY
    remark = ", more than any procedure has (a wrong unit?)" if absurd else ""
    words = f"the report's total is {dose_words(summed + beyond)}{remark}, its events add up to {dose_words(summed)}"
    return Shortfall(np.inf if absurd else beyond, (words,))


def worst_skin_dose_mgy(events: Events, missing_mgy: float, calibration: float = 1.0) -> float:
    """What air kerma can add to one place: on the skin nearest to the focal spot, with the largest scatter factor.

    missing_mgy   air kerma at the reference point, as displayed
    calibration   the largest calibration factor of the machine
    """
    return missing_mgy * _nearest_mm(events)[1] * LARGEST_SCATTER_FACTOR * max(1.0, calibration)


def _nearest_mm(events: Events) -> tuple[float, float]:
    """Distance of the reference point (mm), and the inverse square from there to the nearest possible skin."""
    known = events.distance_source_to_reference_point_mm
    reference = float(np.nanmax(known)) if np.isfinite(known).any() else 600.0
    return reference, max(1.0, reference / LEAST_SKIN_DISTANCE_MM) ** 2


def bound_words(events: Events) -> str:
    """How `worst_skin_dose_mgy` was reckoned, for the assumptions."""
    return (
        f"Upper bound of the peak: the air kerma without a place on the map all in one place, "
        f"{LEAST_SKIN_DISTANCE_MM:g} mm from the focal spot (reference point at {_nearest_mm(events)[0]:.0f} mm), with "
        f"a backscatter and medium factor of {LARGEST_SCATTER_FACTOR:g}; the display's tolerance is not in it."
    )


def lower_bound_warning(reasons: tuple[str, ...], fraction: float | None, at_most_mgy: float | None) -> str:
    """One sentence for people: the peak is a lower bound, why, and how far it can be off."""
    if not reasons:
        return ""
    most = "" if at_most_mgy is None else f" It is at most {dose_words(at_most_mgy)}."
    text = f"The peak skin dose is only a lower bound: {'; '.join(reasons)}.{most}"
    if fraction is not None and fraction < UNUSABLE_BELOW:
        text += (
            f" The map holds {fraction:.2%} of the air kerma: no rounding explains that, but a wrong unit in the file "
            "or events that are missing does. Do not use the peak."
        ).replace("%", " %")
    return text


def contradiction(totals: Mapping[str, Any]) -> str:
    """What to say where the events' air kerma is far beyond the report's own total; "" where it is not."""
    reported, summed = (totals["air_kerma_mgy"]["together"][key] for key in ("reported", "summed"))
    if not reported or not summed or summed * UNUSABLE_BELOW <= reported:
        return ""
    return (
        f"The events add up to {dose_words(summed)}, the report's own total is {dose_words(reported)}: a wrong unit in "
        "the file or events of another report. The larger counts here; the peak may be far too high."
    )


# --- Quantities


def quantities(
    events: Events, totals: Mapping[str, Any], psd: Quantity, kerma_ratio: FloatArray | None = None
) -> dict[str, Quantity]:
    """What the rules judge: psd, kar, kap, ft; the larger of reported and summed totals.

    psd           the map's, or why there is none
    kerma_ratio   draws of true over displayed Ka,r, where a calibration says more than the display's tolerance
    """
    kerma_mgy, kerma_note = larger(totals["air_kerma_mgy"]["together"])
    kap, kap_note = larger(totals["kap_gycm2"]["together"])
    time_s, time_note = larger(totals["fluoro_time_s"]["together"])
    if totals["air_kerma_mgy"]["B"]["summed"]:
        kerma_note = "; ".join(filter(None, [kerma_note, "sum of both planes, which meet the skin elsewhere"]))
    displayed = kerma_mgy == totals["air_kerma_mgy"]["together"]["reported"]
    tolerance = KERMA_TOLERANCE if displayed else kerma_tolerance(events)
    kerma_gy = units.mgy_to_gy(kerma_mgy) if kerma_mgy else None
    time_min = units.s_to_min(time_s) if time_s else None
    return {
        "psd": psd,
        "kar": _with_draws(
            _quantity(kerma_gy, "Gy", kerma_note, tolerance, sum_shortfall(events, totals)), kerma_ratio
        ),
        "kap": _quantity(kap, "Gy.cm2", kap_note, KERMA_TOLERANCE, _kap_shortfall(events, totals)),
        "ft": _quantity(time_min, "min", time_note, 0.0, _time_shortfall(events, totals)),
        **({"field_area_cm2": Quantity(kap / kerma_gy, "cm2")} if kap and kerma_gy else {}),
    }


def _with_draws(quantity: Quantity, ratio: FloatArray | None) -> Quantity:
    return quantity if ratio is None or quantity.value is None else replace(quantity, draws=quantity.value * ratio)


def _quantity(value: float | None, unit: str, note: str, tolerance: float, lacks: Shortfall) -> Quantity:
    if value is None:
        return Quantity(None, unit, reason="neither a total nor events report a usable number")
    at_most = np.inf if lacks.reasons else None  # what a sum lacks is known to nobody, or it would be in it
    return Quantity(value, unit, note=note, tolerance=tolerance, at_most=at_most, lacks="; ".join(lacks.reasons))


def _kap_shortfall(events: Events, totals: Mapping[str, Any]) -> Shortfall:
    kerma, kap = events.air_kerma_rp_mgy, np.nan_to_num(events.kap_gycm2)
    found = _uncovered(np.isnan(events.kap_gycm2) & ~(kerma == 0), totals["kap_gycm2"], "KAP")
    least = units.mgy_to_gy(1.0) * SMALLEST_FIELD_CM2 * np.nan_to_num(kerma)
    low = (kap > 0) & (least > kap)
    if (least - kap)[low].sum() > SLIP * kap.sum():
        reason = (
            f"KAP / Ka,r of {int(low.sum())} of {len(kap)} events is below {SMALLEST_FIELD_CM2:g} cm2, no possible "
            "field: their KAP may be far too low (a wrong unit?)"
        )
        found += Shortfall(np.inf, (reason,))
    return found


def _time_shortfall(events: Events, totals: Mapping[str, Any]) -> Shortfall:
    fluoroscopy = np.array([kind == "fluoroscopy" for kind in events.event_type], dtype=np.bool_)
    dosed = (np.nan_to_num(events.air_kerma_rp_mgy) > 0) | (np.nan_to_num(events.kap_gycm2) > 0)
    untimed = fluoroscopy & dosed & np.isnan(events.irradiation_duration_s)
    return _uncovered(untimed, totals["fluoro_time_s"], "fluoroscopy time")
