"""Which triangles of a mesh cut through each other: the plain test, edge against triangle, that judges the bodies."""

import numpy as np


def crossing_pairs(vertices, triangles, block=200_000):
    """(pairs, 2) cells without a common corner of which one's edge passes through the other.

    Candidates are the cells whose bounding boxes overlap, found by sorting along z.
    """
    corners = vertices[triangles]
    low, high = corners.min(axis=1), corners.max(axis=1)
    order = np.argsort(low[:, 2], kind="stable")
    last = np.searchsorted(low[order, 2], high[order, 2], side="right")
    found = []
    start = 0
    while start < len(order):
        stop = start + max(1, int(np.searchsorted(np.cumsum(last[start:] - np.arange(start, len(order))), block)))
        rows = np.arange(start, min(stop, len(order)))
        count = last[rows] - rows - 1
        first = np.repeat(rows, count)
        second = first + 1 + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        found.append(_crossing(corners, triangles, low, high, order[first], order[second]))
        start = rows[-1] + 1
    return np.concatenate(found)


def _crossing(corners, triangles, low, high, a, b):
    boxes = np.all((low[a] <= high[b]) & (low[b] <= high[a]), axis=1)
    a, b = a[boxes], b[boxes]
    apart = ~np.any(triangles[a][:, :, None] == triangles[b][:, None, :], axis=(1, 2))
    a, b = a[apart], b[apart]
    hit = np.zeros(len(a), bool)
    for k in range(3):
        hit |= _edge_through(corners[a, k], corners[a, (k + 1) % 3], corners[b])
        hit |= _edge_through(corners[b, k], corners[b, (k + 1) % 3], corners[a])
    return np.stack([a[hit], b[hit]], axis=1)


def _edge_through(p, q, triangle):
    """Moeller and Trumbore's test with the edge as the ray."""
    a, u, v = triangle[:, 0], triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]
    along = q - p
    cross = np.cross(along, v)
    determinant = np.einsum("ij,ij->i", u, cross)
    safe = np.where(np.abs(determinant) < 1e-12, np.inf, determinant)
    offset = p - a
    first = np.einsum("ij,ij->i", offset, cross) / safe
    turned = np.cross(offset, u)
    second = np.einsum("ij,ij->i", along, turned) / safe
    distance = np.einsum("ij,ij->i", v, turned) / safe
    inside = (first >= 0) & (second >= 0) & (first + second <= 1)
    return inside & (distance >= 0) & (distance <= 1) & np.isfinite(safe)
