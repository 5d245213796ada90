"""Distances, angles and the table."""

import numpy as np
import pytest

from skindose.config import Settings
from skindose.model import Status
from skindose.normalise import normalise
from skindose.normalise.angles import wrapped
from tests.close import close
from tests.normalise.build import COMPLETE, ROTATIONAL, accumulated, coded, event, num, private, procedure

PHILIPS = {"maker": "Philips", "model": "Allura Clarity"}
AZURION = {"maker": "Philips", "model": "Azurion"}
OTHER = {"maker": "Somebody", "model": "Cath 1"}
SUM = "by the profile's sign and zero, in closed form"


def status(events, column):
    return [Status(value) for value in events.status[column]]


# --- distances


def test_distance_to_the_detector_is_carried_forward_and_at_the_start_backwards():
    name = "distance_source_to_detector"
    events = normalise(
        procedure(event(1, without=(name,)), event(2), event(3, without=(name,)), event(4, **{name: 990.0}))
    )
    close(events.distance_source_to_detector_mm, [1100.0, 1100.0, 1100.0, 990.0], rtol=1e-12, because="carried")
    expected = [Status.ASSUMED, Status.REPORTED, Status.ASSUMED, Status.REPORTED]
    assert status(events, "distance_source_to_detector_mm") == expected


def test_distance_to_the_detector_may_stand_in_a_private_item():
    events = normalise(procedure(event(1, private("018", 1195.0), without=("distance_source_to_detector",)), **PHILIPS))
    close(events.distance_source_to_detector_mm, [1195.0], rtol=1e-12, because="private item")
    assert status(events, "distance_source_to_detector_mm") == [Status.DERIVED]


@pytest.mark.parametrize(("value", "expected"), [((), 785.0), ((0.0,), 785.0), ((-5.0,), 785.0), ((1e7,), 785.0)])
def test_distance_to_the_isocentre_comes_from_other_events(value, expected):
    events = normalise(procedure(event(1), event(2, distance_source_to_isocenter=value)))
    close(events.distance_source_to_isocenter_mm, [785.0, expected], rtol=1e-12, because="the usual one of the file")
    assert status(events, "distance_source_to_isocenter_mm")[1] == Status.ASSUMED


# --- angles


def test_missing_angles_are_pa_and_said():
    events = normalise(procedure(event(1, without=("positioner_primary_angle", "positioner_secondary_angle"))))
    close(events.positioner_primary_angle_deg, [0.0], atol=0.0, because="PA")
    assert status(events, "positioner_secondary_angle_deg") == [Status.ASSUMED]
    assert any("primary angle missing in 1 of 1" in sentence for sentence in events.assumptions)


@pytest.mark.parametrize(("given", "expected"), [(183.0, -177.0), (-190.0, 170.0), (180.0, 180.0), (-179.9, -179.9)])
def test_angles_beyond_half_a_turn_are_wrapped(given, expected):
    events = normalise(procedure(event(1, positioner_primary_angle=given)))
    close(events.positioner_primary_angle_deg, [expected], rtol=1e-12, because="a full turn is 360")
    assert status(events, "positioner_primary_angle_deg") == [Status.DERIVED if given != expected else Status.REPORTED]


def test_wrapping_keeps_the_direction():
    for angle in (-359.0, -181.0, -1.0, 0.0, 90.0, 359.0):
        close(np.cos(np.radians(wrapped(angle))), np.cos(np.radians(angle)), atol=1e-12, because="same direction")


def run(number=1, **values):
    kind = coded("irradiation_event_type", ROTATIONAL)
    return event(number, kind, without=("irradiation_event_type",), **values)


def test_a_run_keeps_its_ends_even_beyond_half_a_turn():
    events = normalise(procedure(run(positioner_primary_angle=200.0, positioner_primary_end_angle=-20.0)))
    close(events.positioner_primary_angle_deg, [200.0], rtol=1e-12, because="220 degrees of travel, not 140")
    close(events.positioner_primary_end_angle_deg, [-20.0], rtol=1e-12, because="as reported")
    assert status(events, "positioner_secondary_end_angle_deg") == [Status.DERIVED]


