"""Geometry that cannot be is found, named and set aside: no beam of it reaches the map."""

from dataclasses import replace

import numpy as np
import pytest

from skindose.config import Settings
from skindose.geometry import beams, faults, misplaced, place, without
from skindose.geometry.sound import ABOVE_TABLE, IN_BODY, IN_TABLE, inside
from tests import scenes
from tests.close import close

BOX = scenes.lying_box()  # 400 x 200 x 1786 mm, crown at z = 0, back at y = 0


def placed(*rows, body=BOX, **machine):
    events = scenes.events(*rows, made_up=scenes.machine(**machine) if machine else None)
    return beams(events, place(events, body, Settings(placement="table")), Settings(placement="table"))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"positioner_primary_angle_deg": np.nan}, "no number for: positioner primary angle"),
        ({"positioner_secondary_angle_deg": np.inf}, "no number for: positioner secondary angle"),
        ({"positioner_primary_end_angle_deg": np.inf}, "no number for: positioner primary end angle"),
        ({"air_kerma_rp_mgy": np.nan}, "no number for: air kerma rp"),
        ({"distance_source_to_isocenter_mm": 0.0}, "not above 0: distance source to isocenter"),
        ({"distance_source_to_reference_point_mm": -1.0}, "not above 0: distance source to reference point"),
        ({"field_u_max_mm": -50.0}, "its field has no size"),
        ({"field_v_min_mm": 60.0}, "its field has no size"),
    ],
)
def test_numbers_that_describe_no_beam(bad, reason):
    events = scenes.events({}, bad, {})
    assert faults(events) == {1: reason}
    made = beams(events, place(events, BOX, Settings()), Settings())
    assert made.event.tolist() == [0, 2]


def test_events_that_are_not_mapped_are_nobodys_fault():
    events = replace(scenes.events({"field_u_max_mm": -50.0}), mapped=np.zeros(1, dtype=bool))
    assert faults(events) == {}


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (200.0, -90.0, -1000.0)])
def test_points_inside_a_sphere_are_those_nearer_than_its_radius(centre):
    body = scenes.phantom(*scenes.sphere(100.0, centre, subdivisions=3))
    points = np.random.default_rng(3).uniform(-110, 110, (300, 3))
    distance = np.linalg.norm(points, axis=1)
    clear = np.abs(distance - 100.0) > 1.0  # the icosphere's faces lie up to 0.5 mm under the sphere
    found = inside(points + np.array(centre), body)
    assert np.array_equal(found[clear], distance[clear] < 100.0)
    assert 100 < found.sum() < 250


def test_inside_does_not_depend_on_how_the_mesh_is_turned_inside_out():
    vertices, triangles = scenes.sphere(100.0, subdivisions=2)
    assert inside(np.zeros((1, 3)), scenes.phantom(vertices, triangles[:, ::-1])).tolist() == [True]


def test_between_arm_and_trunk_is_outside_though_within_the_bounding_box():
    body = scenes.phantom(*scenes.join(scenes.sphere(80.0), scenes.sphere(80.0, (200.0, 0.0, 0.0))))
    points = np.array([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0], [200.0, 0.0, 0.0]])
    assert inside(points, body).tolist() == [True, False, True]


def test_a_body_under_the_table_height_of_the_source_is_found():
    """Height 800: the table top lies 800 mm below the isocentre, the focal spot only 750: 50 mm above the table.

    The pad is 40 mm, so it is 10 mm above the pad: in the body, 10 mm over its back.
    """
    made = placed({}, {"table_height_position_mm": 800.0})
    close(made.source_mm[1, 1], -10.0, atol=1e-9, because="800 - 750 - 40, upwards")
    assert misplaced(made, BOX) == {1: IN_BODY}
    assert without(made, {1: IN_BODY}).event.tolist() == [0]


def test_a_focal_spot_in_the_pad_and_one_over_the_patient():
    in_pad = {"table_height_position_mm": 770.0}  # 20 mm above the table top, in the pad of 40
    over = {"table_height_position_mm": 1200.0}  # 450 mm above the table, the body is 240 high: it never meets it
    assert misplaced(placed(in_pad, over), BOX) == {0: IN_TABLE, 1: ABOVE_TABLE}


def test_a_tube_over_the_patient_is_no_fault():
    assert misplaced(placed({"positioner_primary_angle_deg": 180.0}), BOX) == {}


def test_a_lateral_tube_beside_the_table_is_no_fault():
    rows = [{"positioner_primary_angle_deg": float(a)} for a in range(-180, 181, 5)]
    assert misplaced(placed(*rows), BOX) == {}


def test_one_impossible_place_on_a_run_sets_the_whole_run_aside():
    run = {"positioner_primary_end_angle_deg": 90.0, "table_height_position_mm": 800.0}
    assert list(misplaced(placed({}, run), BOX)) == [1]


def test_without_a_table_only_the_body_is_in_the_way():
    low = {"table_height_position_mm": 1200.0}
    assert misplaced(placed(low, has_table=False), BOX) == {}


def test_leaving_beams_out_keeps_the_table():
    made = placed({}, {}, {})
    left = without(made, {1: "any"})
    assert left.event.tolist() == [0, 2]
    assert left.support_mm.shape == made.support_mm.shape
    assert left.source_mm.shape == (2, 3)
