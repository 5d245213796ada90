"""What stands beside the body: table, beams, labels and isodose lines, argued on shapes that are known."""

import numpy as np
import pytest

from skindose.report import scene, shapes
from tests import scenes
from tests.close import close
from tests.report.factory import make_phantom, make_result


@pytest.fixture(scope="module")
def result():
    return make_result()


def test_labels_are_the_patients_sides(result):
    at = {label.text: np.array(label.at_mm) for label in shapes.side_labels(result.phantom)}
    assert at["L"][0] > result.phantom.vertices_mm[:, 0].max()
    assert at["R"][0] < result.phantom.vertices_mm[:, 0].min()
    assert at["back"][1] > 0 > at["front"][1]
    assert at["head"][2] > 0


def test_the_peaks_mark_floats_over_its_skin(result):
    peak = result.dosemap.peak
    lifted = shapes.peak_mark_mm(result.phantom, peak) - peak.position_mm
    close(lifted, 15.0 * result.phantom.normal[peak.cell], atol=1e-9, because="the lift is along the normal")


def test_opens_on_the_side_of_the_peak(result):
    assert shapes.first_view(result.phantom, result.dosemap.peak).name == "back"
    assert shapes.first_view(result.phantom, None).name == "back"


def test_a_pyramid_passes_the_fields_edges_at_the_reference_plane(result):
    beams = result.beams
    reference_mm = float(beams.reference_distance_mm[0])
    apex, corners = shapes.pyramid(beams, 0, reference_mm)
    np.testing.assert_array_equal(apex, beams.source_mm[0])
    inside = corners - (beams.source_mm[0] + reference_mm * beams.axis[0])
    u, v = inside @ beams.u[0], inside @ beams.v[0]
    low_u, high_u, low_v, high_v = beams.field_mm[0]
    close(u, [low_u, high_u, high_u, low_u], atol=1e-9, because="the field's edges, in order around it")
    close(v, [low_v, low_v, high_v, high_v], atol=1e-9, because="the field's edges, in order around it")
    far = shapes.pyramid(beams, 0, 2 * reference_mm).corners_mm
    close(far - apex, 2 * (corners - apex), atol=1e-9, because="a pyramid is straight")


def test_an_unknown_detector_is_drawn_beyond_the_patient(result):
    events = scenes.events({}, {})
    beams = result.beams
    known = shapes.detector_distance_mm(result.events, beams)
    close(known, 1050.0, rtol=1e-12, because="the events' own")
    events.distance_source_to_detector_mm[:] = np.nan
    close(shapes.detector_distance_mm(events, beams), 2 * beams.reference_distance_mm, rtol=1e-12, because="the rule")


def test_the_table_lies_under_the_body(result):
    boxes = shapes.support_boxes(result.beams)
    assert [box.name for box in boxes] == [layer.name for layer in result.beams.support]
    for box, slab in zip(boxes, result.beams.support_mm, strict=True):
        table_mm = box.corners_mm @ result.beams.table_rotation[0].T + result.beams.table_origin_mm[0]
        close(table_mm.min(axis=0), slab[0::2], atol=1e-9, because="back in the table frame it is the slab")
        close(table_mm.max(axis=0), slab[1::2], atol=1e-9, because="back in the table frame it is the slab")
        step = box.corners_mm[1] - box.corners_mm[0]
        close(step @ result.beams.table_rotation[0].T, [slab[1] - slab[0], 0, 0], atol=1e-9, because="x runs fastest")


def test_an_isodose_line_of_a_slope_is_straight_and_whole():
    phantom = make_phantom(steps=(12, 8, 24))
    height = phantom.vertices_mm[:, 2] + 600.0  # a dose that grows with z: the line is a ring around the box
    level = 333.0
    lines = shapes.isodose_lines(phantom.vertices_mm, phantom.triangles, height, level)
    close(lines[..., 2], level - 600.0, atol=1e-9, because="linear between vertices")
    length = np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1).sum()
    close(length, 2 * (300.0 + 200.0), rtol=1e-9, because="the ring's length is the box's circumference")
    assert len(shapes.isodose_lines(phantom.vertices_mm, phantom.triangles, height, 601.0)) == 0


def test_a_vertex_has_the_mean_of_its_cells():
    phantom = make_phantom()
    even = shapes.vertex_dose_mgy(phantom, np.full(len(phantom.triangles), 7.0))
    close(even, 7.0, rtol=1e-12, because="the mean of equals")
    dose = np.zeros(len(phantom.triangles))
    dose[3] = 1.0
    lit = np.flatnonzero(shapes.vertex_dose_mgy(phantom, dose))
    np.testing.assert_array_equal(lit, np.sort(phantom.triangles[3]))


def test_levels_are_the_triggers_and_the_reaction_bands():
    triggers = [
        {"quantity": "psd", "level": 3.0, "unit": "Gy"},
        {"quantity": "kap", "level": 500.0, "unit": "Gy.cm2"},
        {"quantity": "psd", "level": 2.0, "unit": "Gy"},
    ]
    levels = scene.isodose_levels(7400.0, triggers)
    assert [(level.mgy, level.label, level.kind) for level in levels] == [
        (2000.0, "2 Gy", "trigger"),
        (3000.0, "3 Gy", "trigger"),
        (5000.0, "5 Gy", "reaction"),
    ]
    assert [level.label for level in scene.isodose_levels(1.3, triggers)] == [
        "10 % of the highest",
        "50 % of the highest",
        "90 % of the highest",
    ]
    assert scene.isodose_levels(0.0, triggers) == ()