@pytest.mark.parametrize(
    ("start", "arc"), [(118.0, (118.0, -120.0)), (-120.0, (-120.0, 120.0)), (-20.0, (-45.0, 135.0))]
)
def test_a_run_without_an_end_follows_the_profile_s_arc_never_a_point(start, arc):
    events = normalise(procedure(run(positioner_primary_angle=start), **PHILIPS))
    found = events.positioner_primary_angle_deg[0], events.positioner_primary_end_angle_deg[0]
    close(found, arc, rtol=1e-12, because="the arc whose end is nearest to the start")
    assert status(events, "positioner_primary_end_angle_deg") == [Status.ASSUMED]
    assert any("without an end angle" in sentence for sentence in events.warnings)


def test_a_run_without_a_start_ends_where_it_is_said_to_end():
    gone = ("positioner_primary_angle",)
    kind = coded("irradiation_event_type", ROTATIONAL)
    found = event(1, kind, without=("irradiation_event_type", *gone), positioner_primary_end_angle=-118.0)
    events = normalise(procedure(found, **PHILIPS))
    ends = events.positioner_primary_angle_deg[0], events.positioner_primary_end_angle_deg[0]
    close(ends, (120.0, -118.0), rtol=1e-12, because="the profile's arc that ends nearest to -118")
    assert any("without a start angle" in sentence for sentence in events.warnings)


def test_a_run_about_the_other_axis_keeps_its_primary_angle():
    ends = {"positioner_primary_angle": 5.0, "positioner_secondary_end_angle": 40.0}
    events = normalise(procedure(run(**ends), **PHILIPS))
    close(events.positioner_primary_end_angle_deg, [5.0], rtol=1e-12, because="it turned about the secondary axis only")


def test_end_angles_of_other_events_are_kept_where_they_differ():
    events = normalise(procedure(event(1, positioner_primary_angle=10.0, positioner_primary_end_angle=30.0)))
    close(events.positioner_primary_end_angle_deg, [30.0], rtol=1e-12, because="as reported")


def test_end_angles_that_are_all_zero_are_no_ends():
    ends = {"positioner_primary_end_angle": 0.0}
    events = normalise(procedure(event(1, positioner_primary_angle=40.0, **ends), event(2, **ends)))
    assert np.isnan(events.positioner_primary_end_angle_deg).all()


# --- table


def test_dicom_s_sense_is_kept():
    events = normalise(procedure(event(1)))
    found = events.table_longitudinal_position_mm, events.table_lateral_position_mm, events.table_height_position_mm
    close(np.concatenate(found), [-20.0, 900.0, 150.0], rtol=1e-12, because="zeros 0, signs as DICOM has them")
    machine = events.machine
    assert (machine.longitudinal_zero_known, machine.lateral_zero_known, machine.height_zero_known) == (True,) * 3
    assert status(events, "table_height_position_mm") == [Status.REPORTED]


def test_heights_above_the_floor_become_depths_below_the_isocentre():
    found = event(1, private("021", 890.0), private("015", 1462.0), without=("table_height_position",))
    totals = (accumulated(private("001", 1065.0)),)
    events = normalise(procedure(found, totals=totals, **PHILIPS))
    close(events.table_height_position_mm, [175.0], rtol=1e-12, because="1065 - 890")
    close(events.table_lateral_position_mm, [900.0 - 1462.0], rtol=1e-12, because="head-foot position minus its zero")
    assert status(events, "table_height_position_mm") == [Status.DERIVED]


