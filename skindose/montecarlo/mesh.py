"""The Monte Carlo's own hierarchy of boxes over a closed mesh, in plain numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skindose.errors import PhantomError
from skindose.model import FloatArray, Phantom

LEAF = 4
"""At most so many triangles in a leaf."""
SLACK_MM = 1e-6
"""Boxes are larger by this much, against rounding."""


class Tree(NamedTuple):
    """A full binary tree: node k has the children 2k + 1 and 2k + 2, the last half of the nodes are leaves.

    boxes   (nodes, 6) x, y, z least, then greatest
    first   (leaves + 1,) the leaves' faces
    faces   (cells, 12) a corner, two edges from it, outward unit normal
    order   (cells,) the cell of each face
    """

    boxes: FloatArray
    first: NDArray[np.int64]
    faces: FloatArray
    order: NDArray[np.int64]


def tree(body: Phantom) -> Tree:
    """The hierarchy of a closed mesh: each node's cells are split in two equal halves across their longest side.

    raises   PhantomError where the mesh is not closed: nobody knows then what is inside
    """
    corners = body.vertices_mm[body.triangles]
    if not _encloses(corners):
        raise PhantomError("the mesh is not closed: the Monte Carlo must know what is inside", body.name, "Mend it.")
    centroid = corners.mean(axis=1)
    cells = len(centroid)
    depth = max(0, int(np.ceil(np.log2(max(1.0, cells / LEAF)))))
    order = np.arange(cells)
    for level in range(depth):
        starts = _starts(cells, level)[:-1]
        node = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, cells)))
        low = np.minimum.reduceat(centroid[order], starts)
        high = np.maximum.reduceat(centroid[order], starts)
        along = centroid[order, np.argmax(high - low, axis=1)[node]]
        order = order[np.lexsort((along, node))]
    first = _starts(cells, depth)
    edges = corners[order, 1:] - corners[order, :1]
    normal = np.cross(edges[:, 0], edges[:, 1])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    faces = np.concatenate([corners[order, 0], edges[:, 0], edges[:, 1], normal], axis=1)
    return Tree(_boxes(corners[order], first), first, np.ascontiguousarray(faces), order)


def _encloses(corners: FloatArray) -> bool:
    """The triangles' area vectors sum to nothing and their volume is positive, as of every closed surface."""
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    open_mm2 = np.linalg.norm(cross.sum(axis=0)) / 2
    volume = np.einsum("ij,ij->", corners[:, 0] - corners.mean(axis=(0, 1)), cross) / 6
    return bool(volume > 0 and open_mm2 < 1e-6 * np.linalg.norm(cross, axis=1).sum())


def _starts(cells: int, level: int) -> NDArray[np.int64]:
    nodes = 1 << level
    return np.asarray(cells * np.arange(nodes + 1) // nodes)


def _boxes(corners: FloatArray, first: NDArray[np.int64]) -> FloatArray:
    """(nodes, 6) from the leaves upwards, the root first."""
    low = np.minimum.reduceat(corners.min(axis=1), first[:-1]) - SLACK_MM
    high = np.maximum.reduceat(corners.max(axis=1), first[:-1]) + SLACK_MM
    levels = [np.concatenate([low, high], axis=1)]
    while len(levels[0]) > 1:
        pairs = levels[0].reshape(-1, 2, 6)
        levels.insert(0, np.concatenate([pairs[:, :, :3].min(axis=1), pairs[:, :, 3:].max(axis=1)], axis=1))
    return np.ascontiguousarray(np.concatenate(levels))


def solid(body: Phantom, thickness_mm: float = 300.0) -> Phantom:
    """The body itself, or a flat sheet made a closed block of that thickness behind it; its cells come first."""
    edges = body.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64)
    count = len(body.vertices_mm)
    key, back = edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0]
    start, end = edges[~np.isin(key, back)].T  # of edges that no second cell has
    if not len(start):
        return body
    inwards = -(body.normal * body.area_mm2[:, None]).sum(axis=0)
    behind = body.vertices_mm + thickness_mm * inwards / np.linalg.norm(inwards)
    sides = [np.stack([end, start, start + count], axis=1), np.stack([end, start + count, end + count], axis=1)]
    triangles = np.concatenate([body.triangles, body.triangles[:, ::-1] + count, *sides]).astype(np.int32)
    vertices = np.concatenate([body.vertices_mm, behind])
    corners = vertices[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return replace(body, vertices_mm=vertices, triangles=triangles, area_mm2=np.linalg.norm(cross, axis=1) / 2)
