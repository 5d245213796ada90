"""The kernel against its plain twin, closed forms and invariances."""

import numpy as np
import pytest

from skindose.kernel import cast
from skindose.kernel.cast import hierarchy
from tests import naive, scenes
from tests.close import close

SLABS = ((-225.0, 225.0, 0.0, 20.0, -2000.0, 0.0), (-200.0, 200.0, -60.0, 0.0, -1900.0, 0.0))


def as_dict(beams, b):
    return {
        "source": beams.source_mm[b],
        "axis": beams.axis[b],
        "u": beams.u[b],
        "v": beams.v[b],
        "field": beams.field_mm[b],
        "reference": beams.reference_distance_mm[b],
        "circular": beams.circular[b],
        "rotation": beams.table_rotation[b],
        "origin": beams.table_origin_mm[b],
    }


def rows_of(hits, b):
    s = slice(hits.beam_start[b], hits.beam_start[b + 1])
    columns = [hits.distance_mm, hits.cos_incidence, hits.u_mm, hits.v_mm, hits.edge_mm, hits.coverage]
    table = np.column_stack([*(c[s] for c in columns), hits.path_mm[s]])
    return dict(zip(hits.cell[s].tolist(), table, strict=True))


def random_beam(rng, source, field, aim_mm, round_share):
    """A beam from `source` past the origin by about `aim_mm`; `field`: lower and upper edges in u and v."""
    (u0, v0), (u1, v1) = field
    return {
        "source": source,
        "axis": rng.normal(0, aim_mm, 3) - source,
        "field": (u0, u1, v0, v1),
        "reference": rng.uniform(300, 600),
        "circular": bool(rng.random() < round_share),
    }


def random_scene(seed):
    """Lumps of random triangles, some degenerate, and beams of every kind; one source lies on a plane of the mesh."""
    rng = np.random.default_rng(seed)
    ball = scenes.sphere(60.0, rng.normal(0, 30, 3), 2)
    soup = rng.normal(0, 80, (60, 3, 3))
    soup[::15, 2] = soup[::15, 1]  # no area
    mesh = scenes.join(ball, (soup.reshape(-1, 3), np.arange(180).reshape(60, 3)), scenes.plate(150, -90.0, 6))
    rows = []
    for _ in range(6):
        source = rng.normal(0, 1, 3)
        source *= rng.uniform(250, 700) / np.linalg.norm(source)
        low = rng.uniform(-90, -5, 2)
        high = rng.uniform(5, 90, 2)
        rows.append(random_beam(rng, source, (low, high), aim_mm=20, round_share=0.3))
    rows.append(
        {"source": (300.0, -90.0, 0.0), "axis": (-1.0, 0.0, 0.0), "field": (-99, 99, -99, 99), "reference": 300.0}
    )
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return mesh, scenes.beams(rows, SLABS, rotation * np.sign(np.linalg.det(rotation)), rng.normal(0, 50, 3))


def random_closed_scene(seed):
    """Closed bodies beside, behind and inside each other, some triangles without area; sources all round, one on the
    plane of a cell, one that grazes a side of the box, one inside the box.
    """
    rng = np.random.default_rng(1000 + seed)
    bodies = []
    for _ in range(4):
        vertices, triangles = scenes.sphere(1.0, subdivisions=2)
        lumps = 1 + 0.25 * np.sin(vertices @ rng.normal(0, 3, (3, 2))).sum(axis=1)
        vertices = vertices * lumps[:, None] * rng.uniform(20, 70, 3) + rng.normal(0, 60, 3)
        vertices[triangles[7, 0]] = vertices[triangles[7, 1]]  # two cells without area; the surface stays closed
        bodies.append((vertices, triangles))
    box = scenes.lying_box(160.0, 60.0, 200.0)
    mesh = scenes.join(*bodies, (box.vertices_mm + rng.normal(0, 40, 3), box.triangles))
    corners = mesh[0][mesh[1]]
    side, flank = corners[-1], corners[5]
    sources = [rng.normal(0, 1, 3) * 200 + 500 * np.sign(rng.normal(0, 1, 3)) for _ in range(5)]
    sources += [flank[0] + 4.0 * (flank[1] - flank[0]) + 3.0 * (flank[2] - flank[0])]  # on the plane of a cell
    sources += [side.mean(axis=0) + 300.0 * (side[1] - side[0]) / np.linalg.norm(side[1] - side[0])]  # grazing
    sources += [corners[-12:].reshape(-1, 3).mean(axis=0)]  # inside the box
    rows = []
    for source in sources:
        low, high = rng.uniform(-160, 20, 2), rng.uniform(30, 160, 2)
        rows.append(random_beam(rng, source, (low, high), aim_mm=30, round_share=0.2))
    return mesh, scenes.beams(rows, SLABS, np.eye(3), rng.normal(0, 50, 3))


SCENES = [(random_scene, seed) for seed in range(8)] + [(random_closed_scene, seed) for seed in range(8)]


@pytest.mark.parametrize(("scene", "seed"), SCENES)
def test_kernel_equals_its_plain_twin(scene, seed):
    mesh, beams = scene(seed)
    body = scenes.phantom(*mesh)
    cast(beams, body)  # so that the second time everything has been learnt
    hits = cast(beams, body)
    for b in range(len(beams)):
        want, doubtful = naive.hits(as_dict(beams, b), *mesh, SLABS)
        got = rows_of(hits, b)
        different = set(want) ^ set(got)
        assert different <= doubtful, f"beam {b}: {sorted(different - doubtful)} differ and are no close call"
        for cell in set(want) & set(got) - doubtful:
            close(got[cell], want[cell], rtol=1e-9, atol=1e-9, because="same formulas in double precision")


