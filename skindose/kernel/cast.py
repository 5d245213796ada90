"""Beams x Phantom -> Hits: checks, packs, allocates and calls the compiled code."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from skindose.kernel import jit
from skindose.model import Beams, ByteArray, FloatArray, Hits, IntArray, Phantom
from skindose.threads import workers

# Beams that one thread does at a time.
SHARE = 64
# Cells whose thickness one thread looks for at a time, and the largest that is told apart: more scatters no more.
THICKNESS_SHARE = 8192
THICKEST_MM = 300.0
# Room for the hits of one thread's beams, beside one cell each.
ROOM = 1 << 16


class Hierarchy(NamedTuple):
    """The bounding-volume hierarchy of a phantom, as kernel/jit.py describes it.

    known    (leaves, LEAF) and
    known_leaf (leaves,) what has been learnt so far: whether a cell lies open or inside another part of the body; the
             same whichever beam asks first
    margin_mm  at the reference plane: farther outside the field rays go through the hierarchy one by one
    """

    order: IntArray
    corners: FloatArray
    faces: FloatArray
    leaves: FloatArray
    nodes: FloatArray
    closed: bool
    known: ByteArray
    known_leaf: ByteArray
    margin_mm: float


_hierarchies: WeakKeyDictionary[Phantom, Hierarchy] = WeakKeyDictionary()
_thicknesses: WeakKeyDictionary[Phantom, FloatArray] = WeakKeyDictionary()


def hierarchy(phantom: Phantom) -> Hierarchy:
    """The phantom's hierarchy, built once and kept as long as the phantom lives."""
    found = _hierarchies.get(phantom)
    if found is None:
        vertices, centroid, normal = (
            np.ascontiguousarray(array, dtype=np.float64)
            for array in (phantom.vertices_mm, phantom.centroid_mm, phantom.normal)
        )
        triangles, neighbours = (
            np.ascontiguousarray(array, dtype=np.int32) for array in (phantom.triangles, phantom.neighbours)
        )
        order = jit.cell_order(centroid)
        corners, faces, leaves, nodes = jit.build(vertices, triangles, order, centroid, normal)
        found = Hierarchy(
            order.astype(np.int32),
            corners,
            faces,
            leaves,
            nodes,
            closed=jit.is_closed(triangles, neighbours),
            known=np.zeros((len(leaves), jit.LEAF), dtype=np.uint8),
            known_leaf=np.zeros(len(leaves), dtype=np.uint8),
            margin_mm=float(2.0 * np.sqrt(phantom.area_mm2.mean())),
        )
        _hierarchies[phantom] = found
    return found


def cast(
    beams: Beams, phantom: Phantom, threads: int | None = None, halo_mm: float = 0.0, thickness: bool = False
) -> Hits:
    """Which cells each beam lights: inside the field, facing the source, not shadowed by another part of the body.

    With a halo, also those that the beam would light if its edges lay `halo_mm` farther out, at the reference plane and
    with square corners: they get scattered dose only, and have the coverage 0.

    A cell that the field's edge crosses is covered by the share of its area inside: exactly that share for a
    rectangle, sampled for a round field. Shadow, distance, incidence and path through the support are those of the
    ray to the centroid. Hits stand beam by beam, within a beam in the hierarchy's order, which depends on the phantom
    alone; they are the same to the bit for any number of threads.

    threads   how many to work with; None: one per processor that this process may use
    halo_mm   at least 0
    thickness give also how thick the body is behind each cell
    raises    ValueError where a beam's numbers are not finite
    """
    tree = hierarchy(phantom)
    packed = _pack(beams)
    slabs = np.ascontiguousarray(beams.support_mm, dtype=np.float64).reshape(-1, 6)
    parts = [packed[first : first + SHARE] for first in range(0, len(packed), SHARE)]
    with workers(threads, len(parts)) as work:
        chosen = list(work(lambda part: _select(part, tree, halo_mm), parts))
        beam_start = np.concatenate([[0], *(np.diff(starts) for starts, _, _ in chosen)]).cumsum()
        columns = np.empty((jit.COLUMNS + len(slabs), beam_start[-1]))
        cell = np.empty(beam_start[-1], dtype=np.int32)

        def fill(part: int) -> None:
            starts, place, share = chosen[part]
            first = beam_start[part * SHARE]
            mine = slice(first, first + len(place))
            columns[5, mine] = share
            np.take(tree.order, place, out=cell[mine])
            jit.fill(parts[part], starts, first, place, tree.faces, slabs, columns)

        list(work(fill, range(len(parts))))
    return Hits(
        beam_start=beam_start,
        cell=cell,
        distance_mm=columns[0],
        cos_incidence=columns[1],
        u_mm=columns[2],
        v_mm=columns[3],
        edge_mm=columns[4],
        coverage=columns[5],
        path_mm=columns[jit.COLUMNS :].T,
        primary=columns[5] > 0.0,
        thickness_mm=thickness_mm(phantom, threads, cell) if thickness else None,
    )