def test_a_missing_zero_is_the_profile_s_assumed():
    events = normalise(procedure(event(1, private("021", 890.0), without=("table_height_position",)), **PHILIPS))
    close(events.table_height_position_mm, [1065.0 - 890.0], rtol=1e-12, because=SUM)
    assert status(events, "table_height_position_mm") == [Status.ASSUMED]


def test_natural_names_are_a_matter_of_the_profile():
    values = {"table_longitudinal_position": 700.0, "table_lateral_position": -82.0, "table_height_position": 935.0}
    events = normalise(procedure(event(1, **values), totals=(accumulated(private("001", 1065.0)),), **AZURION))
    found = events.table_longitudinal_position_mm, events.table_lateral_position_mm, events.table_height_position_mm
    close(np.concatenate(found), [-82.0, 700.0, 130.0], rtol=1e-12, because=SUM)
    assert not events.machine.lateral_zero_known
    assert not events.warnings


@pytest.mark.parametrize(("machine", "told"), [(OTHER, "assumptions"), ({}, "warnings")])
def test_sideways_travel_that_no_table_has_swaps_the_axes(machine, told):
    values = {"table_longitudinal_position": 700.0, "table_lateral_position": -82.0}
    events = normalise(procedure(event(1, **values), **machine))
    close(events.table_longitudinal_position_mm, [-82.0], rtol=1e-12, because="the only axis that can be sideways")
    close(events.table_lateral_position_mm, [700.0], rtol=1e-12, because="the other one")
    assert status(events, "table_longitudinal_position_mm") == [Status.DERIVED]
    assert any("the other way round" in sentence for sentence in getattr(events, told))
    assert not events.machine.lateral_zero_known


def test_two_axes_that_cannot_be_sideways_are_told_and_not_relied_on():
    events = normalise(procedure(event(1, table_longitudinal_position=700.0, table_lateral_position=820.0)))
    assert not events.machine.longitudinal_zero_known
    assert any("which no table does" in sentence for sentence in events.warnings)


@pytest.mark.parametrize(
    ("height", "known", "value"), [(150.0, True, 150.0), (935.0, False, -935.0), (-400.0, False, -400.0)]
)
def test_an_unknown_machine_s_height_is_used_where_it_looks_like_a_depth(height, known, value):
    events = normalise(procedure(event(1, table_height_position=height), **OTHER))
    assert events.machine.profile == "generic"
    assert events.machine.height_zero_known is known
    close(
        events.table_height_position_mm, [value], rtol=1e-12, because="turned over only when it counts from the floor"
    )


def test_a_documented_zero_that_puts_the_table_elsewhere_is_not_relied_on():
    events = normalise(procedure(event(1, table_height_position=-300.0)))
    assert not events.machine.height_zero_known
    assert any("height's zero is not relied on" in sentence for sentence in events.warnings)


def test_events_that_are_all_zero_report_no_position():
    zero = dict.fromkeys([name for name in COMPLETE if name.startswith(("distance", "table"))], 0.0)
    events = normalise(procedure(event(1), event(2, **zero)))
    close(events.table_lateral_position_mm, [900.0, 900.0], rtol=1e-12, because="carried from the event before")
    assert status(events, "table_lateral_position_mm") == [Status.REPORTED, Status.ASSUMED]


def test_a_table_at_zero_with_real_distances_stands_there():
    zero = dict.fromkeys([name for name in COMPLETE if name.endswith("position")], 0.0)
    events = normalise(procedure(event(1, **zero)))
    assert status(events, "table_height_position_mm") == [Status.REPORTED]


def test_height_may_follow_from_the_distance_to_the_table():
    found = event(1, num("distance_source_to_table_plane", 600.0), without=("table_height_position",))
    events = normalise(procedure(found))
    close(events.table_height_position_mm, [185.0], rtol=1e-12, because="785 - 600")
    assert status(events, "table_height_position_mm") == [Status.DERIVED]