def test_sphere_in_the_beam_fills_its_solid_angle():
    radius, distance = 100.0, 700.0
    mesh = scenes.phantom(*scenes.sphere(radius, subdivisions=5))
    beams = scenes.beams(
        [{"source": (0, distance, 0), "axis": (0, -1, 0), "field": (-150, 150, -150, 150), "reference": 600.0}]
    )
    hits = cast(beams, mesh)
    got = np.sum(mesh.area_mm2[hits.cell] * hits.cos_incidence / hits.distance_mm**2)
    want = 2 * np.pi * (1 - np.sqrt(1 - (radius / distance) ** 2))
    close(got, want, rtol=0.01, because="20,480 flat cells stand for the sphere; cells at the limb are lit or not")


def test_a_convex_body_never_shadows_a_cell_that_faces_the_source():
    mesh = scenes.phantom(*scenes.sphere(100.0, subdivisions=4))
    source = np.array([250.0, 400.0, 100.0])
    beams = scenes.beams([{"source": source, "axis": -source, "field": (-400, 400, -400, 400), "reference": 400.0}])
    hits = cast(beams, mesh)
    facing = np.einsum("ij,ij->i", mesh.centroid_mm - source, mesh.normal) < 0
    assert sorted(hits.cell) == np.flatnonzero(facing).tolist()


def test_a_plate_shadows_exactly_its_central_projection():
    near, far = scenes.plate(100.0, 200.0, 10), scenes.plate(600.0, 0.0, 61)
    mesh = scenes.phantom(*scenes.join(near, far))
    beams = scenes.beams(
        [{"source": (0, 500, 0), "axis": (0, -1, 0), "field": (-300, 300, -300, 300), "reference": 500.0}]
    )
    hits = cast(beams, mesh)
    lit = np.zeros(len(mesh.triangles), dtype=bool)
    lit[hits.cell] = True
    first = len(near[1])
    # The plate's edge at 50 mm, 300 mm below the source, is thrown to 50 * 500 / 300 mm.
    edge = 50.0 * 500.0 / 300.0
    inside = np.abs(mesh.centroid_mm[first:, [0, 2]]).max(axis=1) < edge
    assert lit[:first].all()
    assert np.array_equal(lit[first:], ~inside)


def test_fluence_through_a_closed_surface_is_the_beams():
    mesh = scenes.phantom(*scenes.sphere(100.0, subdivisions=5))
    half = 40.0
    beams = scenes.beams(
        [{"source": (0, 700, 0), "axis": (0, -1, 0), "field": (-half, half, -half, half), "reference": 600.0}]
    )
    hits = cast(beams, mesh)
    got = np.sum(mesh.area_mm2[hits.cell] * hits.cos_incidence / hits.distance_mm**2 * hits.coverage)
    want = 4 * np.arcsin((half / np.hypot(half, 600.0)) ** 2)  # solid angle of a square pyramid
    close(got, want, rtol=5e-4, because="cut cells count by their exact share; the sphere is a polyhedron")


def test_moving_and_turning_everything_together_changes_nothing():
    mesh, beams = random_scene(99)
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    shift = np.array([123.0, -45.0, 678.0])
    moved = scenes.beams(
        [
            {
                "source": rotation @ beams.source_mm[b] + shift,
                "axis": rotation @ beams.axis[b],
                "u": rotation @ beams.u[b],
                "v": rotation @ beams.v[b],
                "field": beams.field_mm[b],
                "reference": beams.reference_distance_mm[b],
                "circular": beams.circular[b],
            }
            for b in range(6)
        ]
    )
    still = cast(beams, scenes.phantom(*mesh))
    turned = cast(moved, scenes.phantom(mesh[0] @ rotation.T + shift, mesh[1]))
    for b in range(6):
        got, want = rows_of(turned, b), rows_of(still, b)
        assert set(got) == set(want)
        for cell, row in want.items():
            close(got[cell][:6], row[:6], rtol=1e-9, atol=1e-7, because="rounding of the turned coordinates")


def test_the_short_way_is_taken_on_closed_bodies_only():
    for scene, closed in ((random_closed_scene, True), (random_scene, False)):
        body = scenes.phantom(*scene(3)[0])
        assert hierarchy(body).closed == closed


def test_threads_change_nothing():
    mesh, beams = random_closed_scene(2)
    many = scenes.beams(
        [
            {
                "source": beams.source_mm[b],
                "axis": beams.axis[b] + shift,
                "field": beams.field_mm[b],
                "reference": 400.0,
            }
            for b in range(7)
            for shift in np.random.default_rng(b).normal(0, 0.05, (40, 3))
        ],
        SLABS,
    )
    alone, together = (cast(many, scenes.phantom(*mesh), threads=threads) for threads in (1, 3))
    for name in (
        "beam_start",
        "cell",
        "distance_mm",
        "cos_incidence",
        "u_mm",
        "v_mm",
        "edge_mm",
        "coverage",
        "path_mm",
    ):
        assert np.array_equal(getattr(alone, name), getattr(together, name)), name


def test_no_beams_no_hits():
    hits = cast(scenes.beams([]), scenes.phantom(*scenes.sphere(10.0, subdivisions=1)))
    assert len(hits.cell) == 0
    assert hits.beam_start.tolist() == [0]


def test_numbers_that_are_not_finite_are_refused():
    beams = scenes.beams([{"source": (0, np.nan, 0), "axis": (0, -1, 0), "field": (-1, 1, -1, 1), "reference": 1.0}])
    with pytest.raises(ValueError, match="not finite"):
        cast(beams, scenes.phantom(*scenes.sphere(10.0, subdivisions=1)))
