"""A peak that lacks air kerma is a lower bound: no rule says "no" where the missing part could reach the level."""

import numpy as np
import pytest

import skindose
from skindose import rdsr
from skindose.quantities import LARGEST_SCATTER_FACTOR, LEAST_SKIN_DISTANCE_MM
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, data_set, to_bytes
from skindose.report.page import html
from skindose.report.summary import summary
from tests.close import close
from tests.rdsr.build import encoded
from tests.test_pipeline import EVENT, PROFILE, computed

SUBSTANTIAL = "ncrp-168.substantial"
FACTOR = (600.0 / LEAST_SKIN_DISTANCE_MM) ** 2 * LARGEST_SCATTER_FACTOR  # the reference point is 600 mm from the focus


def finding(result, quantity, rule=SUBSTANTIAL):
    return next(f for f in result.findings.findings if (f.rule, f.quantity) == (rule, quantity))


def rewritten(change, *events, **written):
    """The result of a report after `change(item)` on each of its items, given with its concept's code."""
    procedure = WrittenProcedure(events=tuple(WrittenEvent(**{**EVENT, **event}) for event in events), **written)
    report = data_set(procedure)
    for item in walk(report):
        change(item.ConceptNameCodeSequence[0].CodeValue, item)
    return skindose.compute(rdsr.read_bytes(encoded(report), "case.dcm"), PROFILE)


def walk(item):
    for child in item.get("ContentSequence", []):
        yield child
        yield from walk(child)


def in_unit(unit, *codes):
    """A change that writes another unit to the items of these concepts."""

    def change(code, item):
        if code in codes:
            item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue = unit

    return change


KERMA, KERMA_TOTAL = "113738", "113725"
HIGH = {"air_kerma_rp_mgy": 6000.0, "kap_gycm2": 600.0}


def test_a_complete_map_is_no_lower_bound():
    result = computed({}, {})
    assert result.peak_lacks == ()
    assert result.peak_upper_bound_mgy is None
    assert finding(result, "psd").fired is False
    assert summary(result)["peak"]["lower_bound_reason"] is None


def test_events_in_a_unit_too_small_never_say_no_for_the_peak():
    result = rewritten(in_unit("mGy", KERMA), HIGH)
    psd, kar = finding(result, "psd"), finding(result, "kar")
    close(result.totals["air_kerma_mapped_fraction"], 1e-3, rtol=1e-9, because="6 mGy of 6 Gy")
    assert (psd.fired, kar.fired) == (None, True)
    assert psd.probability is None
    assert "lower bound" in psd.reason
    assert "6 Gy" in psd.reason
    assert "Do not use the peak" in result.warnings[0]
    assert psd.value < 0.1
    assert kar.note == "reported total, the larger of two"  # the total covers what the events lack
    bound = result.dosemap.peak.skin_dose_mgy + 5994.0 * FACTOR
    close(result.peak_upper_bound_mgy, bound, rtol=1e-9, because="6 Gy less the 6 mGy of the map")


def test_a_page_of_a_lower_bound_says_no_none():
    page = html(rewritten(in_unit("mGy", KERMA), HIGH)).decode()
    assert "The peak is only a lower bound" in page
    assert "A1 or higher" in page
    assert page.count("<dd>not known</dd>") == 4  # skin with at least 2, 3, 5, 10 Gy
    whole = html(computed({})).decode()
    assert "only a lower bound" not in whole
    assert whole.count("<dd>none</dd>") == 4


def test_totals_in_a_unit_too_small_change_nothing_for_the_rules():
    result = rewritten(in_unit("mGy", KERMA_TOTAL), HIGH)
    assert finding(result, "psd").fired is True
    assert finding(result, "kar").fired is True
    assert any("times the sum" in warning for warning in result.warnings)


def test_events_and_totals_in_a_unit_too_small_are_told_by_the_field_that_kap_would_need():
    result = rewritten(in_unit("mGy", KERMA, KERMA_TOTAL), HIGH)
    assert finding(result, "psd").fired is None
    assert finding(result, "kar").fired is None
    assert finding(result, "kap").fired is True
    assert "no possible field" in finding(result, "kar").reason
    assert result.peak_interval_mgy is None
    assert summary(result)["peak"]["interval_95_mgy"] is None


def test_a_total_that_no_procedure_has_tells_no_bound():
    result = computed({}, total_factor=10_000.0)
    assert finding(result, "psd").fired is None
    assert finding(result, "kar").fired is True
    assert result.peak_upper_bound_mgy is None
    assert any("more than any procedure has" in warning for warning in result.warnings)


def test_a_peak_above_the_level_fires_whatever_is_missing():
    result = computed(HIGH, total_factor=2.0)
    psd = finding(result, "psd")
    assert psd.fired is True
    assert "lower bound" in psd.note


