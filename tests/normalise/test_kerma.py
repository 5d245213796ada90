"""Air kerma and KAP: units, gaps, the impossible, and the steps in which they are written."""

import numpy as np
import pytest

from skindose.model import Status
from skindose.normalise import normalise
from skindose.normalise.areas import kerma_area_mm2, resolution
from tests.close import close
from tests.normalise.build import event, num, procedure


def test_units_are_converted_by_the_code_in_each_item():
    events = normalise(
        procedure(
            event(1),
            event(
                2,
                num("dose_rp", 10.0, unit="mGy"),
                num("dose_area_product", 10.0, unit="dGy.cm2"),
                without=("dose_rp", "dose_area_product"),
            ),
        )
    )
    close(events.air_kerma_rp_mgy, [10.0, 10.0], rtol=1e-12, because="10 mGy written in two units")
    close(events.kap_gycm2, [1.0, 1.0], rtol=1e-12, because="1 Gy.cm2 written in two units")
    assert list(events.status["air_kerma_rp_mgy"]) == [Status.REPORTED] * 2


def test_an_event_without_dose_is_kept_but_not_mapped():
    events = normalise(procedure(event(1), event(2, dose_rp=0.0, dose_area_product=0.0)))
    assert list(events.mapped) == [True, False]
    assert events.unmapped_reason == ("", "no air kerma")
    assert not [sentence for sentence in events.warnings if "not in the map" in sentence]


@pytest.mark.parametrize("kerma", [{"dose_rp": 0.0}, {"dose_rp": ()}, {"dose_rp": -0.01}, {"without": ("dose_rp",)}])
def test_air_kerma_that_is_missing_follows_from_kap_and_area(kerma):
    # 331 cm2 at the detector (1100 mm) are 110.3 cm2 at the reference point (635 mm).
    events = normalise(procedure(event(1), event(2, collimated_field_area=0.0331, **kerma)))
    area_cm2 = 331.0 * (635.0 / 1100.0) ** 2
    close(events.air_kerma_rp_mgy[1], 1000.0 / area_cm2, rtol=1e-9, because="KAP / area in closed form")
    assert events.status["air_kerma_rp_mgy"][1] == Status.DERIVED
    assert events.mapped.all()
    assert any("KAP / area of the field" in sentence for sentence in events.assumptions)


def test_air_kerma_without_any_area_takes_the_usual_area_and_says_assumed():
    events = normalise(procedure(event(1), event(2, dose_rp=0.0, dose_area_product=2.0e-4)))
    close(events.air_kerma_rp_mgy[1], 20.0, rtol=1e-9, because="twice the KAP of an event of 10 mGy")
    assert events.status["air_kerma_rp_mgy"][1] == Status.ASSUMED


def test_an_air_kerma_that_no_event_has_is_set_aside():
    events = normalise(procedure(event(1), event(2, dose_rp=100.1)))
    assert list(events.mapped) == [True, False]
    assert events.unmapped_reason[1].startswith("implausible")
    assert np.isnan(events.air_kerma_rp_mgy[1])
    assert any("set aside as implausible" in sentence for sentence in events.warnings)


@pytest.mark.parametrize(
    ("area", "told"), [({"collimated_field_area": 0.0331}, "the collimated field area gives"), ({}, "the usual one")]
)
def test_a_kap_that_no_event_has_costs_only_the_field_s_size(area, told):
    # 331 cm2 at the detector (1100 mm) are 110.3 cm2 at the reference point (635 mm); the other event's field is 100.
    events = normalise(procedure(event(1), event(2, dose_area_product=0.11, **area), event(3, dose_area_product=0.2)))
    assert events.mapped.all()
    close(events.air_kerma_rp_mgy, [10.0] * 3, rtol=1e-12, because="Ka,r is as reported")
    assert list(np.isnan(events.kap_gycm2)) == [False, True, True]
    side = events.field_u_max_mm[1] - events.field_u_min_mm[1]
    want = np.sqrt(33_100.0) * 635.0 / 1100.0 if area else 100.0
    close(side, want, rtol=1e-9, because="a square with the area that is left")
    assert any(told in sentence for sentence in events.assumptions)
    (sentence,) = [sentence for sentence in events.warnings if "KAP above" in sentence]
    assert "2000 Gy.cm2" in sentence  # the largest of both, said once
    assert "2 of 3 events" in sentence


def test_an_unknown_unit_of_dose_is_named_and_never_guessed():
    events = normalise(
        procedure(event(1), event(2, num("dose_rp", 1.0, unit="R"), without=("dose_rp", "dose_area_product")))
    )
    assert list(events.mapped) == [True, False]
    assert np.isnan(events.air_kerma_rp_mgy[1])
    assert any("'R'" in sentence for sentence in events.warnings)


def test_a_dose_given_twice_differently_counts_with_the_larger():
    events = normalise(procedure(event(1, num("dose_rp", 0.02))))
    close(events.air_kerma_rp_mgy, [20.0], rtol=1e-12, because="the larger of 10 and 20 mGy")
    assert any("more than once" in sentence for sentence in events.warnings)


def test_duration_that_contradicts_the_pulses_gives_way_to_them():
    events = normalise(procedure(event(1, irradiation_duration=80.7, number_of_pulses=7.0, pulse_rate=7.5)))
    close(events.irradiation_duration_s, [7.0 / 7.5], rtol=1e-12, because="pulses / rate")
    assert events.status["irradiation_duration_s"][0] == Status.DERIVED


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0.01, 0.03, 1.25, 0.86], 0.01),  # two decimals
        ([13.0, 27.0, 5.0, 8.0], 1.0),  # whole numbers
        ([13.0, 27.0, 5.0], 0.0),  # too few to tell
        (2.2957 * np.array([1, 2, 3, 4, 5, 7, 18, 109]), 2.2957),  # counts of a meter
        ([np.pi, np.e, np.sqrt(7.0), np.sqrt(3.0), 9.87654321234], 0.0),  # neither
        ([np.nan, 0.0], 0.0),  # nothing
    ],
)
def test_resolution_is_the_step_in_which_values_are_written(values, step):
    close(resolution(np.asarray(values, dtype=float)), step, rtol=1e-9, because="the step that made them")


def test_area_is_kap_over_air_kerma():
    area = kerma_area_mm2(np.array([1.0, 0.0, np.nan]), np.array([10.0, 10.0, 10.0]))
    close(area[0], 10_000.0, rtol=1e-12, because="1 Gy.cm2 / 10 mGy = 100 cm2")
    assert np.isnan(area[1:]).all()
