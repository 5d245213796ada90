"""Makes the basis of bodies, phantoms/skindose_phantoms/bodies.npz, from anny's parametric body.

    OMP_NUM_THREADS=1 PYTHONPATH=. python scripts/make_bodies.py [WORKERS]

Needs the extra `generate` (anny 0.6.2, torch 2.13.0 for the processor). Steps, each a function below:

    1. reference   one adult between man and woman, fingers together: signed distance on a grid, out and in by 4.5 mm,
                   one closed skin without folds; its left half remeshed into cells of the wanted size, open on the
                   mid-line
    2. carry over  every other body (sex x age x build, body_anny.py) moves this one mesh: each vertex keeps its place
                   on anny's skin, movements are smoothed, weight that anny does not reach is put on along the normals
    3. lie down    each in each pose, on the pad (body_lie.py); folds are smoothed until no triangles cross
    4. compress    principal components of all bodies of a pose, in bytes; the second pose as difference from the first
    5. write       with cells, neighbours, labels and the vertices that landmarks hang on

The bytes depend on the versions of numpy, scipy and torch, not on the number of workers (each uses one thread);
SOURCES.toml has the digest of what is shipped.
"""

from __future__ import annotations

import hashlib
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import body_anny
import body_lie
import body_remesh
import body_surface
import numpy as np
from body_anny import AGES, DENSITY_KG_PER_MM3, STATURE_MM
from body_pose import Skin, soften
from scipy import ndimage, sparse
from scipy.spatial import cKDTree

from skindose.phantom import mesh, regions
from tests.phantom.overlap import crossing_pairs

PATH = Path(__file__).resolve().parents[1] / "phantoms" / "skindose_phantoms" / "bodies.npz"
GRID_MM = 3.0
CLOSING_MM = 4.5
LENGTH_MM = {"trunk": 5.3, "face": 7.0, "arm": 8.0, "hand": 9.0, "thigh": 8.5, "shank": 12.0, "foot": 10.0}
ROUNDS = 6
"""Of remeshing."""
SEXES = ("male", "female")
UNIT_MM = 1000.0
"""Stature of the bodies in the file."""


class Mesh(NamedTuple):
    """The left half of the reference, standing; `cells` of anny's skin and `shares` of their corners tell where."""

    vertices: np.ndarray
    triangles: np.ndarray
    seam: np.ndarray
    cells: np.ndarray
    shares: np.ndarray
    offset: np.ndarray
    mean: sparse.csr_matrix
    weights: np.ndarray


# --- 1. Reference


def close(vertices, triangles):
    """The left half of one closed skin: everything within the closing radius of two surfaces is filled."""
    import trimesh

    fine, triangles = trimesh.remesh.subdivide_loop(vertices, triangles, iterations=1)
    axes = body_surface.grid(fine, GRID_MM, CLOSING_MM + 6 * GRID_MM)
    field = body_surface.distance(
        body_surface.sample(fine, triangles, GRID_MM / 2), body_surface.inside(fine, triangles, axes), axes
    )
    outer = body_surface.surface_net(body_surface.even(field), CLOSING_MM, axes)
    field = body_surface.distance(body_surface.sample(*outer, GRID_MM / 2), field < CLOSING_MM, axes)
    field = body_surface.even(ndimage.gaussian_filter(field, 0.8))
    return body_surface.left_half(*body_surface.surface_net(field, -CLOSING_MM, axes))


def place(skin, points):
    """For points near the skin: the nearest triangle, and the shares of its corners in the nearest point on it."""
    import trimesh

    dense = body_surface.sample(skin.vertices_mm, skin.triangles, 3.0)
    near = dense.cells[cKDTree(dense.points_mm).query(points, k=12)[1]]
    best, cells, shares = np.full(len(points), np.inf), np.zeros(len(points), int), np.zeros((len(points), 3))
    for k in range(near.shape[1]):
        corners = skin.vertices_mm[skin.triangles[near[:, k]]]
        nearest = trimesh.triangles.closest_point(corners, points)
        far = np.linalg.norm(nearest - points, axis=1)
        better = far < best - 1e-9
        best[better], cells[better] = far[better], near[better, k]
        shares[better] = trimesh.triangles.points_to_barycentric(corners[better], nearest[better])
    return cells, shares


