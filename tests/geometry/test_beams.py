"""Where a beam stands in the patient, against docs/conventions.md worked out by hand."""

import numpy as np
import pytest

from skindose.config import Settings
from skindose.geometry import beams, place
from skindose.geometry.frames import ORIENTATIONS, rotation_x, stand_angles, stand_rotation, table_rotation
from skindose.geometry.place import mean_isocentre
from tests import scenes
from tests.close import close

EXACT = "the same closed form in double precision"


def cast_one(row, settings=None, orientation="", made_up=None):
    settings = settings or Settings()
    events = scenes.events(row, orientation=orientation, made_up=made_up)
    placement = place(events, scenes.lying_box(), settings)
    return beams(events, placement, settings), placement


@pytest.mark.parametrize(
    ("primary", "secondary", "towards"),
    [
        (0, 0, (0, -1, 0)),
        (90, 0, (1, 0, 0)),
        (-90, 0, (-1, 0, 0)),
        (180, 0, (0, 1, 0)),
        (0, 90, (0, 0, 1)),
        (0, -90, (0, 0, -1)),
    ],
)
def test_direction_from_focal_spot_to_detector(primary, secondary, towards):
    made, _ = cast_one({"positioner_primary_angle_deg": primary, "positioner_secondary_angle_deg": secondary})
    close(made.axis[0], towards, atol=1e-12, because=EXACT)
    close(np.cross(made.u[0], made.v[0]), made.axis[0], atol=1e-12, because="axis = u x v by definition")


def test_formula_of_the_conventions():
    a, b = np.radians(33.0), np.radians(-21.0)
    want = (np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b))
    got = -stand_rotation(33.0, -21.0, "primary-secondary")[..., 1]
    close(got, want, atol=1e-12, because=EXACT)


def test_the_two_orders_of_axes_differ_by_5_4_degrees_at_30_30():
    first, second = (-stand_rotation(30.0, 30.0, order)[..., 1] for order in ("primary-secondary", "secondary-primary"))
    close(np.degrees(np.arccos(first @ second)), 5.4, atol=0.05, because="design.md gives one decimal")


@pytest.mark.parametrize("order", ["primary-secondary", "secondary-primary"])
def test_angles_are_found_again(order):
    angles = np.random.default_rng(1).uniform(-89, 89, (2, 50))
    found = stand_angles(-stand_rotation(*angles, order)[..., 1], order)
    close(np.array(found), angles, atol=1e-9, because="inverse functions away from the poles")


def test_source_and_isocentre_of_a_pa_beam():
    made, placement = cast_one(
        {"table_longitudinal_position_mm": -30.0, "table_lateral_position_mm": 500.0, "table_height_position_mm": 160.0}
    )
    # The isocentre in the table frame is (30, -160, -500); the pad of 40 mm lifts the patient.
    close(placement.origin_mm, (0, -40, 0), atol=1e-12, because=EXACT)
    close(made.source_mm[0], (30.0, -160.0 + 40.0 + 750.0, -500.0), atol=1e-9, because=EXACT)


def test_rotations_of_the_table():
    left, down, head = np.eye(3)
    close(
        table_rotation(90.0, 0.0, 0.0) @ head, left, atol=1e-12, because="clockwise from above: the head end goes left"
    )
    close(table_rotation(0.0, 90.0, 0.0) @ head, -down, atol=1e-12, because="head up is positive")
    close(table_rotation(0.0, 0.0, 90.0) @ left, -down, atol=1e-12, because="left side up is positive")


def test_a_tilted_table_turns_the_beam_in_the_patient():
    made, _ = cast_one({"table_head_tilt_angle_deg": 10.0})
    want = rotation_x(np.radians(10.0)).T @ np.array([0.0, -1.0, 0.0])
    close(made.axis[0], want, atol=1e-12, because=EXACT)


@pytest.mark.parametrize("name", sorted(ORIENTATIONS))
def test_orientations_are_rotations(name):
    matrix = ORIENTATIONS[name]
    close(matrix @ matrix.T, np.eye(3), atol=0, because="entries are 0 and 1")
    assert np.linalg.det(matrix) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "left", "posterior", "head"),
    [
        ("hfs", "+x", "+y", "+z"),
        ("hfp", "-x", "-y", "+z"),
        ("hfdr", "-y", "+x", "+z"),
        ("hfdl", "+y", "-x", "+z"),
        ("ffs", "-x", "+y", "-z"),
        ("ffp", "+x", "-y", "-z"),
        ("ffdr", "-y", "-x", "-z"),
        ("ffdl", "+y", "+x", "-z"),
    ],
)
def test_where_the_patients_left_back_and_head_point_on_the_table(name, left, posterior, head):
    axes = {"x": 0, "y": 1, "z": 2}
    for column, text in enumerate((left, posterior, head)):
        want = np.zeros(3)
        want[axes[text[1]]] = 1.0 if text[0] == "+" else -1.0
        close(ORIENTATIONS[name][:, column], want, atol=0, because="entries are 0 and 1")