@pytest.mark.parametrize(("factor", "fired"), [(1.015, False), (5.0, False), (9.0, None), (40.0, None)])
def test_missing_kerma_is_judged_by_the_most_that_it_can_do_to_the_skin(factor, fired):
    """100 mGy on the map; the total says `factor` times as much; 2 Gy is the first level."""
    result = computed({}, total_factor=factor)
    psd, peak = finding(result, "psd", "ncrp-168.first"), result.dosemap.peak.skin_dose_mgy
    assert psd.fired is fired
    if factor < 1.02:
        assert result.peak_upper_bound_mgy is None
        return
    bound = peak + (factor - 1) * 100.0 * FACTOR
    close(result.peak_upper_bound_mgy, bound, rtol=1e-9, because="peak + missing kerma in one place, in closed form")
    assert (bound >= 2000.0) is (fired is None)
    assert "lower bound" in (psd.reason or psd.note)
    high = bound * result.uncertainty.interval[1]
    close(result.peak_interval_mgy[1], high, rtol=1e-9, because="the bound may be off as the peak may")


def test_an_event_without_a_place_counts_to_the_bound():
    lost = {"air_kerma_rp_mgy": 1000.0, "reference_point": "26.0 cm Chamber Patient Distance"}
    result = computed({}, {**lost, "distance_source_to_reference_point_mm": 260.0})
    assert "not on the map: 1 event with 1 Gy" in " ".join(result.peak_lacks)
    assert finding(result, "psd", "ncrp-168.first").fired is None


def test_a_beam_that_misses_the_body_counts_to_the_bound():
    result = computed({}, {"air_kerma_rp_mgy": 1000.0, "kap_gycm2": 100.0, "table_lateral_position_mm": 4000.0})
    assert "that do not meet the body where it was placed: 1 event with 1 Gy" in " ".join(result.peak_lacks)
    psd = finding(result, "psd", "ncrp-168.first")
    assert psd.fired is None
    close(result.peak_upper_bound_mgy - result.dosemap.peak.skin_dose_mgy, 1000.0 * FACTOR, rtol=1e-9,
          because="the kerma of the beam that missed")  # fmt: skip


def test_events_of_unknown_kerma_leave_the_rules_open_where_no_total_covers_them():
    unknown = {"air_kerma_rp_mgy": None, "kap_gycm2": None}
    result = computed({}, unknown, with_totals=False)
    assert finding(result, "psd").fired is None
    assert finding(result, "kar").fired is None
    assert finding(result, "kap").fired is None
    assert "1 of 2 events is not known" in finding(result, "kar").reason
    covered = computed({}, unknown)
    assert finding(covered, "psd").fired is False
    assert finding(covered, "kar").fired is False


def test_a_kap_in_a_unit_too_small_leaves_its_rule_open():
    result = computed({"kap_gycm2": 0.01})  # 100 mGy: 0.1 cm2
    assert finding(result, "kap").fired is None
    assert finding(result, "kar").fired is False


def test_what_the_user_excludes_is_his_decision_and_is_noted():
    settings = PROFILE.model_copy(update={"exclude": "2"})
    later = {"air_kerma_rp_mgy": 5000.0, "kap_gycm2": 500.0, "started": "20260101090000"}
    result = computed({}, later, settings=settings)
    psd = finding(result, "psd")
    assert psd.fired is False
    assert "5 Gy of air kerma excluded by the user" in psd.note
    assert finding(result, "kar").fired is True


def test_without_a_map_unknown_kerma_has_no_upper_bound():
    report = WrittenProcedure(events=(WrittenEvent(**EVENT | {"air_kerma_rp_mgy": None, "kap_gycm2": None}),))
    result = skindose.compute(rdsr.read_bytes(to_bytes(report), "case.dcm"), PROFILE)
    assert result.dosemap is None
    assert result.peak_upper_bound_mgy is None
    assert np.isnan(result.events.air_kerma_rp_mgy).all()


def test_totals_that_bear_out_the_air_kerma_show_that_the_events_kap_is_wrong():
    def change(code, item):
        if code == "122130":
            value = item.MeasuredValueSequence[0]
            value.NumericValue = str(float(value.NumericValue) * 1000)

    result = rewritten(change, {"kap_gycm2": 0.5})
    assert result.peak_lacks == ()
    assert finding(result, "kar").fired is False
    assert finding(result, "kap").fired is True


def test_air_kerma_that_was_reckoned_makes_the_interval_wider():
    # 336.1 cm2 at the detector (1100 mm) are 100 cm2 at the reference point, so both events have 100 mGy.
    area = {"collimated_field_area_mm2": 10_000.0 * (1100 / 600) ** 2}
    told = computed(area, area)
    reckoned = computed(area, {**area, "air_kerma_rp_mgy": None, "started": "20260101090000"}, with_totals=False)
    close(reckoned.events.air_kerma_rp_mgy, [100.0, 100.0], rtol=1e-6, because="KAP / area, six digits in the file")
    by_source = {one.source: one.standard for one in reckoned.uncertainty.shares}
    close(by_source["air kerma not displayed"], 0.06, rtol=0.02, because="12 % of half of the kerma, log-normal")
    assert "air kerma not displayed" not in {one.source for one in told.uncertainty.shares}
    assert any("reckoned from KAP and an area: 12 %" in text for text in reckoned.assumptions)
    assert finding(reckoned, "kar").fired is False


def test_events_far_beyond_the_report_s_own_total_are_told_first():
    result = computed({}, total_factor=1e-3)
    assert result.warnings[0].startswith("The events add up to 100 mGy, the report's own total is 0.1 mGy")
    assert "The report contradicts itself" in html(result).decode()
    assert "contradicts itself" not in html(computed({}, total_factor=0.6)).decode()