def wanted_length(vertices, triangles, skin, cells):
    """(vertices,) wanted length of edges: fine on head and trunk, growing smoothly towards hands and feet."""
    near = {name: body_lie._share(skin, starts)[skin.triangles[cells, 0]] for name, starts in body_lie.GROUPS.items()}
    wanted = np.full(len(vertices), LENGTH_MM["trunk"])
    below = (vertices[:, 2].max() - vertices[:, 2]) / np.ptp(vertices[:, 2])
    forehead = vertices[near["head"] > 0.5]
    front = vertices[:, 1] < forehead[:, 1].min() + 0.4 * np.ptp(forehead[:, 1])
    wanted[(near["head"] > 0.5) & front & (below > 0.05)] = LENGTH_MM["face"]
    wanted[near["arm"] > 0.5] = LENGTH_MM["arm"]
    wanted[near["hand"] > 0.5] = LENGTH_MM["hand"]
    leg = (near["leg"] > 0.5) & (below > regions.LOWER_EDGE["pelvis"] + 0.02)
    wanted[leg] = LENGTH_MM["thigh"]
    wanted[leg & (near["shank"] > 0.5)] = LENGTH_MM["shank"]
    wanted[leg & (near["foot"] > 0.5)] = LENGTH_MM["foot"]
    mean = averaging(triangles, len(vertices))
    for _ in range(60):
        wanted = mean @ wanted
    return wanted


def averaging(triangles, count):
    """(vertices, vertices) half itself, half the mean of its neighbours."""
    start, end = mesh.half_edges(triangles)
    both = np.unique(np.stack([np.r_[start, end], np.r_[end, start]]), axis=1)
    matrix = sparse.csr_matrix((np.ones(both.shape[1]), both), shape=(count, count))
    degree = np.asarray(matrix.sum(axis=1)).ravel()
    return 0.5 * sparse.identity(count, format="csr") + sparse.diags(0.5 / degree) @ matrix


def reference(source):
    """The mesh that all bodies share; vertices on the seam come first, cells in the order of height."""
    skin = body_anny.reference(source)
    dense, dense_triangles = close(skin.vertices_mm, skin.triangles)
    cells, _ = place(skin, dense)
    wanted = wanted_length(dense, dense_triangles, skin, cells)
    v, t = body_remesh.remesh(dense, dense_triangles, wanted, ROUNDS)
    seam = body_remesh.on_seam(t, len(v))
    order = np.lexsort((-v[:, 2], ~seam))
    back = np.empty(len(v), int)
    back[order] = np.arange(len(v))
    v, t = v[order], back[t]
    t = t[np.argsort(-v[t][:, :, 2].mean(axis=1), kind="stable")]
    cells, shares = place(skin, v)
    there = np.einsum("vk,vki->vi", shares, skin.vertices_mm[skin.triangles[cells]])
    mean = averaging(t, len(v))
    weights = np.einsum("vk,vkb->vb", shares, soften(skin.weights, skin.triangles)[skin.triangles[cells]])
    for _ in range(12):
        weights = mean @ weights
    return Mesh(v, t.astype(np.int32), int(seam.sum()), cells, shares, v - there, mean, weights)


# --- 2. Carry over


def carry(base, skin, wanted_bmi, height_cm):
    """The skin of another body in the reference's mesh, of the wanted body mass index."""
    there = np.einsum("vk,vki->vi", base.shares, skin.vertices_mm[skin.triangles[base.cells]])
    move = on_plane(there + base.offset - base.vertices, base.seam)
    hand = share(base, skin, "hand") + share(base, skin, "foot")
    for number in range(50):
        smoother = on_plane(base.mean @ move, base.seam)
        move = np.where((hand > 0.3)[:, None], smoother, smoother if number < 25 else move)
    vertices = base.vertices + move
    vertices = put_on(base, skin, vertices, wanted_bmi * STATURE_MM / (10.0 * height_cm))
    return Skin(vertices, base.triangles, base.weights, skin.joints_mm, skin.parents, skin.bones)


