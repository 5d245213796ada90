"""Where the reference point is: text, code and distance of the file, judged by the geometry, else the profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skindose.model import Status
from skindose.normalise.areas import detector_area_mm2, reliable_area_mm2
from skindose.normalise.distances import SID, SOD
from skindose.normalise.items import Record
from skindose.normalise.standin import MIDDLE_MM, default_spread, within
from skindose.normalise.vocabulary import ReferencePoint, reference_by_code, reference_by_text
from skindose.normalise.work import Span, Work, where

REFERENCE = "distance_source_to_reference_point_mm"
OWN = Span("length_mm", 100.0, 2500.0, True)
AGREE_MM = 15.0
DEFINITION = "reference_point_definition"
_DEFAULTS = {
    "isocenter": ReferencePoint("isocenter", 150.0, "15 cm from the isocentre"),
    "detector": ReferencePoint("detector", 300.0, "30 cm in front of the detector"),
}


@dataclass(frozen=True)
class Found:
    """A distance with its status and, where it rests on what was missing, its standard uncertainty; or why none."""

    mm: float
    status: Status
    reason: str = ""
    spread_mm: float = 0.0


def read_reference_point(work: Work) -> None:
    """Distance source to reference point of every event with dose; where there is none the event gets a reason.

    A machine without an isocentre gets a stand-in for it: the place of the patient's middle, beyond the reference
    point by the profile's distance.
    """
    for event in where(work.dosed):
        found = _resolve(work, event)
        if found.reason:
            work.reason[event] = work.reason[event] or found.reason
            work.notes.warn(found.reason, "the event is not in the map", event)
            continue
        work.put(REFERENCE, event, found.mm, found.status, found.spread_mm)
        _stand_in_isocenter(work, event, found.mm)


def derive_source_to_isocenter(work: Work) -> None:
    """Source to isocentre from the reference point, where the file has its distance and defines it by the isocentre."""
    for event in work.missing(SOD):
        definition, own = _definition(work, event), _own(work, event)
        if definition is not None and definition.origin == "isocenter" and not np.isnan(own):
            work.put(SOD, event, own + definition.mm, Status.DERIVED)
            work.notes.assume("distance source to isocenter missing", "taken from the reference point's", event)


def _stand_in_isocenter(work: Work, event: int, reference_mm: float) -> None:
    if not np.isnan(work.columns[SOD][event]):
        return
    beyond = work.profile.distances.isocenter_beyond_reference_mm
    work.put(SOD, event, reference_mm + beyond, Status.ASSUMED, MIDDLE_MM)
    how = f"the patient's middle is assumed {beyond:g} mm beyond the reference point, {within(MIDDLE_MM, 'mm')}"
    work.notes.assume("distance source to isocenter missing, no isocentre", how, event)


def _resolve(work: Work, event: int) -> Found:
    definition = _definition(work, event)
    if definition is not None and definition.origin == "refused":
        return Found(np.nan, Status.MISSING, f"reference point {definition.words!r} is no distance from the source")
    own, by_definition = _own(work, event), _distance(work, event, definition)
    if not np.isnan(own) and not np.isnan(by_definition):
        if abs(own - by_definition) <= AGREE_MM or (definition and definition.origin == "detector"):
            return _checked(work, event, own, by_definition)
        return _contradiction(work, event, own, by_definition)
    if not np.isnan(own) and own < work.columns[SID][event]:
        return Found(own, Status.REPORTED)
    if not np.isnan(own):
        what = f"the reference point would lie behind the detector ({own:.0f} mm from the source)"
        work.notes.warn(what, "its distance is not used", event)
    if not np.isnan(by_definition):
        return _defined(work, event, by_definition, definition)
    return _default(work, event)


def _checked(work: Work, event: int, own: float, by_definition: float) -> Found:
    """The file's own distance agrees with its definition, or wins over "in front of the detector" if sensible."""
    if own >= work.columns[SID][event]:
        return _contradiction(work, event, own, by_definition)
    return Found(own, Status.REPORTED)


def _definition(work: Work, event: int) -> ReferencePoint | None:
    """The event's own definition (code before text), else the accumulated data's of its plane."""
    for record in (work.records[event], *work.accumulated_of(event)):
        by_code = reference_by_code(record.codes(DEFINITION))
        by_text = reference_by_text([*record.texts(DEFINITION), *_meanings(record)])
        if by_text is not None and by_text.origin == "refused":
            return by_text
        if by_code is not None and by_text is not None and _differ(by_code, by_text):
            work.notes.warn("code and text of the reference point differ", f"the code counts ({by_code.words})", event)
        if by_code or by_text:
            return by_code or by_text
    return None


