"""The z-buffer, argued from bodies whose picture is known."""

import numpy as np
import pytest

from skindose.report.raster import Camera, render
from skindose.report.scene import VIEWS
from tests.close import close
from tests.report.factory import box

SIZE = np.array([300.0, 200.0, 600.0])
ACROSS = {"back": 0, "front": 0, "left": 1, "right": 1, "head": 0, "feet": 0}
UP = {"back": 2, "front": 2, "left": 2, "right": 2, "head": 1, "feet": 1}


def camera_on(view, px_per_mm=0.5):
    """A picture of 400 x 400 px with the box in its middle."""
    middle = np.array([0.0, -100, -300])
    across = float(middle @ np.cross(view.up, view.eye))
    up = float(middle @ np.array(view.up))
    half = 200 / px_per_mm
    return Camera(view, (across - half, up + half), px_per_mm, 400, 400)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_box_covers_its_face(view):
    """Edges fall between pixels, so the count is exact: no pixel is lost or drawn twice where triangles meet."""
    vertices, triangles = box()
    seen = render(vertices, triangles, camera_on(view))
    shown = seen.cell >= 0
    width, height = SIZE[ACROSS[view.name]] * 0.5, SIZE[UP[view.name]] * 0.5
    assert shown.sum() == width * height
    corners = vertices[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normal[seen.cell[shown]] @ np.array(view.eye) > 0).all()


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_each_pixel_has_the_cell_that_its_ray_meets(view):
    """Barycentric coordinates of pixels drawn by chance, solved cell by cell in numpy."""
    vertices, triangles = box()
    random = np.random.default_rng(5)
    vertices = vertices + random.uniform(-8, 8, vertices.shape)  # no more flat faces: depths differ
    camera = camera_on(view, 0.4)
    seen = render(vertices, triangles, camera)
    points = camera.project(vertices)[triangles]
    for row, column in random.integers(100, 300, (60, 2)).tolist():
        edges = np.stack([points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]], axis=-1)[:, :2]
        facing = np.linalg.det(edges) < -1e-9
        to = np.array([column + 0.5, row + 0.5]) - points[:, 0, :2]
        b, c = np.linalg.solve(edges[facing], to[facing][..., None])[..., 0].T
        inside = (b >= 0) & (c >= 0) & (b + c <= 1)
        near = (points[facing, 0, 2] * (1 - b - c) + points[facing, 1, 2] * b + points[facing, 2, 2] * c)[inside]
        if not inside.any():
            assert seen.cell[row, column] == -1
            continue
        assert seen.cell[row, column] == np.flatnonzero(facing)[inside][near.argmax()]
        close(seen.near_mm[row, column], near.max(), atol=1e-4, because="the same plane, kept to 7 digits")


def test_the_nearer_of_two_bodies_hides_the_other():
    vertices, triangles = box()
    smaller = vertices * 0.5 + [0.0, 300.0, -150.0]  # behind his back, so before a camera that looks at it
    both = np.concatenate([vertices, smaller])
    seen = render(both, np.concatenate([triangles, triangles + len(vertices)]), camera_on(VIEWS[0]))
    hidden = seen.cell[200, 200]
    assert hidden >= len(triangles)
    assert 0 <= seen.cell[200, 130] < len(triangles)


def test_what_lies_outside_the_picture_is_left_out():
    vertices, triangles = box()
    camera = Camera(VIEWS[0], (-50.0, -100.0), 1.0, 40, 30)
    seen = render(vertices, triangles, camera)
    assert seen.cell.shape == (30, 40)
    assert (seen.cell >= 0).all()


def test_a_body_seen_edge_on_is_nothing():
    vertices, triangles = box()
    flat = vertices * [1.0, 0.0, 1.0]
    seen = render(flat, triangles, camera_on(VIEWS[2]))
    assert (seen.cell == -1).all()
