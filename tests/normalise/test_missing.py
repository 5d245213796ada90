"""Missing data: a stated assumption from the file's other events or the profile, with its uncertainty, never silent."""

import numpy as np
import pytest

from skindose.model import Code, Status
from skindose.normalise import normalise
from skindose.normalise.standin import DEFAULT, pooled
from skindose.normalise.work import COLUMNS
from tests.close import close
from tests.normalise.build import COPPER, PLANE_A, PLANE_B, added_filter, coded, event, num, procedure, text

# Item that is missing: column, words in the assumption, the others' values in the file, and what stands in where no
# event has it (None: nothing can, the patient is placed by anatomy).
QUANTITIES = {
    "kvp": ("kvp_kv", "kVp missing", (70.0, 76.0), 80.0),
    "positioner_primary_angle": ("positioner_primary_angle_deg", "primary angle missing", (30.0, 30.0), 0.0),
    "positioner_secondary_angle": ("positioner_secondary_angle_deg", "secondary angle missing", (-20.0, -20.0), 0.0),
    "distance_source_to_isocenter": ("distance_source_to_isocenter_mm", "source to isocenter", (770.0, 770.0), 785.0),
    "distance_source_to_detector": ("distance_source_to_detector_mm", "source to detector", (1000.0, 1050.0), 1100.0),
    "table_longitudinal_position": ("table_longitudinal_position_mm", "longitudinal position", (-20.0, -30.0), None),
    "table_lateral_position": ("table_lateral_position_mm", "lateral position", (900.0, 850.0), None),
    "table_height_position": ("table_height_position_mm", "table height position missing", (150.0, 160.0), None),
    "table_head_tilt_angle": ("table_head_tilt_angle_deg", "head tilt angle", (4.0, 4.0), 0.0),
    "table_horizontal_rotation_angle": ("table_horizontal_rotation_angle_deg", "horizontal rotation", (9.0, 9.0), 0.0),
    "table_cradle_tilt_angle": ("table_cradle_tilt_angle_deg", "cradle tilt", (-5.0, -5.0), 0.0),
}


def told(events, words):
    """The one assumption with these words and an uncertainty."""
    (found,) = [sentence for sentence in events.assumptions if words in sentence]
    assert "+-" in found
    return found


@pytest.mark.parametrize("item", QUANTITIES)
def test_missing_in_one_event_it_comes_from_the_others(item):
    column, words, (first, last), _ = QUANTITIES[item]
    events = normalise(
        procedure(event(1, **{item: first}), event(2, without=(item,)), event(3, **{item: last}), maker="Siemens")
    )
    values, status, spread = getattr(events, column), events.status[column], events.spread[column]
    assert min(first, last) <= values[1] <= max(first, last)
    assert [int(one) for one in status] == [Status.REPORTED, Status.ASSUMED, Status.REPORTED]
    assert spread[0] == spread[2] == 0.0
    assert 0 < spread[1] < DEFAULT[column], "others like it make the stand-in surer"
    assert "1 of 3 events" in told(events, words)
    assert events.mapped.all()


@pytest.mark.parametrize("item", QUANTITIES)
def test_missing_in_all_events_it_comes_from_the_profile_or_is_left_to_the_placement(item):
    column, words, _, stand_in = QUANTITIES[item]
    gone = (item, "reference_point_definition") if item == "distance_source_to_isocenter" else (item,)
    events = normalise(procedure(event(1, without=gone), event(2, without=gone), maker="Siemens"))
    values, status, spread = getattr(events, column), events.status[column], events.spread[column]
    assert events.mapped.all()
    if stand_in is None:
        assert np.isnan(values).all()
        assert not status.any()
        (sentence,) = [sentence for sentence in events.assumptions if words in sentence]
        assert "no event of the file has it" in sentence
        return
    close(values, [stand_in] * 2, rtol=1e-12, because="the profile's, else 0")
    assert (status == Status.ASSUMED).all()
    close(spread, [DEFAULT[column]] * 2, rtol=1e-12, because="the file tells nothing")
    assert "2 of 2 events" in told(events, words)


@pytest.mark.parametrize(("column", "expected"), [("filter_al_mm", 0.0), ("filter_cu_mm", 0.0)])
def test_filters_missing_in_all_events(column, expected):
    events = normalise(procedure(event(1, without=("x_ray_filters",)), maker="Siemens"))
    close(getattr(events, column), [expected], atol=0.0, because="the profile's")
    assert events.status[column][0] == Status.ASSUMED
    close(events.spread[column], [DEFAULT[column]], rtol=1e-12, because="the file tells nothing")
    metal = {"filter_al_mm": "aluminium", "filter_cu_mm": "copper"}[column]
    assert "1 of 1" in told(events, f"{metal} filter missing")


def test_filters_missing_in_one_event():
    bare = event(2, without=("x_ray_filters",))
    events = normalise(procedure(event(1), bare, event(3), maker="Siemens"))
    close(events.filter_cu_mm, [0.3] * 3, rtol=1e-12, because="as the like events")
    close(events.spread["filter_cu_mm"], [0.0, 0.2 / np.sqrt(3), 0.0], rtol=1e-12, because="two equal ones pooled")
    told(events, "copper filter missing in 1 of 3")


