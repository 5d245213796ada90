"""The kernel against its plain twin on scenes that were made to go wrong: few huge cells, parts within parts, parts
turned inside out, open ones, sources on and in the skin, fields of every size beside the axis.
"""

import importlib

import numpy as np
import pytest

from skindose.kernel import cast
from skindose.kernel.cast import hierarchy
from tests import naive, scenes
from tests.close import close
from tests.kernel.test_cast import SLABS, as_dict, random_closed_scene, rows_of

SIDES = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))


def box(rng):
    """Twelve cells; the diagonals of its sides run either way."""
    vertices = np.array([(x, y, z) for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], dtype=float)
    ways = rng.random(6) < 0.5
    quads = [(*q[1:], q[0]) if turned else q for q, turned in zip(SIDES, ways, strict=True)]
    return vertices, np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def tetrahedron(rng):
    """Four cells: less than a leaf."""
    vertices = rng.normal(0, 1, (4, 3))
    triangles = np.array([(0, 1, 2), (0, 2, 3), (0, 3, 1), (1, 3, 2)])
    upside_down = np.linalg.det(vertices[1:] - vertices[0]) > 0
    return vertices, triangles[:, ::-1] if upside_down else triangles


def lump(rng):
    """A wavy ball of 20 to 320 cells; in some of them two cells have no area."""
    vertices, triangles = scenes.sphere(1.0, subdivisions=int(rng.choice(3, p=(0.2, 0.5, 0.3))))
    waves = np.sin(vertices @ rng.normal(0, 4, (3, 2))).sum(axis=1)
    vertices = vertices * (1 + rng.uniform(0, 0.45) * waves)[:, None]
    if rng.random() < 0.3:
        vertices[triangles[7, 0]] = vertices[triangles[7, 1]]
    return vertices, triangles


def turn(rng):
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return rotation * np.sign(np.linalg.det(rotation))


def body(rng):
    """One to four closed parts, sometimes along the axes, about one middle or inside out; sometimes with a plate."""
    along_axes, about_one_middle = rng.random(2) < 0.3
    parts = []
    for _ in range(int(rng.integers(1, 5))):
        vertices, triangles = (box, tetrahedron, lump, lump)[rng.integers(4)](rng)
        vertices = vertices * rng.uniform(10, 80, 3) * rng.choice((1, 3), p=(0.8, 0.2))
        vertices = vertices if along_axes else vertices @ turn(rng).T
        vertices = vertices if about_one_middle else vertices + rng.normal(0, 60, 3)
        parts.append((vertices, triangles[:, ::-1] if rng.random() < 0.1 else triangles))
    if rng.random() < 0.2:
        parts.append(scenes.plate(200.0, rng.normal(0, 60), 4))
    return scenes.join(*parts)


def source(rng, cell):
    """Mostly all round; else close over a cell, close under it, somewhere in the body, or on the plane of a cell."""
    a, b, c = cell
    kind = rng.choice(5, p=(0.68, 0.08, 0.08, 0.08, 0.08))
    point = rng.dirichlet((1, 1, 1)) @ cell
    normal = np.cross(b - a, c - a)
    normal /= max(np.linalg.norm(normal), 1e-9)
    if kind == 0:
        return scenes.beam_axes(rng.normal(0, 1, 3))[0] * rng.uniform(150, 900)
    if kind in (1, 2):
        return point + normal * 10.0 ** rng.uniform(-6, 1.5) * (1 if kind == 1 else -1)
    if kind == 3:
        return rng.normal(0, 60, 3)
    return point + rng.uniform(-4, 4) * (b - a) + rng.uniform(-4, 4) * (c - a)


