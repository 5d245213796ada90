"""Bodies in closed form against their closed forms."""

import numpy as np
import pytest

from skindose.phantom import mesh, shapes
from tests.close import close
from tests.phantom.overlap import crossing_pairs

SOLIDS = {
    "oval": shapes.oval,
    "oval, slim": lambda: shapes.oval(radius_mm=70.0),
    "oval, stout": lambda: shapes.oval(radius_mm=160.0),
    "cylinder": lambda: shapes.cylinder(172.0, 100.0, 1072.0),
    "cylinder, flat": lambda: shapes.cylinder(250.0, 60.0, 400.0),
}


@pytest.fixture(params=SOLIDS, scope="module")
def solid(request):
    return SOLIDS[request.param]()


def test_a_solid_is_closed_with_edges_of_at_most_10_mm(solid):
    assert mesh.is_closed(solid.triangles)
    assert mesh.edge_lengths_mm(*solid).max() <= 10.0
    assert np.all(mesh.neighbours(solid.triangles) >= 0)


def test_a_solid_is_in_the_patient_frame(solid):
    low, high = solid.vertices_mm.min(axis=0), solid.vertices_mm.max(axis=0)
    close(high[1:], 0.0, atol=1e-9, because="crown at z = 0, most posterior point at y = 0")
    close(low[0], -high[0], atol=0.5, because="mirror image across x = 0, but points of a ring stand 8 mm apart")


@pytest.mark.parametrize("radius_mm", [30.0, 70.0, 92.0, 100.0, 160.0])
def test_the_shoulders_do_not_cross_themselves_where_the_head_is_deeper_or_flatter_than_the_trunk(radius_mm):
    solid = shapes.oval(radius_mm)
    height = mesh.measure(*solid).centroid_mm[:, 2]
    shoulders = solid.triangles[(height < -225.0) & (height > -265.0)]
    assert len(crossing_pairs(solid.vertices_mm, shoulders)) == 0


def test_normals_of_a_convex_solid_point_away_from_its_middle():
    solid = shapes.cylinder(172.0, 100.0, 1072.0)
    measures = mesh.measure(*solid)
    outward = measures.centroid_mm - solid.vertices_mm.mean(axis=0)
    assert np.all(np.einsum("ij,ij->i", measures.normal, outward) > 0)
    close(np.linalg.norm(measures.normal, axis=1), 1.0, atol=1e-12, because="unit vectors")


def test_volume_of_the_elliptic_cylinder():
    solid = shapes.cylinder(172.0, 100.0, 1072.0)
    close(
        mesh.volume_mm3(*solid),
        np.pi * 172.0 * 100.0 * 1072.0,
        rtol=1e-3,
        because="a polygon of n = 110 sides is smaller than its curve by (2 pi / n)^2 / 6 = 0.05 %",
    )


def test_area_of_the_circular_cylinder():
    solid = shapes.cylinder(100.0, 100.0, 800.0)
    close(
        mesh.measure(*solid).area_mm2.sum(),
        2 * np.pi * 100.0 * (100.0 + 800.0),
        rtol=2e-3,
        because="polygon of 79 sides: 0.03 % in perimeter, 0.1 % in the area of the ends",
    )


def test_volume_of_the_oval_trunk_with_its_head():
    solid = shapes.oval(100.0, 144.0, 700.0, 92.0, 240.0, shoulder_mm=10.0)
    stadium, circle = 144.0 * 200.0 + np.pi * 100.0**2, np.pi * 92.0**2
    full = stadium * 700.0 + circle * 240.0
    shoulder = (stadium - circle) * 10.0
    volume = mesh.volume_mm3(*solid)
    assert full - shoulder < volume < full, "only the shoulders' slope is missing"
    close(volume, full - shoulder / 2, rtol=2e-3, because="slope of the shoulders is nearly even; polygons 0.05 %")


def test_the_oval_has_the_default_size_of_the_design():
    low, high = shapes.oval().vertices_mm.min(axis=0), shapes.oval().vertices_mm.max(axis=0)
    close(
        high - low,
        (344.0, 200.0, 940.0),
        atol=0.1,
        because="144 + 2 x 100 wide, 200 deep, 700 + 240 tall; a ring's point stands within 4 mm of the apex: 0.08 mm",
    )


def test_the_plane_faces_the_table():
    plane = shapes.plane(600.0, 1200.0)
    measures = mesh.measure(*plane)
    close(measures.normal, np.tile((0.0, 1.0, 0.0), (len(measures.normal), 1)), atol=1e-12, because="flat, facing +Y")
    close(measures.area_mm2.sum(), 600.0 * 1200.0, rtol=1e-12, because="a rectangle is its triangles")
    assert mesh.edge_lengths_mm(*plane).max() <= 10.0
    open_edges = int(np.sum(mesh.neighbours(plane.triangles) < 0))
    assert open_edges == 2 * (86 + 172), "600 mm and 1200 mm in steps of at most 7 mm"