def _meanings(record: Record) -> Sequence[str]:
    """Meanings of private codes, which are texts in all but name."""
    return [code.meaning for code in record.codes(DEFINITION) if code.meaning]


def _differ(one: ReferencePoint, other: ReferencePoint) -> bool:
    return one.origin in ("isocenter", "detector", "source") and one[:2] != other[:2]


def _own(work: Work, event: int) -> float:
    """Distance Source to Reference Point: the event's, else the accumulated data's of its plane."""
    return work.lookup(("distance_source_to_reference_point",), OWN, event)


def _distance(work: Work, event: int, definition: ReferencePoint | None) -> float:
    """What a definition means in mm from the source; NaN where it needs what is missing."""
    if definition is None:
        return np.nan
    if definition.origin == "isocenter":
        return float(work.columns[SOD][event] - definition.mm)
    if definition.origin == "detector":
        invented = event in work.invented and not work.profile.distances.isocenter
        return np.nan if invented else float(work.columns[SID][event] - definition.mm)
    if definition.origin == "tabletop":
        return _above_table(work, event, definition.mm)
    return definition.mm if definition.origin == "source" else np.nan


def _above_table(work: Work, event: int, above_mm: float) -> float:
    """A point above the table top, for a beam that is nearly vertical; beyond the table for a tube underneath.

    Needs Distance Source to Table Plane (113792), else source to isocentre and a table height below the isocentre.
    """
    record = work.records[event]
    plane = work.number(record, "distance_source_to_table_plane", Span("length_mm", 100.0, 3000.0, True), event)
    angle = abs(work.columns["positioner_primary_angle_deg"][event])
    tube_above = bool(angle > 90)
    if np.isnan(plane):
        height = work.columns["table_height_position_mm"][event]
        plane = float(work.columns[SOD][event] + (height if tube_above else -height))
    return plane - above_mm if tube_above else plane + above_mm


def _defined(work: Work, event: int, mm: float, definition: ReferencePoint | None) -> Found:
    """A distance that follows from the definition, as sure as the distance from which it is counted."""
    origin = definition.origin if definition else "source"
    column = {"source": "", "detector": SID}.get(origin, SOD)
    if not column:
        return Found(mm, Status.DERIVED)
    assumed = work.status[column][event] == Status.ASSUMED
    return Found(mm, Status.ASSUMED if assumed else Status.DERIVED, spread_mm=float(work.spread[column][event]))


def _contradiction(work: Work, event: int, own: float, by_definition: float) -> Found:
    """Distance and definition disagree: the one nearer to what the geometry says is taken, with a warning."""
    target = _by_geometry(work, event)
    choose_own = abs(own - target) < abs(by_definition - target) and own < work.columns[SID][event]
    taken, words = (own, "distance") if choose_own else (by_definition, "definition")
    what = f"reference point: distance ({own:.0f} mm) and definition ({by_definition:.0f} mm) disagree"
    work.notes.warn(what, f"the {words} agrees better with the geometry and is taken", event)
    return Found(taken, Status.REPORTED if choose_own else Status.DERIVED)


def _by_geometry(work: Work, event: int) -> float:
    """Where the reference point should be: from KAP / air kerma and the field at the detector, else 15 cm rule.

    The area at the reference point is KAP / K; at the detector it is Collimated Field Area, so d = SID sqrt(A / A_det).
    """
    at_reference, at_detector = reliable_area_mm2(work, event), detector_area_mm2(work, event)
    if at_reference > 0 and at_detector > 0:
        return float(work.columns[SID][event] * np.sqrt(at_reference / at_detector))
    sod = work.columns[SOD][event]
    return float(sod - 150.0 if not np.isnan(sod) else work.columns[SID][event] - 300.0)


def _default(work: Work, event: int) -> Found:
    """The profile's kind of reference point, where the file says nothing that can be used."""
    distances = work.profile.distances
    default = _DEFAULTS.get(distances.reference_point)
    mm = _distance(work, event, default)
    if np.isnan(mm):
        reason = "distance from the source to the reference point can neither be read nor reasoned"
        return Found(np.nan, Status.MISSING, reason)
    found, own = _defined(work, event, mm, default), default_spread(REFERENCE)
    how = f"{default.words if default else ''} is assumed, {within(own, 'mm')}"
    work.notes.assume("reference point not stated", how, event)
    return Found(mm, Status.ASSUMED, spread_mm=float(np.hypot(found.spread_mm, own)))
