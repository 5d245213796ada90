"""Bad geometry, from the written report to the result: a warning that names the event, and no dose of it in the map."""

import numpy as np
import pytest

from skindose.changes import named, set_aside
from skindose.config import Settings
from skindose.normalise import normalise
from tests import scenes
from tests.close import close
from tests.normalise import build
from tests.test_pipeline import computed as computed_alike

SETTINGS = Settings(phantom="oval", pad_mm=40, placement="table", height_cm=170, weight_kg=70, sex="male", age=50)


def computed(*events, settings):
    """As the pipeline's tests do it, the events a minute apart, so that their numbers are their places here."""
    times = [f"202601010{8 + k // 60}{k % 60:02d}00" for k in range(len(events))]
    timed = [{**event, "started": time} for event, time in zip(events, times, strict=True)]
    return computed_alike(*timed, settings=settings)


GOOD = computed({}, settings=SETTINGS)


def warned(result, *words):
    return [sentence for sentence in result.warnings if all(word in sentence for word in words)]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"table_height_position_mm": 800.0}, ("Event 2 is set aside", "inside the body")),
        ({"table_height_position_mm": 770.0}, ("Event 2 is set aside", "inside the table")),
    ],
)
def test_an_impossible_focal_spot_is_named_and_leaves_the_map_as_if_it_were_not_there(bad, words):
    # One such event among others: more would move the mean height, and the zero would not be relied on at all.
    result = computed({}, {**bad, "air_kerma_rp_mgy": 5.0, "kap_gycm2": 0.5}, settings=SETTINGS)
    assert warned(result, *words)
    assert result.events.mapped.tolist() == [True, False]
    assert words[1] in result.events.unmapped_reason[1]
    close(result.dosemap.dose_mgy, GOOD.dosemap.dose_mgy, rtol=1e-12, because="the other event alone")
    close(result.totals["air_kerma_mapped_fraction"], 100 / 105, rtol=1e-9, because="5 of 105 mGy are not in the map")
    assert result.totals["events_mapped"] == 1
    (psd,) = {finding.note for finding in result.findings.findings if finding.quantity == "psd"}
    assert psd.startswith("a lower bound: not on the map: 1 event with 5 mGy")


def test_nothing_but_impossible_focal_spots_gives_no_map_and_says_why():
    result = computed({"table_height_position_mm": 490.0, "distance_source_to_isocenter_mm": 480.0}, settings=SETTINGS)
    assert result.dosemap is None
    assert "inside the table" in result.no_map_reason
    assert result.peak_upper_bound_mgy > 100.0


def test_zero_distances_are_missing_ones():
    zero = {"distance_source_to_isocenter_mm": 0.0, "distance_source_to_detector_mm": 0.0}
    result = computed({}, zero, settings=SETTINGS)
    close(result.dosemap.dose_mgy, 2 * GOOD.dosemap.dose_mgy, rtol=1e-9, because="taken from the other event")
    assert any("distance source to isocenter missing" in sentence for sentence in result.assumptions)


def test_missing_angles_are_a_warning_when_no_event_has_them():
    gone = {"positioner_primary_angle_deg": None, "positioner_secondary_angle_deg": None}
    assert warned(computed(gone, settings=SETTINGS), "no event tells the positioner's angles")
    assert not warned(computed({}, gone, settings=SETTINGS), "no event tells")


def test_a_detector_before_the_isocentre_is_named_and_not_used():
    result = computed({}, {"distance_source_to_detector_mm": 500.0}, settings=SETTINGS)
    assert warned(result, "event 2;", "nearer to the source than the isocentre")
    close(result.events.distance_source_to_detector_mm, [1100.0, 1100.0], rtol=1e-12, because="carried from event 1")
    close(result.dosemap.dose_mgy, 2 * GOOD.dosemap.dose_mgy, rtol=1e-9, because="otherwise the same event twice")


def test_a_reference_point_behind_the_detector_is_named_and_not_used():
    silly = build.event(1, distance_source_to_reference_point=2000.0, without=("reference_point_definition",))
    events = normalise(build.procedure(silly))
    assert any("behind the detector" in sentence and "event 1;" in sentence for sentence in events.warnings)
    close(events.distance_source_to_reference_point_mm, [635.0], rtol=1e-12, because="15 cm before the isocentre, 785")


@pytest.mark.parametrize("column", ["lateral", "longitudinal", "height"])
def test_a_table_position_that_no_table_reaches_is_named_and_not_used(column):
    absurd = {f"table_{column}_position_mm": 5900.0}
    result = computed({}, {}, absurd, settings=SETTINGS)
    assert warned(result, "event 3;", "from where the table mostly stood")
    close(result.dosemap.dose_mgy, 3 * GOOD.dosemap.dose_mgy, rtol=1e-9, because="carried from the event before")


def test_one_height_beyond_a_tables_lift_does_not_move_the_others():
    alike = computed({}, {}, {}, settings=Settings())
    result = computed({}, {"table_height_position_mm": 800.0}, {}, settings=Settings())
    assert warned(result, "event 2;", "610 mm from where the table mostly stood")
    close(result.dosemap.dose_mgy, alike.dosemap.dose_mgy, rtol=1e-9, because="carried from the event before")