def thickness_mm(phantom: Phantom, threads: int | None = None, cell: IntArray | None = None) -> FloatArray:
    """(hits,) how far the body goes on behind the hits' cells, along the inward normal; at most `THICKEST_MM`.

    cell   (hits,) which cells; None: all of them

    Worked out once per cell of a phantom, when it is hit first. Where the surface is open and nothing lies behind a
    cell it is `THICKEST_MM`.
    """
    tree = hierarchy(phantom)
    found = _thicknesses.get(phantom)
    if found is None:
        found = _thicknesses.setdefault(phantom, np.full(len(tree.order), np.nan))
    wanted = np.zeros(len(found), dtype=np.bool_)
    wanted[slice(None) if cell is None else cell] = True
    place = np.flatnonzero((wanted & np.isnan(found))[tree.order])
    if len(place):
        parts = np.array_split(place, max(1, len(place) // THICKNESS_SHARE))
        behind = [np.empty(len(part)) for part in parts]

        def fill(part: int) -> None:
            jit.thickness(parts[part], THICKEST_MM, tree.corners, tree.faces, tree.nodes, behind[part])

        with workers(threads, len(parts)) as work:
            list(work(fill, range(len(parts))))
        found[tree.order[place]] = np.concatenate(behind)  # by another thread too: the same numbers
    return found if cell is None else found[cell]


def _select(packed: FloatArray, tree: Hierarchy, halo_mm: float) -> tuple[NDArray[np.int64], IntArray, FloatArray]:
    """starts (beams + 1,), and for each hit its cell in the hierarchy's order and the share of it in the field."""
    if halo_mm <= 0.0:
        return _lit(packed, tree)
    wider = packed.copy()
    wider[:, 12:16] += halo_mm * np.array([-1.0, 1.0, -1.0, 1.0])
    wider[:, 17] = 0.0  # a rectangle
    starts, places, shares = _lit(wider, tree)
    jit.cover(packed, starts, places, tree.corners, tree.faces, shares)
    return starts, places, shares


def _lit(packed: FloatArray, tree: Hierarchy) -> tuple[NDArray[np.int64], IntArray, FloatArray]:
    """As `_select`, without a halo."""
    room = tree.known.size + ROOM  # any beam fits
    place, share = np.empty(room, dtype=np.int32), np.empty(room)
    starts = np.zeros(len(packed) + 1, dtype=np.int64)
    places, shares = [], []
    total = done = 0
    while done < len(packed):
        then = jit.select(packed, done, *tree[1:], place, share, starts)
        count = starts[then]
        starts[done : then + 1] += total
        total += count
        places.append(place[:count].copy())
        shares.append(share[:count].copy())
        done = then
    return starts, np.concatenate(places), np.concatenate(shares)


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
