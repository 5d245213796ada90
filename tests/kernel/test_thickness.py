"""How far the body goes on behind a cell, against bodies of known thickness and a plain search over all triangles."""

import numpy as np

from skindose.kernel import thickness_mm
from tests import scenes
from tests.close import close
from tests.kernel.test_random_scenes import body


def test_a_sphere_is_as_thick_as_its_diameter():
    found = thickness_mm(scenes.phantom(*scenes.sphere(60.0)))
    close(found, 120.0, rtol=0.002, because="flat cells: a chord of the inscribed body, 5120 cells")


def test_a_box_is_as_thick_as_its_sides_and_beyond_300_mm_nothing_is_told_apart():
    flat = scenes.lying_box(160.0, 60.0, 1000.0)
    across = np.abs(flat.normal) @ np.ptp(flat.vertices_mm, axis=0)
    close(thickness_mm(flat), np.minimum(across, 300.0), rtol=1e-4, because="the ray leaves the normal by up to 7.4e-5")


def test_the_nearest_inner_side_behind_the_cell_counts_whatever_the_body():
    for seed in range(8):
        skin = scenes.phantom(*body(np.random.default_rng(seed)))
        close(thickness_mm(skin, threads=1), plainly(skin), rtol=1e-9, because="the same ray, every triangle")


def plainly(skin):
    """By the plane of every triangle, one cell after the other; the ray is the program's, off the normal by 7.4e-5."""
    corners = skin.vertices_mm[skin.triangles]
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    found = np.full(len(a), 300.0)
    for cell in range(len(a)):
        ray = -(skin.normal[cell] + (3.31e-5, 5.17e-5, 7.43e-5))
        origin = skin.centroid_mm[cell]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.einsum("ij,ij->i", a - origin, normal) / (normal @ ray)
            point = origin + t[:, None] * ray
            inside = np.minimum.reduce(
                [np.einsum("ij,ij->i", np.cross(q - p, point - p), normal) for p, q in ((a, b), (b, c), (c, a))]
            )
            meets = (normal @ ray > 0) & (t > 300e-9) & (inside >= 0)
        meets[cell] = False  # a cell does not lie behind itself
        if meets.any():
            found[cell] = min(found[cell], t[meets].min())
    return found
