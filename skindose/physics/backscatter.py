"""Air kerma that the patient scatters back to the skin: at every hit, inside the field and outside it.

What one point of the field scatters to the skin around it is a sum of round Gaussians across the beam, whose weights
follow from the beam's spectrum, the incidence and the thickness of the body, and on an oblique surface of their slopes:

    k(r, a) = sum over j of (w_j + l_j r / s_j cos a) / (2 pi s_j^2) exp(-r^2 / (2 s_j^2))
    w_j = sum over energies of k(E) w_j(E, angle, t), and so l_j

with k(E) the shares of the air kerma, `a` the azimuth from the direction in which the skin falls away. Superposed over
the field it is the scattered over the primary air kerma: on the axis B - 1. The weights come from our Monte Carlo of
pencil beams on water (scripts/make_scatter_kernels.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from skindose.model import Beams, BoolArray, FloatArray, Hits, IntArray, Phantom
from skindose.physics import jit
from skindose.physics.last import remembered
from skindose.physics.quality import Quality, tables

COSINES = 17  # equal steps of the cosine of incidence at which a beam's weights are tabulated
STRIPS = 10  # into which a round field is cut
# Where nothing lit comes nearer than this to the field's edge, at the reference plane, the body ends inside the field.
MARGIN_MM = 8.0
CURVED = 0.7  # share that counts of a distance to where the body ends: fitted to Monte Carlo of cylinders

ASSUMPTIONS = (
    "Backscatter and the dose outside the field are superposed from Monte Carlo of flat water, for the lie of the skin "
    "and the extent of the body along the field's two axes; bone, lung and the body's exact shape are left out.",
)


@dataclass(frozen=True)
class Spread:
    """The arrays of `data/scatter.npz`.

    energy_kev, cos_incidence, thickness_mm    the nodes
    width_mm      (widths,) s_j
    weight        (3, energies, cosines, thicknesses, widths) w_j of a parallel beam, its change per 1/mm of inverse
                  distance from the focal spot, and l_j
    """

    energy_kev: FloatArray
    cos_incidence: FloatArray
    thickness_mm: FloatArray
    width_mm: FloatArray
    weight: FloatArray


@cache
def spread() -> Spread:
    """The table, read once."""
    data = np.load(BytesIO((files("skindose.physics.data") / "scatter.npz").read_bytes()))
    names = ("energy_kev", "cos_incidence", "thickness_mm", "width_mm", "weight")
    return Spread(*(data[name].astype(np.float64) for name in names))


@cache
def integrals() -> NDArray[np.float32]:
    """(2, places, widths) normal integral from the middle and density, of the table's widths, for `jit.scatter`."""
    places = jit.REACH_MM * (np.arange(jit.PLACES + 1) / jit.PLACES) ** 2
    x = places[:, None] / spread().width_mm
    whole = [0.5 * math.erf(value) for value in (x / math.sqrt(2.0)).ravel().tolist()]
    density = np.exp(-0.5 * x**2) / math.sqrt(2.0 * math.pi)
    return np.array([np.reshape(whole, x.shape), density], dtype=np.float32)


def equivalent_side_mm(field_mm: FloatArray, circular: BoolArray) -> FloatArray:
    """Side of the square field that scatters like the field, at the same plane.

        rectangle a x b:  2 a b / (a + b);  ellipse in a x b:  sqrt(pi a b) / 2 (the same area)      [ICRU74, BJR25]

    field_mm    (beams, 4) u_min, u_max, v_min, v_max
    circular    (beams,)
    returns     (beams,)
    """
    a, b = field_mm[:, 1] - field_mm[:, 0], field_mm[:, 3] - field_mm[:, 2]
    rectangle = 2 * a * b / np.maximum(a + b, 1e-9)
    return np.where(circular, np.sqrt(np.pi * np.maximum(a * b, 0.0)) / 2, rectangle)


@dataclass(frozen=True)
class Kernels:
    """The Gaussians' weights of some beam qualities.

    weight    (qualities, 3, COSINES, thicknesses, widths) cosines at equal steps over 0 to 1
    row       (events,) which of them
    """

    weight: FloatArray
    row: IntArray


