"""Geometry that cannot be: events whose numbers describe no beam, focal spots inside the body or the table.

Nothing here mends a number: an event that is found is set aside by its number, with the reason in words.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from skindose.model import Beams, BoolArray, Events, FloatArray, Phantom

_NUMBERS = (
    "air_kerma_rp_mgy",
    "positioner_primary_angle_deg",
    "positioner_secondary_angle_deg",
    "distance_source_to_isocenter_mm",
    "distance_source_to_reference_point_mm",
    "field_u_min_mm",
    "field_u_max_mm",
    "field_v_min_mm",
    "field_v_max_mm",
)
_LENGTHS = ("distance_source_to_isocenter_mm", "distance_source_to_reference_point_mm")
_ENDS = ("positioner_primary_end_angle_deg", "positioner_secondary_end_angle_deg")  # NaN: it did not turn
IN_BODY = "the focal spot would lie inside the body where it was placed"
IN_TABLE = "the focal spot would lie inside the table or its pad"
ABOVE_TABLE = "the focal spot would lie above the table top although the beam comes from below"


def faults(events: Events) -> dict[int, str]:
    """Index -> reason for each mapped event whose numbers describe no beam: missing, not above 0, no field."""
    known = np.all([np.isfinite(getattr(events, name)) for name in _NUMBERS], axis=0)
    known &= ~np.any([np.isinf(getattr(events, name)) for name in _ENDS], axis=0)
    long = np.all([getattr(events, name) > 0 for name in _LENGTHS], axis=0)
    sized = (events.field_u_max_mm > events.field_u_min_mm) & (events.field_v_max_mm > events.field_v_min_mm)
    bad = np.flatnonzero(events.mapped & ~(known & long & sized)).tolist()
    return {index: _fault(events, index) for index in bad}


def _fault(events: Events, index: int) -> str:
    missing = [name for name in _NUMBERS if not np.isfinite(getattr(events, name)[index])]
    missing += [name for name in _ENDS if np.isinf(getattr(events, name)[index])]
    if missing:
        return f"no number for: {', '.join(_words(name) for name in missing)}"
    short = [name for name in _LENGTHS if not getattr(events, name)[index] > 0]
    return f"not above 0: {', '.join(_words(name) for name in short)}" if short else "its field has no size"


def misplaced(beams: Beams, phantom: Phantom) -> dict[int, str]:
    """Index of the event -> reason, where a focal spot lies in the body, in the table, or on the wrong side of it."""
    in_table, above = _against_table(beams)
    found: dict[int, str] = {}
    for mask, reason in ((above, ABOVE_TABLE), (in_table, IN_TABLE), (inside(beams.source_mm, phantom), IN_BODY)):
        found |= dict.fromkeys(np.unique(beams.event[mask]).tolist(), reason)
    return found


def without(beams: Beams, events: dict[int, str]) -> Beams:
    """The beams of all other events."""
    return only(beams, ~np.isin(beams.event, list(events)))


def only(beams: Beams, rows: slice | BoolArray) -> Beams:
    """Some of the beams."""
    slabs = ("support_mm", "support")
    own: dict[str, Any] = {f.name: getattr(beams, f.name)[rows] for f in fields(beams) if f.name not in slabs}
    return replace(beams, **own)


def inside(points_mm: FloatArray, phantom: Phantom) -> BoolArray:
    """(points,) which points lie inside the body: its surface seen from there covers more than half the sphere.

    Only points within the body's bounding box are looked at: a focal spot hardly ever is.
    """
    low, high = phantom.vertices_mm.min(axis=0), phantom.vertices_mm.max(axis=0)
    found: BoolArray = np.all((points_mm > low) & (points_mm < high), axis=-1)
    near, back = np.unique(points_mm[found], axis=0, return_inverse=True)
    winding = np.array([_winding(point, phantom) for point in near])
    found[found] = np.abs(winding[back.ravel()]) > 0.5 if len(near) else False
    return found


def _winding(point_mm: FloatArray, phantom: Phantom) -> float:
    """How often the mesh goes round a point: the signed solid angle of its triangles over 4 pi.

    tan(omega / 2) = a . (b x c) / (|a||b||c| + (a.b)|c| + (a.c)|b| + (b.c)|a|)     [van Oosterom & Strackee 1983]
    """
    a, b, c = np.moveaxis(phantom.vertices_mm[phantom.triangles] - point_mm, 1, 0)
    la, lb, lc = (np.sqrt(np.einsum("ij,ij->i", side, side)) for side in (a, b, c))
    ab, ac, bc = (np.einsum("ij,ij->i", p, q) for p, q in ((a, b), (a, c), (b, c)))
    triple = np.einsum("ij,ij->i", a, np.cross(b, c))
    return float(np.arctan2(triple, la * lb * lc + ab * lc + ac * lb + bc * la).sum() / (2 * np.pi))


def _against_table(beams: Beams) -> tuple[BoolArray, BoolArray]:
    """(beams,) focal spot inside a slab; above the table's surface though the ray goes upwards."""
    slabs = beams.support_mm.reshape(-1, 6)
    nowhere: BoolArray = np.zeros(len(beams), dtype=np.bool_)
    if not len(slabs):
        return nowhere, nowhere
    spot = np.einsum("bij,bj->bi", beams.table_rotation, beams.source_mm) + beams.table_origin_mm
    upwards = np.einsum("bj,bj->b", beams.table_rotation[:, 1], beams.axis) < 0
    within = (spot[:, None, :] > slabs[None, :, 0::2]) & (spot[:, None, :] < slabs[None, :, 1::2])
    over = np.any(within[:, :, 0] & within[:, :, 2], axis=1)
    return np.any(np.all(within, axis=2), axis=1), over & (spot[:, 1] < 0) & upwards


def _words(name: str) -> str:
    return name.rpartition("_")[0].replace("_", " ")