def test_the_like_of_an_event_are_of_its_plane_protocol_and_kind_first():
    """Each narrower group wins over the wider one, and has its own value and uncertainty in words."""

    def shot(number, plane, protocol, kvp):
        labels = (coded("acquisition_plane", plane), text("acquisition_protocol", protocol))
        return event(number, *labels, without=() if kvp else ("kvp",), **({"kvp": kvp} if kvp else {}))

    shots = [
        shot(1, PLANE_A, "coro", 70.0), shot(2, PLANE_A, "coro", 72.0), shot(3, PLANE_B, "coro", 90.0),
        shot(4, PLANE_A, "leg", 60.0), shot(5, PLANE_A, "coro", None), shot(6, PLANE_B, "coro", None),
        shot(7, PLANE_B, "leg", None),
    ]  # fmt: skip
    events = normalise(procedure(*shots, maker="Siemens"))
    close(events.kvp_kv[4:], [71.0, 90.0, 60.0], rtol=1e-12, because="same plane and protocol, then protocol")
    spread = [pooled(15.0, [1.0, -1.0]), pooled(15.0, [0.0]), pooled(15.0, [0.0])]
    close(events.spread["kvp_kv"][4:], spread, rtol=1e-12, because="the group's deviations and the default")
    told(events, "the median of like events of the file is taken: 71 kV")


def test_the_stand_in_is_as_unsure_as_the_like_events_are_different():
    def file(values):
        known = [event(number, kvp=value) for number, value in enumerate(values, 1)]
        return normalise(procedure(*known, event(len(values) + 1, without=("kvp",)), maker="Siemens"))

    alike, apart = file([80.0] * 20), file([60.0, 100.0] * 10)
    assert alike.spread["kvp_kv"][-1] < 4 < 15 < apart.spread["kvp_kv"][-1]
    close(apart.spread["kvp_kv"][-1], 20.0, rtol=0.03, because="half of the events 20 kV off on either side")


def test_a_reference_point_counted_from_an_assumed_isocentre_is_as_unsure():
    gone = ("distance_source_to_isocenter",)
    events = normalise(procedure(event(1, without=gone), maker="Siemens"))
    close(events.distance_source_to_reference_point_mm, [635.0], rtol=1e-12, because="785 - 150")
    close(events.spread["distance_source_to_reference_point_mm"], [25.0], rtol=1e-12, because="the isocentre's")
    silent = normalise(procedure(event(1, without=(*gone, "reference_point_definition")), maker="Siemens"))
    close(
        silent.spread["distance_source_to_reference_point_mm"],
        [np.hypot(25.0, 15.0)],
        rtol=1e-12,
        because="both unsure",
    )
    told(silent, "reference point not stated")


def test_a_field_without_size_and_an_air_kerma_from_an_area_have_their_uncertainty():
    gone = ("dose_area_product",)
    events = normalise(procedure(event(1), event(2, without=gone), maker="Siemens"))
    half = (events.field_u_max_mm - events.field_u_min_mm) / 2
    close(events.spread["field_u_max_mm"][1], 0.25 * half[1], rtol=1e-9, because="a usual field's side")
    told(events, "size of the field missing")
    alone = normalise(procedure(event(1, without=gone), maker="Siemens"))
    assert alone.spread["field_v_min_mm"][0] > events.spread["field_v_min_mm"][1], "the whole detector is less sure"
    kerma = normalise(procedure(event(1), event(2, without=("dose_rp",)), maker="Siemens"))
    close(kerma.spread["air_kerma_rp_mgy"], 0.4 * kerma.air_kerma_rp_mgy * [0, 1], rtol=1e-9, because="a usual area")
    told(kerma, "air kerma is 0 or missing")


def test_a_missing_angle_is_the_last_one_of_its_plane_and_never_a_run_s():
    a, b = (coded("acquisition_plane", plane) for plane in (PLANE_A, PLANE_B))
    turning = coded("irradiation_event_type", Code("113613", "DCM", "Rotational Acquisition"))
    run = event(3, a, turning, num("positioner_primary_end_angle", 100.0), without=("irradiation_event_type",),
                positioner_primary_angle=-100.0)  # fmt: skip
    gone = ("positioner_primary_angle",)
    events = normalise(
        procedure(
            event(1, a, positioner_primary_angle=30.0),
            event(2, b, positioner_primary_angle=90.0),
            run,
            event(4, a, without=gone),
            event(5, b, without=gone),
            maker="Siemens",
        )
    )
    close(events.positioner_primary_angle_deg, [30.0, 90.0, -100.0, 30.0, 90.0], rtol=1e-12, because="its plane's last")


def test_what_the_user_corrects_is_no_stand_in():
    from skindose.config import Settings

    events = normalise(procedure(event(1, without=("kvp",)), maker="Siemens"), Settings(correct=("1:kvp_kv=91",)))
    assert events.status["kvp_kv"][0] == Status.CORRECTED
    assert events.spread["kvp_kv"][0] == 0.0


def test_a_complete_file_has_no_stand_in_but_the_collimator_s_rotation():
    filters = added_filter(COPPER, 0.3)
    whole = event(1, num("collimated_field_area", 0.0196), filters, without=("x_ray_filters",))
    events = normalise(procedure(whole, maker="Siemens"))
    unsure = {column for column in COLUMNS if events.spread[column].any()}
    square = {"field_u_min_mm", "field_u_max_mm", "field_v_min_mm", "field_v_max_mm"}
    assert unsure == {"field_rotation_deg"} | square, "nothing in the file tells rotation and shape"


def test_the_tube_s_own_filter_is_said_with_its_uncertainty():
    events = normalise(procedure(event(1), maker="Siemens"))
    assert "3.1 mm Al +- 0.5 mm Al and 11 degrees of the profile" in told(events, "the tube's own filter")
    assert events.machine.inherent_filtration_uncertainty_mmal == 0.5


def test_pooled_uncertainty():
    close(pooled(20.0, []), 20.0, rtol=1e-12, because="the default alone")
    close(pooled(20.0, [0.0] * 99), 2.0, rtol=1e-12, because="a hundred, of which one is off by 20")
    close(pooled(20.0, [50.0] * 300), 50.0, rtol=0.01, because="the file overrules the default")
