"""`explain`: shares sum to the peak, factors multiply to each share, corrections are switched off as by option."""

import json

import numpy as np
import pytest

from skindose import pipeline, rdsr
from skindose.config import CORRECTIONS, Settings
from skindose.errors import InputError, SettingsError
from skindose.explain import explain, to_dict
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes
from tests.close import close
from tests.e2e.test_run import REAL
from tests.e2e.test_run import skindose as program
from tests.test_pipeline import EVENT

BODY = Settings(phantom="oval", height_cm=170, weight_kg=70, sex="male", age=50, pad_mm=40)
SUMS = "sums of the same products in another order"


def procedure(*events):
    written = WrittenProcedure(events=tuple(WrittenEvent(**{**EVENT, **event}) for event in events))
    return rdsr.read_bytes(to_bytes(written), "case.dcm")


@pytest.fixture(scope="module")
def case():
    """Three views that overlap, one of them a run of many beams, and one that lights another place."""
    return procedure(
        {"air_kerma_rp_mgy": 50.0, "kap_gycm2": 5.0},
        {"positioner_primary_angle_deg": 8.0, "kvp_kv": 100.0},
        {
            "event_type": "rotational acquisition",
            "positioner_primary_angle_deg": -40.0,
            "positioner_primary_end_angle_deg": 40.0,
        },
        {"positioner_primary_angle_deg": 90.0, "air_kerma_rp_mgy": 20.0, "kap_gycm2": 2.0},
    )


@pytest.fixture(scope="module")
def explained(case):
    return explain(case, BODY)


def product(row):
    parts = dict(row.factors)
    return row.air_kerma_rp_mgy * (parts.pop("in_field") + parts.pop("scatter")) * np.prod(list(parts.values()))


def test_the_shares_sum_to_the_peak_and_the_largest_stands_first(explained):
    doses = [row.dose_mgy for row in explained.rows]
    close(sum(doses), explained.result.dosemap.peak.skin_dose_mgy, rtol=1e-9, because=SUMS)
    assert doses == sorted(doses, reverse=True)
    assert len(doses) == 3, "the lateral beam lights another place"


def test_the_factors_of_every_row_multiply_to_its_dose(explained):
    for row in (*explained.rows, explained.total):
        close(product(row), row.dose_mgy, rtol=1e-9, because=SUMS)
        assert all(value >= 0 for value in row.factors.values())
    assert explained.total.factors["in_field"] < 1.0, "the lateral beam's air kerma is not there"


def test_every_correction_switched_off_is_what_the_option_computes(case, explained):
    assert [effect.off for effect in explained.effects] == ["", *CORRECTIONS, "all"]
    for effect in explained.effects:
        plain = pipeline.compute(case, BODY.model_copy(update={"corrections": effect.corrections}))
        close(effect.peak_mgy, plain.dosemap.peak.skin_dose_mgy, rtol=1e-9, because="the same map")
        assert effect.peak_region == plain.dosemap.peak.region
    without = {effect.off: effect.dose_mgy for effect in explained.effects}
    assert without["backscatter"] < without[""] < without["table"]
    close(without["calibration"], without[""], rtol=1e-12, because="no calibration is known")


def test_what_is_switched_off_already_is_not_tried(case):
    found = explain(case, BODY.model_copy(update={"corrections": ("table",)}))
    assert [effect.off for effect in found.effects] == ["", "table"]
    assert set(found.total.factors) >= {"in_field", "scatter", "transmission"}
    assert found.total.factors["scatter"] == 0.0


def test_one_cell_or_the_cell_nearest_to_a_point(case, explained):
    body, dose = explained.result.phantom, explained.result.dosemap.dose_mgy
    cell = int(np.argsort(dose)[-400])
    one = explain(case, BODY, cell=cell)
    close(one.total.dose_mgy, dose[cell], rtol=1e-9, because=SUMS)
    near = explain(case, BODY, at_mm=tuple(body.centroid_mm[cell] + 0.01))
    assert near.place.what == "the cell nearest to the point, 0 mm from it"
    assert near.place.cell == cell
    dark = explain(case, BODY, cell=int(np.argmin(dose)))
    assert dark.rows == ()
    assert dark.total.dose_mgy == 0.0
    json.dumps(to_dict(dark), allow_nan=False)


def test_cast_again_where_the_hits_were_too_many_to_keep(case, explained, monkeypatch):
    few = 7 * len(explained.result.phantom.area_mm2)
    monkeypatch.setattr(pipeline, "BLOCK", few)
    again = explain(case, BODY)
    assert again.result.hits is None
    for one, other in zip(explained.rows, again.rows, strict=True):
        assert one.event == other.event
        close(other.dose_mgy, one.dose_mgy, rtol=1e-9, because=SUMS)
        close(list(other.factors.values()), list(one.factors.values()), rtol=1e-9, atol=1e-12, because=SUMS)


def test_what_cannot_be_explained_is_refused(case):
    with pytest.raises(SettingsError, match="no cell 99999999"):
        explain(case, BODY, cell=99999999)
    with pytest.raises(InputError, match="no map"):
        explain(procedure({"air_kerma_rp_mgy": None, "kap_gycm2": None}), BODY)


def test_the_document_names_each_event_as_events_csv_does(case, explained):
    document = to_dict(explained)
    assert [row["event"] for row in document["events"]] == [row.event + 1 for row in explained.rows]
    assert document["events"][0]["filters_mm"] == {"Cu": 0.3}
    close(sum(row["share"] for row in document["events"]), 1.0, rtol=1e-9, because=SUMS)
    json.dumps(document, allow_nan=False)


@pytest.mark.shared
@pytest.mark.parametrize(
    "name", ["philips_allura_no_model", *(pytest.param(one, marks=pytest.mark.slow) for one in REAL)]
)
def test_real_files(rdsr_folder, name):
    code, stdout, stderr = program("explain", rdsr_folder / f"{name}.dcm", "--json")
    assert (code, stderr) == (0, "")
    document = json.loads(stdout)
    close(sum(row["dose_mgy"] for row in document["events"]), document["dose_mgy"], rtol=1e-6, because=SUMS)


def test_on_the_terminal(tmp_path):
    path = tmp_path / "case.dcm"
    path.write_bytes(to_bytes(WrittenProcedure(events=(WrittenEvent(**EVENT),))))
    code, stdout, stderr = program("explain", path, "--phantom", "oval", "--all")
    assert (code, stderr) == (0, "")
    for words in ("in field", "inv. square", "Corrections switched off", "backscatter", "80 kV, 0.3 Cu"):
        assert words in stdout
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"no")
    code, _, stderr = program("explain", bad)
    assert code == 1
    assert stderr.startswith("bad.dcm: ")
    assert program("explain", path, "--at", "1,2,3", "--cell", "4")[0] == 2
    for nowhere in ("nan,0,0", "0,inf,0", "1e300,0,0"):
        code, _, stderr = program("explain", path, "--at", nowhere)
        assert code == 2
        assert "not three numbers below 10000" in stderr
