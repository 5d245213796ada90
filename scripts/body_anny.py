"""anny's skin for a person: phenotype by sex, age, height and build, closed, fingers together. Used by make_bodies.py.

Measures for an age are medians of published references; anny's own defaults are not used for them:

- length and height: WHO Child Growth Standards (2006) to 5 years, WHO Reference (2007) to 18
- circumference of the head: WHO (2007) to 5 years; G. Nellhaus, Pediatrics 41 (1968) 106 to 14; J. D. Rollins and
  others, J. Pediatr. 156 (2010) 907 for adults
- body mass index: WHO (2006, 2007) to 18; adults 22.5, elders 25 kg/m2, reasoned
- age to anny's age: its own mapping (shape calibration, morphological age), in which 0 is a newborn and 1 is 110 years
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from body_pose import Skeleton, Skin
from scipy.spatial import ConvexHull

from skindose.phantom import mesh
from skindose.units import convert

MM_PER_M = convert(1.0, "m", "length_mm")
STATURE_MM = 1786.0
"""Every body is made in this stature and scaled afterwards: the constants of posing are of an adult's size."""
AGES = (0.0, 0.5, 1.0, 2.0, 4.0, 7.0, 11.0, 14.0, 18.0, 64.0, 90.0)
HEIGHT_CM = {
    "male": (49.9, 67.6, 75.7, 87.8, 103.3, 121.7, 143.1, 163.2, 176.1, 175.0, 172.0),
    "female": (49.1, 65.7, 74.0, 86.4, 102.7, 120.8, 145.0, 159.8, 163.1, 162.0, 159.0),
}
HEAD_CM = {
    "male": (34.5, 43.3, 46.1, 48.3, 50.2, 51.9, 53.5, 54.8, 57.0, 57.0, 57.0),
    "female": (33.9, 42.2, 44.9, 47.2, 49.3, 51.0, 53.0, 54.2, 55.0, 55.0, 55.0),
}
BMI = (13.4, 17.2, 16.7, 16.0, 15.3, 15.5, 17.2, 19.3, 22.5, 25.0, 24.0)
BUILDS = 4
"""Bodies of each age: lean, usual, heavy, obese."""


def build(age, number):
    """Body mass index of a build as a multiple of the age's own: infants do not vary as adults do."""
    infant, adult = (0.8, 1.0, 1.2, 1.4), (0.75, 1.0, 1.35, 1.9)
    grown = np.clip((age - 2.0) / 9.0, 0.0, 1.0)
    return (1.0 - grown) * infant[number] + grown * adult[number]


MUSCLE = (0.25, 0.4, 0.2, 0.0)
"""anny's muscle that goes with each build; weight follows, and what it cannot reach is put on along the normals."""
HEAVIEST = 1.05
"""anny's weight, a little beyond its own range of 0 to 1."""
ANNY_AGES = ((0.0, 1.0, 4.0, 11.0, 16.0, 18.0, 64.0, 90.0), (0.0, 0.05, 0.215, 0.415, 0.67, 0.77, 0.83, 0.87))
"""Years, and anny's age; its own mapping but for the eldest, whose bent back a pad straightens."""


class Raw(NamedTuple):
    """anny's whole mesh and joints for a phenotype, in mm, standing at rest."""

    vertices: np.ndarray
    joints: np.ndarray


class Source:
    """The model, and the part of its mesh that is the skin: eye sockets and mouth closed by fans."""

    def __init__(self):
        import anny
        from anny.face_segmentation import get_face_segmentation_mask

        self.model = anny.Anny(skinning_method="lbs", extrapolate_phenotypes=True)
        model = self.model
        self.bones = list(model.bone_labels)
        self.parents = [int(p) for p in model.bone_parents]
        raw = self.raw({"gender": 0.5, "age": 0.7})
        faces = model.faces.numpy().astype(np.int64)
        weights = np.zeros((len(raw.vertices), len(self.bones)))
        place = np.arange(len(weights))[:, None], model.vertex_bone_indices.numpy()
        np.add.at(weights, place, model.vertex_bone_weights.numpy())
        hollow = get_face_segmentation_mask(model, ["eye_cavity.R", "eye_cavity.L", "mouth_cavity"]).numpy()
        part = components(faces, len(weights))
        self.skin = faces[(part[faces[:, 0]] == part[np.argmax(raw.vertices[:, 2])]) & ~hollow]
        self.loops = holes(self.skin)
        fans = [
            (corner, loop[(k + 1) % len(loop)], len(weights) + number)
            for number, loop in enumerate(self.loops)
            for k, corner in enumerate(loop)
        ]
        triangles = np.concatenate([self.skin, np.array(fans)])
        assert mesh.is_closed(triangles)
        self.used = np.unique(triangles)
        self.triangles = np.searchsorted(self.used, triangles)
        self.weights = self._with_middles(weights)
        self.on_head = self._with_middles(weights)[:, self.bones.index("head")] > 0.9

    def raw(self, phenotype):
        """The mesh of a phenotype; what is not named is 0.5."""
        import torch

        values = {"gender": 0.5, "age": 0.5, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.5}
        with torch.no_grad():
            out = self.model(phenotype_kwargs=values | phenotype)
        return Raw(
            MM_PER_M * out["rest_vertices"][0].double().numpy(), MM_PER_M * out["rest_bone_heads"][0].double().numpy()
        )

    def _with_middles(self, values):
        """The values at the skin's vertices, those in the middles of the closed holes added."""
        middles = [values[loop].mean(axis=0, keepdims=True) for loop in self.loops]
        return np.concatenate([values, *middles])[self.used]

    def skin_of(self, raw):
        """The closed skin in the common stature."""
        vertices = self._with_middles(raw.vertices)
        scale = STATURE_MM / np.ptp(vertices[:, 2])
        return Skin(scale * vertices, self.triangles, self.weights, scale * raw.joints, self.parents, self.bones)

    def bmi(self, raw):
        """kg/m2 at the density of the bodies."""
        vertices = self._with_middles(raw.vertices)
        height_m = np.ptp(vertices[:, 2]) / MM_PER_M
        return DENSITY_KG_PER_MM3 * mesh.volume_mm3(vertices, self.triangles) / height_m**2


