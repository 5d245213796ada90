"""The statements of `check` on a report."""

import json

import pytest

from skindose.normalise import inspect, normalise, to_dict
from skindose.normalise.check import SEVERITIES
from tests.normalise.build import event, num, procedure, text


def checks(*events, **machine):
    found = procedure(*events, **machine)
    return inspect(found, normalise(found))


def said(found, *words, severity=None):
    return [
        check
        for check in found
        if all(word in f"{check.sentence}|{check.consequence}" for word in words) and severity in (None, check.severity)
    ]


def test_a_missing_item_is_counted_with_what_follows():
    found = checks(event(1, without=("kvp",)), event(2), event(3, without=("kvp",), dose_rp=0.0, dose_area_product=0.0))
    (check,) = said(found, "kVp missing in 2 of 3 events, 1 of them with dose")
    assert (check.severity, check.topic, check.events) == ("note", "quality", 2)
    assert check.consequence


def test_what_only_events_without_dose_lack_is_no_more_than_information():
    found = checks(event(1), event(2, without=("kvp",), dose_rp=0.0, dose_area_product=0.0))
    (check,) = said(found, "kVp missing")
    assert check.severity == "info"


def test_a_statement_stands_under_its_own_topic():
    (check,) = said(checks(event(1, without=("positioner_primary_angle",))), "0 (PA) is assumed")
    assert check.topic == "geometry"


def test_a_field_larger_than_its_detector_is_told():
    (check,) = said(checks(event(1, collimated_field_area=0.25)), "larger than the detector", severity="warning")
    assert check.events == 1


def test_a_field_that_disagrees_with_kap_over_air_kerma_is_told():
    (check,) = said(checks(event(1, collimated_field_area=0.01)), "disagrees with KAP", severity="warning")
    assert check.topic == "field"
    assert check.events == 1


def test_kerma_that_is_not_in_the_map_is_a_problem_with_its_amount():
    found = checks(event(1), event(2, dose_rp=200.0))
    (check,) = said(found, "not in the map", severity="problem")
    assert "implausible" in check.sentence


def test_kerma_left_out_is_told_in_gray():
    refused = text("reference_point_definition", "26.0 cm Chamber Patient Distance")
    found = checks(event(1, refused, without=("reference_point_definition",)))
    assert said(found, "0.01 Gy are not in the map", severity="problem")


def test_a_report_without_events_says_so():
    assert said(checks(), "no irradiation events", severity="problem")


def test_the_gravest_come_first():
    found = checks(event(1), event(2, dose_rp=200.0), event(3, num("dose_rp", 0.02)))
    ranks = [SEVERITIES.index(check.severity) for check in found]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("maker", ["Siemens", "Nobody"])
def test_everything_can_be_written_as_json(maker):
    found = to_dict(checks(event(1), event(2, without=("dose_rp",)), maker=maker))
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text) == found
    assert {"severity", "topic", "sentence", "consequence", "events"} == set(found[0])


def test_a_gap_is_told_once_with_what_was_done_about_it():
    found = checks(event(1, without=("kvp", "table_head_tilt_angle")), event(2))
    (kvp,) = said(found, "kVp missing")
    assert kvp.consequence == "the median of like events of the file is taken: 80 kV +- 11 kV"
    (tilt,) = said(found, "head tilt angle missing")
    assert tilt.consequence == "the last one before it, else the next, is taken, +- 2 degrees"
    assert len(said(found, "region")) == 2  # the item that no event has, and what the program took


def test_kerma_without_a_number_is_not_called_nothing():
    (check,) = said(checks(event(1), event(2, dose_rp=200.0)), "implausible", severity="problem")
    assert "nobody knows" in check.consequence