def test_two_heights_that_no_table_has_both_are_a_warning():
    result = computed({}, {"table_height_position_mm": 800.0}, settings=Settings())
    assert warned(result, "height changes by 610 mm", "in doubt")
    assert not warned(computed({}, {"table_height_position_mm": 300.0}, settings=Settings()), "height changes")


@pytest.mark.parametrize("axis", ["head_tilt", "cradle_tilt"])
def test_a_table_too_steep_for_a_patient_is_a_warning(axis):
    def tilted(angle):
        return computed({f"table_{axis}_angle_deg": angle}, settings=SETTINGS)

    assert warned(tilted(60.0), "event 1;", "tilt angle of more than 40 degrees")
    assert not warned(tilted(20.0), "tilt angle of more than")
    assert not warned(tilted(-20.0), "tilt angle of more than")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"offset_mm": (0, 0, -100)}, "up to 60 mm inside the table top"),  # the pad has 40 mm
        ({"offset_mm": (0, 0, -20), "move": ("2:0,0,-50",)}, "up to 30 mm inside the table top"),
        ({"offset_mm": (0, 0, 100), "move": ("2:0,0,400",)}, "float up to 500 mm above the pad"),
        ({"offset_mm": (0, 0, -40), "move": ("2:0,0,200",)}, ""),
    ],
)
def test_a_patient_put_into_the_table_or_the_air_is_a_warning(changed, words):
    result = computed({}, {}, settings=SETTINGS.model_copy(update=changed))
    said = [sentence for sentence in result.warnings if "The patient would" in sentence]
    assert len(said) == bool(words)
    assert not words or words in said[0]


def test_the_rule_on_the_peak_tells_what_a_run_without_an_end_might_have_given():
    run = {"event_type": "rotational acquisition"}
    for kerma_mgy, fired in ((100.0, False), (2500.0, None), (90_000.0, True)):
        result = computed({**run, "air_kerma_rp_mgy": kerma_mgy, "kap_gycm2": kerma_mgy / 10}, settings=SETTINGS)
        found = [finding for finding in result.findings.findings if finding.quantity == "psd" and finding.level == 3.0]
        assert [finding.fired for finding in found] == [fired], kerma_mgy
        said = f"{found[0].reason} {found[0].note}"
        assert "where rotational runs turned is assumed" in said
        assert f"at most {result.peak_if_runs_stood_mgy / 1000:.3g} Gy" in said


def test_a_field_of_no_size_is_never_a_point():
    result = computed({"kap_gycm2": 0.0, "collimated_field_area_mm2": 0.0}, settings=SETTINGS)
    sides = result.events.field_u_max_mm - result.events.field_u_min_mm
    assert sides[0] > 100.0  # the whole detector, assumed
    assert any("whole detector" in sentence for sentence in result.assumptions)


def test_skin_nearer_than_equipment_allows_is_a_warning():
    # The isocentre 190 mm above the table, the source 300 below it: 110 mm under the table top, 150 under the skin.
    near = {"distance_source_to_isocenter_mm": 300.0, "distance_source_to_detector_mm": 900.0}
    assert warned(computed(near, settings=SETTINGS), "(event 1)", "no equipment allows")
    assert not warned(GOOD, "no equipment allows")


def test_bad_geometry_ends_soon_and_leaves_a_finite_map():
    rng = np.random.default_rng(11)
    rows = []
    for _ in range(8):
        rows.append(
            {
                "positioner_primary_angle_deg": float(rng.uniform(-400, 400)),
                "positioner_primary_end_angle_deg": float(rng.uniform(-400, 400)),
                "table_height_position_mm": float(rng.choice([-6000.0, 0.0, 150.0, 800.0, 5999.0])),
                "distance_source_to_isocenter_mm": float(rng.choice([0.0, 1.0, 300.0, 750.0, 1e9])),
                "distance_source_to_detector_mm": float(rng.choice([0.0, 10.0, 1100.0, -5.0])),
                "kap_gycm2": float(rng.choice([0.0, 1e-9, 10.0])),
            }
        )
    result = computed(*rows, settings=SETTINGS)
    if result.dosemap is not None:
        assert np.isfinite(result.dosemap.dose_mgy).all()
    for index in np.flatnonzero(~result.events.mapped):
        assert result.events.unmapped_reason[index]


def test_setting_aside_nothing_changes_nothing():
    events = scenes.events({})
    assert set_aside(events, {}) is events


def test_every_reason_is_one_warning_with_its_events():
    events = scenes.events(*[{}] * 4)
    done = set_aside(events, {3: "b", 1: "a", 0: "a"})
    assert done.warnings == (
        "Event 4 is set aside, 25.0 % of the air kerma: b.",
        "Events 1-2 are set aside, 50.0 % of the air kerma: a.",
    )
    assert done.mapped.tolist() == [False, False, True, False]


def test_events_are_named_in_runs():
    assert named([0, 1, 2, 5]) == "events 1-3, 6"
    assert named(range(0, 40, 2)) == "events 1, 3, 5, 7, 9, 11, 13, 15, 17, 19 ..."