DENSITY_KG_PER_MM3 = 1.01e-6


def components(triangles, count):
    """(count,) the smallest vertex number of the part that each vertex belongs to."""
    part = np.arange(count)
    while True:
        lowest = part[triangles].min(axis=1)
        new = part.copy()
        for k in range(3):
            np.minimum.at(new, triangles[:, k], lowest)
        new = new[new]
        if np.array_equal(new, part):
            return part
        part = new


def holes(triangles):
    """The open borders, each a list of vertices in the sense that closes it."""
    start, end = mesh.half_edges(triangles)
    open_edge = mesh.neighbours(triangles).ravel() < 0
    follow = dict(zip(end[open_edge].tolist(), start[open_edge].tolist(), strict=True))
    loops = []
    while follow:
        loop = [next(iter(follow))]
        while follow[loop[-1]] != loop[0]:
            loop.append(follow[loop[-1]])
        for corner in loop:
            del follow[corner]
        loops.append(loop)
    return loops


# --- Phenotypes


def person(source, sex, age_index, build_index):
    """The skin of a person, as near as anny comes to the build, and the wanted body mass index."""
    age = AGES[age_index]
    phenotype = {
        "gender": 0.0 if sex == "male" else 1.0,
        "age": float(np.interp(age, *ANNY_AGES)),
        "muscle": MUSCLE[build_index],
        "weight": 0.5,
    }
    height_mm = MM_PER_M / 100.0 * HEIGHT_CM[sex][age_index]
    phenotype["height"] = solve(lambda h: np.ptp(source.raw(phenotype | {"height": h}).vertices[:, 2]), height_mm, 0, 1)
    wanted = BMI[age_index] * build(age, build_index)
    phenotype["weight"] = solve(lambda w: source.bmi(source.raw(phenotype | {"weight": w})), wanted, 0.0, HEAVIEST)
    skin = fingers_together(source.skin_of(source.raw(phenotype)))
    return with_head(source, skin, HEAD_CM[sex][age_index] / HEIGHT_CM[sex][age_index]), wanted


def reference(source):
    """The body whose surface is remeshed: between man and woman, adult."""
    return fingers_together(source.skin_of(source.raw({"age": 0.77, "height": 0.37, "muscle": 0.4})))


def solve(function, wanted, low, high):
    """Argument of a growing function by false position, the nearer end where the value is out of reach."""
    at_low, at_high = function(low) - wanted, function(high) - wanted
    if at_low >= 0 or at_high <= 0:
        return low if at_low >= 0 else high
    for _ in range(5):
        middle = low - at_low * (high - low) / (at_high - at_low)
        at_middle = function(middle) - wanted
        if abs(at_middle) < 1e-4 * wanted:
            break
        low, at_low, high, at_high = (
            (middle, at_middle, high, at_high) if at_middle < 0 else (low, at_low, middle, at_middle)
        )
    return middle


def fingers_together(skin):
    """anny's spread fingers laid straight beside each other, so that a hand is one mitten when the skin is closed."""
    bones = Skeleton(skin)
    for side in "LR":
        along = bones.joint(f"wrist.{side}") - bones.joint(f"lowerarm01.{side}")
        bones.aim(f"wrist.{side}", f"finger3-1.{side}", along, 0.7)
        for finger in (2, 3, 4, 5):
            for joint, tip in (("1", "2"), ("2", "3")):
                bones.aim(f"finger{finger}-{joint}.{side}", f"finger{finger}-{tip}.{side}", along, 0.9)
        bones.aim(f"finger1-1.{side}", f"finger1-3.{side}", along, 0.6)
    return skin._replace(vertices_mm=bones.vertices(), joints_mm=bones.joints())


def head_circumference(skin, on_head):
    """Largest horizontal girth of the upper 45 % of the head, above the ears."""
    v = skin.vertices_mm[on_head]
    top, chin = v[:, 2].max(), v[:, 2].min()
    heights = np.linspace(top - 0.45 * (top - chin), top - 0.15 * (top - chin), 12)
    slabs = [v[np.abs(v[:, 2] - z) < 0.03 * (top - chin), :2] for z in heights]
    return max(ConvexHull(slab).area for slab in slabs if len(slab) > 4)


def with_head(source, skin, wanted_ratio):
    """The head scaled about the neck's upper joint until its girth per stature is the wanted one; stature kept."""
    share = skin.weights[:, skin.bones.index("head")]
    pivot = skin.joints_mm[skin.bones.index("head")]
    for _ in range(4):
        ratio = head_circumference(skin, source.on_head) / np.ptp(skin.vertices_mm[:, 2])
        factor = np.clip(wanted_ratio / ratio, 0.9, 1.2)
        moved = skin.vertices_mm + ((factor - 1.0) * share)[:, None] * (skin.vertices_mm - pivot)
        scale = STATURE_MM / np.ptp(moved[:, 2])
        skin = skin._replace(vertices_mm=scale * moved, joints_mm=scale * skin.joints_mm)
        pivot = scale * pivot
    return skin