def on_plane(move, seam):
    """What is on the mid-line stays there."""
    move[:seam, 0] = 0.0
    return move


def share(base, skin, name):
    """(vertices,) share of a group of bones in the reference's vertices."""
    return body_lie._share(skin._replace(weights=base.weights), body_lie.GROUPS[name])


def kilograms(vertices, triangles):
    """Weight of a half body's whole: the plane x = 0 closes it and adds nothing to the sum of tetrahedra."""
    return 2.0 * DENSITY_KG_PER_MM3 * mesh.volume_mm3(vertices, triangles)


def put_on(base, skin, vertices, wanted_bmi):
    """Weight put on or taken off along smooth normals: least on head and neck, none on hands and feet."""
    thick = 1.0 - 0.8 * share(base, skin, "head") - share(base, skin, "hand") - share(base, skin, "foot")
    thick -= 0.4 * (share(base, skin, "arm") - share(base, skin, "hand"))
    thick -= 0.4 * share(base, skin, "neck") + 0.4 * (share(base, skin, "shank") - share(base, skin, "foot"))
    wanted_kg = wanted_bmi * (STATURE_MM / body_anny.MM_PER_M) ** 2
    for _ in range(4):
        normal = body_remesh.vertex_normals(vertices, base.triangles)
        for _ in range(30):
            normal = on_plane(base.mean @ normal, base.seam)
        step = np.clip(thick, 0.0, 1.0)[:, None] * normal
        now = kilograms(vertices, base.triangles)
        slope = kilograms(vertices + step, base.triangles) - now
        vertices = vertices + np.clip((wanted_kg - now) / slope, -6.0, 12.0) * step
        if abs(kilograms(vertices, base.triangles) / wanted_kg - 1.0) < 1e-3:
            break
    return vertices


# --- 3. Lie down


class Sample(NamedTuple):
    """A body of the grid in both poses, STATURE_MM tall, and its weight."""

    down: np.ndarray
    up: np.ndarray
    weight_kg: float


def sample(source, base, sex, age, build):
    """One body, from phenotype to lying."""
    skin, wanted = body_anny.person(source, sex, age, build)
    body = carry(base, skin, wanted, body_anny.HEIGHT_CM[sex][age])
    press = 14.0 * (kilograms(body.vertices_mm, body.triangles) / 73.0) ** 0.5
    lying = body_lie.Body(body, base.seam, press, spread(kilograms(body.vertices_mm, body.triangles)))
    down, up = (untangle(base, lying.lying(lying.arm_in_place(up))) for up in (False, True))
    print(f"  {sex}, {AGES[age]:g} years, build {build}: {kilograms(down, base.triangles):.1f} kg", flush=True)
    return Sample(down, up, kilograms(down, base.triangles))


def spread(weight_kg):
    """Slope of the legs outwards: stout legs need room."""
    return -0.02 + 0.07 * float(np.clip((weight_kg - 60.0) / 75.0, 0.0, 1.0))


