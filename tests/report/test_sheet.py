"""The flat skin against bodies whose unrolling is known in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from skindose.config import Settings
from skindose.model import Patient
from skindose.phantom import make, shapes
from skindose.phantom.build import build
from skindose.phantom.person import person
from skindose.report.sheet import TRUNK, cells_of, counted, cuts, flatten, raster
from tests.close import close
from tests.report.factory import make_phantom

RADIUS_MM = 120.0


def drum(half_width_mm=RADIUS_MM, half_depth_mm=RADIUS_MM):
    """An upright elliptic cylinder as long as a trunk with its head."""
    shape = shapes.cylinder(half_width_mm, half_depth_mm, 1000.0)
    return build("drum", shape, person(Settings(), Patient()), ())


def middles(phantom, sheet):
    """Of each piece: its middle on the sheet (pieces, 2), and its middle on the body (pieces, 3)."""
    return sheet.corners_mm.mean(axis=1), phantom.centroid_mm[sheet.cell]


def test_a_spot_at_a_known_angle_lies_at_the_known_place():
    phantom = drum()
    sheet = flatten(phantom)
    flat, solid = middles(phantom, sheet)
    angle = np.arctan2(solid[:, 0], solid[:, 1] + RADIUS_MM)  # from the middle of the back to the patient's left
    close(flat[:, 0], RADIUS_MM * angle, atol=1.5, because="the outline has a corner every 3 degrees, cells have 8 mm")
    close(flat[:, 1], solid[:, 2], atol=1e-9, because="heights stay")


def test_left_is_left_and_the_back_is_in_the_middle():
    phantom = drum()
    flat, solid = middles(phantom, flatten(phantom))
    off = np.abs(solid[:, 0]) > 10
    np.testing.assert_array_equal(np.sign(flat[off, 0]), np.sign(solid[off, 0]))
    assert np.abs(flat[solid[:, 1] > -5, 0]).max() < 45  # 5 mm below the most posterior point: 34 mm round the drum
    assert np.abs(flat[solid[:, 1] < -2 * RADIUS_MM + 5, 0]).min() > np.pi * RADIUS_MM - 45


def test_the_side_of_a_drum_keeps_its_area():
    phantom = drum()
    sheet = flatten(phantom)
    upright = np.abs(phantom.normal[sheet.cell, 2]) < 0.01
    close(sheet.share[upright], 1.0, atol=0.05, because="3 degrees of outline against cells of 4 degrees: up to 4 %")
    area = phantom.area_mm2[sheet.cell][upright]
    mean = float((sheet.share[upright] * area).sum() / area.sum())
    close(mean, 1.0, atol=0.005, because="the errors of single cells cancel: chords are 0.05 % short")


def test_the_way_round_an_ellipse_is_its_perimeter():
    a, b = 172.0, 100.0
    sheet = flatten(drum(a, b))
    h = ((a - b) / (a + b)) ** 2
    perimeter = np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))  # Ramanujan 1914, here to 1e-6
    reach = np.ptp(sheet.corners_mm[..., 0])
    close(reach, perimeter, atol=12.0, because="cells across the cut stand over by up to half a cell at either end")
    quarter = sheet.side_mm[len(sheet.side_mm) // 2, :2]
    close(quarter, [perimeter / 4, -perimeter / 4], atol=0.5, because="a corner every 3 degrees; cells have 8 mm")


def test_no_piece_is_torn_by_the_cut():
    phantom = drum()
    sheet = flatten(phantom)
    assert np.ptp(sheet.corners_mm, axis=1).max() < 11  # no edge of a cell is longer than 10 mm
    assert np.ptp(sheet.corners_mm[..., 0]) > 2 * np.pi * RADIUS_MM - 10


def test_skin_that_faces_up_or_down_is_left_out_and_counted():
    phantom = replace(make_phantom(), region_names=("a", "b", "c"))
    sheet = flatten(phantom)
    assert sheet.part is None
    upwards = np.abs(phantom.normal[:, 2]) > 0.5
    assert set(sheet.cell) == set(np.flatnonzero(~upwards))
    want = phantom.area_mm2[upwards].sum() / phantom.area_mm2.sum()
    close(sheet.left_out, want, rtol=1e-12, because="the same cells are summed")


def test_a_plane_is_a_sheet_already():
    phantom = make(Settings(phantom="plane"), Patient())
    sheet = flatten(phantom)
    flat, solid = middles(phantom, sheet)
    close(flat, solid[:, [0, 2]], atol=1e-9, because="nothing is moved")
    close(sheet.share, 1.0, atol=1e-9, because="nor stretched")
    assert len(sheet.side_mm) == 0


@pytest.mark.parametrize("settings", [{}, {"sex": "female", "weight_kg": 120.0, "height_cm": 160.0}, {"age": 1.0}])
def test_a_body_is_shown_from_shoulder_to_crotch_without_limbs(settings):
    phantom = make(Settings(phantom="auto", **settings), Patient())
    sheet = flatten(phantom)
    names = {phantom.region_names[k] for k in np.unique(phantom.region[sheet.cell])}
    assert names == {f"{a} {s}, {d}" for a in ("anterior", "posterior", "lateral")
                     for s in ("thorax", "abdomen", "pelvis") for d in ("left", "right")}  # fmt: skip
    assert sheet.left_out < 0.01
    assert sheet.part == TRUNK
    assert len(sheet.cell) > 0.98 * cells_of(TRUNK, phantom).sum()


def test_the_two_halves_of_a_body_mirror_each_other():
    phantom = make(Settings(phantom="male"), Patient())
    sheet = flatten(phantom)
    close(sheet.side_mm[:, 0], -sheet.side_mm[:, 1], atol=1.0, because="the body is symmetric, its mesh to a cell")
    ends = sheet.corners_mm[..., 0]
    close(ends.max(), -ends.min(), atol=5.0, because="half a cell at the cut")


def test_the_waist_of_a_body_is_as_wide_as_a_tape_says():
    """The tape: the convex hull of the cut through the body at the waist, convex but for the spine's groove."""
    phantom = make(Settings(phantom="male"), Patient())
    sheet = flatten(phantom)
    z = -0.37 * phantom.stature_mm
    solid = phantom.vertices_mm[phantom.triangles[cells_of(TRUNK, phantom)]]
    points = cuts(solid, solid[..., 2], z).reshape(-1, 3)[:, :2]
    turned = np.linspace(0, np.pi, 721)
    width = np.ptp(points @ np.array([np.cos(turned), np.sin(turned)]), axis=0)
    tape = np.trapezoid(width, turned)  # Cauchy: the perimeter is pi times the mean width
    row = np.abs(sheet.corners_mm[..., 1].mean(axis=1) - z) < 10
    close(
        np.ptp(sheet.corners_mm[row, :, 0]), tape, rtol=0.03, because="the tape bridges the groove; a cell at the cut"
    )