def test_positions_that_no_event_has_stay_missing():
    events = normalise(procedure(event(1, without=("table_height_position",))))
    assert np.isnan(events.table_height_position_mm).all()
    assert status(events, "table_height_position_mm") == [Status.MISSING]
    assert not events.machine.height_zero_known
    assert events.mapped.all()


def test_table_angles_that_no_event_has_are_zero_and_said_once():
    gone = tuple(name for name in COMPLETE if name.startswith("table") and name.endswith("angle"))
    events = normalise(procedure(event(1, without=gone), event(2, without=gone)))
    assert status(events, "table_horizontal_rotation_angle_deg") == [Status.ASSUMED, Status.ASSUMED]
    assert len([sentence for sentence in events.assumptions if "0 is assumed" in sentence and "tilt" in sentence]) == 1


# --- what a commissioned profile may say


def commissioned(folder, text):
    path = folder / "own.toml"
    head = 'name = "own"\ntitle = "Own"\nstatus = "commissioned"\nevidence = "measured in test"\ndate = 2026-02-03\n'
    path.write_text(f'{head}sources = ["test"]\n{text}')
    return Settings(profile=str(path))


def test_zeros_of_the_angles_are_taken_off_before_the_sign(tmp_path):
    settings = commissioned(tmp_path, "primary_sign = -1\nprimary_zero_deg = 2.5\nsecondary_zero_deg = -1\n")
    ends = {"positioner_primary_angle": 30.0, "positioner_primary_end_angle": 40.0, "positioner_secondary_angle": 5.0}
    events = normalise(procedure(event(1, **ends)), settings)
    close(events.positioner_primary_angle_deg, [-27.5], rtol=1e-12, because=SUM)
    close(events.positioner_primary_end_angle_deg, [-37.5], rtol=1e-12, because=SUM)
    close(events.positioner_secondary_angle_deg, [6.0], rtol=1e-12, because=SUM)
    assert status(events, "positioner_primary_angle_deg") == [Status.DERIVED]


def test_a_missing_angle_is_pa_whatever_the_zero(tmp_path):
    settings = commissioned(tmp_path, "primary_zero_deg = 2.5\n")
    events = normalise(procedure(event(1, without=("positioner_primary_angle",))), settings)
    close(events.positioner_primary_angle_deg, [0.0], atol=0.0, because="PA")


def test_end_angles_that_are_all_zero_are_no_ends_whatever_the_zero(tmp_path):
    settings = commissioned(tmp_path, "primary_zero_deg = 2.5\n")
    given = {"positioner_primary_angle": 30.0, "positioner_primary_end_angle": 0.0}
    events = normalise(procedure(event(1, **given), event(2, **given)), settings)
    assert np.isnan(events.positioner_primary_end_angle_deg).all()


def test_an_offset_comes_on_top_of_the_zero_that_the_file_holds(tmp_path):
    axis = 'items = ["table_height_position"], sign = -1, zero_items = ["99PHI-IXR-XPER/001"], zero_mm = 1000'
    settings = commissioned(tmp_path, f'[table]\nheight = {{ {axis}, offset_mm = -7, zero = "known" }}\n')
    held = event(1, private("001", 1065.0), table_height_position=900.0)
    events = normalise(procedure(held, event(2, table_height_position=900.0)), settings)
    close(events.table_height_position_mm, [1065.0 - 7.0 - 900.0, 1000.0 - 7.0 - 900.0], rtol=1e-12, because=SUM)
    assert status(events, "table_height_position_mm") == [Status.DERIVED, Status.ASSUMED]


def test_axes_that_were_measured_are_not_swapped(tmp_path):
    settings = commissioned(tmp_path, "")
    far = {"table_longitudinal_position": 500.0, "table_lateral_position": 10.0}
    events = normalise(procedure(event(1, **far)), settings)
    close(events.table_longitudinal_position_mm, [500.0], rtol=1e-12, because="as the profile says")
    assert not events.machine.longitudinal_zero_known
    assert any("no table does" in sentence for sentence in events.warnings)