def untangle(base, vertices):
    """Where cells cross, both surfaces drawn inwards bit by bit until they are clear of each other."""
    v, t, rounds = vertices, base.triangles, 0
    pairs = crossing(v, t)
    while len(pairs) and rounds < 60:
        touched = np.zeros(len(v))
        touched[t[np.unique(pairs)]] = 1.0
        for _ in range(6):
            touched = base.mean @ touched
        part = np.minimum(4.0 * touched, 1.0)[:, None]
        step = (0.8 if rounds < 25 else 0.0) * part * body_remesh.vertex_normals(v, t)
        v = v - on_plane(step, base.seam)
        for _ in range(1 + rounds // 5):
            v = v + part * on_plane(base.mean @ v - v, base.seam)
        v[base.seam :, 0] = np.maximum(v[base.seam :, 0], 0.3)
        middle = v[t].mean(axis=1)
        near = np.flatnonzero(cKDTree(middle[np.unique(pairs)]).query(middle, distance_upper_bound=40.0)[0] < 40.0)
        pairs = near[crossing(v, t[near])]
        rounds += 1
        if not len(pairs):
            pairs = crossing(v, t)
    if len(pairs):
        print(f"  {len(pairs)} crossing pairs are left")
    return v


def crossing(vertices, triangles):
    """(pairs, 2) cells that cross, among those close by whose normals are far apart; tests look at all."""
    measures = mesh.measure(vertices, triangles)
    pairs = cKDTree(measures.centroid_mm).query_pairs(10.0, output_type="ndarray")
    apart = np.einsum("ij,ij->i", measures.normal[pairs[:, 0]], measures.normal[pairs[:, 1]]) < 0.7
    cells = np.unique(pairs[apart])
    return cells[crossing_pairs(vertices, triangles[cells])] if len(cells) else np.zeros((0, 2), int)


# --- 4. Compress


class Basis(NamedTuple):
    """bodies ~ mean + coefficients @ components: components in steps of `scale`, the large ones in two bytes."""

    mean: np.ndarray
    wide: np.ndarray
    narrow: np.ndarray
    coefficients: np.ndarray


def compress(bodies, largest_mm):
    """Principal components of bodies (n, values), as many as leave no value further off than `largest_mm`."""
    mean = bodies.mean(axis=0)
    left = bodies - mean
    _, size, along = np.linalg.svd(left, full_matrices=False)
    along *= np.sign(along[np.arange(len(along)), np.argmax(np.abs(along), axis=1)])[:, None]
    wide, narrow, columns = [], [], []
    while np.abs(left).max() > largest_mm and len(columns) < len(size):
        number = len(columns)
        reach = np.abs(left @ along[number]).max() * np.abs(along[number]).max()
        steps = 127 if reach < 127 * STEP_MM else 32767
        stored = np.round(along[number] / np.abs(along[number]).max() * steps)
        if steps == 127 or narrow:
            narrow.append(stored.astype(np.int8 if steps == 127 else np.int16))
        else:
            wide.append(stored.astype(np.int16))
        column = left @ stored / (stored @ stored)
        left = left - np.outer(column, stored)
        columns.append(column)
    print(f"  {len(wide)} wide and {len(narrow)} narrow components, largest error {np.abs(left).max():.2f} mm")
    return Basis(mean.astype(np.float32), np.array(wide, np.int16), np.array(narrow, np.int8), np.array(columns).T)


STEP_MM = 0.25
"""Step of the components that are kept in one byte, where the body that has most of it is concerned."""
LARGEST_MM = 2.0
"""Error that compression may leave anywhere, at a stature of `UNIT_MM`; 99.9 % of the vertices are within 0.5 mm."""
FADE_MM = 45.0
"""Raising an arm fades out at this distance from the mid-line: one arm can be raised by itself."""


# --- 5. Write


def labels(base, vertices, arm, hand):
    """(cells,) number of the label on the left half: arms and hands by bones, the rest by height and aspect."""
    centroid = mesh.measure(vertices, base.triangles).centroid_mm
    limb = regions.legs_by_height(centroid, STATURE_MM)
    on = {name: values[base.triangles].mean(axis=1) > 0.5 for name, values in (("arm", arm), ("hand", hand))}
    for name, chosen in on.items():
        limb[chosen] = 1 + regions.LIMBS.index(name)
    return regions.label(centroid, STATURE_MM, limb)


def landmarks(vertices, arm):
    """(landmarks, 2, 4) vertices at the back and at the front, and (landmarks, 2) side and depth of each landmark.

    Side: 1 left, -1 right, 0 on the mid-line. A landmark lies at the given depth between the means of the two groups.
    """
    groups, places = [], []
    for name, mark in regions.LANDMARKS.items():
        own = (arm > 0.9) if name.endswith("arm") else (arm < 0.1)
        slab = np.flatnonzero(own & (np.abs(vertices[:, 2] + mark.below * STATURE_MM) < 12.0))
        x = abs(mark.left) * STATURE_MM
        if name.endswith(("arm", "leg")):
            x = (vertices[slab, 0].min() + vertices[slab, 0].max()) / 2
        near = slab[np.abs(vertices[slab, 0] - x) < 15.0]
        middle = (vertices[near, 1].min() + vertices[near, 1].max()) / 2
        sides = [near[vertices[near, 1] > middle], near[vertices[near, 1] <= middle]]
        groups.append([side[np.argsort(np.abs(vertices[side, 0] - x), kind="stable")[:4]] for side in sides])
        places.append((np.sign(mark.left), mark.depth))
    return np.array(groups, np.uint16), np.array(places, np.float32)


def write(base, samples, arm, hand):
    """The file that skindose.phantom.basis reads: plain arrays, not compressed, the same bytes each time."""
    unit = UNIT_MM / STATURE_MM
    shape = (len(SEXES), len(AGES), body_anny.BUILDS)
    down = unit * np.array([one.down.ravel() for one in samples])
    fade = np.clip(down.mean(axis=0).reshape(-1, 3)[:, 0] / (unit * FADE_MM), 0.0, 1.0)
    fade = (fade * fade * (3.0 - 2.0 * fade))[:, None]
    raised = np.array([(unit * fade * (one.up - one.down)) for one in samples])
    moved = np.flatnonzero(np.abs(raised).max(axis=(0, 2)) > 0.1)
    usual = samples[np.ravel_multi_index((0, AGES.index(18.0), 1), shape)].down
    groups, places = landmarks(usual, arm)
    standing, lifted = compress(down, LARGEST_MM), compress(raised[:, moved].reshape(len(samples), -1), LARGEST_MM)
    np.savez(
        PATH,
        triangles=base.triangles.astype(np.uint16),
        neighbours=mesh.neighbours(base.triangles).astype(np.int32),
        region=labels(base, usual, arm, hand),
        seam=np.array(base.seam),
        ages=np.array(AGES),
        height_cm=np.array([body_anny.HEIGHT_CM[sex] for sex in SEXES]),
        weight_kg=np.array([one.weight_kg * unit**3 for one in samples]).reshape(shape),
        **{f"down_{k}": v for k, v in standing._replace(coefficients=_grid(standing, shape))._asdict().items()},
        **{f"up_{k}": v for k, v in lifted._replace(coefficients=_grid(lifted, shape))._asdict().items()},
        up_vertices=moved.astype(np.uint16),
        landmark_vertices=groups,
        landmark_places=places,
    )
    print(f"{PATH.name}: {PATH.stat().st_size} bytes, sha256 {hashlib.sha256(PATH.read_bytes()).hexdigest()}")


def _grid(basis, shape):
    return basis.coefficients.astype(np.float32).reshape(*shape, -1)


def main(workers):
    """Makes the file."""
    source = model()
    base = reference(source)
    skin = body_anny.reference(source)
    arm, hand = share(base, skin, "arm"), share(base, skin, "hand")
    grid = [(sex, age, build) for sex in SEXES for age in range(len(AGES)) for build in range(body_anny.BUILDS)]
    with ProcessPoolExecutor(workers) as pool:
        samples = list(pool.map(_sample, [base] * len(grid), grid))
    write(base, samples, arm, hand)


@lru_cache(maxsize=1)
def model():
    """anny, once in each process, on one thread: sums are then the same on every machine's number of cores."""
    import torch

    torch.set_num_threads(1)
    return body_anny.Source()


def _sample(base, place):
    return sample(model(), base, *place)


if __name__ == "__main__":
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise SystemExit("Set OMP_NUM_THREADS=1: sums over several threads differ in their last digits.")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count())
