"""Beams x Phantom -> Hits: checks, packs, allocates and calls the compiled code."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from skindose.kernel import jit
from skindose.model import Beams, FloatArray, Hits, Phantom


class Hierarchy(NamedTuple):
    """The bounding-volume hierarchy of a phantom: cells in Morton order, and the boxes of an implicit binary tree."""

    order: np.ndarray
    corners: FloatArray
    centroid: FloatArray
    normal: FloatArray
    boxes: FloatArray


_hierarchies: WeakKeyDictionary[Phantom, Hierarchy] = WeakKeyDictionary()


def hierarchy(phantom: Phantom) -> Hierarchy:
    """The phantom's hierarchy, built once and kept as long as the phantom lives."""
    found = _hierarchies.get(phantom)
    if found is None:
        centroid = np.ascontiguousarray(phantom.centroid_mm, dtype=np.float64)
        order = np.argsort(jit.morton_codes(centroid), kind="stable")
        corners, boxes = jit.build(
            np.ascontiguousarray(phantom.vertices_mm, dtype=np.float64),
            np.ascontiguousarray(phantom.triangles, dtype=np.int32),
            order,
        )
        found = Hierarchy(order, corners, centroid[order], np.ascontiguousarray(phantom.normal[order]), boxes)
        _hierarchies[phantom] = found
    return found


def cast(beams: Beams, phantom: Phantom) -> Hits:
    """Which cells each beam lights: inside the field, facing the source, not shadowed by another part of the body.

    A cell shadows with its outer side only: a ray enters a closed body before it leaves it.

    A cell whose corners all lie in the field is covered whole; one that the edge crosses by the share of its sampled
    area inside. Shadow, distance, incidence and path through the support are those of the centroid. Hits stand beam by
    beam, within a beam in the hierarchy's order, which depends on the phantom alone.
    """
    tree = hierarchy(phantom)
    slabs = np.ascontiguousarray(beams.support_mm, dtype=np.float64).reshape(-1, 6)
    start, place, rows = jit.cast(_pack(beams), tree.corners, tree.centroid, tree.normal, tree.boxes, slabs)
    columns = np.ascontiguousarray(rows.T)
    return Hits(
        beam_start=start,
        cell=tree.order[place].astype(np.int32),
        distance_mm=columns[0],
        cos_incidence=columns[1],
        u_mm=columns[2],
        v_mm=columns[3],
        edge_mm=columns[4],
        coverage=columns[5],
        path_mm=np.ascontiguousarray(rows[:, jit.HIT :]),
        primary=np.ones(len(place), dtype=np.bool_),
    )


def _pack(beams: Beams) -> FloatArray:
    """(beams, BEAM) rows as kernel/jit.py wants them.

    raises   ValueError where a number is not finite: geometry sets such events aside before
    """
    count = len(beams)
    packed = np.concatenate(
        [
            beams.source_mm,
            beams.axis,
            beams.u,
            beams.v,
            beams.field_mm,
            beams.reference_distance_mm[:, None],
            beams.circular[:, None].astype(np.float64),
            beams.table_rotation.reshape(count, 9),
            beams.table_origin_mm,
        ],
        axis=1,
    ).reshape(count, jit.BEAM)
    if not np.isfinite(packed).all():
        raise ValueError("beams hold numbers that are not finite")
    return np.ascontiguousarray(packed)
