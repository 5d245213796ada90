"""Records in a whole run: they raise the dose as they say, for their machine, plane, beams and dates, if signed."""

from types import SimpleNamespace

import numpy as np
import pytest

from skindose import prepare
from skindose.errors import SettingsError
from skindose.report.summary import summary
from tests import scenes
from tests.calibration import records
from tests.calibration.records import air_kerma, computed, put, transmission
from tests.close import close
from tests.house.source import ROOT

TWO_PLANES = """
[[factor]]
plane = "A"
value = 1.1
uncertainty = 0.04
[[factor]]
plane = "B"
value = 0.9
uncertainty = 0.06
"""
TWO_BEAMS = """
[[factor]]
kvp_kv = [40, 90]
value = 1.1
uncertainty = 0.04
[[factor]]
kvp_kv = [90, 150]
cu_mm = [0, 0.2]
value = 1.2
uncertainty = 0.05
"""
BY_HVL = """
[[factor]]
hvl_mmal = [2, 5]
value = 1.1
uncertainty = 0.04
[[factor]]
hvl_mmal = [5, 12]
value = 1.3
uncertainty = 0.04
"""


def peak(result):
    return result.dosemap.peak.skin_dose_mgy


def test_a_factor_of_1_1_raises_the_dose_by_a_tenth(tmp_path):
    plain, known = computed(None), computed(put(tmp_path, air_kerma()))
    close(
        known.dosemap.dose_mgy, 1.1 * plain.dosemap.dose_mgy, rtol=1e-6, because="one factor; hits are kept in 4 bytes"
    )
    assert known.calibrations.record == ("lab-1",)
    close(known.calibrations.standard_uncertainty, [0.04], rtol=1e-12, because="as the record says")
    assert not any("uncalibrated" in text for text in known.assumptions)
    assert any("multiplied by 1.1: calibration record lab-1" in text for text in known.assumptions)


def test_without_a_record_the_result_is_uncalibrated():
    plain = computed(None)
    assert summary(plain)["calibration"] == {"status": "uncalibrated", "records": [], "reported": []}
    assert np.isnan(plain.calibrations.standard_uncertainty).all()
    assert any("is uncalibrated" in text for text in plain.assumptions)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"signed": False}, "lab-1 does not count: it was not signed"),
        ({"date": "20250531"}, ""),
        ({"date": "20260601"}, "expired on 2026-05-31"),
        ({"station": "LAB 2"}, ""),
        ({"station": ""}, ""),
        ({"date": ""}, "lab-1 does not count: the procedure has no date"),
    ],
    ids=["unsigned", "a day too early", "a day too late", "another room", "no room", "no date"],
)
def test_a_record_that_does_not_count_changes_nothing(tmp_path, change, said):
    folder = put(tmp_path, air_kerma(), signed=change.pop("signed", True))
    result = computed(folder, **change)
    close(peak(result), peak(computed(None)), rtol=1e-12, because="nothing is applied")
    assert summary(result)["calibration"]["status"] == "uncalibrated"
    assert said in " ".join(result.warnings)
    assert bool(said) == ("lab-1" in " ".join(result.warnings)), "another machine's record is no news"


@pytest.mark.parametrize("date", ["20250601", "20260531"])
def test_a_record_holds_on_its_first_and_last_day(tmp_path, date):
    assert computed(put(tmp_path, air_kerma()), date=date).calibrations.factor[0] == 1.1


def test_a_changed_record_is_no_longer_signed(tmp_path):
    folder = put(tmp_path, air_kerma())
    path = folder / "0.toml"
    path.write_text(path.read_text().replace("1.1", "1.2"))
    result = computed(folder)
    assert result.calibrations.record == ("",)
    assert any("changed since it was signed" in text for text in result.warnings)
    path.write_text(path.read_text().replace("1.2", "1.1") + "\n# a remark")
    assert computed(folder).calibrations.factor[0] == 1.1


def test_the_later_of_two_records_counts_and_is_said(tmp_path):
    later = air_kerma(records.FACTOR.replace("1.1", "1.3"), "later", date="2025-11-01")
    result = computed(put(tmp_path, air_kerma(), later))
    assert result.calibrations.factor[0] == 1.3
    assert any("lab-1 would hold for 1 events too, but later is later" in text for text in result.warnings)


def test_two_records_of_one_day_that_contradict_each_other_are_an_error(tmp_path):
    other = air_kerma(records.FACTOR.replace("1.1", "1.3"), "other")
    with pytest.raises(SettingsError, match="lab-1 and other, of one date, contradict each other in event 1"):
        computed(put(tmp_path, air_kerma(), other))


def test_each_plane_has_its_own_factor(tmp_path):
    events = [{"plane": "A"}, {"plane": "B", "positioner_primary_angle_deg": 90.0}, {"plane": "A"}]
    plain, known = computed(None, *events), computed(put(tmp_path, air_kerma(TWO_PLANES)), *events)
    np.testing.assert_array_equal(known.calibrations.factor, [1.1, 0.9, 1.1])
    hits = np.diff(plain.dosemap.beam_start)
    want = np.repeat(known.calibrations.factor[plain.beams.event], hits) * plain.dosemap.hit_dose_mgy
    close(known.dosemap.hit_dose_mgy, want, rtol=1e-6, because="hits are kept in 4 bytes")


def test_beams_outside_the_ranges_stay_uncalibrated(tmp_path):
    copper = (("copper", 0.1),)
    events = [{}, {"kvp_kv": 110.0, "filters_mm": copper}, {"kvp_kv": 110.0}, {"kvp_kv": 90.0, "filters_mm": copper}]
    result = computed(put(tmp_path, air_kerma(TWO_BEAMS)), *events)
    np.testing.assert_array_equal(result.calibrations.factor, [1.1, 1.2, 1.0, 1.1])
    assert summary(result)["calibration"]["status"] == "partly calibrated"
    assert any("uncalibrated in 1 of 4 events" in text for text in result.assumptions)
    assert [each["events"] for each in summary(result)["calibration"]["records"]] == [[1, 2, 4]]


