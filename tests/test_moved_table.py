"""A table that moved while the beam was on: end positions, split in time."""

from itertools import product

import numpy as np
import pytest

from skindose.config import Settings
from skindose.geometry import beams, place
from skindose.geometry.motion import STEP_MM
from skindose.model import Code, Status
from skindose.normalise import normalise
from skindose.report.event_table import event_rows
from tests import scenes
from tests.close import close
from tests.normalise.build import accumulated, coded, event, num, private, procedure
from tests.test_bad_geometry import computed

SETTINGS = Settings(phantom="oval", placement="table", height_cm=170, weight_kg=70, sex="male")
SUM = "by the profile's sign and zero, in closed form"
STEPPING = coded("irradiation_event_type", Code("113612", "DCM", "Stepping Acquisition"))
TILTS = (private("022", 3.0, unit="deg"), private("019", -2.0, unit="deg"))
SIDEWAYS, HEAD_FOOT, HEIGHT = (f"table_{name}_end_position_mm" for name in ("longitudinal", "lateral", "height"))


def placed(**row):
    settings = Settings(placement="table")
    events = scenes.events(row)
    return beams(events, place(events, scenes.lying_box(), settings), settings)


# --- geometry


@pytest.mark.parametrize(
    ("axis", "start", "index", "sign"),
    [("longitudinal", 0.0, 0, -1), ("height", 150.0, 1, -1), ("lateral", 450.0, 2, -1)],
)
def test_the_sub_events_lie_evenly_along_the_way(axis, start, index, sign):
    """The table moves by 100 mm: 20 sub-events of 5 mm, the isocentre goes the other way in the patient."""
    made = placed(**{f"table_{axis}_end_position_mm": start + 100.0})
    still = placed()
    way = made.source_mm - still.source_mm
    close(way[:, index], sign * (np.arange(20) + 0.5) * 5.0, atol=1e-9, because="middles of 20 equal steps")
    close(np.delete(way, index, axis=1), 0.0, atol=1e-9, because="one axis alone moves")
    close(made.weight, 1 / 20, rtol=1e-12, because="even in time")


def test_the_finest_movement_decides():
    made = placed(table_lateral_end_position_mm=460.0, positioner_primary_end_angle_deg=30.0)
    assert len(made) == 15
    close(made.source_mm[:, 2] - placed().source_mm[0, 2], -(np.arange(15) + 0.5) * 10 / 15, atol=1e-9, because="10 mm")
    angles = np.degrees(np.arctan2(made.axis[:, 0], -made.axis[:, 1]))
    close(angles, (np.arange(15) + 0.5) * 2.0, atol=1e-9, because="both at the same times")


def test_a_tilt_that_changes_is_followed():
    made = placed(table_head_tilt_end_angle_deg=10.0)
    tilts = np.degrees(np.arctan2(made.axis[:, 2], -made.axis[:, 1]))
    close(tilts, [1, 3, 5, 7, 9], atol=1e-9, because="the head end rises, upwards is towards the head")


@pytest.mark.parametrize("end", [np.nan, 450.0])
def test_an_end_that_is_missing_or_the_start_is_one_beam(end):
    assert len(placed(table_lateral_end_position_mm=end)) == 1


def test_anatomy_looks_at_the_middle_of_the_way():
    events = scenes.events({"table_lateral_end_position_mm": 650.0})
    settings = Settings(placement="anatomy")
    body = scenes.lying_box()
    made = beams(events, place(events, body, settings), settings)
    isocentre = (made.source_mm + 750.0 * made.axis).mean(axis=0)
    close(isocentre, body.landmarks_mm["heart"], atol=1e-9, because="the mean isocentre is put at the landmark")


def test_the_dose_is_the_mean_over_the_places():
    moving = computed({"table_lateral_end_position_mm": 500.0}, settings=SETTINGS)
    assert len(moving.beams) == 50 / STEP_MM
    assert any("moved by up to 50 mm during 1 events" in text for text in moving.assumptions)
    places = 450.0 + (np.arange(10) + 0.5) * 5.0
    standing = computed(*[{"table_lateral_position_mm": float(p)} for p in places], settings=SETTINGS)
    close(moving.dosemap.dose_mgy, standing.dosemap.dose_mgy / 10, rtol=1e-9, atol=1e-12, because="the same ten beams")
    close(moving.beams.air_kerma_rp_mgy.sum(), 100.0, rtol=1e-12, because="the event's kerma, no more, no less")
    assert event_rows(moving)[0][10].text == "0.0, 45.0, 19.0 to 0.0, 50.0, 19.0"


