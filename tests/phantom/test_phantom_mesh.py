"""Neighbours, measures and refinement on meshes small enough to know the answer."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from skindose.phantom import mesh, shapes
from tests.close import close

TETRAHEDRON = (
    np.array([[0.0, 0, 0], [60, 0, 0], [0, 60, 0], [0, 0, 60]]),
    np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32),
)


def test_measures_of_a_tetrahedron():
    measures = mesh.measure(*TETRAHEDRON)
    close(measures.area_mm2, (1800.0, 1800.0, 1800.0, 1800.0 * np.sqrt(3.0)), rtol=1e-12, because="half base x height")
    close(
        measures.normal[3], np.ones(3) / np.sqrt(3.0), rtol=1e-12, because="the slanted side looks away from the corner"
    )
    close(mesh.volume_mm3(*TETRAHEDRON), 60.0**3 / 6.0, rtol=1e-12, because="base x height / 3")


def test_neighbours_of_a_tetrahedron_lie_across_each_edge():
    assert mesh.neighbours(TETRAHEDRON[1]).tolist() == [[2, 3, 1], [0, 3, 2], [1, 3, 0], [0, 2, 1]]


def test_neighbours_are_symmetric_and_share_the_edge():
    triangles = shapes.oval(radius_mm=60.0).triangles
    between = mesh.neighbours(triangles)
    for k in range(3):
        other = between[:, k]
        assert np.all(np.any(between[other] == np.arange(len(triangles))[:, None], axis=1))
        shared = (triangles[other][:, :, None] == triangles[:, None, [k, (k + 1) % 3]]).any(axis=1)
        assert shared.all(), "both ends of the edge are corners of the neighbour"


def test_an_edge_without_exactly_one_partner_has_no_neighbour():
    open_edge = np.array([[0, 1, 2]], np.int32)
    same_sense = np.array([[0, 1, 2], [0, 1, 3]], np.int32)
    three = np.array([[0, 1, 2], [1, 0, 3], [1, 0, 4]], np.int32)
    for triangles in (open_edge, same_sense, three):
        assert np.all(mesh.neighbours(triangles) == -1)
        assert not mesh.is_closed(triangles)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.floats(5.0, 100.0), st.floats(5.0, 100.0))
def test_refining_keeps_the_surface(longest_mm, longest_first_mm):
    limit = np.array([longest_first_mm, longest_mm, longest_mm, longest_mm])
    vertices, triangles, parent = mesh.refine(*TETRAHEDRON, limit)
    assert mesh.is_closed(triangles)
    assert np.all(mesh.edge_lengths_mm(vertices, triangles).max(axis=1) <= limit[parent])
    close(mesh.volume_mm3(vertices, triangles), 36_000.0, rtol=1e-12, because="vertices are only added on the edges")
    area = np.bincount(parent, mesh.measure(vertices, triangles).area_mm2, minlength=4)
    close(area, mesh.measure(*TETRAHEDRON).area_mm2, rtol=1e-12, because="the pieces of a cell tile it")


def test_a_mesh_that_is_fine_is_left_as_it_is():
    vertices, triangles, parent = mesh.refine(*TETRAHEDRON, 100.0)
    assert np.array_equal(triangles, TETRAHEDRON[1])
    assert np.array_equal(vertices, TETRAHEDRON[0])
    assert parent.tolist() == [0, 1, 2, 3]
