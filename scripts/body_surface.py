"""Surfaces as signed distances on a grid: what turns an overlapping body mesh into one closed skin.

Used by make_bodies.py only; needs scipy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

BAND = 4
"""Cells of the grid on either side of the surface in which distances are computed; the closing stays within it."""


class Samples(NamedTuple):
    """Points on a surface, the unit normals there, and the triangles that they lie on."""

    points_mm: np.ndarray
    normals: np.ndarray
    cells: np.ndarray


def sample(vertices_mm, triangles, step_mm):
    """Points on the mesh no further than about `step_mm` apart."""
    corners = vertices_mm[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(cross, axis=1)
    keep = size > 1e-9
    corners, normal, number = corners[keep], cross[keep] / size[keep, None], np.flatnonzero(keep)
    longest = np.max(np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2), axis=1)
    pieces = np.maximum(1, np.ceil(longest / step_mm).astype(int))
    points, normals, cells = [], [], []
    for count in np.unique(pieces):
        chosen = pieces == count
        share = [(i / count, j / count) for i in range(count + 1) for j in range(count + 1 - i)]
        for a, b in share:
            points.append(_mix(corners[chosen], a, b))
            normals.append(normal[chosen])
            cells.append(number[chosen])
    return Samples(np.concatenate(points), np.concatenate(normals), np.concatenate(cells))


def _mix(corners, a, b):
    return corners[:, 0] * (1 - a - b) + corners[:, 1] * a + corners[:, 2] * b


def inside(vertices_mm, triangles, axes):
    """(nx, ny, nz) True where the winding number of the mesh is positive: rays along y through the grid's columns.

    Parts that overlap are joined, whatever their number; axes are the grid's x, y and z coordinates.
    """
    x, y, z = axes
    corners = vertices_mm[triangles]
    low = (
        np.maximum(np.searchsorted(x, corners[:, :, 0].min(axis=1)), 0),
        np.searchsorted(z, corners[:, :, 2].min(axis=1)),
    )
    high = np.searchsorted(x, corners[:, :, 0].max(axis=1)), np.searchsorted(z, corners[:, :, 2].max(axis=1))
    wide, tall = high[0] - low[0], high[1] - low[1]
    count = wide * tall
    cell = np.repeat(np.arange(len(triangles)), count)
    within = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count)
    i = low[0][cell] + within // np.maximum(tall[cell], 1)
    k = low[1][cell] + within % np.maximum(tall[cell], 1)
    a, b, c = (corners[cell][:, n][:, (0, 2)] for n in range(3))
    p = np.stack([x[i], z[k]], axis=1)
    area = _side(a, b, c)
    wa, wb, wc = _side(p, b, c), _side(a, p, c), _side(a, b, p)
    hit = np.where(area > 0, (wa >= 0) & (wb >= 0) & (wc >= 0), (wa <= 0) & (wb <= 0) & (wc <= 0)) & (area != 0)
    cell, i, k, area = cell[hit], i[hit], k[hit], area[hit]
    weight = np.stack([wa, wb, wc], axis=1)[hit] / area[:, None]
    depth = np.einsum("ij,ij->i", weight, corners[cell][:, :, 1])
    turns = np.zeros((len(x), len(y) + 1, len(z)), np.int32)
    # (b - a) x (c - a) has y component -area: a surface facing -y (area > 0) is entered when going along +y
    np.add.at(turns, (i, np.searchsorted(y, depth), k), np.where(area > 0, 1, -1))
    return np.cumsum(turns, axis=1)[:, :-1] > 0


def _side(a, b, c):
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def grid(vertices_mm, step_mm, margin_mm):
    """Axes of a grid around the mesh, its planes in pairs on either side of the mid-sagittal plane x = 0."""
    low, high = vertices_mm.min(axis=0) - margin_mm, vertices_mm.max(axis=0) + margin_mm
    count = int(np.ceil(max(-low[0], high[0]) / step_mm))
    x = (np.arange(-count, count) + 0.5) * step_mm
    return x, *(np.arange(low[k], high[k], step_mm) + 0.0137 * step_mm for k in (1, 2))


def even(field):
    """The field and its mirror image across x = 0, averaged: what has been symmetric but for rounding is so exactly."""
    return 0.5 * (field + field[::-1])


def left_half(vertices_mm, triangles):
    """The half at x >= 0 of a surface net of an even field; its vertices nearest the plane x = 0 lie on it."""
    v = vertices_mm.copy()
    v[np.abs(v[:, 0]) < 1e-6, 0] = 0.0
    kept = triangles[(v[triangles][:, :, 0] >= 0).all(axis=1)]
    used = np.unique(kept)
    return v[used], np.searchsorted(used, kept)


def distance(samples, within, axes):
    """(nx, ny, nz) signed distance to the sampled surface, negative within; exact in a band, +-large beyond it."""
    step = axes[0][1] - axes[0][0]
    near = np.zeros(within.shape, bool)
    place = tuple(
        np.clip(np.rint((samples.points_mm[:, k] - axes[k][0]) / step).astype(int), 0, len(axes[k]) - 1)
        for k in range(3)
    )
    near[place] = True
    near = ndimage.binary_dilation(near, ndimage.generate_binary_structure(3, 1), iterations=BAND)
    where = np.argwhere(near)
    points = np.stack([axes[k][where[:, k]] for k in range(3)], axis=1)
    far, nearest = cKDTree(samples.points_mm).query(points)
    plane = np.abs(np.einsum("ij,ij->i", points - samples.points_mm[nearest], samples.normals[nearest]))
    share = np.clip(far / step - 0.5, 0.0, 1.0)  # near the surface the plane through the sample is the better measure
    size = (1.0 - share) * plane + share * far
    reach = BAND * step
    out = np.where(within, -reach, reach)
    out[near] = np.where(within[near], -size, size)
    return out


def surface_net(field, level_mm, axes):
    """Vertices and triangles of the surface field = level, one vertex per cell of the grid that it passes.

    Triangles are counter-clockwise seen from where the field is larger.
    """
    value = _unambiguous(field - level_mm)
    step = axes[0][1] - axes[0][0]
    cells = tuple(n - 1 for n in value.shape)
    total, number = np.zeros((*cells, 3)), np.zeros(cells, np.int32)
    negative = value < 0
    for axis in range(3):
        first, second = _pair(value, axis)
        crossing = _pair(negative, axis)[0] != _pair(negative, axis)[1]
        share = np.where(crossing, first / np.where(crossing, first - second, 1.0), 0.0)
        others = [k for k in range(3) if k != axis]
        for u in (0, 1):
            for v in (0, 1):
                cut = [slice(None)] * 3
                cut[others[0]], cut[others[1]] = slice(u, u + cells[others[0]]), slice(v, v + cells[others[1]])
                edge, part = crossing[tuple(cut)], share[tuple(cut)]
                number += edge
                total[..., axis] += np.where(edge, part, 0.0)
                total[..., others[0]] += np.where(edge, u, 0)
                total[..., others[1]] += np.where(edge, v, 0)
    used = number > 0
    index = np.full(cells, -1, np.int64)
    index[used] = np.arange(used.sum())
    origin = np.array([a[0] for a in axes])
    vertices = origin + step * (np.argwhere(used) + total[used] / number[used][:, None])
    return vertices, np.concatenate([_quads(negative, index, axis) for axis in range(3)])


def _unambiguous(value):
    """The field, with points made slightly negative where a face of the grid has its signs crosswise.

    There the surface would meet itself along an edge.
    """
    value = value.copy()
    while True:
        count = 0
        for axis in range(3):
            first, second = ((axis + 1) % 3, (axis + 2) % 3)
            a, b, c, d = (_shifted(value, {first: u, second: v}) for u, v in ((0, 0), (1, 1), (1, 0), (0, 1)))
            for p, q, r, s in ((a, b, c, d), (c, d, a, b)):
                crosswise = (p >= 0) & (q >= 0) & (r < 0) & (s < 0)
                count += int(crosswise.sum())
                p[crosswise] = -0.05
                q[crosswise] = -0.05
        if not count:
            return value


def _shifted(array, shift):
    """View of the array without the last plane, or without the first where `shift` is 1, along the axes named."""
    cut = [slice(None)] * 3
    for axis, by in shift.items():
        cut[axis] = slice(1, None) if by else slice(None, -1)
    return array[tuple(cut)]


def _pair(array, axis):
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return array[tuple(low)], array[tuple(high)]


def _quads(negative, index, axis):
    """Two triangles for each edge of the grid along `axis` that crosses the surface."""
    first, second = _pair(negative, axis)
    where = np.argwhere(first != second)
    others = (axis + 1) % 3, (axis + 2) % 3
    valid = np.all([(where[:, k] >= 1) & (where[:, k] < index.shape[k]) for k in others], axis=0)
    where = where[valid]
    rising = first[tuple(where.T)]
    corner = []
    for u, v in ((1, 1), (0, 1), (0, 0), (1, 0)):
        at = where.copy()
        at[:, others[0]] -= u
        at[:, others[1]] -= v
        corner.append(index[tuple(at.T)])
    a, b, c, d = corner
    b, d = np.where(rising, b, d), np.where(rising, d, b)
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
