"""What stands beside the body in every 3D view: labels, the peak's mark, table and pad, beams, isodose lines.

Everything is in the patient frame, in mm; the window, the page and the pictures draw the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skindose.model import Beams, Events, FloatArray, IntArray, Peak, Phantom
from skindose.report.scene import VIEWS, View, view_facing

_LABEL_GAP_MM = 60.0  # labels stand this far off the body
_SIDES = (("L", 0, 1, 1), ("R", 0, 0, -1), ("back", 1, 1, 1), ("front", 1, 0, -1), ("head", 2, 1, 1))
_PEAK_LIFT_MM = 15.0  # the mark of the peak floats over the skin, or the skin hides part of it


class Label(NamedTuple):
    """A side of the patient in words, the axis on which it stands, and where."""

    text: str
    axis: int
    at_mm: tuple[float, float, float]


class Box(NamedTuple):
    """A layer of table or pad: its name and corners (8, 3), along the table's x fastest, then its y, then its z."""

    name: str
    corners_mm: FloatArray


class Pyramid(NamedTuple):
    """A beam: the focal spot (3,), and the corners of its field (4, 3) in order around it."""

    source_mm: FloatArray
    corners_mm: FloatArray


def side_labels(phantom: Phantom) -> tuple[Label, ...]:
    """The patient's sides, a little off the body: what a viewer must never guess."""
    low, high = phantom.vertices_mm.min(axis=0), phantom.vertices_mm.max(axis=0)
    labels = []
    for text, axis, end, sign in _SIDES:
        place = (low + high) / 2
        place[axis] = (low, high)[end][axis] + sign * _LABEL_GAP_MM
        x, y, z = (float(value) for value in place)
        labels.append(Label(text, axis, (x, y, z)))
    return tuple(labels)


def peak_mark_mm(phantom: Phantom, peak: Peak) -> FloatArray:
    """(3,) where the mark of the peak floats."""
    return np.asarray(np.array(peak.position_mm) + _PEAK_LIFT_MM * phantom.normal[peak.cell], dtype=np.float64)


def first_view(phantom: Phantom, peak: Peak | None) -> View:
    """The view of the side where the peak is; the back without one."""
    return VIEWS[0] if peak is None else view_facing(phantom.normal[peak.patch].mean(axis=0))


def support_boxes(beams: Beams, beam: int = 0) -> tuple[Box, ...]:
    """Table and pad, where they were during a beam."""
    rotation, origin_mm = beams.table_rotation[beam], beams.table_origin_mm[beam]
    boxes = []
    for layer, slab in zip(beams.support, beams.support_mm, strict=True):
        low, high = slab[0::2], slab[1::2]
        table_mm = np.array([[(low, high)[k >> axis & 1][axis] for axis in range(3)] for k in range(8)])
        # x_table = rotation @ x_patient + origin, turned round: rows times the matrix are its transpose times columns
        boxes.append(Box(layer.name, (table_mm - origin_mm) @ rotation))
    return tuple(boxes)


def detector_distance_mm(events: Events, beams: Beams) -> FloatArray:
    """(beams,) from focal spot to detector; where it is not known, twice the distance to the reference point."""
    known = events.distance_source_to_detector_mm[beams.event]
    return np.where(known > 0, known, 2.0 * beams.reference_distance_mm)


def pyramid(beams: Beams, beam: int, to_mm: float) -> Pyramid:
    """A beam from its focal spot to the plane at a distance along its axis; the detector's for instance.

    A circular field is drawn by the square around it.
    """
    u_min, u_max, v_min, v_max = beams.field_mm[beam] * to_mm / beams.reference_distance_mm[beam]
    centre = beams.source_mm[beam] + to_mm * beams.axis[beam]
    sides = ((u_min, v_min), (u_max, v_min), (u_max, v_max), (u_min, v_max))
    corners = [centre + u * beams.u[beam] + v * beams.v[beam] for u, v in sides]
    return Pyramid(beams.source_mm[beam], np.array(corners))


def vertex_dose_mgy(phantom: Phantom, dose_mgy: FloatArray) -> FloatArray:
    """(vertices,) mean dose of the cells around each vertex, weighted by their area."""
    corners, count = phantom.triangles.ravel(), len(phantom.vertices_mm)
    area = np.bincount(corners, weights=np.repeat(phantom.area_mm2, 3), minlength=count)
    total = np.bincount(corners, weights=np.repeat(phantom.area_mm2 * dose_mgy, 3), minlength=count)
    return np.asarray(total / np.maximum(area, np.finfo(float).tiny))


def isodose_lines(vertices_mm: FloatArray, triangles: IntArray, vertex_mgy: FloatArray, level_mgy: float) -> FloatArray:
    """(segments, 2, 3) the line on the skin where the dose passes a level, a straight piece for each cell it crosses.

    vertex_mgy   (vertices,) of `vertex_dose_mgy`; between vertices the dose is linear
    """
    above = vertex_mgy[triangles] >= level_mgy
    count = above.sum(axis=1)
    cut = np.flatnonzero((count == 1) | (count == 2))
    alone = np.where(count[cut] == 1, above[cut].argmax(axis=1), above[cut].argmin(axis=1))  # the odd corner out
    corner = triangles[cut, alone]
    ends = []
    for step in (1, 2):
        other = triangles[cut, (alone + step) % 3]
        a, b = vertex_mgy[corner], vertex_mgy[other]
        share = ((level_mgy - a) / (b - a))[:, None]
        ends.append(vertices_mm[corner] + share * (vertices_mm[other] - vertices_mm[corner]))
    return np.stack(ends, axis=1)