# --- Values


def flat_sheet():
    return flatten(make(Settings(phantom="plane"), Patient()))


def test_a_raster_has_at_each_pixel_the_value_of_its_place():
    phantom = make(Settings(phantom="plane"), Patient())
    sheet = flatten(phantom)
    for axis in (0, 1):
        picture, corner = raster(sheet, sheet.corners_mm[..., axis], 5.0)
        rows, columns = np.nonzero(np.isfinite(picture))
        want = corner[axis] - 5.0 * ((columns, rows)[axis] + 0.5)
        close(picture[rows, columns], want, atol=1e-6, because="a linear value is met exactly")
    drawn_mm2 = len(rows) * 25.0
    area_mm2 = phantom.area_mm2[sheet.cell].sum()
    close(drawn_mm2, area_mm2, rtol=0.01, because="a pixel's width on two edges of 700 mm")


def test_where_skin_lies_over_skin_the_higher_dose_shows():
    sheet = flat_sheet()
    twice = replace(sheet, corners_mm=np.concatenate([sheet.corners_mm] * 2))
    low, high = np.full((len(sheet.cell), 3), 1.0), np.full((len(sheet.cell), 3), 2.0)
    for values in (np.concatenate([low, high]), np.concatenate([high, low])):
        close(np.nanmin(raster(twice, values, 5.0)[0]), 2.0, rtol=1e-12, because="rounding of the weights")


def test_cuts_lie_on_the_level():
    sheet = flat_sheet()
    pieces = cuts(sheet.corners_mm, sheet.corners_mm[..., 1], -412.3)
    close(pieces[..., 1], -412.3, atol=1e-9, because="the line of a linear value is straight")
    length = np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=1).sum()
    close(length, 600.0, atol=1e-6, because="it crosses the plane from side to side once")
    assert len(cuts(sheet.corners_mm, sheet.corners_mm[..., 1], 1.0)) == 0


def test_counted():
    own, step = counted(np.array([0, 3, 1]))
    np.testing.assert_array_equal(own, [1, 1, 1, 2])
    np.testing.assert_array_equal(step, [0, 1, 2, 0])