@remembered
def kernels(beams: Quality) -> Kernels:
    """The weights, once for equal qualities."""
    keys = np.stack([beams.kvp_kv, beams.mean_energy_kev, beams.hvl_mmal], axis=1)
    _, first, row = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    table = spread()
    folded = beams.kerma[first] @ _hats(tables().energy_kev, table.energy_kev)
    weight = np.einsum("qe,zectj->qzctj", folded, table.weight, optimize=True)
    to_cosines = _hats(np.linspace(0.0, 1.0, COSINES), table.cos_incidence)
    weight = np.einsum("nc,qzctj->qzntj", to_cosines, weight, optimize=True)
    return Kernels(np.ascontiguousarray(weight), row.reshape(-1).astype(np.int32))


def _hats(values: FloatArray, nodes: FloatArray) -> FloatArray:
    """(values, nodes) weights of linear interpolation, clamped outside the nodes."""
    return np.stack([np.interp(values, nodes, row) for row in np.eye(len(nodes))], axis=1)


def strips(field_mm: FloatArray, circular: BoolArray) -> tuple[IntArray, FloatArray]:
    """The fields as sets of rectangles; a round one is cut along v, each strip with the area of its part.

    returns    (beams + 1,) first strip of each beam, and (strips, 4) u_min, u_max, v_min, v_max
    """
    count = np.where(circular, STRIPS, 1)
    start = np.concatenate([[0], np.cumsum(count)])
    found = np.repeat(field_mm, count, axis=0)
    edges = np.linspace(-1.0, 1.0, STRIPS + 1)
    integral = 0.5 * (edges * np.sqrt(1 - edges**2) + np.arcsin(edges))
    half = np.diff(integral) / np.diff(edges)
    for beam in np.flatnonzero(circular):
        u_min, u_max, v_min, v_max = field_mm[beam]
        rows = slice(start[beam], start[beam + 1])
        found[rows, 0] = 0.5 * (u_min + u_max) - half * 0.5 * (u_max - u_min)
        found[rows, 1] = 0.5 * (u_min + u_max) + half * 0.5 * (u_max - u_min)
        found[rows, 2:] = 0.5 * (v_min + v_max) + 0.5 * (v_max - v_min) * np.stack([edges[:-1], edges[1:]], axis=1)
    return start.astype(np.int32), found


@dataclass(frozen=True)
class Lit:
    """What of the body some beams light, so that the scatter of some of their hits can be told.

    normal    (cells, 3) of the body; without rows: flat, endless, across every ray
    whole     (beams, 4, 4) see `jit.lit`
    """

    normal: FloatArray
    whole: FloatArray


def lit(beams: Beams, hits: Hits, body: Phantom | None) -> Lit:
    """What of the body the beams light, from all their hits; without a body: all of the field.

    Where the hits do not tell how thick it is behind the skin, it is thick.
    """
    normal = np.zeros((0, 3)) if body is None else np.ascontiguousarray(body.normal)
    whole = np.empty((len(beams), 4, 4))
    jit.lit(hits.beam_start, _packed(beams), _columns(hits), hits.primary, hits.cell, normal, MARGIN_MM, whole)
    return Lit(normal, whole)


def scatter(made: Kernels, beams: Beams, hits: Hits, body: Phantom | Lit | None = None) -> FloatArray:
    """Scattered over primary air kerma of every hit.

    body       whose cells were hit, by all hits of the beams; where they are only some, `lit` of all of them; None:
               flat, endless, across every ray
    returns    (hits,) at least 0
    """
    out = np.empty(len(hits.cell))
    start, rectangles = strips(beams.field_mm, beams.circular)
    known = body if isinstance(body, Lit) else lit(beams, hits, body)
    limits = np.append(spread().thickness_mm, CURVED)
    ours = (made.weight, made.row[beams.event], start, rectangles, integrals())
    theirs = (_columns(hits), hits.cell, known.normal, known.whole)
    jit.scatter(hits.beam_start, _packed(beams), *ours, *theirs, limits, out)
    return out


def _packed(beams: Beams) -> FloatArray:
    return np.column_stack([beams.reference_distance_mm, beams.field_mm, beams.u, beams.v, beams.axis])


def _columns(hits: Hits) -> tuple[FloatArray, ...]:
    thick = hits.thickness_mm
    if thick is None:
        thick = np.full(len(hits.cell), spread().thickness_mm[-1])
    return tuple(np.ascontiguousarray(column) for column in (hits.distance_mm, hits.u_mm, hits.v_mm, thick))
