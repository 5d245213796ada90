"""A triangle soup becomes a closed surface with its outside out, or it is said why it cannot.

What can be mended without guessing is mended and told: vertices that are the same, triangles that are there twice,
winding, small holes, parts that lie wholly inside others. Everything else is refused.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from skindose.errors import PhantomError
from skindose.model import BoolArray, FloatArray, IntArray
from skindose.phantom import mesh
from skindose.phantom.mesh import IndexArray
from skindose.units import mm2_to_cm2

WELD_MM = 1e-3
"""Vertices closer than this are one."""
HOLE_SHARE = 0.02
"""Holes up to this share of the surface are closed by flat fans; larger ones mean that a part is missing."""
BURIED_SHARE = 0.01
"""Share of the surface that may lie inside the body: creases of armpits and groins in scans."""
PROBES = 100_000
"""How many cells at most are asked whether they lie inside the body."""


class Mended(NamedTuple):
    """A closed surface and, in words, what was done to make it one."""

    vertices_mm: FloatArray
    triangles: IntArray
    notes: tuple[str, ...]


def mend(vertices_mm: FloatArray, triangles: IntArray) -> Mended:
    """A closed surface, counter-clockwise seen from outside.

    raises   PhantomError (without a place) for what cannot be mended
    """
    notes: list[str] = []
    vertices, welded = weld(vertices_mm, triangles)
    triangles = _single(welded, notes)
    triangles = orient(triangles, notes)
    vertices, triangles = close_holes(vertices, triangles, notes)
    return Mended(vertices, turn_outwards(vertices, triangles, notes), tuple(notes))


def weld(vertices_mm: FloatArray, triangles: IntArray) -> tuple[FloatArray, IntArray]:
    """Vertices at the same place become one; triangles left with fewer than three corners, and unused vertices, go."""
    _, first, number = np.unique(np.round(vertices_mm / WELD_MM), axis=0, return_index=True, return_inverse=True)
    named = number.ravel()[triangles]
    a, b, c = named.T
    named = named[(a != b) & (b != c) & (c != a)]
    if not len(named):
        raise PhantomError("there is no triangle with an area in it", remedy="Export the body's surface as triangles.")
    used = np.unique(named)
    return vertices_mm[first[used]], np.searchsorted(used, named).astype(np.int32)


def _single(triangles: IntArray, notes: list[str]) -> IntArray:
    """Triangles that are there twice become one; two that face each other are a wall inside, and both go."""
    lowest = np.argmin(triangles, axis=1)[:, None]
    turned = np.take_along_axis(triangles, (lowest + np.arange(3)) % 3, axis=1)
    corners, group = np.unique(np.sort(turned, axis=1), axis=0, return_inverse=True)
    if len(corners) == len(triangles):
        return triangles
    sense = np.where(turned[:, 1] < turned[:, 2], 1, -1)
    total = np.bincount(group.ravel(), weights=sense, minlength=len(corners))
    first = np.full(len(corners), -1)
    for sign in (1, -1):
        chosen = np.flatnonzero((sense == sign) & (np.sign(total)[group.ravel()] == sign))
        first[group.ravel()[chosen]] = chosen
    kept = np.sort(first[first >= 0])
    notes.append(f"triangles of the mesh that were there twice and were left out: {len(triangles) - len(kept)}")
    if not len(kept):
        raise PhantomError("every triangle has its reverse beside it", remedy="Export a closed surface, not a sheet.")
    return np.asarray(triangles[kept])


# --- Winding


def orient(triangles: IntArray, notes: list[str]) -> IntArray:
    """All triangles of a part with the same sense.

    raises   PhantomError where more than two triangles meet at an edge so that inside and outside cannot be told, and
             for a one-sided surface
    """
    start, end = mesh.half_edges(triangles)
    key = np.minimum(start, end) * (int(triangles.max()) + 1) + np.maximum(start, end)
    _, edge, count = np.unique(key, return_inverse=True, return_counts=True)
    balance = np.bincount(edge, weights=np.where(start < end, 1.0, -1.0))
    if np.all((balance == 0) | (count == 1)):
        return triangles
    if np.any(count > 2):
        raise PhantomError(
            f"more than two triangles meet at {int(np.sum(count > 2))} edges, so inside and outside cannot be told",
            remedy="Make the mesh manifold in a mesh program.",
        )
    flip = _senses(edge.reshape(-1, 3), start < end)
    notes.append(f"triangles of the mesh that had the wrong sense and were turned: {int(flip.sum())}")
    return np.where(flip[:, None], triangles[:, ::-1], triangles)


def _senses(edge: IndexArray, rising: BoolArray) -> BoolArray:
    """(cells,) whether to turn each triangle, so that neighbours agree; the first of each part stays."""
    order = np.argsort(edge.ravel(), kind="stable")
    same = np.flatnonzero(np.diff(edge.ravel()[order]) == 0)
    first, second = order[same], order[same + 1]
    around: list[list[tuple[int, bool]]] = [[] for _ in range(len(edge))]
    agree = rising[first] != rising[second]
    for a, b, alike in zip((first // 3).tolist(), (second // 3).tolist(), agree.tolist(), strict=True):
        around[a].append((b, alike))
        around[b].append((a, alike))
    flip: list[bool | None] = [None] * len(edge)
    for root in range(len(edge)):
        if flip[root] is None:
            flip[root] = False
            _spread(root, around, flip)
    return np.array(flip, np.bool_)


def _spread(root: int, around: list[list[tuple[int, bool]]], flip: list[bool | None]) -> None:
    waiting = deque([root])
    while waiting:
        cell = waiting.popleft()
        for other, alike in around[cell]:
            wanted = bool(flip[cell]) if alike else not flip[cell]
            if flip[other] is None:
                flip[other] = wanted
                waiting.append(other)
            elif flip[other] != wanted:
                raise PhantomError("the surface is one-sided: it has no outside", remedy="Export a closed body.")


def turn_outwards(vertices_mm: FloatArray, triangles: IntArray, notes: list[str]) -> IntArray:
    """Parts whose volume is negative are turned inside out."""
    part = parts(triangles)
    a, b, c = (vertices_mm[triangles[:, k]] for k in range(3))
    volume = np.bincount(part, weights=np.einsum("ij,ij->i", a, np.cross(b, c)))
    inverted = volume[part] < 0
    if not inverted.any():
        return triangles
    notes.append("the mesh had its inside out and was turned")
    return np.where(inverted[:, None], triangles[:, ::-1], triangles)


def parts(triangles: IntArray) -> IndexArray:
    """(cells,) number of the part that each triangle belongs to; parts share no vertex."""
    label = np.arange(int(triangles.max()) + 1)
    while True:
        lowest = label[triangles].min(axis=1)
        new = label.copy()
        for k in range(3):
            np.minimum.at(new, triangles[:, k], lowest)
        new = new[new]
        if np.array_equal(new, label):
            break
        label = new
    return np.asarray(np.unique(label[triangles[:, 0]], return_inverse=True)[1]).ravel()


# --- Holes


def close_holes(vertices_mm: FloatArray, triangles: IntArray, notes: list[str]) -> tuple[FloatArray, IntArray]:
    """A fan over each hole, around the middle of its border.

    raises   PhantomError where the holes are more than `HOLE_SHARE` of the surface
    """
    loops = _borders(triangles)
    if not loops:
        return vertices_mm, triangles
    middles = np.stack([vertices_mm[loop].mean(axis=0) for loop in loops])
    number = len(vertices_mm) + np.arange(len(loops))
    fans = [
        np.stack([loop, np.roll(loop, -1), np.full(len(loop), n)], axis=1)
        for loop, n in zip(loops, number, strict=True)
    ]
    vertices = np.concatenate([vertices_mm, middles])
    fan = np.concatenate(fans)
    hole_mm2 = float(mesh.measure(vertices, fan).area_mm2.sum())
    surface_mm2 = float(mesh.measure(vertices_mm, triangles).area_mm2.sum())
    if hole_mm2 > HOLE_SHARE * surface_mm2:
        x, y, z = middles[np.argmax([len(loop) for loop in loops])]
        raise PhantomError(
            f"the mesh is not closed (holes: {len(loops)}, together {mm2_to_cm2(hole_mm2):.0f} cm2, the largest near "
            f"x {x:.0f}, y {y:.0f}, z {z:.0f} mm)",
            remedy="Close it in a mesh program.",
        )
    notes.append(f"holes of the mesh that were closed: {len(loops)}, together {mm2_to_cm2(hole_mm2):.2g} cm2")
    return vertices, np.concatenate([triangles, fan]).astype(np.int32)


def _borders(triangles: IntArray) -> list[IndexArray]:
    """Simple loops of open edges, in the sense of the triangles that are missing."""
    start, end = mesh.half_edges(triangles)
    size = int(triangles.max()) + 1
    is_open = ~np.isin(end * size + start, start * size + end)
    follow: dict[int, list[int]] = {}
    for a, b in zip(end[is_open].tolist(), start[is_open].tolist(), strict=True):
        follow.setdefault(a, []).append(b)
    loops = []
    for root in follow:
        walk = [root]
        while follow[walk[-1]]:
            following = follow[walk[-1]].pop()
            if following in walk:  # a loop is complete; holes that touch come apart here
                begin = walk.index(following)
                loops.append(np.array(walk[begin:]))
                walk = walk[: begin + 1]
            else:
                walk.append(following)
    return loops


# --- Overlap


def uncover(vertices_mm: FloatArray, triangles: IntArray) -> Mended:
    """The surface without parts that lie wholly inside others.

    raises   PhantomError where more than `BURIED_SHARE` of what is left lies inside the body
    """
    buried, probes = buried_cells(vertices_mm, triangles)
    area = mesh.measure(vertices_mm, triangles).area_mm2[probes]
    part = parts(triangles)
    notes: list[str] = []
    share = np.bincount(part[probes], area * buried, part.max() + 1) / np.maximum(
        np.bincount(part[probes], area), 1e-12
    )
    hidden = share > 0.99
    if hidden.all():
        raise PhantomError("the mesh overlaps itself everywhere", remedy="Unite its parts in a mesh program.")
    if hidden.any():
        notes.append(f"parts of the mesh that lay inside others and were left out: {int(hidden.sum())}")
    left = ~hidden[part[probes]]
    rest = float(np.sum((area * buried)[left]) / np.sum(area[left]))
    if rest > BURIED_SHARE:
        raise PhantomError(
            f"the mesh overlaps itself: {100 * rest:.0f} % of its surface lies inside the body",
            remedy="Unite its parts (boolean union) in a mesh program.",
        )
    if rest > 0:
        notes.append(f"{100 * rest:.2g} % of the mesh's surface lies in folds inside the body; no dose is found there")
    triangles = triangles[~hidden[part]]
    used = np.unique(triangles)
    return Mended(vertices_mm[used], np.searchsorted(used, triangles).astype(np.int32), tuple(notes))


def buried_cells(vertices_mm: FloatArray, triangles: IntArray) -> tuple[BoolArray, IndexArray]:
    """Whether the outer side of a cell lies inside the body, for at most `PROBES` cells; and which cells those are.

    The winding number just outside the cell's centroid, counted along a ray: each surface that the ray leaves
    counts +1, each that it enters -1; 0 is outside. The mesh is turned oddly first, so that no ray meets an edge.
    """
    v = vertices_mm @ _ODD_TURN.T
    probes = np.arange(0, len(triangles), max(1, -(-len(triangles) // PROBES)))
    corners = v[triangles]
    up = np.sign(_twice_area(corners[:, 0], corners[:, 1], corners[:, 2]))
    centre = corners[probes].mean(axis=1)
    winding = np.where(up[probes] < 0, -1.0, 0.0)
    column, cells = _columns(corners)
    cell_start = np.searchsorted(column.places, np.arange(column.total + 1))
    home = column.of(centre)
    many = cell_start[home + 1] - cell_start[home]
    for block in np.array_split(np.arange(len(probes)), max(1, int(many.sum()) // 2_000_000 + 1)):
        ray = np.repeat(block, many[block])
        offset = np.arange(len(ray)) - np.repeat(np.cumsum(many[block]) - many[block], many[block])
        other = cells[cell_start[home[ray]] + offset]
        hit = _above(centre[ray], corners[other]) & (other != probes[ray])
        winding += np.bincount(ray[hit], up[other[hit]], len(probes))
    return winding != 0, probes


_ODD_TURN: FloatArray = np.linalg.qr(np.array([[0.83, 0.31, 0.47], [-0.29, 0.91, 0.17], [-0.41, -0.23, 0.87]]))[0]


class _Column(NamedTuple):
    """Square columns along the ray: where they stand, and the column of each (column, cell) pair, ascending."""

    low: FloatArray
    step: float
    across: int
    total: int
    places: IndexArray

    def of(self, points: FloatArray) -> IndexArray:
        """The column of each point."""
        at = np.floor((points[:, :2] - self.low) / self.step).astype(np.int64)
        return np.asarray(at[:, 0] * self.across + at[:, 1])


def _columns(corners: FloatArray) -> tuple[_Column, IndexArray]:
    """The cells of each column, by their bounding boxes."""
    low, high = corners.min(axis=1)[:, :2], corners.max(axis=1)[:, :2]
    origin, extent = low.min(axis=0), high.max(axis=0) - low.min(axis=0)
    step = max(float(np.mean(high - low)), float(extent.max()) / 2000.0, 1e-6)
    first = np.floor((low - origin) / step).astype(np.int64)
    span = np.floor((high - origin) / step).astype(np.int64) - first + 1
    across = int(extent[1] / step) + 2
    count = span[:, 0] * span[:, 1]
    cell = np.repeat(np.arange(len(corners)), count)
    within = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count)
    place = (first[cell, 0] + within // span[cell, 1]) * across + first[cell, 1] + within % span[cell, 1]
    order = np.argsort(place, kind="stable")
    size = (int(extent[0] / step) + 2) * across
    return _Column(origin, step, across, size, place[order]), cell[order]


def _twice_area(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """Of the triangle seen along the ray; positive when it faces the way that the ray goes."""
    return np.asarray((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))


def _above(point: FloatArray, corners: FloatArray) -> BoolArray:
    """Whether the ray from the point along the third axis meets the triangle."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = _twice_area(a, b, c)
    safe = np.where(area == 0, np.inf, area)
    u, v, w = _twice_area(point, b, c) / safe, _twice_area(a, point, c) / safe, _twice_area(a, b, point) / safe
    height = u * a[:, 2] + v * b[:, 2] + w * c[:, 2]
    return np.asarray((u >= 0) & (v >= 0) & (w >= 0) & (height > point[:, 2]) & (area != 0))