@pytest.mark.parametrize("name", sorted(ORIENTATIONS))
def test_angles_relative_to_the_patient_enter_at_the_same_place_whatever_the_orientation(name):
    row = {"positioner_primary_angle_deg": 35.0, "positioner_secondary_angle_deg": 20.0}
    made, _ = cast_one(row, orientation=name)
    supine, _ = cast_one(row)
    close(made.axis[0], supine.axis[0], atol=1e-12, because="patient-relative angles")
    close(made.u[0], supine.u[0], atol=1e-12, because="patient-relative image")


def test_an_actual_orientation_turns_the_patient_and_leaves_the_beam_in_the_room():
    made, placement = cast_one({}, Settings(orientation="hfp"), orientation="hfs")
    assert (placement.orientation_registered, placement.orientation_actual) == ("hfs", "hfp")
    close(
        made.axis[0], (0, 1, 0), atol=1e-12, because="the tube is below, the patient prone: the beam enters his front"
    )
    close(placement.rotation @ made.axis[0], (0, -1, 0), atol=1e-12, because="upwards in the room")


@pytest.mark.parametrize("name", sorted(ORIENTATIONS))
def test_the_patient_rests_on_the_pad(name):
    _, placement = cast_one({}, Settings(orientation=name))
    box = scenes.lying_box().vertices_mm @ placement.rotation.T + placement.origin_mm
    close(box[:, 1].max(), -40.0, atol=1e-9, because="lowest point on the pad's upper surface")
    close(box[:, 2].max(), 0.0, atol=1e-9, because="crown or soles at the head end")
    close(box[:, 0].min() + box[:, 0].max(), 0.0, atol=1e-9, because="on the centre line")


def test_rotational_run_is_interpolated_in_the_gantrys_frame():
    made, _ = cast_one({"positioner_primary_angle_deg": 90.0, "positioner_primary_end_angle_deg": -120.0})
    assert len(made) == 105
    close(made.weight.sum(), 1.0, rtol=1e-12, because="shares of one event")
    middle = made.axis[len(made) // 2]
    close(middle, (np.sin(np.radians(-15)), -np.cos(np.radians(-15)), 0), atol=1e-12, because="210 degrees through 0")


def test_rotational_run_of_a_prone_patient_passes_the_tube_under_the_table():
    row = {"positioner_primary_angle_deg": -90.0, "positioner_primary_end_angle_deg": 90.0}
    made, placement = cast_one(row, orientation="hfp")
    room = made.axis @ placement.rotation.T
    # Relative to the prone patient -90 to 90 is 90 to -90 relative to the gantry, through 0: the tube stays below.
    assert room[:, 1].max() < 0.0


def test_anatomy_puts_the_mean_isocentre_at_the_landmark():
    rows = ({"air_kerma_rp_mgy": 10.0}, {"air_kerma_rp_mgy": 30.0, "table_lateral_position_mm": 650.0})
    events = scenes.events(*rows)
    settings = Settings(placement="anatomy")
    box = scenes.lying_box()
    placement = place(events, box, settings)
    made = beams(events, placement, settings)
    isocentre = made.source_mm + 750.0 * made.axis
    mean = (10 * isocentre[0] + 30 * isocentre[1]) / 40
    close(mean, box.landmarks_mm["heart"], atol=1e-9, because="kerma-weighted mean")
    close(isocentre[1] - isocentre[0], (0, 0, -200.0), atol=1e-9, because="the table's motion is kept")
    close(mean_isocentre(events), (0, -150, -600), atol=1e-9, because="kerma-weighted by hand")


def test_offset_moves_the_patient_in_table_axes():
    made, _ = cast_one({}, Settings(offset_mm=(10.0, 20.0, 30.0)))
    still, _ = cast_one({})
    close(made.source_mm - still.source_mm, [(-10, 30, -20)], atol=1e-9, because="the beam moves the other way")


def test_auto_takes_head_foot_from_anatomy_unless_commissioned():
    _, commissioned = cast_one({})
    _, assumed = cast_one({}, made_up=scenes.machine(profile_status="documented"))
    assert commissioned.axes["head"] == "table"
    assert assumed.axes["head"].startswith("anatomy")
    assert assumed.axes["up"] == "table"


def test_missing_height_is_solved_by_anatomy_with_the_patient_on_the_pad():
    made, placement = cast_one({"table_height_position_mm": np.nan})
    assert placement.axes["up"].startswith("anatomy")
    isocentre = made.source_mm[0] + 750.0 * made.axis[0]
    close(isocentre[1], -120.0, atol=1e-9, because="the landmark's depth")
    close(placement.origin_mm[1], -40.0, atol=1e-9, because="he still lies on the pad")


def test_tube_above_without_orientation_is_a_warning():
    _, placement = cast_one({"positioner_primary_angle_deg": 170.0})
    assert any("prone" in warning for warning in placement.warnings)


def test_a_machine_without_a_table_has_no_support():
    made, _ = cast_one({}, made_up=scenes.machine(has_table=False))
    assert made.support == ()
    assert made.support_mm.shape == (0, 6)
