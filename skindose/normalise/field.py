"""The field's edges at the reference plane: size from KAP / air kerma, shape from what the profile says is usable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skindose.model import FloatArray, Status
from skindose.normalise.areas import AREA, AREA_ITEM, RELIABLE, kerma_area_mm2, reported_kerma_mgy, rounding_error
from skindose.normalise.distances import SID
from skindose.normalise.notes import percent
from skindose.normalise.profiles import Shutters
from skindose.normalise.reference import REFERENCE
from skindose.normalise.standin import (
    REPORTED_AREA,
    SQUARE,
    USUAL_AREA,
    USUAL_FIELD,
    WHOLE_DETECTOR,
    default_spread,
    within,
)
from skindose.normalise.work import Span, Work, finite, where
from skindose.units import convert

TURN = Span("angle_deg", -360.0, 360.0)
SIDE = Span("length_mm", 0.0, 2000.0)
EDGES = ("field_u_min_mm", "field_u_max_mm", "field_v_min_mm", "field_v_max_mm")
DISAGREE = 0.20  # above it a reported area contradicts KAP / air kerma
SHUTTERS_AGREE = 0.25  # within it shutters give the shape, KAP / air kerma the size
OVERSIZE = 1.10  # a side may exceed the detector's by this before it is cut
SMALLEST_MM2 = 10.0  # at the reference plane; below it KAP / air kerma is a contradiction, not a field
_PLANE_1M_MM = 1000.0
HEIGHT_ITEM, WIDTH_ITEM = "collimated_field_height", "collimated_field_width"


@dataclass(frozen=True)
class Areas:
    """Areas at the reference plane, mm2, (events,), NaN where missing.

    kerma      KAP / air kerma
    error      its relative error from rounding
    reported   Collimated Field Area, brought to the reference plane
    shutters   (events, 4) edges from shutters at the reference plane, mm
    """

    kerma: FloatArray
    error: FloatArray
    reported: FloatArray
    shutters: FloatArray

    def of_shutters(self, event: int) -> float:
        """Area between the shutters."""
        u_min, u_max, v_min, v_max = self.shutters[event]
        return float((u_max - u_min) * (v_max - v_min))


def read_field(work: Work) -> None:
    """Edges at the reference plane for every event with dose, after filling air kerma from KAP / area."""
    areas = _areas(work)
    _derive_kerma(work, areas)
    for event in where(work.dosed & ~np.isnan(work.columns[REFERENCE])):
        edges, status, unsure = _edges(work, areas, event)
        edges = _within_detector(work, event, edges)
        halves = np.repeat([edges[1] - edges[0], edges[3] - edges[2]], 2) / 2
        for column, value, half in zip(EDGES, edges, halves, strict=True):
            work.put(column, event, float(value), status, float(unsure * half))
        _rotation(work, event)


def _rotation(work: Work, event: int) -> None:
    """The collimator's rotation: DICOM has no item for it, a profile may know one."""
    field = work.profile.field
    values = [work.number(work.records[event], item, TURN, event) for item in field.rotation_items]
    value = next((value for value in values if not np.isnan(value)), np.nan)
    if np.isnan(value):
        spread = default_spread("field_rotation_deg")
        work.put("field_rotation_deg", event, 0.0, Status.ASSUMED, spread)
        how = f"0 is assumed, {within(spread, 'degrees')}"
        work.notes.assume("collimator rotation is not in the file", how, event if field.rotation_items else None)
    else:
        work.put("field_rotation_deg", event, field.rotation_sign * value, Status.DERIVED)


def _areas(work: Work) -> Areas:
    kerma, error = _possible(work), rounding_error(work)
    raw = np.array([work.number(record, AREA_ITEM, AREA, event) for event, record in enumerate(work.records)])
    raw = raw.astype(np.float64) if len(raw) else np.zeros(0)
    reported = raw * _to_reference(work, kerma, error, raw)
    return Areas(kerma, error, reported, _shutters(work, work.profile.field.shutters))


def _possible(work: Work) -> FloatArray:
    """(events,) KAP / air kerma where it can be a field's area: neither far beyond the detector nor next to nothing."""
    area = kerma_area_mm2(work.columns["kap_gycm2"], reported_kerma_mgy(work))
    for event in where(~np.isnan(area)):
        largest = 2 * _detector_side(work, event) ** 2
        if area[event] < SMALLEST_MM2 or area[event] > largest:
            how = "not used for the field's size"
            work.notes.warn("KAP / air kerma is no possible area of a field", how, event)
            area[event] = np.nan
    return area


