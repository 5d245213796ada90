"""Isotropic remeshing: a dense closed surface becomes one with edges of a wanted length, everywhere different.

M. Botsch and L. Kobbelt, A Remeshing Approach to Multiresolution Modeling, Symposium on Geometry Processing 2004:
split long edges, collapse short ones, flip edges towards six neighbours, relax in the tangent plane, project back.
Here the surface is the left half of a body: its open border, the seam, stays on the mid-sagittal plane x = 0 and no
other vertex comes there. Used by make_bodies.py only; needs scipy.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial import cKDTree

from skindose.phantom import mesh

LONG, SHORT = 4 / 3, 4 / 5
"""Edges beyond these multiples of the wanted length are split or collapsed."""
CLEAR_MM = 0.5
"""Least distance from the mid-sagittal plane of what is not on the seam."""


class Reference:
    """The dense surface that is remeshed, whole: nearest point, and the wanted length there."""

    def __init__(self, vertices_mm, triangles, length_mm):
        turned = vertices_mm * (-1.0, 1.0, 1.0)
        self.points, self.length = np.concatenate([vertices_mm, turned]), np.concatenate([length_mm, length_mm])
        normals = vertex_normals(vertices_mm, triangles)
        seam = on_seam(triangles, len(vertices_mm))
        normals[seam, 0] = 0.0
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        self.normals = np.concatenate([normals, normals * (-1.0, 1.0, 1.0)])
        self.tree = cKDTree(self.points)

    def project(self, points_mm):
        """Onto the tangent planes of the nearest vertices, blended by distance."""
        far, near = self.tree.query(points_mm, k=4)
        weight = 1.0 / (far + 0.3) ** 2
        weight /= weight.sum(axis=1, keepdims=True)
        normal = np.einsum("ij,ijk->ik", weight, self.normals[near])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        offset = np.einsum(
            "ij,ij->i", weight, np.einsum("ijk,ijk->ij", points_mm[:, None] - self.points[near], self.normals[near])
        )
        return points_mm - offset[:, None] * normal

    def wanted(self, points_mm):
        """Wanted length of edges at the points."""
        return self.length[self.tree.query(points_mm)[1]]


def vertex_normals(vertices_mm, triangles):
    """(vertices, 3) unit normals, the cells' normals weighted by their areas."""
    corners = vertices_mm[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    out = np.zeros_like(vertices_mm)
    for k in range(3):
        np.add.at(out, triangles[:, k], cross)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-30)


def on_seam(triangles, count):
    """(count,) True for the vertices of the open border."""
    start, end = mesh.half_edges(triangles)
    open_edge = mesh.neighbours(np.asarray(triangles, np.int32)).ravel() < 0
    out = np.zeros(count, bool)
    out[start[open_edge]] = out[end[open_edge]] = True
    return out


def remesh(vertices_mm, triangles, length_mm, rounds):
    """The half surface with edges near `length_mm` (vertices,); returns vertices and triangles."""
    reference = Reference(vertices_mm, triangles, length_mm)
    v, t = vertices_mm, np.asarray(triangles, np.int64)
    for number in range(rounds):
        v, t = _split(v, t, reference)
        v, t = _collapse(v, t, reference)
        t = _flip(v, t)
        for _ in range(4 if number < rounds - 1 else 8):
            v = _to_the_left(reference.project(_relax(v, t, reference)), t)
        print(f"  round {number + 1}: {len(t)} triangles")
    return v, t


def _to_the_left(v, t):
    """The seam on the plane x = 0, the rest at least a little left of it."""
    seam = on_seam(t, len(v))
    out = v.copy()
    out[:, 0] = np.where(seam, 0.0, np.maximum(v[:, 0], CLEAR_MM))
    return out


def _split(v, t, reference):
    refined = mesh.refine(v, t.astype(np.int32), LONG * reference.wanted(v)[t].min(axis=1))
    return refined.vertices_mm, refined.triangles.astype(np.int64)


def _relax(v, t, reference):
    """Each vertex half-way to the area-weighted mean of its cells' centroids, in its tangent plane."""
    corners = v[t]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    weight = np.linalg.norm(cross, axis=1) / np.mean(reference.wanted(v)[t], axis=1) ** 2
    total, sums = np.zeros(len(v)), np.zeros_like(v)
    for k in range(3):
        np.add.at(total, t[:, k], weight)
        np.add.at(sums, t[:, k], weight[:, None] * corners.mean(axis=1))
    step = sums / np.maximum(total, 1e-30)[:, None] - v
    normal = vertex_normals(v, t)
    seam = on_seam(t, len(v))
    step[seam, 0] = normal[seam, 0] = 0.0
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    return v + 0.6 * (step - np.einsum("ij,ij->i", step, normal)[:, None] * normal)


def _collapse(v, t, reference):
    """Contract edges below the lower limit, shortest first, where the surface stays closed and does not fold."""
    wanted = reference.wanted(v)
    start, end = mesh.half_edges(t)
    once = start < end
    pairs = np.stack([start[once], end[once]], axis=1)
    ratio = np.linalg.norm(v[pairs[:, 0]] - v[pairs[:, 1]], axis=1) / np.minimum(
        wanted[pairs[:, 0]], wanted[pairs[:, 1]]
    )
    pairs = pairs[ratio < SHORT][np.argsort(ratio[ratio < SHORT], kind="stable")]
    work = _Mesh(v, t, wanted, on_seam(t, len(v)).tolist())
    changed = True
    candidates = [tuple(p) for p in pairs.tolist()]
    while changed and candidates:
        changed, later = False, []
        for a, b in candidates:
            done = work.try_collapse(a, b)
            changed |= done == "done"
            if done == "later":
                later.append((a, b))
        candidates = later if changed else []
    return work.result()


