"""The words for places on the body: the label of each cell, and the landmarks that placement by anatomy aims at.

Heights are fractions of stature, counted from the crown downwards. They are 1 minus the heights of R. Drillis and
R. Contini, Body Segment Parameters (Office of Vocational Rehabilitation, TR 1166.03, 1966), as reproduced in
D. A. Winter, Biomechanics and Motor Control of Human Movement, figure 4.1: chin 0.870, shoulder 0.818, hip 0.530,
elbow 0.630, wrist 0.485, knee 0.285, ankle 0.039; half the breadth of the shoulders 0.129, of the hips 0.0955. What
those do not give (heart, liver, lower edge of the thorax) is reasoned from surface anatomy, in words beside its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skindose.model import ByteArray, FloatArray

SECTIONS = ("head", "neck", "thorax", "abdomen", "pelvis")
"""Head and trunk from the crown downwards; each has three aspects and two sides."""
ASPECTS = ("anterior", "posterior", "lateral")
SIDES = ("left", "right")
LIMBS = ("arm", "hand", "thigh", "lower leg", "foot")

NAMES: tuple[str, ...] = (
    *(f"{aspect} {section}, {side}" for section in SECTIONS for aspect in ASPECTS for side in SIDES),
    *(f"{side} {limb}" for limb in LIMBS for side in SIDES),
)
"""Every label a cell can have, in the order of their numbers; left is the patient's left."""
FIRST_LIMB = len(SECTIONS) * len(ASPECTS) * len(SIDES)
"""Labels below this number lie on head, neck and trunk."""

LOWER_EDGE: Mapping[str, float] = {
    "head": 0.130,  # chin
    "neck": 0.170,  # between the seventh cervical vertebra (0.15) and the shoulder (0.18)
    "thorax": 0.320,  # twelfth thoracic vertebra; the costal margin is a little lower at the sides
    "abdomen": 0.410,  # iliac crest
    "pelvis": 0.520,  # crotch and gluteal fold, reasoned: 0.05 below the hip joint
    "thigh": 0.715,  # knee
    "lower leg": 0.950,  # ankle, with the heel
    "foot": 1.0,
}
"""Where a section ends, below the crown, as a fraction of stature."""
WITHOUT_LEGS: Mapping[str, float] = {**LOWER_EDGE, "pelvis": 9.0, "thigh": 9.0, "lower leg": 9.0}
"""The same for a body whose trunk has no end but that of the mesh."""


HALF_NECK = 0.045
"""What lies further from the mid-line at the neck's height is shoulder and belongs to the thorax; reasoned."""


class Landmark(NamedTuple):
    """left and below in fractions of stature; `depth` from the back (0) to the front (1) of the body there."""

    left: float
    below: float
    depth: float


LANDMARKS: Mapping[str, Landmark] = {
    "head": Landmark(0.0, 0.065, 0.5),  # middle of crown and chin
    "neck": Landmark(0.0, 0.155, 0.5),  # middle of chin and shoulder
    "chest": Landmark(0.0, 0.250, 0.5),  # middle of shoulder and lower edge of the thorax
    "heart": Landmark(0.012, 0.260, 0.6),  # two thirds of it left of the mid-line, before the spine, above the xiphoid
    "abdomen": Landmark(0.0, 0.370, 0.5),  # second lumbar vertebra, above the navel (0.40)
    "liver": Landmark(-0.035, 0.315, 0.55),  # right, under the lower ribs
    "pelvis": Landmark(0.0, 0.465, 0.5),  # middle of iliac crest and crotch
    "trunk": Landmark(0.0, 0.326, 0.5),  # middle of shoulder and hip
    "left arm": Landmark(0.150, 0.370, 0.5),  # elbow, hanging straight down from the shoulder
    "right arm": Landmark(-0.150, 0.370, 0.5),
    "left leg": Landmark(0.050, 0.715, 0.5),  # knee
    "right leg": Landmark(-0.050, 0.715, 0.5),
}
"""Region for placement by anatomy -> where its point lies; the names that `--region` takes."""


def label(
    centroid_mm: FloatArray,
    stature_mm: float,
    limb: ByteArray | None = None,
    lower_edge: Mapping[str, float] = LOWER_EDGE,
) -> ByteArray:
    """(cells,) index into `NAMES` by height, side and aspect.

    centroid_mm   (cells, 3) in the patient frame
    limb          (cells,) 1 + index into `LIMBS` where a cell is known to lie on a limb, 0 elsewhere; without it arms
                  are not told from the trunk, and legs begin below the pelvis
    lower_edge    as `LOWER_EDGE`, for a body that is divided otherwise
    """
    limb = legs_by_height(centroid_mm, stature_mm, lower_edge) if limb is None else limb
    below = -centroid_mm[:, 2] / stature_mm
    section = np.searchsorted([lower_edge[name] for name in SECTIONS[:-1]], below, side="left")
    shoulder = np.abs(centroid_mm[:, 0]) > HALF_NECK * stature_mm
    section[(section == SECTIONS.index("neck")) & shoulder] += 1
    right = centroid_mm[:, 0] < 0
    body = limb == 0
    aspect = np.zeros(len(centroid_mm), np.int64)
    aspect[body] = _aspect(centroid_mm[body], stature_mm)
    trunk = (section * len(ASPECTS) + aspect) * 2 + right
    return np.where(body, trunk, FIRST_LIMB + (limb.astype(np.int64) - 1) * 2 + right).astype(np.uint8)


