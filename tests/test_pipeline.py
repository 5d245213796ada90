"""The whole way from a written report to the result, where the answer is known in closed form."""

import numpy as np
import pytest

import skindose
from skindose import rdsr
from skindose.config import Settings
from skindose.rdsr.demo import demo_procedure
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes
from tests.close import close

# The isocentre 150 mm above a patient of no thickness on a pad of 40 mm: the reference plane is the plane phantom.
EVENT = {
    "air_kerma_rp_mgy": 100.0,
    "kap_gycm2": 10.0,
    "kvp_kv": 80.0,
    "filters_mm": (("copper", 0.3),),
    "distance_source_to_isocenter_mm": 750.0,
    "distance_source_to_detector_mm": 1100.0,
    "table_longitudinal_position_mm": 0.0,
    "table_lateral_position_mm": 450.0,
    "table_height_position_mm": 190.0,
}
PROFILE = Settings(phantom="plane", pad_mm=40, placement="table", height_cm=170, weight_kg=70, sex="male", age=50)


def computed(*events, settings=PROFILE, **changes):
    written = WrittenProcedure(events=tuple(WrittenEvent(**{**EVENT, **event}) for event in events), **changes)
    return skindose.compute(rdsr.read_bytes(to_bytes(written), "case.dcm"), settings)


def test_the_plane_at_the_reference_point_gets_the_air_kerma_times_the_listed_factors():
    result = computed({})
    hits, factors = result.hits, result.factors
    nearest = int(np.argmin(hits.distance_mm))
    close(hits.distance_mm[nearest], 600.0, atol=0.1, because="a cell's centroid is within 8 mm of the axis")
    listed = factors.inverse_square * factors.transmission * factors.medium * factors.calibration
    want = 100.0 * listed * (hits.coverage + factors.scatter)
    close(result.dosemap.hit_dose_mgy, want, rtol=1e-7, because="one product, kept in 4 bytes")
    close(factors.inverse_square, (600.0 / hits.distance_mm) ** 2, rtol=1e-12, because="the definition")
    for factor, bounds in ((1 + factors.scatter, (1.3, 1.5)), (factors.medium, (1.0, 1.05))):
        assert bounds[0] < factor[nearest] < bounds[1]
    assert 0.6 < factors.transmission[nearest] < 0.95


def test_without_corrections_the_plane_gets_exactly_the_air_kerma():
    result = computed({}, settings=PROFILE.model_copy(update={"corrections": ()}))
    nearest = int(np.argmin(result.hits.distance_mm))
    got = result.dosemap.dose_mgy[result.hits.cell[nearest]]
    close(got, 100.0 * (600.0 / result.hits.distance_mm[nearest]) ** 2, rtol=1e-12, because="inverse square alone")


def test_only_the_beam_through_the_table_is_weakened():
    body = PROFILE.model_copy(update={"phantom": "oval", "placement": "anatomy"})
    below = computed({}, settings=body)
    above = computed({"positioner_primary_angle_deg": 180.0}, settings=body)
    assert below.factors.transmission.max() < 0.95
    assert above.factors.transmission.min() == 1.0
    assert "posterior" in below.dosemap.peak.region
    assert "anterior" in above.dosemap.peak.region


def test_events_add_up():
    one, two = computed({}), computed({}, {"air_kerma_rp_mgy": 50.0, "kap_gycm2": 5.0})
    close(two.dosemap.dose_mgy, 1.5 * one.dosemap.dose_mgy, rtol=1e-9, because="the same field and quality twice")


def test_totals_without_usable_events_still_fire_and_bound_the_peak():
    result = computed({"air_kerma_rp_mgy": 6000.0, "distance_source_to_isocenter_mm": None, "reference_point": None,
                       "distance_source_to_detector_mm": None}, settings=PROFILE)  # fmt: skip
    if result.dosemap is None:
        assert result.no_map_reason
        assert result.peak_upper_bound_mgy > 6000.0
    assert any(f.fired and f.quantity == "kar" for f in result.findings.findings)


