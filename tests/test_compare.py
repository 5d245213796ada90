"""skindose compare: what two maps must say of each other where the difference is known by argument."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from skindose import batch, compare, verify
from skindose.cli import app
from skindose.config import Settings
from skindose.dose import find_peak
from skindose.errors import InputError
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, write
from skindose.report import mesh
from skindose.report.comparison import map_lines, peak_rows
from skindose.report.difference import Half, difference_png
from tests.close import close
from tests.report.factory import make_phantom, make_result
from tests.test_pipeline import EVENT

PLANE = Settings(phantom="plane", pad_mm=40, placement="table", height_cm=170, weight_kg=70, sex="male", age=50)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """(name, settings) -> the folder of one same report, run so."""
    place = tmp_path_factory.mktemp("compare")
    report = write(WrittenProcedure(events=(WrittenEvent(**EVENT),)), place / "case.dcm")
    done = {}

    def run(name, settings=PLANE, **changes):
        if name not in done:
            (outcome,) = batch.run_files([report], place / name, settings.model_copy(update=changes))
            assert outcome.error is None
            done[name] = outcome.folder
        return done[name]

    return run


def said(a, b):
    return compare.to_dict(compare.compare(compare.open_side(a), compare.open_side(b)))


def side(name, phantom, dose_mgy):
    return compare.Side(name, None, phantom, dose_mgy, find_peak(dose_mgy, phantom))


def smooth(phantom):
    """A dose that falls off with the distance from a place on the back."""
    off = np.linalg.norm(phantom.centroid_mm - [40.0, 0.0, -300.0], axis=1)
    return 4000.0 * np.exp(-((off / 120.0) ** 2))


def test_a_result_and_itself_are_the_same(ran):
    document = said(ran("first"), ran("first"))
    assert document["map"]["compared"] == "cell by cell"
    assert document["map"]["largest_difference"]["difference_mgy"] == 0.0
    assert document["map"]["largest_difference"]["cell_mgy"] == 0.0
    above = document["map"]["above_half_peak"]
    assert above["b_over_a"] == {"mean": 1.0, "least": 1.0, "most": 1.0}
    for key in ("within_5_percent_fraction", "within_10_percent_fraction", "within_8_percent_or_3_mm_fraction"):
        close(above[key], 1.0, rtol=1e-12, because="the shares of all patches are summed up")
    assert (document["differs"], document["triggers"], document["notes"]) == ([], [], [])
    assert "They are the same." in map_lines(document)
    assert peak_rows(document)[-1][2] == "0 mGy (0 %), at the same place"


def test_a_calibration_of_1_1_is_1_1_everywhere():
    body = make_phantom(steps=(30, 20, 60))
    dose = smooth(body)
    document = compare.to_dict(compare.compare(side("a", body, dose), side("b", body, 1.1 * dose)))
    above = document["map"]["above_half_peak"]
    for ratio in above["b_over_a"].values():
        close(ratio, 1.1, rtol=1e-9, because="every cell is multiplied by it")
    assert above["within_5_percent_fraction"] == 0.0
    assert above["within_8_percent_or_3_mm_fraction"] < 0.5  # within 3 mm only where the dose is steep
    close(document["peak"]["b_over_a"], 1.1, rtol=1e-9, because="the same patch")
    assert document["peak"]["apart_mm"] == 0.0
    most = document["map"]["largest_difference"]
    close(most["difference_mgy"], 0.1 * most["a_mgy"], rtol=1e-9, because="a tenth of what is there")
    close(np.linalg.norm(np.subtract(most["position_mm"], [40, 0, -300])), 0.0, atol=15.0, because="a patch of 1 cm2")


def test_a_patient_moved_by_20_mm_has_his_peak_20_mm_beside(ran):
    a, b = ran("first"), ran("moved", offset_mm=(20, 0, 0))
    found = compare.compare(compare.open_side(a), compare.open_side(b))
    document = compare.to_dict(found)
    centre = [np.average(one.phantom.centroid_mm, axis=0, weights=one.dose_mgy) for one in (found.a, found.b)]
    close(
        centre[1] - centre[0], [-20.0, 0.0, 0.0], atol=1.0, because="cells of some mm; the field stays, he moves left"
    )
    close(document["peak"]["b_over_a"], 1.0, rtol=0.02, because="the plane is the same everywhere but for its cells")
    assert document["map"]["above_half_peak"]["within_10_percent_fraction"] < 0.95  # two edges of the field moved
    assert {"what": "Offset left, head, up", "a": "0, 0, 0 mm", "b": "20.0, 0, 0 mm"} in document["differs"]


def test_what_differs_in_the_making_is_named(ran):
    document = said(ran("first"), ran("bare", corrections=("backscatter", "medium"), medium="skin"))
    differs = {row["what"]: (row["a"], row["b"]) for row in document["differs"]}
    assert differs["Dose medium"] == ("water", "skin")
    assert differs["Corrections"][1] == "backscatter, medium"
    assert "Body" not in differs
    assert document["peak"]["b_over_a"] > 1.0  # table and pad no longer take their share


def test_a_trigger_that_fires_in_one_only_is_named(ran, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(
        'id = "low"\ntitle = "low"\n[[rule]]\nid = "peak"\ntitle = "peak"\nkind = "trigger"\nseverity = 1\n'
        'levels = { psd = { level = 0.001, unit = "Gy" } }\nprovenance = "site"\nsource = "here"\n'
        'recipients = ["operator"]\nwhat_follows = "call"\n'
    )
    document = said(ran("first"), ran("low", triggers=str(rules)))
    assert document["triggers"] == [{"rule": "peak", "quantity": "psd", "a": "no such rule", "b": "exceeded"}]


def test_two_procedures_are_not_two_ways(ran, tmp_path):
    report = write(WrittenProcedure(events=(WrittenEvent(**EVENT),), seed="2"), tmp_path / "other.dcm")
    (outcome,) = batch.run_files([report], tmp_path, PLANE)
    assert said(ran("first"), outcome.folder)["notes"] == [
        "A and B are of different reports: two procedures, not two ways."
    ]


def test_a_finer_mesh_of_the_same_body_is_read_at_the_nearest_cell():
    coarse, fine = make_phantom(steps=(30, 20, 60)), make_phantom(steps=(42, 28, 84))
    document = compare.to_dict(compare.compare(side("a", coarse, smooth(coarse)), side("b", fine, smooth(fine))))
    assert document["map"]["compared"] == "nearest cell"
    close(document["map"]["matched_fraction"], 1.0, rtol=1e-12, because="the bodies are one")
    close(
        document["map"]["above_half_peak"]["b_over_a"]["mean"],
        1.0,
        rtol=0.005,
        because="10 mm cells read a smooth dose",
    )
    assert document["map"]["above_half_peak"]["within_8_percent_or_3_mm_fraction"] > 0.99


def test_nearest_is_the_nearest_that_looks_the_same_way():
    of, among = make_phantom(steps=(9, 6, 18)), make_phantom(steps=(11, 7, 23))
    found = compare.nearest(of, among, within_mm=15.0)
    distance = np.linalg.norm(of.centroid_mm[:, None] - among.centroid_mm[None], axis=2)
    distance[of.normal @ among.normal.T <= 0.5] = np.inf
    want = np.where(distance.min(axis=1) < 15.0, distance.argmin(axis=1), -1)
    same = (found >= 0) == (want >= 0)
    assert same.all()
    hit = found >= 0
    close(
        distance[np.flatnonzero(hit), found[hit]],
        distance[np.flatnonzero(hit), want[hit]],
        rtol=1e-12,
        because="every pair was tried; of two as near either may be taken",
    )


def test_bodies_that_have_too_little_in_common_are_not_compared():
    body = make_phantom()
    away = replace(body, centroid_mm=body.centroid_mm + 100.0, vertices_mm=body.vertices_mm + 100.0)
    found = compare.compare(side("a", body, smooth(body)), side("b", away, smooth(body)))
    document = compare.to_dict(found)
    assert document["map"]["compared"] is None
    assert document["map"]["above_half_peak"] is None
    assert "the bodies differ" in map_lines(document)[0]
    json.dumps(document, allow_nan=False)
    close(document["peak"]["b_over_a"], 1.0, rtol=1e-12, because="numbers are compared all the same")


def test_a_map_alone_is_compared_by_its_doses(tmp_path):
    result = make_result()
    (tmp_path / "map.vtp").write_bytes(mesh.vtp(result))
    one = compare.open_side(tmp_path / "map.vtp")
    close(one.peak.skin_dose_mgy, result.dosemap.peak.skin_dose_mgy, rtol=1e-12, because="written to the bit")
    document = said(tmp_path / "map.vtp", tmp_path / "map.vtp")
    assert document["facts"] is False
    assert document["differs"] == []


@pytest.mark.parametrize("content", [b"", b"<html/>", b"<?xml version='1.0'?><VTKFile/>"])
def test_what_is_no_map_is_one_clear_line(tmp_path, content):
    (tmp_path / "map.vtp").write_bytes(content)
    with pytest.raises(InputError, match=r"^map\.vtp: this is no dose map of skindose"):
        compare.open_side(tmp_path / "map.vtp")
    with pytest.raises(InputError, match=r"^none\.vtp: cannot read the map: no such file"):
        compare.open_side(tmp_path / "none.vtp")


def test_monte_carlo_and_the_fast_engine_by_their_maps(ran, tmp_path):
    from skindose import rdsr

    report = write(WrittenProcedure(events=(WrittenEvent(**EVENT),)), tmp_path / "case.dcm")
    settings = PLANE.model_copy(update={"corrections": ("backscatter", "medium")})
    found = verify.verify(rdsr.read(report), settings, verify.Effort(photons=640_000, relative=0.0))
    names = compare.write_maps(found, tmp_path / "maps")
    document = said(*(tmp_path / "maps" / name for name in ("fast.vtp", "monte-carlo.vtp")))
    assert len(names) == 2
    assert document["map"]["compared"] == "cell by cell"
    close(document["a"]["peak_mgy"], found.peak.skin_dose_mgy, rtol=1e-9, because="the same map")
    close(
        document["map"]["above_half_peak"]["b_over_a"]["mean"],
        1.0,
        rtol=0.05,
        because="the fast engine's goal is 5 %, and the mean over the field is known to 1 %",
    )


def test_the_command_writes_picture_and_page_and_says_where(ran, tmp_path):
    arguments = ["compare", str(ran("first")), str(ran("moved", offset_mm=(20, 0, 0))), "--out", str(tmp_path / "d")]
    told = CliRunner().invoke(app, [*arguments, "--json"])
    assert told.exit_code == 0, told.output
    document = json.loads(told.output)
    assert (document["a"]["name"], document["b"]["name"]) == ("first/case", "moved/case")
    assert len(document["files"]) == 2
    page = (tmp_path / "d" / "difference.html").read_text()
    assert "Offset left, head, up" in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    assert Image.open(io.BytesIO((tmp_path / "d" / "difference.png").read_bytes())).width == 1600
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0
    assert "Peak skin dose" in shown.output


def test_a_hostile_name_is_escaped_in_the_page(ran):
    from skindose.report.comparison import html

    document = said(ran("first"), ran("first"))
    document["a"]["name"] = "<script>alert(1)</script>"
    assert b"<script" not in html(document, None)


def test_the_picture_is_blue_where_b_is_lower_and_red_where_it_is_higher():
    body = make_phantom(steps=(12, 8, 24))
    left = body.centroid_mm[:, 0] > 0
    a = np.where(body.normal[:, 1] > 0.5, 1000.0, 0.0)
    b = np.where(left, 0.5, 1.5) * a
    peak = {"position_mm": (0.0, 0.0, -300.0), "cell": 0}
    picture = difference_png(Half("a", body, a, peak), Half("b", body, b, peak), b - a)
    assert picture == difference_png(Half("a", body, a, peak), Half("b", body, b, peak), b - a)
    rgb = np.asarray(Image.open(io.BytesIO(picture)))[:, :1100].astype(int)
    lower = rgb[2 * len(rgb) // 3 :]
    blue = np.argwhere(lower[..., 2] - lower[..., 0] > 60)[:, 1]
    red = np.argwhere(lower[..., 0] - lower[..., 2] > 60)[:, 1]
    assert min(len(blue), len(red)) > 1000
    assert blue.max() <= red.min() + 2  # seen from the back his left is on the left
    same = np.asarray(Image.open(io.BytesIO(difference_png(Half("a", body, a, peak), Half("b", body, a, peak), 0 * a))))
    bottom = same[2 * len(same) // 3 :, :1100].astype(int)
    assert np.abs(bottom[..., 0] - bottom[..., 2]).max() < 10  # no colour where nothing differs