def legs_by_height(
    centroid_mm: FloatArray, stature_mm: float, lower_edge: Mapping[str, float] = LOWER_EDGE
) -> ByteArray:
    """(cells,) 1 + index into `LIMBS` for thigh, lower leg and foot by height alone, 0 above them."""
    below = -centroid_mm[:, 2] / stature_mm
    limb = np.zeros(len(centroid_mm), np.uint8)
    for name in ("thigh", "lower leg", "foot"):
        upper = {"thigh": "pelvis", "lower leg": "thigh", "foot": "lower leg"}[name]
        limb[below > lower_edge[upper]] = 1 + LIMBS.index(name)
    return limb


def _aspect(centroid_mm: FloatArray, stature_mm: float) -> NDArray[np.int64]:
    """(cells,) index into `ASPECTS`: the quarter of the body's cross-section, cut along the diagonals of its box.

    The cross-section is that of the cells given, in slabs of 1 % of stature; what has no depth is posterior.
    """
    if not len(centroid_mm):
        return np.zeros(0, np.int64)
    slab = np.floor(-centroid_mm[:, 2] / stature_mm * 100.0).astype(np.int64)
    slab -= slab.min()
    half_x = _largest(slab, np.abs(centroid_mm[:, 0]))
    back, front = _largest(slab, centroid_mm[:, 1]), -_largest(slab, -centroid_mm[:, 1])
    sideways = np.abs(centroid_mm[:, 0]) / np.maximum(half_x, 1e-9)
    backwards = (centroid_mm[:, 1] - (back + front) / 2) / np.maximum((back - front) / 2, 1e-9)
    aspect = np.where(sideways > np.abs(backwards), 2, np.where(backwards > 0, 1, 0))
    return np.where(back - front < 1e-6, 1, aspect)


def _largest(group: NDArray[np.int64], values: FloatArray) -> FloatArray:
    """For each element the largest of its group's values."""
    out = np.full(int(group.max()) + 1, -np.inf)
    np.maximum.at(out, group, values)
    return out[group]


def landmarks_mm(
    vertices_mm: FloatArray, stature_mm: float, nominal_depth_mm: float
) -> tuple[dict[str, tuple[float, float, float]], tuple[str, ...]]:
    """Every landmark as a point inside this body, and the names of those whose height the body does not reach.

    vertices_mm        (vertices, 3) in the patient frame
    nominal_depth_mm   depth from back to front where the mesh has none (the plane)

    A landmark beyond the ends of the mesh is put at the nearest height that the mesh has; one beyond its side is drawn
    inwards to 0.8 of the half width there.
    """
    points, missing = {}, []
    low, high = float(vertices_mm[:, 2].min()), float(vertices_mm[:, 2].max())
    margin = min(20.0, (high - low) / 4)
    for name, mark in LANDMARKS.items():
        height = -mark.below * stature_mm
        z = float(np.clip(height, low + margin, high - margin))
        if not low <= height <= high:
            missing.append(name)
        slab = _slab(vertices_mm, z)
        x = float(np.clip(mark.left * stature_mm, 0.8 * slab[:, 0].min(), 0.8 * slab[:, 0].max()))
        points[name] = (x, _depth(slab, x, mark.depth, nominal_depth_mm), z)
    return points, tuple(missing)


def _slab(vertices_mm: FloatArray, z_mm: float) -> FloatArray:
    """The vertices within 12 mm of the height z, or the eight nearest where the mesh is coarser."""
    distance = np.abs(vertices_mm[:, 2] - z_mm)
    eighth = min(8, len(distance)) - 1
    return vertices_mm[distance <= max(12.0, float(np.partition(distance, eighth)[eighth]))]


def _depth(slab_mm: FloatArray, x_mm: float, share: float, nominal_depth_mm: float) -> float:
    """y at the given share of the way from back to front, where the slab is cut at x."""
    near = np.abs(slab_mm[:, 0] - x_mm) <= 20.0
    y = slab_mm[near, 1] if near.any() else slab_mm[:, 1]
    back, front = float(y.max()), float(y.min())
    if back - front < 1.0:
        front = back - nominal_depth_mm
    return back + share * (front - back)