class _Mesh:
    """Vertices, and the cells around each, as plain lists: made for many small changes."""

    def __init__(self, v, t, wanted, seam):
        self.v, self.t, self.wanted, self.seam = v.tolist(), t.tolist(), wanted.tolist(), seam
        self.around = [set() for _ in self.v]
        for number, cell in enumerate(self.t):
            for corner in cell:
                self.around[corner].add(number)
        self.alive = [True] * len(self.v)

    def ring(self, a):
        """Vertices that share an edge with a."""
        out = set()
        for number in self.around[a]:
            out.update(self.t[number])
        out.discard(a)
        return out

    def try_collapse(self, a, b):
        """Contract a and b to their middle: "done", "gone" or "later"."""
        if not (self.alive[a] and self.alive[b]):
            return "gone"
        shared = self.around[a] & self.around[b]
        along_seam = self.seam[a] and self.seam[b]
        if len(shared) != (1 if along_seam else 2):
            return "gone"
        limit = min(self.wanted[a], self.wanted[b])
        if math.dist(self.v[a], self.v[b]) >= SHORT * limit:
            return "gone"
        ring_a, ring_b = self.ring(a), self.ring(b)
        if len(ring_a & ring_b) != len(shared) or len(ring_a | ring_b) < 6 - along_seam:
            return "later"
        if self.seam[b] and not self.seam[a]:
            a, b, ring_a, ring_b = b, a, ring_b, ring_a
        middle = [(p + q) / 2 for p, q in zip(self.v[a], self.v[b], strict=True)]
        if self.seam[a] and not self.seam[b]:
            middle = list(self.v[a])
        if any(math.dist(middle, self.v[c]) > 1.2 * limit for c in (ring_a | ring_b) - {a, b}):
            return "later"
        rest = (self.around[a] | self.around[b]) - shared
        if any(self._folds(number, a, b, middle) for number in rest):
            return "later"
        self._merge(a, b, middle, shared)
        return "done"

    def _folds(self, number, a, b, middle):
        old = [self.v[c] for c in self.t[number]]
        new = [middle if c in (a, b) else self.v[c] for c in self.t[number]]
        p, q = _cross(old), _cross(new)
        size = math.sqrt(sum(x * x for x in p) * sum(x * x for x in q))
        return sum(x * y for x, y in zip(p, q, strict=True)) < 0.5 * size or size == 0.0

    def _merge(self, a, b, middle, shared):
        for number in shared:
            for corner in self.t[number]:
                self.around[corner].discard(number)
            self.t[number] = None
        for number in self.around[b]:
            self.t[number] = [a if c == b else c for c in self.t[number]]
            self.around[a].add(number)
        self.around[b] = set()
        self.alive[b] = False
        self.v[a] = middle

    def result(self):
        """Compact arrays."""
        t = np.array([cell for cell in self.t if cell is not None], np.int64)
        used = np.unique(t)
        return np.array(self.v)[used], np.searchsorted(used, t)


def _cross(p):
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = p
    ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


def _flip(v, t, rounds=4):
    """Flip edges where that makes both triangles rounder (the larger sum of opposite angles), and none folds."""
    for _ in range(rounds):
        t, count = _flip_once(v, t)
        if not count:
            break
    return t


def _flip_once(v, t):
    across = mesh.neighbours(t)
    touched = np.zeros(len(t), bool)
    start, end = mesh.half_edges(t)
    existing = set(map(tuple, np.stack([start, end], axis=1).tolist()))
    cell, edge = np.divmod(np.arange(t.size), 3)
    other = across.ravel()
    own = cell < other
    cell, edge, other = cell[own], edge[own], other[own]
    a, b, c = t[cell, edge], t[cell, (edge + 1) % 3], t[cell, (edge + 2) % 3]
    place = np.argmax(t[other] == b[:, None], axis=1)
    d = t[other, (place + 2) % 3]
    gain = _angle(v, c, a, b) + _angle(v, d, b, a) - np.pi
    old = _unit(v, a, b, c) + _unit(v, b, a, d)
    good = (
        (gain > 1e-6)
        & (np.einsum("ij,ij->i", _unit(v, c, d, b), old) > 1.2)
        & (np.einsum("ij,ij->i", _unit(v, d, c, a), old) > 1.2)
    )
    t, count = t.copy(), 0
    for k in np.flatnonzero(good)[np.argsort(-gain[good], kind="stable")]:
        first, second = int(cell[k]), int(other[k])
        p, q = int(c[k]), int(d[k])
        if touched[first] or touched[second] or (p, q) in existing or (q, p) in existing:
            continue
        t[first], t[second] = (p, q, int(b[k])), (q, p, int(a[k]))
        existing.update([(p, q), (q, p)])
        touched[first] = touched[second] = True
        count += 1
    return t, count


def _angle(v, tip, p, q):
    u, w = v[p] - v[tip], v[q] - v[tip]
    cosine = np.einsum("ij,ij->i", u, w) / np.maximum(np.linalg.norm(u, axis=1) * np.linalg.norm(w, axis=1), 1e-30)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def _unit(v, a, b, c):
    cross = np.cross(v[b] - v[a], v[c] - v[a])
    return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)