def _to_reference(work: Work, kerma: FloatArray, error: FloatArray, raw: FloatArray) -> FloatArray:
    """(events,) factor from the plane of Collimated Field Area to the reference plane; NaN for an unusable area.

    "auto": the plane (detector, 1 m, reference) that agrees with KAP / air kerma over the file, if one does.
    """
    reference = work.columns[REFERENCE]
    planes: dict[str, FloatArray] = {
        "detector": np.square(reference / work.columns[SID]),
        "1m": np.square(reference / _PLANE_1M_MM),
        "reference": np.ones(len(work)),
        "none": np.full(len(work), np.nan),
    }
    chosen: str = work.profile.field.area_plane
    if chosen != "auto":
        return planes[chosen]
    misfit = {}
    for name in ("detector", "1m", "reference"):
        ratio = finite(np.where(error <= RELIABLE, raw * planes[name] / kerma, np.nan))
        misfit[name] = float(abs(np.log(np.median(ratio)))) if len(ratio) else np.inf
    best = min(misfit, key=lambda name: misfit[name])
    if misfit[best] > np.log(1 + DISAGREE):
        return planes["none"]
    work.notes.assume("plane of the collimated field area not stated", f"it fits KAP / air kerma at: {best}")
    return planes[best]


def _shutters(work: Work, shutters: Shutters | None) -> FloatArray:
    """(events, 4) edges at the reference plane: left, right, bottom, top shutter brought there from their plane."""
    edges = np.full((len(work), 4), np.nan)
    if shutters is None:
        return edges
    items = (shutters.left, shutters.right, shutters.bottom, shutters.top)
    for event, record in enumerate(work.records):
        left, right, bottom, top = (work.number(record, reference, SIDE, event) for reference in items)
        scale = work.columns[REFERENCE][event] / shutters.distance_mm
        if left + right > 1.0 and bottom + top > 1.0:
            edges[event] = scale * np.array([-left, right, -bottom, top])
    return edges


def _derive_kerma(work: Work, areas: Areas) -> None:
    """Air kerma from KAP / area where it is 0 or missing: of the field as reported, else of like events."""
    kerma, kap = work.columns["air_kerma_rp_mgy"], work.columns["kap_gycm2"]
    usual = finite(areas.kerma)
    for event in where(work.dosed & ~(np.nan_to_num(kerma) > 0)):
        area, status, how = areas.of_shutters(event), Status.DERIVED, "KAP / area of the field is taken"
        unsure = REPORTED_AREA
        if np.isnan(area):
            area = float(areas.reported[event])
        if np.isnan(area) and len(usual):
            area, status, unsure = float(np.median(usual)), Status.ASSUMED, USUAL_AREA
            how = "KAP / usual area of the file's fields is taken"
        if np.isnan(area):
            continue
        value = kap[event] / (area / convert(1.0, "cm2", "area_mm2")) * convert(1.0, "Gy", "dose_mgy")
        work.put("air_kerma_rp_mgy", event, float(value), status, float(unsure * value))
        work.notes.assume("air kerma is 0 or missing though KAP is not", f"{how}, +- {percent(unsure)} of it", event)


def _edges(work: Work, areas: Areas, event: int) -> tuple[FloatArray, Status, float]:
    """Edges of one event at the reference plane, mm, their status, and how unsure a side is, relative."""
    if not np.isnan(areas.shutters[event]).any():
        edges = _by_shutters(work, areas, event)
        if edges is not None:
            return edges, Status.DERIVED, 0.0
    area = _area(work, areas, event)
    if np.isnan(area):
        edges, unsure = _assumed(work, areas, event)
        return edges, Status.ASSUMED, unsure
    return _rectangle(work, event, area), Status.DERIVED, _squared(work, event)


def _squared(work: Work, event: int) -> float:
    """How unsure a side is, relative, where a square stands in for the shape that the file does not tell."""
    shape = work.profile.field
    known = shape.shape == "circle" or (shape.aspect and not np.isnan(_aspect(work, event)))
    return 0.0 if known else SQUARE


def _by_shutters(work: Work, areas: Areas, event: int) -> FloatArray | None:
    """The shutters' edges, scaled to the area of KAP / air kerma; None where the two disagree."""
    edges = areas.shutters[event]
    if np.isnan(areas.kerma[event]) or areas.error[event] > 2 * RELIABLE:
        work.notes.assume("KAP / air kerma missing or too coarsely rounded", "the shutters give the field", event)
        return np.asarray(edges, dtype=np.float64)
    ratio = areas.kerma[event] / areas.of_shutters(event)
    if 1 - SHUTTERS_AGREE <= ratio <= 1 / (1 - SHUTTERS_AGREE):
        return np.asarray(edges * np.sqrt(ratio), dtype=np.float64)
    how = "KAP / air kerma is used, the field taken as a square"
    work.notes.warn("shutters disagree with KAP / air kerma by more than 25 %", how, event)
    return None