def test_a_report_with_totals_only_has_no_map_and_says_why():
    written = WrittenProcedure(events=(WrittenEvent(**EVENT | {"air_kerma_rp_mgy": 6000.0, "kap_gycm2": 600.0}),))
    from skindose.rdsr.write import data_set

    report = data_set(written)
    report.ContentSequence = [
        item for item in report.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue != "113706"
    ]
    import io

    out = io.BytesIO()
    report.save_as(out, enforce_file_format=True)
    result = skindose.compute(rdsr.read_bytes(out.getvalue(), "totals.dcm"), Settings())
    fired = {(f.rule, f.quantity): f.fired for f in result.findings.findings}
    assert result.dosemap is None
    assert "no irradiation event" in result.no_map_reason
    assert result.peak_upper_bound_mgy > 6000.0
    assert fired["ncrp-168.substantial", "kar"] is True
    assert fired["ncrp-168.substantial", "psd"] is None


def test_excluded_events_leave_the_map_and_stay_in_the_totals():
    result = computed({}, {"air_kerma_rp_mgy": 50.0}, settings=PROFILE.model_copy(update={"exclude": "2"}))
    assert result.excluded == {1: "excluded by the user"}
    assert result.totals["events_mapped"] == 1
    assert result.totals["air_kerma_mgy"]["together"]["summed"] == pytest.approx(150.0)


def test_public_names_load_when_asked_for():
    assert skindose.Settings is Settings
    with pytest.raises(AttributeError, match="nonsense"):
        _ = skindose.nonsense


def test_a_map_made_block_by_block_is_the_same(monkeypatch):
    procedure = rdsr.read_bytes(to_bytes(demo_procedure()), "demo.dcm")
    whole = skindose.compute(procedure, Settings(phantom="oval"))
    cells = len(whole.phantom.area_mm2)
    monkeypatch.setattr("skindose.pipeline.BLOCK", 7 * cells)  # seven beams at a time
    parts = skindose.compute(procedure, Settings(phantom="oval"))
    assert len(whole.beams) > 14
    assert parts.hits is None
    assert np.array_equal(parts.dosemap.dose_mgy, whole.dosemap.dose_mgy)
    assert np.array_equal(parts.dosemap.hit_dose_mgy, whole.dosemap.hit_dose_mgy)
    assert np.array_equal(parts.dosemap.beam_start, whole.dosemap.beam_start)
    assert parts.warnings == whole.warnings
    assert parts.assumptions == whole.assumptions


def test_a_tantalum_filter_hardens_the_beam_from_the_file_to_the_dose():
    from skindose.report.events import events_csv

    plain, filtered = computed({}), computed({"filters_mm": (("copper", 0.3), ("tantalum", 0.1))})
    nearest = int(np.argmin(plain.hits.distance_mm))
    assert filtered.factors.transmission[nearest] > plain.factors.transmission[nearest]
    assert filtered.factors.medium[nearest] > plain.factors.medium[nearest]
    head, row = events_csv(filtered).decode().splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=True))
    assert (cells["filter_ta_mm"], cells["filter_ta_mm_status"]) == ("0.1", "reported")
    assert "filter_ta_mm" not in events_csv(plain).decode()


def test_a_report_without_voltage_filters_and_distances_has_a_map_and_says_what_stood_in():
    gone = {"kvp_kv": None, "filters_mm": (), "distance_source_to_isocenter_mm": None}
    result = computed({}, {**gone, "distance_source_to_detector_mm": None, "table_height_position_mm": None})
    assert result.dosemap.peak is not None
    assert result.events.mapped.all()
    said = [sentence for sentence in result.assumptions if "1 of 2 events" in sentence and "+-" in sentence]
    for words in ("kVp", "copper filter", "source to isocenter", "source to detector", "table height"):
        assert any(words in sentence for sentence in said), words
