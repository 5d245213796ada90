"""The field's area from KAP and air kerma, and how far the rounding of both lets it be trusted."""

from __future__ import annotations

import numpy as np

from skindose.model import FloatArray, Status
from skindose.normalise.work import Span, Work
from skindose.units import convert, mgy_to_gy

AREA = Span("area_mm2", 1.0, 1e6, True)
AREA_ITEM = "collimated_field_area"
ROUNDING = 1e-6  # relative; smaller steps come from the conversion of units
SHOWS_FROM = 4  # different values from which on their step can be seen
RELIABLE = 0.05  # relative rounding error up to which KAP / air kerma beats a reported size


def resolution(values: FloatArray) -> float:
    """The step in which a file's numbers are written: the coarser of decimals and quanta, 0 if neither shows.

    decimals   every value is a multiple of 10^-n
    quanta     the smallest gap between values divides all small values (counts of a meter times a constant)

    Fewer than four different values do not show it: 10 may be 10.000.
    """
    positive = np.unique(values[np.isfinite(values) & (values > 0)])
    if len(positive) < SHOWS_FROM:
        return 0.0
    return max(_decimal_step(positive), _quantum(positive))


def _decimal_step(positive: FloatArray) -> float:
    for digits in range(0, 12):
        scaled = positive * 10.0**digits
        if np.all(np.abs(scaled - np.round(scaled)) < 1e-6 + 1e-12 * scaled):
            return float(10.0**-digits)
    return 0.0


def _quantum(positive: FloatArray) -> float:
    steps = np.diff(np.concatenate([[0.0], positive]))
    steps = steps[steps > ROUNDING * positive[-1]]
    if len(steps) == 0:
        return 0.0
    step = float(steps.min())
    multiples = positive[positive < 30.5 * step] / step
    close = np.abs(multiples - np.round(multiples)) < 0.05
    return step if len(multiples) >= 4 and bool(np.all(close)) else 0.0


def kerma_area_mm2(kap_gycm2: FloatArray, air_kerma_mgy: FloatArray) -> FloatArray:
    """The field's area at the reference point, KAP / air kerma; NaN where either is missing or 0.

        A = KAP / K_a,r

    kap_gycm2       (events,)
    air_kerma_mgy   (events,)
    returns         (events,) mm2
    """
    usable = (kap_gycm2 > 0) & (air_kerma_mgy > 0)
    area_cm2 = np.full(len(kap_gycm2), np.nan)
    with np.errstate(over="ignore"):  # an infinite area is refused as no possible one
        area_cm2[usable] = kap_gycm2[usable] / mgy_to_gy(1.0) / air_kerma_mgy[usable]
        return np.asarray(area_cm2 * convert(1.0, "cm2", "area_mm2"), dtype=np.float64)


def reported_kerma_mgy(work: Work) -> FloatArray:
    """(events,) air kerma, NaN where it was itself derived from an area."""
    derived = np.isin(work.status["air_kerma_rp_mgy"], (Status.DERIVED, Status.ASSUMED))
    return np.where(derived, np.nan, work.columns["air_kerma_rp_mgy"])


def rounding_error(work: Work) -> FloatArray:
    """(events,) relative error of KAP / air kerma from the steps in which the file writes them."""
    kerma, kap = reported_kerma_mgy(work), work.columns["kap_gycm2"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        error = 0.5 * resolution(kerma) / kerma + 0.5 * resolution(kap) / kap
    return np.where(np.isfinite(error), error, np.nan)


def reliable_area_mm2(work: Work, event: int) -> float:
    """KAP / air kerma of an event, NaN where it is too coarsely rounded to judge by."""
    kerma, kap = work.columns["air_kerma_rp_mgy"], work.columns["kap_gycm2"]
    area = kerma_area_mm2(kap[event : event + 1], kerma[event : event + 1])[0]
    return float(area) if rounding_error(work)[event] <= RELIABLE else float("nan")


def detector_area_mm2(work: Work, event: int) -> float:
    """Collimated Field Area, where the profile says that it is at the detector; else NaN."""
    if work.profile.field.area_plane != "detector":
        return float("nan")
    return work.number(work.records[event], AREA_ITEM, AREA, event)