def beam(rng, corners):
    """Aimed at a cell, at the body's middle or past it; the field a hundredth of a millimetre to a metre wide."""
    focus = source(rng, corners[rng.integers(len(corners))])
    axis = (rng.choice(corners).mean(axis=0) if rng.random() < 0.5 else rng.normal(0, 40, 3)) - focus
    if rng.random() < 0.25:
        axis = axis / np.linalg.norm(axis) + rng.normal(0, 0.7, 3)
    half = 10.0 ** rng.uniform(1.0, 2.7, 2) * rng.choice((1.0, 1e-3), p=(0.9, 0.1))
    middle = rng.normal(0, 0.5, 2) * half * rng.choice((1, 3))  # the axis lies beside the field in many
    field = (middle[0] - half[0], middle[0] + half[0], middle[1] - half[1], middle[1] + half[1])
    reference, circular = rng.uniform(50, 700), bool(rng.random() < 0.15)
    return {"source": focus, "axis": axis, "field": field, "reference": reference, "circular": circular}


def scene(seed):
    rng = np.random.default_rng(seed)
    vertices, triangles = body(rng)
    rows = [beam(rng, vertices[triangles]) for _ in range(5)]
    return (vertices, triangles), scenes.beams(rows, SLABS, turn(rng), rng.normal(0, 50, 3))


def compare(seed, halo_mm=0.0):
    """(lit cells, cells that differ and are a close call); fails where others differ."""
    mesh, rays = scene(seed)
    hits = cast(rays, scenes.phantom(*mesh), halo_mm=halo_mm)
    lit = close_calls = 0
    for b in range(len(rays)):
        with np.errstate(divide="ignore", invalid="ignore"):
            want, doubtful = naive.hits_with_halo(as_dict(rays, b), *mesh, SLABS, halo_mm)
        got = rows_of(hits, b)
        different = set(want) ^ set(got)
        why = f"scene {seed}, beam {b}: {sorted(different - doubtful)} differ and are no close call"
        assert different <= doubtful, why
        for cell in set(want) & set(got) - doubtful:
            close(got[cell], want[cell], rtol=1e-9, atol=1e-9, because="same formulas in double precision")
        lit, close_calls = lit + len(want), close_calls + len(different)
    return lit, close_calls


def compare_all(seeds, halo_mm=0.0):
    counts = np.array([compare(seed, halo_mm) for seed in seeds])
    lit, close_calls = counts.sum(axis=0)
    assert (counts[:, 0] > 0).mean() > 0.7, "most scenes must light something to say anything"
    assert close_calls <= 1e-3 * lit, "close calls are rare"


def test_scenes_made_to_go_wrong():
    compare_all(range(10))


def test_the_same_scenes_with_a_halo():
    compare_all(range(6), halo_mm=60.0)


def test_a_halo_leaves_the_lit_cells_as_they_are():
    for seed in range(6):
        mesh, rays = scene(seed)
        plain, around = cast(rays, scenes.phantom(*mesh)), cast(rays, scenes.phantom(*mesh), halo_mm=60.0)
        assert plain.primary.all()
        assert (around.coverage > 0).tolist() == around.primary.tolist()
        assert 0 < around.primary.sum() < len(around.primary)
        assert np.array_equal(around.beam()[around.primary], plain.beam())
        for name in ("cell", "distance_mm", "cos_incidence", "u_mm", "v_mm", "edge_mm", "coverage", "path_mm"):
            assert np.array_equal(getattr(around, name)[around.primary], getattr(plain, name)), name


def test_a_box_within_a_box_is_never_lit():
    """Opposite the middle of a cell runs the outer box's diagonal: a ray that meets it must not be miscounted."""
    rng = np.random.default_rng(3)
    for _ in range(25):
        outer, inner = box(rng), box(rng)
        rotation = turn(rng)
        mesh = scenes.join((80.0 * outer[0] @ rotation.T, outer[1]), (30.0 * inner[0] @ rotation.T, inner[1]))
        sources = 700.0 * np.concatenate([np.eye(3), -np.eye(3)]) + rng.normal(0, 20, (6, 3))
        rows = [{"source": s, "axis": -s, "field": (-150, 150, -150, 150), "reference": 600.0} for s in sources]
        hits = cast(scenes.beams(rows), scenes.phantom(*mesh))
        assert len(hits.cell)
        assert hits.cell.max() < 12


