"""Bodies in closed form: plane, elliptic cylinder, and an oval trunk with a head.

A body is a stack of rings from the crown downwards. A ring is a closed curve around the body's axis, sampled evenly;
neighbouring rings are joined by a strip of triangles. All stand in the patient frame: crown at z = 0, the most
posterior point at y = 0, the body at y <= 0 and z <= 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skindose.model import FloatArray, IntArray
from skindose.phantom import mesh

STEP_MM = 8.0
"""Longest step along a ring; with `ROW_MM` the oblique edges are 8.06 mm, below the 10 mm asked for."""
ROW_MM = 7.0
"""Distance of two rings along the side."""
CAP_ROW_MM = 4.5
"""Distance of two rings on ends and shoulders, where their points stand at odds by up to one step."""

Outline = Callable[[FloatArray], FloatArray]
"""A closed curve: t in [0, 1) -> (n, 2) x and y in mm; t = 0 is posterior, t = 0.25 the patient's left."""


class Shape(NamedTuple):
    """vertices_mm (vertices, 3) and triangles (cells, 3), counter-clockwise seen from outside."""

    vertices_mm: FloatArray
    triangles: IntArray


class Ring(NamedTuple):
    """points_mm (n, 3) of a closed curve around the axis, at the places t (n,) in [0, 1), ascending."""

    points_mm: FloatArray
    t: FloatArray


def plane(width_mm: float = 600.0, length_mm: float = 1200.0) -> Shape:
    """A flat rectangle that faces posteriorly (normal +Y) at y = 0, centred on x = 0, from z = 0 downwards.

    It is a target for checks, not a body: it is not closed.
    """
    across = np.linspace(-width_mm / 2, width_mm / 2, _pieces(width_mm, ROW_MM) + 1)
    down = np.linspace(0.0, -length_mm, _pieces(length_mm, ROW_MM) + 1)
    x, z = np.meshgrid(across, down)
    vertices = np.stack([x.ravel(), np.zeros(x.size), z.ravel()], axis=1)
    number = np.arange(x.size, dtype=np.int32).reshape(x.shape)
    upper_right, upper_left = number[:-1, :-1].ravel(), number[:-1, 1:].ravel()
    lower_right, lower_left = number[1:, :-1].ravel(), number[1:, 1:].ravel()
    first = np.stack([upper_right, upper_left, lower_right], axis=1)
    second = np.stack([upper_left, lower_left, lower_right], axis=1)
    return Shape(vertices, np.concatenate([first, second]))


def cylinder(half_width_mm: float = 172.0, half_depth_mm: float = 100.0, length_mm: float = 1786.0) -> Shape:
    """A closed elliptic cylinder with its axis along z; volume pi x half width x half depth x length."""
    outline = ellipse(half_width_mm, half_depth_mm, -half_depth_mm)
    count = _around(outline)
    stack = _tube(outline, _rows(0.0, -length_mm), count)
    return _close(_cap(stack[0], up=True) + stack[1:-1] + _cap(stack[-1], up=False))


def oval(
    radius_mm: float = 100.0,
    flat_width_mm: float = 144.0,
    trunk_height_mm: float = 700.0,
    head_radius_mm: float = 92.0,
    head_height_mm: float = 240.0,
    shoulder_mm: float = 10.0,
) -> Shape:
    """A trunk with a stadium cross-section and a cylindrical head on it, one closed surface.

    radius_mm, flat_width_mm    of the trunk: a flat front and back joined by half-cylinders
    head_radius_mm              the head lies on the back like the trunk: most posterior point at y = 0
    shoulder_mm                 drop of the shoulders from the head to the trunk's full width, part of the trunk's
                                height; above 0: the surface stays simple where the head is deeper than the trunk
    """
    trunk, head = stadium(radius_mm, flat_width_mm), ellipse(head_radius_mm, head_radius_mm, -head_radius_mm)
    count = max(_around(trunk), _around(head))
    neck, bottom = -head_height_mm, -head_height_mm - trunk_height_mm
    stack = _tube(head, _rows(0.0, neck), count)
    share = np.linspace(0.0, 1.0, _pieces(_gap(head, trunk), CAP_ROW_MM) + 1)[1:-1]
    for part in share:
        stack.append(_ring(_blend(head, trunk, float(part)), neck - shoulder_mm * float(part), count, len(stack)))
    stack += _tube(trunk, _rows(neck - shoulder_mm, bottom), count, len(stack))
    return _close(_cap(stack[0], up=True) + stack[1:-1] + _cap(stack[-1], up=False))


# --- Outlines


def ellipse(half_width_mm: float, half_depth_mm: float, centre_y_mm: float) -> Outline:
    """An ellipse, sampled evenly along its length."""

    def curve(angle: FloatArray) -> FloatArray:
        return np.stack([half_width_mm * np.sin(angle), centre_y_mm + half_depth_mm * np.cos(angle)], axis=1)

    dense = np.linspace(0.0, 2 * np.pi, 1441)
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve(dense), axis=0), axis=1))])

    def outline(t: FloatArray) -> FloatArray:
        return curve(np.interp(np.mod(t, 1.0) * run[-1], run, dense))

    return outline