def test_ranges_of_the_half_value_layer(tmp_path):
    events = [{"filters_mm": (("copper", 0.0),)}, {"kvp_kv": 100.0}]
    found = computed(put(tmp_path, air_kerma(BY_HVL)), *events).calibrations.factor
    np.testing.assert_array_equal(found, [1.1, 1.3])  # 2.8 and 7.6 mm Al [physics.md]


def test_a_stand_in_lies_in_no_range(tmp_path):
    """A voltage or filter that the file lacks is no known one: the factor for it is not known either."""
    for text, said in ((TWO_BEAMS, [1.1, 1.0, 1.1]), (BY_HVL, [1.3, 1.0, 1.0])):
        found = computed(put(tmp_path, air_kerma(text)), {}, {"kvp_kv": None}, {"filters_mm": ()})
        np.testing.assert_array_equal(found.calibrations.factor, said)


def test_an_unsigned_record_of_another_machine_is_no_news(tmp_path):
    result = computed(put(tmp_path, air_kerma(), signed=False), station="LAB 2")
    assert "lab-1" not in " ".join(result.warnings)


def test_an_event_without_dose_and_beam_has_no_half_value_layer(tmp_path):
    silent = {"air_kerma_rp_mgy": None, "kap_gycm2": None, "kvp_kv": None, "filters_mm": ()}
    found = computed(put(tmp_path, air_kerma(BY_HVL)), {}, silent).calibrations.factor
    np.testing.assert_array_equal(found, [1.3, 1.0])


def test_a_correction_that_is_switched_off_uses_no_record(tmp_path):
    result = computed(put(tmp_path, air_kerma(), transmission()), corrections=("table",))
    assert result.calibrations.record == ("",)
    assert result.calibrations.transmission_record == ("lab-1-table",)
    assert summary(result)["calibration"]["status"] == "switched off"


def test_a_measured_curve_wins_over_the_profile(tmp_path):
    result = computed(put(tmp_path, transmission()))
    hits, factors = result.hits, result.factors
    nearest = int(np.argmin(hits.distance_mm))
    narrow = 0.73  # between 60 and 100 kV at 0.3 mm Cu
    assert narrow < factors.transmission[nearest] < narrow**0.4, "a narrow beam, and half of its loss sent forwards"
    assert any("measured on this machine (calibration record lab-1-table" in text for text in result.assumptions)
    close(result.calibrations.transmission_uncertainty, [0.05], rtol=1e-12, because="as the record says")
    assert summary(result)["calibration"]["records"][0]["kind"] == "transmission"


def test_a_curve_measured_in_the_beam_s_own_field_is_found_again(tmp_path):
    """The chamber on the pad saw the forward scatter of a field like this one: nothing is added for it."""
    result = computed(
        put(tmp_path, transmission(records.CURVE.replace("scatter_side_mm = 0", "scatter_side_mm = 100")))
    )
    nearest = int(np.argmin(result.hits.distance_mm))
    close(result.factors.transmission[nearest], 0.73, rtol=0.004, because="the field at the skin is 10.1 cm, not 10")


def test_a_thinner_pad_than_the_curve_s_lets_more_through(tmp_path):
    folder = put(tmp_path, transmission())
    found = [computed(folder, pad_mm=pad).factors.transmission.max() for pad in (0.0, 20.0, 40.0, 80.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] < 1.0
    steps = np.diff(np.log(found))
    close(steps[1], steps[0], rtol=0.1, because="each 20 mm of pad takes about the same share")
    close(steps[2], 2 * steps[1], rtol=0.1, because="40 mm take twice that")


def test_an_event_without_beam_quality_has_no_half_value_layer():
    """One without air kerma gets no stand-in for its voltage: a record by half-value layer must not stop on it."""
    asks = SimpleNamespace(record=SimpleNamespace(scopes=[SimpleNamespace(hvl_mmal=(2.0, 5.0))]))
    found = prepare.half_value_layers((asks,), scenes.events({}, {"kvp_kv": np.nan, "air_kerma_rp_mgy": np.nan}))
    assert np.isfinite(found).tolist() == [True, False]


@pytest.mark.parametrize(("value", "side_mm"), [(0.82, 300), (0.15, 0)])
def test_a_transmission_that_no_support_has_is_refused(tmp_path, value, side_mm):
    """0.82 in a field of 300 mm would be some hundredths of a narrow beam: the dose would be far too low."""
    curve = records.CURVE.replace("[[0.60, 0.70, 0.72], [0.66, 0.76, 0.79]]", str([[value] * 3] * 2))
    curve = curve.replace("side_mm = 0", f"side_mm = {side_mm}")
    with pytest.raises(SettingsError, match=r"^calibration record lab-1-table: its transmission.*of a narrow beam"):
        computed(put(tmp_path, transmission(curve)))


def test_the_example_of_the_docs_is_believed_for_every_beam(tmp_path):
    text = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8").split("```toml\n")[2].split("```")[0]
    folder = put(tmp_path, text.replace('"146278"', '"1"').replace("LAB3", "LAB 1").replace("2026-05-04", "2025-05-04"))
    beams = [{"kvp_kv": kvp, "filters_mm": (("copper", cu),)} for kvp in (60.0, 120.0) for cu in (0.0, 0.9)]
    assert computed(folder, *beams).calibrations.transmission_record == ("lab3-table-2026-05",) * 4