# --- normalise


def test_dicoms_end_positions_are_read_in_our_sense():
    ends = {f"table_{n}_end_position": v for n, v in (("longitudinal", -10.0), ("lateral", 950.0), ("height", 160.0))}
    events = normalise(procedure(event(1, **ends)))
    close(
        [getattr(events, name)[0] for name in (SIDEWAYS, HEAD_FOOT, HEIGHT)], [-10, 950, 160], rtol=1e-12, because=SUM
    )
    assert events.status[HEAD_FOOT].tolist() == [Status.REPORTED]


def test_private_final_height_and_tilts_by_the_profile():
    found = event(
        1, private("021", 890.0), private("020", 870.0), *TILTS,
        without=("table_height_position",),
    )  # fmt: skip
    events = normalise(procedure(found, totals=(accumulated(private("001", 1065.0)),), maker="Philips", model="Allura"))
    close([events.table_height_position_mm[0], getattr(events, HEIGHT)[0]], [175, 195], rtol=1e-12, because=SUM)
    close(events.table_head_tilt_end_angle_deg, [3.0], rtol=1e-12, because="reported")
    close(events.table_cradle_tilt_end_angle_deg, [-2.0], rtol=1e-12, because="reported")


def test_axes_named_the_other_way_round_take_their_ends_along():
    values = {"table_longitudinal_position": 700.0, "table_lateral_position": -82.0}
    ends = {"table_longitudinal_end_position": 750.0, "table_lateral_end_position": -80.0}
    events = normalise(procedure(event(1, **values, **ends), maker="Somebody", model="Cath 1"))
    close([getattr(events, SIDEWAYS)[0], getattr(events, HEAD_FOOT)[0]], [-80, 750], rtol=1e-12, because="swapped")


def test_a_height_above_the_floor_is_turned_over_at_both_ends():
    values = {"table_height_position": 935.0, "table_height_end_position": 900.0}
    events = normalise(procedure(event(1, **values), maker="Somebody", model="Cath 1"))
    close([events.table_height_position_mm[0], getattr(events, HEIGHT)[0]], [-935, -900], rtol=1e-12, because="up")


def test_ends_that_are_all_zero_are_none():
    ends = {name.removesuffix("_mm"): 0.0 for name in (SIDEWAYS, HEAD_FOOT, HEIGHT)}
    events = normalise(procedure(event(1, **ends), event(2, **ends)))
    for name in (SIDEWAYS, HEAD_FOOT, HEIGHT):
        assert np.isnan(getattr(events, name)).all()


def test_an_end_out_of_reach_is_named_and_not_used():
    events = normalise(procedure(event(1, table_lateral_end_position=5900.0)))
    assert np.isnan(getattr(events, HEAD_FOOT)).all()
    assert any("event 1;" in text and "from the start" in text for text in events.warnings)


def test_an_end_without_a_start_is_where_the_table_stood():
    found = event(1, num("table_lateral_end_position", 910.0), without=("table_lateral_position",))
    events = normalise(procedure(found, event(2)))
    close(events.table_lateral_position_mm, [910.0, 900.0], rtol=1e-12, because="nothing says where it came from")
    assert np.isnan(getattr(events, HEAD_FOOT)).all()


@pytest.mark.parametrize(("stepping", "end"), list(product((True, False), (True, False))))
def test_a_stepping_acquisition_without_an_end_is_a_warning(stepping, end):
    extra = (num("table_lateral_end_position", 1400.0),) if end else ()
    kind = (STEPPING,) if stepping else ()
    found = event(1, *kind, *extra, without=("irradiation_event_type",) if stepping else ())
    warned = any("stepping acquisition without" in text for text in normalise(procedure(found)).warnings)
    assert warned is (stepping and not end)