def stadium(radius_mm: float, flat_width_mm: float) -> Outline:
    """Two half-circles joined by straight lines of `flat_width_mm`, its back at y = 0, sampled evenly."""
    perimeter = 2 * flat_width_mm + 2 * np.pi * radius_mm
    half_flat, arc = flat_width_mm / 2, np.pi * radius_mm
    corners = np.cumsum([0.0, half_flat, arc, flat_width_mm, arc, half_flat])

    def outline(t: FloatArray) -> FloatArray:
        run = np.mod(t, 1.0) * perimeter
        left = np.clip(run - corners[1], 0.0, arc) / radius_mm
        right = np.clip(run - corners[3], 0.0, arc) / radius_mm
        angle = left + right
        ahead = np.minimum(run, half_flat) - np.clip(run - corners[2], 0.0, flat_width_mm)
        x = ahead + np.maximum(run - corners[4], 0.0) + radius_mm * np.sin(angle)
        return np.stack([x, radius_mm * (np.cos(angle) - 1.0)], axis=1)

    return outline


def _blend(first: Outline, second: Outline, share: float) -> Outline:
    return lambda t: (1.0 - share) * first(t) + share * second(t)


def _gap(first: Outline, second: Outline) -> float:
    """Largest distance of corresponding points of two outlines."""
    t = np.linspace(0.0, 1.0, 400, endpoint=False)
    return float(np.max(np.linalg.norm(first(t) - second(t), axis=1)))


# --- Rings


def _pieces(length_mm: float, step_mm: float) -> int:
    return max(1, int(np.ceil(length_mm / step_mm - 1e-9)))


def _rows(top_mm: float, bottom_mm: float) -> list[float]:
    return [float(z) for z in np.linspace(top_mm, bottom_mm, _pieces(top_mm - bottom_mm, ROW_MM) + 1)]


def _around(outline: Outline) -> int:
    """Points of a ring, so that none is further than `STEP_MM` from the next."""
    points = outline(np.linspace(0.0, 1.0, 1441))
    return max(6, _pieces(float(np.sum(np.linalg.norm(np.diff(points, axis=0), axis=1))), STEP_MM))


def _ring(outline: Outline, z_mm: float, count: int, row: int) -> Ring:
    """Odd rows are turned by half a step, which makes the triangles nearly equilateral."""
    t = (np.arange(count) + 0.5 * (row % 2)) / count
    xy = outline(t)
    return Ring(np.column_stack([xy, np.full(count, z_mm)]), t)


def _tube(outline: Outline, heights: list[float], count: int, first_row: int = 0) -> list[Ring]:
    """Rings of one outline at several heights."""
    kinds = [_ring(outline, 0.0, count, row) for row in (0, 1)]
    rings = []
    for row, z in enumerate(heights, first_row):
        points = kinds[row % 2].points_mm.copy()
        points[:, 2] = z
        rings.append(Ring(points, kinds[row % 2].t))
    return rings


def _cap(rim: Ring, up: bool) -> list[Ring]:
    """The rim and the ever smaller rings inside it down to the centre, from above: the flat end of a stack."""
    centre = np.append(rim.points_mm[:, :2].mean(axis=0), rim.points_mm[0, 2])
    reach = float(np.max(np.linalg.norm(rim.points_mm - centre, axis=1)))
    rings = [rim]
    pieces = _pieces(reach, CAP_ROW_MM)
    for k in range(1, pieces):
        scale = 1.0 - k / pieces
        count = max(6, int(np.ceil(len(rim.t) * scale)))
        t = (np.arange(count) + 0.5 * (k % 2)) / count
        rings.append(Ring(centre + scale * _along(rim, t, centre), t))
    rings.append(Ring(centre[None, :], np.zeros(1)))
    return rings[::-1] if up else rings


def _along(rim: Ring, t: FloatArray, centre: FloatArray) -> FloatArray:
    """Offsets from the centre of the rim's points at the places t."""
    closed_t = np.append(rim.t, rim.t[0] + 1.0)
    closed = np.concatenate([rim.points_mm, rim.points_mm[:1]])
    place = np.where(t < closed_t[0], t + 1.0, t)
    return np.stack([np.interp(place, closed_t, closed[:, k]) for k in range(3)], axis=1) - centre


def _close(stack: Sequence[Ring]) -> Shape:
    """One surface from a stack of rings, the topmost first; both ends are single points."""
    first = np.cumsum([0] + [len(ring.t) for ring in stack])
    known: dict[tuple[float, ...], IntArray] = {}
    strips = []
    for k, (upper, lower) in enumerate(pairwise(stack)):
        kind = (len(upper.t), len(lower.t), float(upper.t[0]), float(lower.t[0]))
        if kind not in known:
            known[kind] = _strip(upper.t, lower.t)
        strips.append(known[kind] + first[k])
    points = np.concatenate([ring.points_mm for ring in stack])
    finer = mesh.refine(points, np.concatenate(strips).astype(np.int32), mesh.LONGEST_EDGE_MM)
    return Shape(finer.vertices_mm, finer.triangles)


def _strip(upper: FloatArray, lower: FloatArray) -> IntArray:
    """Triangles between two rings, whose points are numbered one after the other.

    Walking around both, the ring whose next edge has its middle first moves on.
    """
    n, m = len(upper), len(lower)
    middle_upper = upper + 0.5 / n
    middle_lower = lower + 0.5 / m
    parts = []
    if n > 1:  # a triangle on each upper edge, its tip the lower point reached by then
        k = np.arange(n)
        tip = np.searchsorted(middle_lower, middle_upper, side="left") % m
        parts.append(np.stack([k, (k + 1) % n, n + tip], axis=1))
    if m > 1:  # and one on each lower edge
        k = np.arange(m)
        tip = np.searchsorted(middle_upper, middle_lower, side="right") % n
        parts.append(np.stack([n + (k + 1) % m, n + k, tip], axis=1))
    return np.concatenate(parts)
