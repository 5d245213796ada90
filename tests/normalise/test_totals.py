"""Accumulated data per plane, against the sums over the events."""

import numpy as np
import pytest

from skindose.model import Code
from skindose.normalise import normalise
from tests.close import close
from tests.normalise.build import PLANE_A, PLANE_B, accumulated, coded, container, event, num, private, procedure


def totals(kerma_gy, kap_gym2, time_s=60.0, *extra, plane=None):
    items = num("dose_rp_total", kerma_gy), num("dose_area_product_total", kap_gym2), num("total_fluoro_time", time_s)
    return accumulated(*items, *extra, plane=plane)


def sentences(events, word):
    return [sentence for sentence in events.warnings if word in sentence]


def test_a_single_plane_is_together():
    events = normalise(procedure(event(1), event(2), totals=(totals(0.02, 2e-4),)))
    (entry,) = events.totals
    assert entry.plane == "together"
    close(
        [entry.air_kerma_mgy, entry.kap_gycm2, entry.fluoro_time_s], [20.0, 2.0, 60.0], rtol=1e-12, because="as given"
    )
    assert not events.warnings


def biplane(kerma_a=0.01, kerma_b=0.01):
    first, second = event(1, coded("acquisition_plane", PLANE_A)), event(2, coded("acquisition_plane", PLANE_B))
    return procedure(first, second, totals=(totals(kerma_b, 1e-4, plane=PLANE_B), totals(kerma_a, 1e-4, plane=PLANE_A)))


def test_two_planes_stand_apart_and_added():
    events = normalise(biplane())
    assert [entry.plane for entry in events.totals] == ["together", "A", "B"]
    close(events.totals[0].air_kerma_mgy, 20.0, rtol=1e-12, because="10 + 10")
    assert events.plane == ("A", "B")
    assert not events.warnings


def test_a_difference_is_told_for_its_plane():
    events = normalise(biplane(kerma_b=0.012))
    (sentence,) = sentences(events, "total air kerma")
    assert "plane B" in sentence
    assert "+20 %" in sentence


@pytest.mark.parametrize(("factor", "told"), [(1.015, False), (1.025, True), (0.97, True)])
def test_totals_may_differ_by_two_per_cent(factor, told):
    events = normalise(procedure(event(1), totals=(totals(0.01 * factor, 1e-4),)))
    assert bool(sentences(events, "total air kerma")) is told


@pytest.mark.parametrize(("total_gy", "told"), [(0.00136, False), (0.00150, True)])
def test_totals_may_differ_by_what_rounding_explains(total_gy, told):
    # 13 events in steps of 0.01 mGy sum to 1.30 mGy: rounding explains 13 x 0.01 / 2 = 0.065 mGy.
    kerma = [*range(4, 16)]
    found = [event(i, dose_rp=k * 1e-5, dose_area_product=k * 1e-7) for i, k in enumerate([*kerma, 130 - sum(kerma)])]
    events = normalise(procedure(*found, totals=(totals(total_gy, 1.3e-5),)))
    assert bool(sentences(events, "total air kerma")) is told


def test_kap_is_compared_too():
    events = normalise(procedure(event(1), totals=(totals(0.01, 1.2e-4),)))
    assert sentences(events, "total KAP")
    assert not sentences(events, "total air kerma")


@pytest.mark.parametrize(("values", "expected"), [([0.005, 0.02], 20.0), ([0.01, 0.01], 20.0)])
def test_several_reports_of_a_plane_are_cumulative_or_parts(values, expected):
    parts = tuple(totals(value, value / 100) for value in values)
    events = normalise(procedure(event(1), event(2), totals=parts))
    close(events.totals[0].air_kerma_mgy, expected, rtol=1e-12, because="what fits the events' sum of 20 mGy")


def test_a_missing_total_is_fluoroscopy_and_acquisitions_together():
    parts = num("fluoro_dose_rp_total", 0.004, unit="Gy"), num("acquisition_dose_rp_total", 0.006, unit="Gy")
    events = normalise(procedure(event(1), totals=(accumulated(*parts),)))
    close(events.totals[0].air_kerma_mgy, 10.0, rtol=1e-12, because="4 + 6")
    assert np.isnan(events.totals[0].kap_gycm2)


def test_a_calibration_factor_is_shown_and_never_applied():
    calibration = container("calibration", num("calibration_factor", 1.2))
    events = normalise(procedure(event(1), totals=(totals(0.01, 1e-4, 60.0, calibration),)))
    close(events.air_kerma_rp_mgy, [10.0], rtol=1e-12, because="as reported")
    assert any("calibration factor of 1.2" in sentence for sentence in events.assumptions)


def test_the_maker_s_own_peak_is_kept():
    events = normalise(procedure(event(1), totals=(accumulated(num("peak_skin_dose", 2.5, unit="Gy")),)))
    close(events.vendor_peak_mgy, 2500.0, rtol=1e-12, because="2.5 Gy")
    assert np.isnan(normalise(procedure(event(1))).vendor_peak_mgy)


def test_a_report_without_events_still_has_its_totals():
    events = normalise(procedure(totals=(totals(0.5, 5e-3, 600.0, private("001", 1065.0)),)))
    assert len(events) == 0
    close(events.totals[0].air_kerma_mgy, 500.0, rtol=1e-12, because="0.5 Gy")
    assert not events.mapped.any()


def test_an_unknown_plane_counts_as_the_single_one():
    found = event(1, coded("acquisition_plane", Code("999", "DCM", "?")))
    assert normalise(procedure(found)).plane == ("single",)


@pytest.mark.parametrize(("seconds", "told"), [(625.0, False), (680.0, True), (530.0, True), (0.0, True)])
def test_fluoroscopy_times_are_compared(seconds, told):
    found = [event(number, irradiation_duration=60.0) for number in range(10)]
    events = normalise(procedure(*found, totals=(totals(0.1, 1e-3, seconds),)))
    assert bool(sentences(events, "total fluoroscopy time")) is told


def test_short_fluoroscopy_times_may_differ_by_their_rounding():
    events = normalise(procedure(event(1, irradiation_duration=20.3), totals=(totals(0.01, 1e-4, 18.0),)))
    assert not sentences(events, "fluoroscopy time")


def test_a_total_that_no_procedure_has_is_told():
    events = normalise(procedure(totals=(totals(150.0, 2.0),)))
    assert len(sentences(events, "more than any procedure has")) == 2


def test_a_sum_that_no_procedure_has_is_told():
    events = normalise(procedure(*(event(number, dose_rp=60.0, dose_area_product=0.06) for number in (1, 2))))
    (sentence,) = sentences(events, "more than any procedure has")
    assert "sum of the events' air kerma, 120 Gy" in sentence
