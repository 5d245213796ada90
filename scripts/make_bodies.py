"""Makes the two adult bodies of phantoms/skindose_phantoms from anny's parametric body.

    PYTHONPATH=. python scripts/make_bodies.py [male] [female]

Needs the extra `generate` (anny 0.6.2, torch 2.13.0 for the processor). Steps, each a function below:

    1. shape       anny's phenotype with the wanted stature and build; the eyes, tongue and mouth are left out
    2. pose        arms at the sides, legs nearly parallel: rotations about the joints, linear blend skinning
    3. lie down    a shear of the depth by height lays head, back and legs on one plane, as a pad does; what would stick
                   into it is pressed flat. Both are one-to-one maps of space: nothing can be pushed through itself
    4. close       signed distance on a grid, out and in by 4.5 mm: one closed skin without folds; toes are joined
    5. remesh      cells of the wanted size
    6. scale       to the exact stature and weight (volume x 1.01 g/cm3), label, write

The bytes depend on the versions of numpy, scipy and torch; SOURCES.toml has the digest of what is shipped.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import body_remesh
import body_surface
import numpy as np
from body_pose import Skin, pose, soften
from scipy import ndimage
from scipy.spatial import cKDTree

from skindose.phantom import mesh, regions
from skindose.units import cm_to_mm, convert

FOLDER = Path(__file__).resolve().parents[1] / "phantoms" / "skindose_phantoms"
DENSITY_KG_PER_MM3 = 1.01e-6
MM_PER_M = convert(1.0, "m", "length_mm")
GRID_MM = 3.0
CLOSING_MM = 4.5
PRESS_MM = 14.0
"""How deep the most posterior parts are pressed by the pad."""
LENGTH_MM = {"trunk": 8.8, "arm": 13.5, "hand": 12.0, "thigh": 15.0, "lower leg": 19.0, "foot": 14.0}
LONGEST_MM = 9.98
"""A little less than the 10 mm promised: vertices are rounded to 0.01 mm."""
SHEAR_MM = 90.0
"""Standard deviation of the mean along the height that the body is laid flat by."""
ROUNDS = 6
"""Of remeshing."""
ARM, HAND, THIGH, LOWER_LEG, FOOT = (
    1 + regions.LIMBS.index(name) for name in ("arm", "hand", "thigh", "lower leg", "foot")
)


class Body(NamedTuple):
    """What is made: phenotype (anny's, 0 to 1), height, weight, and how far the elbows lie to the back (slope).

    Male: the patient of whom nothing is known. Female: reference adult of ICRP Publication 89 (2002).
    """

    name: str
    phenotype: dict[str, float]
    height_cm: float
    weight_kg: float
    elbow_back: float

    @property
    def stature_mm(self):
        """Crown to soles."""
        return cm_to_mm(self.height_cm)


BODIES = {
    "male": Body(
        "male",
        {"gender": 0.0, "age": 0.667, "muscle": 0.5, "weight": 0.7, "height": 0.38, "proportions": 0.5},
        178.6,
        73.2,
        -0.05,
    ),
    "female": Body(
        "female",
        {"gender": 1.0, "age": 0.667, "muscle": 0.5, "weight": 0.9, "height": 0.37, "proportions": 0.5},
        163.0,
        60.0,
        0.12,
    ),
}


# --- 1. Shape


def shape(model, phenotype):
    """anny's skin for a phenotype, eye sockets and mouth closed by fans."""
    import torch
    from anny.face_segmentation import get_face_segmentation_mask

    with torch.no_grad():
        out = model(phenotype_kwargs=phenotype)
    vertices = MM_PER_M * out["vertices"][0].double().numpy()
    triangles = model.faces.numpy().astype(np.int64)
    weights = np.zeros((len(vertices), len(model.bone_labels)))
    np.add.at(
        weights,
        (np.arange(len(vertices))[:, None], model.vertex_bone_indices.numpy()),
        model.vertex_bone_weights.numpy(),
    )
    hollow = get_face_segmentation_mask(model, ["eye_cavity.R", "eye_cavity.L", "mouth_cavity"]).numpy()
    part = components(triangles, len(vertices))
    kept = triangles[(part[triangles[:, 0]] == part[np.argmax(vertices[:, 2])]) & ~hollow]
    vertices, kept, weights = close_holes(vertices, kept, weights)
    used = np.unique(kept)
    parents = [int(p) for p in model.bone_parents]
    joints = MM_PER_M * out["rest_bone_heads"][0].double().numpy()
    return Skin(vertices[used], np.searchsorted(used, kept), weights[used], joints, parents, list(model.bone_labels))


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


def close_holes(vertices, triangles, weights):
    """A fan from the middle of each open border."""
    start, end = mesh.half_edges(triangles)
    open_edge = mesh.neighbours(triangles).ravel() < 0
    follow = dict(zip(end[open_edge].tolist(), start[open_edge].tolist(), strict=True))
    while follow:
        loop = [next(iter(follow))]
        while follow[loop[-1]] != loop[0]:
            loop.append(follow[loop[-1]])
        for corner in loop:
            del follow[corner]
        fan = [(corner, loop[(k + 1) % len(loop)], len(vertices)) for k, corner in enumerate(loop)]
        vertices = np.concatenate([vertices, vertices[loop].mean(axis=0, keepdims=True)])
        weights = np.concatenate([weights, weights[loop].mean(axis=0, keepdims=True)])
        triangles = np.concatenate([triangles, fan])
    assert mesh.is_closed(triangles)
    return vertices, triangles, weights


# --- 3. Lie down


def lie_down(vertices, limb):
    """The body in the patient frame, flat on the pad: most posterior point at y = 0, crown at z = 0.

    limb   (vertices,) label as in `regions.LIMBS` plus 1: arms and hands do not decide how the rest lies
    """
    v = vertices - np.array([0.0, 0.0, vertices[:, 2].max()])
    heights = np.arange(v[:, 2].min(), 1.0, 5.0)
    body = ~np.isin(limb, (ARM, HAND))
    slab = np.searchsorted(heights, v[:, 2])
    back = np.full(len(heights) + 1, np.nan)
    for k in range(len(back)):
        chosen = body & (np.abs(slab - k) <= 3)
        back[k] = v[chosen, 1].max() if chosen.any() else np.nan
    back = np.interp(np.arange(len(back)), np.flatnonzero(np.isfinite(back)), back[np.isfinite(back)])
    v[:, 1] -= np.interp(v[:, 2], heights, _low_pass(back, SHEAR_MM / 5.0)[:-1])
    v[:, 1] = _press(v[:, 1] - v[body, 1].max())
    return v - np.array([0.0, v[:, 1].max(), 0.0])


def _low_pass(values, width):
    """Gaussian mean, the ends continued."""
    reach = int(4 * width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(values, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _press(y):
    """A growing function of depth that is y well in front of the pad's plane and nearly constant behind it."""
    plane, rest, soft = -PRESS_MM, 0.03, 3.0
    beyond = soft * np.logaddexp(0.0, (y - plane) / soft)
    return y - (1.0 - rest) * beyond


def limbs(skin):
    """(vertices,) 1 + index into `regions.LIMBS` by the bone that moves the skin most, 0 on head and trunk."""
    group = {"upperarm": ARM, "lowerarm": ARM, "wrist": HAND, "finger": HAND, "metacarpal": HAND}
    group |= {"upperleg": THIGH, "lowerleg": LOWER_LEG, "foot": FOOT, "toe": FOOT}
    number = np.array([next((n for key, n in group.items() if bone.startswith(key)), 0) for bone in skin.bones])
    share = np.stack([skin.weights[:, number == n].sum(axis=1) for n in range(6)], axis=1)
    return np.argmax(share, axis=1)


# --- 4., 5. Close and remesh


def close(vertices, triangles):
    """One closed skin: everything within the closing radius of two surfaces is filled."""
    import trimesh

    fine, triangles = trimesh.remesh.subdivide_loop(vertices, triangles, iterations=1)
    axes = body_surface.grid(fine, GRID_MM, CLOSING_MM + 6 * GRID_MM)
    field = body_surface.distance(
        body_surface.sample(fine, triangles, GRID_MM / 2), body_surface.inside(fine, triangles, axes), axes
    )
    outer = body_surface.surface_net(field, CLOSING_MM, axes)
    field = body_surface.distance(body_surface.sample(*outer, GRID_MM / 2), field < CLOSING_MM, axes)
    return body_surface.surface_net(ndimage.gaussian_filter(field, 0.8), -CLOSING_MM, axes)


def wanted_length(vertices, triangles, near):
    """(vertices,) wanted length of edges: fine on head and trunk, growing smoothly towards hands and feet."""
    below = -vertices[:, 2] / np.ptp(vertices[:, 2])
    names = np.array(["trunk", *regions.LIMBS])[near]
    names[(below < regions.LOWER_EDGE["pelvis"] + 0.01) & np.isin(near, (THIGH, LOWER_LEG, FOOT))] = "trunk"
    wanted = np.array([LENGTH_MM[name] for name in names])
    start, end = mesh.half_edges(triangles)
    degree = np.bincount(start, minlength=len(vertices))
    for _ in range(60):
        wanted = 0.5 * wanted + 0.5 * np.bincount(end, wanted[start], len(vertices)) / degree
    return wanted


class Source:
    """The posed skin, finely sampled, that knows which limb a point near it lies on."""

    def __init__(self, vertices, triangles, limb):
        dense = body_surface.sample(vertices, triangles, 4.0)
        self.tree = cKDTree(dense.points_mm)
        self.limb = np.median(limb[triangles], axis=1).astype(int)[dense.cells]

    def limbs(self, points):
        """(points,) as `limbs` has it."""
        return self.limb[self.tree.query(points)[1]]


# --- 6. Scale, label, write


def fit(vertices, triangles, body):
    """The body with the exact stature and weight, its crown at z = 0 and its back at y = 0, in steps of 0.01 mm."""
    v = vertices - np.array([0.0, vertices[:, 1].max(), vertices[:, 2].max()])
    tall = body.stature_mm / -v[:, 2].min()
    wide = np.sqrt(body.weight_kg / (mesh.volume_mm3(v, triangles) * DENSITY_KG_PER_MM3 * tall))
    print(f"  scaled by {wide:.4f} across and {tall:.4f} along")
    return np.round(v * (wide, wide, tall), 2)


def label(vertices, triangles, near, stature_mm):
    """(cells,) number of the label: arms and hands by the bones that move them, the rest by height and aspect."""
    centroid = mesh.measure(vertices, triangles).centroid_mm
    limb = np.where(np.isin(near, (ARM, HAND)), near, regions.legs_by_height(centroid, stature_mm)).astype(np.uint8)
    return regions.label(centroid, stature_mm, limb)


def landmarks(vertices, triangles, region, stature_mm):
    """(landmarks, 3) in the order of `regions.LANDMARKS`: each from the part of the body that it lies in."""
    part = {name: np.ones(len(region), bool) for name in regions.LANDMARKS}
    arms = np.isin(
        region, [regions.NAMES.index(f"{side} {limb}") for side in regions.SIDES for limb in ("arm", "hand")]
    )
    for name in part:
        side = name.split()[0]
        left = vertices[triangles].mean(axis=1)[:, 0] > 0
        part[name] = (arms if name.endswith("arm") else ~arms) & ({"left": left, "right": ~left}.get(side, True))
    points = []
    for name, mark in regions.LANDMARKS.items():
        used = vertices[np.unique(triangles[part[name]])]
        slab = used[np.abs(used[:, 2] + mark.below * stature_mm) < 15.0]
        x = (
            mark.left * stature_mm
            if part[name].sum() > 0.6 * len(region)
            else (slab[:, 0].min() + slab[:, 0].max()) / 2
        )
        beside = slab[np.abs(slab[:, 0] - x) < 20.0, 1]
        points.append((x, beside.max() + mark.depth * (beside.min() - beside.max()), -mark.below * stature_mm))
    return np.round(np.array(points), 1)


def write(body, vertices, triangles, region, points):
    """The file that skindose.phantom.body reads: plain arrays, stored without compression, the same bytes each time."""
    path = FOLDER / f"{body.name}.npz"
    np.savez(
        path,
        vertices_mm=vertices.astype(np.float32),
        triangles=triangles.astype(np.uint16),
        neighbours=mesh.neighbours(triangles).astype(np.uint16),
        region=region,
        landmarks_mm=points.astype(np.float32),
        size=np.array([body.height_cm, mesh.volume_mm3(vertices, triangles) * DENSITY_KG_PER_MM3]),
    )
    print(f"  {path.name}: {path.stat().st_size} bytes, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


def make(model, body):
    """One body, from phenotype to file."""
    skin = shape(model, body.phenotype)
    limb = limbs(skin)
    lying = lie_down(pose(skin._replace(weights=soften(skin.weights, skin.triangles)), body.elbow_back), limb)
    source = Source(lying, skin.triangles, limb)
    dense, dense_triangles = close(lying, skin.triangles)
    wanted = wanted_length(dense, dense_triangles, source.limbs(dense))
    vertices, triangles = body_remesh.remesh(dense, dense_triangles, wanted, ROUNDS)
    moved = fit(vertices, triangles, body)
    near = source.limbs(vertices[triangles].mean(axis=1))
    region = label(moved, triangles, near, body.stature_mm)
    on_trunk = region < regions.FIRST_LIMB
    finer = mesh.refine(moved, triangles.astype(np.int32), np.where(on_trunk, LONGEST_MM, 1e3))
    vertices, triangles, region = np.round(finer.vertices_mm, 2), finer.triangles, region[finer.parent]
    assert mesh.is_closed(triangles)
    write(body, vertices, triangles, region, landmarks(vertices, triangles, region, body.stature_mm))


def main(names):
    """Makes the bodies named, or all."""
    import anny

    model = anny.Anny(skinning_method="lbs")
    for name in names or BODIES:
        print(name)
        make(model, BODIES[name])


if __name__ == "__main__":
    main(sys.argv[1:])
