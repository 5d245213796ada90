"""result.json: the contract, on a result with a map, without one, and of merged files."""

import json
import math

import jsonschema
import numpy as np
import pytest

from skindose.report import render
from skindose.report.summary import clean, schema, summary
from tests.close import close
from tests.report.factory import make_events, make_mapless, make_procedure, make_result

CASES = {
    "map": make_result,
    "no map": make_mapless,
    "merged": lambda: make_result(procedure=make_procedure(inputs=3)),
    "excluded": lambda: make_result(excluded={1: "patient moved"}),
    "maker's estimate": lambda: make_result(events=make_events(vendor_peak_mgy=4100.0)),
}


@pytest.mark.parametrize("case", CASES)
def test_follows_the_published_schema(case):
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(render(CASES[case]())["result.json"]), schema(), jsonschema.Draft202012Validator)


def objects(node):
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        for child in node.values():
            yield from objects(child)
    elif isinstance(node, list):
        for child in node:
            yield from objects(child)


def test_schema_is_strict():
    loose = [node for node in objects(schema()) if "additionalProperties" not in node]
    assert [node["description"] for node in loose] == ["what made the body: height_cm, weight_kg, sex, ..."]


def test_schema_refuses_an_unknown_key():
    tree = summary(make_result()) | {"files": {}}
    jsonschema.validate(tree, schema(), jsonschema.Draft202012Validator)
    tree |= {"surprise": 1}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree, schema(), jsonschema.Draft202012Validator)


def test_has_every_key_of_the_contract():
    contract = (
        "schema_version software input procedure patient device profile phantom placement orientation corrections "
        "dose_medium totals peak area_above regions vendor_peak_mgy assumptions warnings triggers"
    )
    assert set(contract.split()) <= set(summary(make_result()))


def test_says_what_the_map_says():
    result = make_result()
    tree, peak = summary(result), result.dosemap.peak
    close(tree["peak"]["skin_dose_mgy"], peak.skin_dose_mgy, rtol=5e-6, because="six significant digits")
    assert tree["peak"]["interval_95_mgy"] == [2600.0, 5500.0]
    assert tree["no_map_reason"] is None
    assert tree["input"] == tree["inputs"][0]
    assert tree["vendor_peak_mgy"] is None
    above = {row["level_gy"]: row["area_cm2"] for row in tree["area_above"]}
    assert list(above) == [1, 2, 3, 5, 10, 15]
    want = result.phantom.area_mm2[result.dosemap.dose_mgy >= 2000].sum() / 100
    close(above[2], want, rtol=5e-6, because="six significant digits")
    assert above[2] > 0
    assert above[15] == 0


def test_regions_have_their_own_peak():
    result = make_result()
    regions = summary(result)["regions"]
    assert set(regions) == set(result.phantom.region_names)
    top = max(region["cell_max_mgy"] for region in regions.values())
    close(top, result.dosemap.dose_mgy.max(), rtol=5e-6, because="six significant digits")
    assert regions["trunk"]["cell_max_mgy"] == 0


def test_without_a_map_says_why():
    tree = summary(make_mapless())
    assert tree["peak"] is None
    assert tree["placement"] is None
    assert tree["no_map_reason"] == "no event has air kerma"
    assert tree["peak_upper_bound_mgy"] == 9000.0
    assert [row["area_cm2"] for row in tree["area_above"]] == [None] * 6
    assert tree["regions"] == {}
    assert len(tree["triggers"]) == 3


def test_a_map_that_no_beam_meets_has_no_peak_and_says_so():
    from dataclasses import replace

    result = make_result()
    empty = replace(result.dosemap, dose_mgy=np.zeros_like(result.dosemap.dose_mgy), peak=None)
    tree = summary(make_result(dosemap=empty))
    assert tree["peak"] is None
    assert "no X-ray beam meets the body" in tree["no_map_reason"]


def test_not_evaluable_is_null_with_its_reason():
    last = summary(make_result())["triggers"][-1]
    assert last["fired"] is None
    assert last["value"] is None
    assert last["reason"] == "the file has no fluoroscopy time"


def test_the_same_result_gives_the_same_bytes():
    assert render(make_result()) == render(make_result())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_what_json_cannot_hold_is_null(value):
    tree = clean({"a": [value, {"b": value}], "c": np.array([1.0, value])})
    assert json.dumps(tree, allow_nan=False) == '{"a": [null, {"b": null}], "c": [1.0, null]}'


def test_rounds_to_six_digits_and_keeps_integers():
    assert clean([1 / 3, 123456.789, -0.0, 7, True, None, np.int32(4)]) == [0.333333, 123457.0, 0.0, 7, True, None, 4]
    assert math.copysign(1, clean(-0.0)) == 1