def _area(work: Work, areas: Areas, event: int) -> float:
    """Area at the reference plane: KAP / air kerma where it is fine enough, else the reported one, NaN for neither."""
    kerma, error, reported = areas.kerma[event], areas.error[event], areas.reported[event]
    if np.isnan(reported):
        return float(kerma)
    if np.isnan(kerma):
        work.notes.assume("KAP / air kerma missing", "the collimated field area gives the field", event)
        return float(reported)
    if abs(reported / kerma - 1) > DISAGREE + error:
        what = "collimated field area disagrees with KAP / air kerma by more than 20 %"
        work.notes.warn(what, "KAP / air kerma is used", event)
        return float(kerma)
    if error <= RELIABLE:
        return float(kerma)
    work.notes.assume("KAP / air kerma too coarsely rounded", "the collimated field area gives the field", event)
    return float(reported)


def _rectangle(work: Work, event: int, area: float) -> FloatArray:
    """Edges around the axis with that area: the reported aspect where the profile trusts it, else a square."""
    shape = work.profile.field
    if shape.shape == "circle":
        half = np.sqrt(area / np.pi)
        return np.array([-half, half, -half, half])
    aspect = _aspect(work, event) if shape.aspect else np.nan
    if np.isnan(aspect):
        how = f"a square with its area is taken, +- {percent(SQUARE)} of a side"
        work.notes.assume("shape of the field not usable", how, event)
        aspect = 1.0
    half_v, half_u = np.sqrt(area * aspect) / 2, np.sqrt(area / aspect) / 2
    return np.array([-half_u, half_u, -half_v, half_v])


def _aspect(work: Work, event: int) -> float:
    """Height / width of the collimated field; NaN where missing or not sensible."""
    record = work.records[event]
    height, width = (work.number(record, reference, SIDE, event) for reference in (HEIGHT_ITEM, WIDTH_ITEM))
    if not (height > 0 and width > 0):
        return float("nan")
    aspect = height / width
    return float(aspect) if 0.1 <= aspect <= 10.0 else float("nan")


def _assumed(work: Work, areas: Areas, event: int) -> tuple[FloatArray, float]:
    """No size at all: the usual area of the file's fields, else the whole detector; and how unsure its sides are."""
    usual = finite(areas.kerma)
    if len(usual):
        how = f"the usual one of the file is taken, +- {percent(USUAL_FIELD)} of a side"
        work.notes.assume("size of the field missing", how, event)
        return _rectangle(work, event, float(np.median(usual))), USUAL_FIELD
    how = f"the whole detector is taken, +- {percent(WHOLE_DETECTOR)} of a side"
    work.notes.assume("size of the field missing", how, event)
    half = _detector_side(work, event) / 2
    return np.array([-half, half, -half, half]), WHOLE_DETECTOR


def _detector_side(work: Work, event: int) -> float:
    """The detector's longer side seen at the reference plane, mm; the event's field on it where a profile has it."""
    sides = [work.number(work.records[event], item, SIDE, event) for item in work.profile.field.detector_items]
    real = [side for side in sides if side > 10.0]
    side = max(real) if real else work.profile.detector_side_mm
    return float(side * work.columns[REFERENCE][event] / work.columns[SID][event])


def _within_detector(work: Work, event: int, edges: FloatArray) -> FloatArray:
    """No side longer than the detector's: longer ones are cut about their middle.

    What one side loses the other gains, so that the area stays, as far as the detector reaches; the rest is lost with a
    warning.
    """
    limit = _detector_side(work, event)
    sides = np.array([edges[1] - edges[0], edges[3] - edges[2]])
    if np.all(sides <= OVERSIZE * limit):
        return edges
    cut = np.where(sides > OVERSIZE * limit, limit, sides)
    cut = np.where(cut < limit, np.minimum(cut * np.prod(sides) / np.prod(cut), limit), cut)
    if np.prod(cut) < 0.99 * np.prod(sides):
        work.notes.warn("the field is larger than its detector", "cut to the detector's side", event)
    else:
        how = "cut to the detector's side, the other side widened"
        work.notes.assume("a side of the field is longer than its detector", how, event)
    middle = np.array([edges[0] + edges[1], edges[2] + edges[3]]) / 2
    return np.stack([middle - cut / 2, middle + cut / 2], axis=1).ravel()