@pytest.mark.slow
def test_a_thousand_scenes_made_to_go_wrong():
    compare_all(range(10, 1010))


def from_above(body):
    source = np.array([3.1, 700.0, 2.3])  # beside the planes of symmetry, where rays meet edges
    return cast(
        scenes.beams([{"source": source, "axis": -source, "field": (-99, 99, -99, 99), "reference": 600.0}]), body
    )


def test_cells_inside_another_part_stay_dark_where_their_neighbours_are_lit():
    """A ball stands out of a larger one towards the source: leaves of the large one are half inside it, none behind."""
    large, small = scenes.sphere(100.0, subdivisions=4), scenes.sphere(40.0, (0.0, 85.0, 0.0), 4)
    for order in (1, -1):  # cells of a leaf stand either way round
        mesh = scenes.join((large[0], large[1][::order]), small)
        phantom = scenes.phantom(*mesh)
        lit = phantom.centroid_mm[from_above(phantom).cell]
        assert np.linalg.norm(lit - (0.0, 85.0, 0.0), axis=1).min() > 39.0
        assert np.linalg.norm(lit, axis=1).min() > 98.0


def test_from_inside_one_body_another_is_lit():
    """Only outer sides shadow: the wall that the ray leaves is none, and the short way must not be taken."""
    around, target = scenes.sphere(60.0, (0.0, 700.0, 0.0), 3), scenes.sphere(50.0, subdivisions=3)
    alone = from_above(scenes.phantom(*target)).cell
    both = from_above(scenes.phantom(*scenes.join(target, around))).cell
    assert len(alone) > 100
    assert sorted(alone) == sorted(both)


def test_a_surface_is_closed_where_all_cells_turn_the_same_way():
    vertices, triangles = scenes.sphere(50.0, subdivisions=2)
    turned = triangles.copy()
    turned[5] = turned[5, ::-1]
    assert hierarchy(scenes.phantom(vertices, triangles)).closed
    assert not hierarchy(scenes.phantom(vertices, turned)).closed
    assert not hierarchy(scenes.phantom(vertices, triangles[1:])).closed


def test_little_room_for_hits_changes_nothing(monkeypatch):
    mesh, rays = random_closed_scene(1)
    plenty = cast(rays, scenes.phantom(*mesh))
    monkeypatch.setattr(importlib.import_module("skindose.kernel.cast"), "ROOM", 0)
    little = cast(rays, scenes.phantom(*mesh))
    assert np.array_equal(plenty.beam_start, little.beam_start)
    assert np.array_equal(plenty.cell, little.cell)
    assert np.array_equal(plenty.coverage, little.coverage)


@pytest.mark.parametrize(("beside_u", "beside_v"), [(True, False), (False, True), (True, True)])
def test_a_cell_cut_far_from_its_centroid_is_shadowed_by_what_lies_beside_the_field(beside_u, beside_v):
    """The ray to the centroid of a huge cell runs outside the field, where a ball stands in its way."""
    slab = scenes.lying_box(800.0, 20.0, 800.0)
    vertices = slab.vertices_mm + np.array([0.0, 0.0, 400.0])
    centroid = vertices[slab.triangles].mean(axis=1)
    cell = int(np.argmax(slab.normal[:, 1]))
    source = np.array([0.0, 700.0, 0.0])
    u, v = 600.0 / 700.0 * centroid[cell, [0, 2]] * (not beside_u, not beside_v)
    row = {"source": source, "u": np.array([1.0, 0, 0]), "v": np.array([0, 0, 1.0])}
    row |= {"axis": np.array([0.0, -1, 0]), "field": (u - 5, u + 5, v - 5, v + 5), "reference": 600.0}
    lit = []
    for ball in (0.6 * centroid[cell] + 0.4 * source, np.array([0.0, 0.0, 3000.0])):
        mesh = scenes.join((vertices, slab.triangles), scenes.sphere(20.0, ball, 4))
        lit.append(cell in cast(scenes.beams([row]), scenes.phantom(*mesh)).cell)
    assert lit == [False, True]
