"""Air kerma at the reference point, kerma-area product, and the resolution with which a file writes them."""

from __future__ import annotations

import numpy as np

from skindose.model import Status
from skindose.normalise.notes import number
from skindose.normalise.work import Span, Work, label, where
from skindose.units import gy_to_mgy, mgy_to_gy

AIR_KERMA = Span("dose_mgy", 0.0, float("inf"))
KAP = Span("kap_gycm2", 0.0, float("inf"))
SECONDS = Span("time_s", 0.0, 36000.0)
HIGHEST_AIR_KERMA_MGY = gy_to_mgy(100.0)
HIGHEST_KAP_GYCM2 = 1000.0


def read_kerma(work: Work) -> None:
    """Air kerma, KAP and duration as reported; what no event can have is set aside, with its reason.

    Sets `work.dosed`.
    """
    for column, reference, span in (
        ("air_kerma_rp_mgy", "dose_rp", AIR_KERMA),
        ("kap_gycm2", "dose_area_product", KAP),
    ):
        for event in range(len(work)):
            value = _largest(work, reference, span, event)
            if not np.isnan(value):
                work.put(column, event, value, Status.REPORTED)
    _entrance_exposure(work)
    _set_aside(work)
    kerma, kap = work.columns["air_kerma_rp_mgy"], work.columns["kap_gycm2"]
    work.dosed = np.asarray((np.nan_to_num(kerma) > 0) | (np.nan_to_num(kap) > 0), dtype=np.bool_)
    _duration(work)


def _largest(work: Work, reference: str, span: Span, event: int) -> float:
    values = work.numbers(work.records[event], reference, span, event)
    if len(set(values)) > 1:
        work.notes.warn(f"{label(reference)} given more than once, differently", "the largest is used", event)
    return values[-1] if values else float("nan")


def _entrance_exposure(work: Work) -> None:
    column = "air_kerma_rp_mgy"
    for event in where(np.isnan(work.columns[column])):
        value = work.number(work.records[event], "entrance_exposure_at_rp", AIR_KERMA, event)
        if value > 0:
            work.put(column, event, value, Status.DERIVED)
            work.notes.assume("dose (RP) missing", "entrance exposure at the reference point is taken", event)


def _set_aside(work: Work) -> None:
    """An event whose air kerma nothing has is set aside; a KAP that nothing has is left out, the event stays.

    Ka,r makes the dose, KAP only the field's size, and that has other sources.
    """
    kerma = work.columns["air_kerma_rp_mgy"]
    highest = mgy_to_gy(HIGHEST_AIR_KERMA_MGY)
    for event in where(np.nan_to_num(kerma) > HIGHEST_AIR_KERMA_MGY):
        work.reason[event] = f"implausible: air kerma above {highest:g} Gy"
    gone = _erase(work, "air_kerma_rp_mgy", HIGHEST_AIR_KERMA_MGY)
    for event, largest in gone.items():
        what = f"air kerma above {highest:g} Gy (up to {number(mgy_to_gy(largest))} Gy)"
        work.notes.warn(what, "set aside as implausible, not in map and sums", event)
        work.put("kap_gycm2", event, float("nan"), Status.MISSING)
    for event, largest in _erase(work, "kap_gycm2", HIGHEST_KAP_GYCM2).items():
        what = f"KAP above {HIGHEST_KAP_GYCM2:g} Gy.cm2 (up to {number(largest)} Gy.cm2)"
        how = "not used as implausible: not in the sum, and the field's size comes from elsewhere"
        work.notes.warn(what, how, event)


def _erase(work: Work, column: str, highest: float) -> dict[int, float]:
    """Takes out what is above `highest`; event -> the largest of all that was taken out."""
    values = work.columns[column]
    above = where(np.nan_to_num(values) > highest)
    largest = max((float(values[event]) for event in above), default=0.0)
    for event in above:
        work.put(column, event, float("nan"), Status.MISSING)
    return dict.fromkeys(above, largest)


def _duration(work: Work) -> None:
    """Irradiation duration; where it contradicts pulses and pulse rate by more than five times, they win."""
    work.read("irradiation_duration_s", "irradiation_duration", SECONDS)
    column = work.columns["irradiation_duration_s"]
    for event, record in enumerate(work.records):
        pulses = work.number(record, "number_of_pulses", Span("number", 0.0, 1e6), event)
        rate = work.number(record, "pulse_rate", Span("rate_per_s", 0.0, 1000.0, True), event)
        pulsed = pulses / rate if rate > 0 and pulses > 1 else float("nan")
        if np.isnan(pulsed):
            continue
        if column[event] > 5 * max(pulsed, 1.0):
            work.notes.warn("irradiation duration contradicts number of pulses and pulse rate", "they are used", event)
            work.put("irradiation_duration_s", event, pulsed, Status.DERIVED)
        elif np.isnan(column[event]):
            work.put("irradiation_duration_s", event, pulsed, Status.DERIVED)
