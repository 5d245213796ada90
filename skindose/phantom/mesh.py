"""What every closed triangle mesh needs: areas, normals, neighbours, and finer triangles where they are too large."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skindose.model import BoolArray, FloatArray, IntArray

IndexArray = NDArray[np.int64]

LONGEST_EDGE_MM = 10.0
"""No edge of a cell on head or trunk is longer."""


class Measures(NamedTuple):
    """Per cell: centroid_mm (cells, 3), normal (cells, 3) outward unit vectors, area_mm2 (cells,)."""

    centroid_mm: FloatArray
    normal: FloatArray
    area_mm2: FloatArray


def measure(vertices_mm: FloatArray, triangles: IntArray) -> Measures:
    """Centroid, outward unit normal and area of each triangle; a triangle without area has the normal 0."""
    a, b, c = (vertices_mm[triangles[:, k]] for k in range(3))
    cross = _cross(b - a, c - a)
    twice = np.sqrt(np.einsum("ij,ij->i", cross, cross))
    normal = cross / np.where(twice > 0, twice, 1.0)[:, None]
    return Measures((a + b + c) / 3.0, normal, twice / 2.0)


def _cross(p: FloatArray, q: FloatArray) -> FloatArray:
    """Vector product of rows; np.cross takes three times as long."""
    out = np.empty_like(p)
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        out[:, k] = p[:, i] * q[:, j] - p[:, j] * q[:, i]
    return out


def volume_mm3(vertices_mm: FloatArray, triangles: IntArray) -> float:
    """Volume enclosed by a closed mesh, positive when its triangles are counter-clockwise seen from outside.

    Sum of the signed tetrahedra from the origin: V = sum a . (b x c) / 6.
    """
    a, b, c = (vertices_mm[triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, _cross(b, c)) / 6.0)


def edge_lengths_mm(vertices_mm: FloatArray, triangles: IntArray) -> FloatArray:
    """(cells, 3) length of the edge from corner k to corner k + 1."""
    squares = np.zeros(triangles.shape)
    for axis in range(3):
        corner = np.ascontiguousarray(vertices_mm[:, axis])[triangles]
        for k in range(3):
            squares[:, k] += (corner[:, (k + 1) % 3] - corner[:, k]) ** 2
    return np.sqrt(squares)


def half_edges(triangles: IntArray) -> tuple[IndexArray, IndexArray]:
    """Start and end vertex of the directed edges; edge 3 i + k runs from corner k of cell i to its corner k + 1."""
    corners = np.asarray(triangles, np.int64)
    return corners.ravel(), corners[:, (1, 2, 0)].ravel()


def neighbours(triangles: IntArray) -> IntArray:
    """(cells, 3) the cell across the edge from corner k to corner k + 1; -1 where there is not exactly one.

    Two cells are neighbours when one runs along the edge forwards and the other backwards, and no third cell has it.
    """
    start, end = half_edges(triangles)
    key = _key(start, end, int(triangles.max()) + 1)
    order = np.argsort(key)
    ordered = key[order]
    same = ordered[1:] == ordered[:-1]  # edge i and i + 1 of the order are one and the same
    alone = np.append(same, False) & ~np.append(False, same)
    alone[:-1] &= ~np.append(same[1:], False)
    first, second = order[:-1][alone[:-1]], order[1:][alone[:-1]]
    opposite = start[first] == end[second]
    first, second = first[opposite], second[opposite]
    out = np.full(len(start), -1, np.int32)
    out[first], out[second] = second // 3, first // 3
    return out.reshape(-1, 3)


def is_closed(triangles: IntArray) -> bool:
    """Every directed edge occurs once and its reverse occurs once: a closed surface with consistent winding."""
    start, end = half_edges(triangles)
    size = int(triangles.max()) + 1
    forward = np.sort(start * size + end)
    return bool(np.all(np.diff(forward) > 0) and np.array_equal(forward, np.sort(end * size + start)))


class Refined(NamedTuple):
    """vertices_mm, triangles, and `parent` (cells,): the cell that each came from."""

    vertices_mm: FloatArray
    triangles: IntArray
    parent: IndexArray


def refine(vertices_mm: FloatArray, triangles: IntArray, longest_mm: float | FloatArray) -> Refined:
    """Halve edges until none is longer than `longest_mm`; a closed mesh stays closed, no vertex moves.

    longest_mm   one length, or one per cell; of two cells at an edge the smaller counts

    Each round halves the longest edge of every cell that has one too long, which keeps angles from becoming sharp.
    """
    now = Refined(vertices_mm, triangles, np.arange(len(triangles)))
    limit = np.broadcast_to(np.asarray(longest_mm, np.float64), (len(triangles),))
    check = np.flatnonzero(np.isfinite(limit))
    while len(check):
        length = edge_lengths_mm(now.vertices_mm, now.triangles[check])
        longest = length.max(axis=1)
        split = (length >= longest[:, None]) & (longest > limit[now.parent[check]])[:, None]
        now, check = _halve(now, check[split.any(axis=1)], split[split.any(axis=1)])
    return now


def _halve(now: Refined, cells: IndexArray, split: BoolArray) -> tuple[Refined, IndexArray]:
    """Halve the chosen edges of some cells, and so their neighbours; also returns which cells are new.

    split   (cells, 3) whether to halve the edge from corner k to corner k + 1
    """
    count = len(now.vertices_mm)
    start, end = half_edges(now.triangles[cells])
    chosen = np.unique(_key(start, end, count)[split.ravel()])
    low, high = np.divmod(chosen, count)
    at_split = np.zeros(count, np.bool_)
    at_split[low] = at_split[high] = True
    touched = np.flatnonzero(np.count_nonzero(at_split[now.triangles], axis=1) >= 2)
    key = _key(*half_edges(now.triangles[touched]), count)
    place = np.minimum(np.searchsorted(chosen, key), len(chosen) - 1)
    middle = np.where(chosen[place] == key, count + place, -1).reshape(-1, 3)
    touched, middle = touched[(middle >= 0).any(axis=1)], middle[(middle >= 0).any(axis=1)]
    pieces, whole = _cut(np.asarray(now.triangles[touched], np.int64), middle)
    kept = np.ones(len(now.triangles), np.bool_)
    kept[touched] = False
    new = Refined(
        np.concatenate([now.vertices_mm, (now.vertices_mm[low] + now.vertices_mm[high]) / 2.0]),
        np.concatenate([now.triangles[kept], pieces]).astype(np.int32),
        np.concatenate([now.parent[kept], now.parent[touched][whole]]),
    )
    return new, np.arange(len(now.triangles) - len(touched), len(new.triangles))


def _key(start: IndexArray, end: IndexArray, count: int) -> IndexArray:
    """One number per edge, whatever its direction."""
    return np.asarray(np.minimum(start, end) * count + np.maximum(start, end))


def _cut(corners: IndexArray, middle: IndexArray) -> tuple[IndexArray, IndexArray]:
    """The pieces of triangles with edges halved at the vertices `middle` (-1: not), and which triangle each is of."""
    corners, middle = _turn(corners, middle)
    pieces, whole = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for halved, pattern in _PATTERNS.items():
        cells = np.flatnonzero(np.count_nonzero(middle >= 0, axis=1) == halved)
        points = np.concatenate([corners[cells], middle[cells]], axis=1)
        pieces += [points[:, piece] for piece in pattern]
        whole += [cells] * len(pattern)
    return np.concatenate(pieces), np.concatenate(whole)


_PATTERNS: dict[int, tuple[tuple[int, int, int], ...]] = {
    1: ((0, 3, 2), (3, 1, 2)),
    2: ((3, 1, 4), (0, 3, 4), (0, 4, 2)),
    3: ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)),
}
"""Edges halved -> the new triangles; corners are 0 1 2, the middles of the edges from them 3 4 5."""


def _turn(corners: IndexArray, middle: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Number each triangle's corners so that a single halved edge is the first, and two halved ones the first two."""
    halved = middle >= 0
    count = halved.sum(axis=1)
    first = np.where(count == 1, np.argmax(halved, axis=1), 0)
    first = np.where(count == 2, (np.argmin(halved, axis=1) + 1) % 3, first)
    turned = (first[:, None] + np.arange(3)) % 3
    return np.take_along_axis(corners, turned, axis=1), np.take_along_axis(middle, turned, axis=1)
