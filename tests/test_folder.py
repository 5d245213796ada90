"""Result folders: what is kept is enough to compute the map again to the bit, and only whole folders open."""

import hashlib
import json
import os
from dataclasses import replace

import numpy as np
import pytest

from skindose import folder, rdsr
from skindose.case import Revision, from_bytes, to_bytes
from skindose.config import Settings
from skindose.errors import InputError, OutputError
from skindose.model import Status
from skindose.pipeline import compute, compute_case, preview
from skindose.rdsr.demo import demo_procedure
from skindose.rdsr.write import to_bytes as dicom
from skindose.report import CASE, MAP, RESULT
from tests.calibration.records import air_kerma, put
from tests.close import close

RULES = """
id = "house"
title = "House rules"
[[rule]]
id = "first"
title = "first"
kind = "trigger"
severity = 1
levels = { psd = { level = 1.5, unit = "Gy" } }
provenance = "site"
source = "this house"
recipients = ["operator"]
what_follows = "call"
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A case with everything that may be asked of it, from files that are gone when it is opened again."""
    site = tmp_path_factory.mktemp("site")
    (site / "rules.toml").write_text(RULES)
    put(site, air_kerma(machine='[machine]\nstation = "LAB 1"\n'))
    (site / "rules.toml").rename(site.with_name("rules.toml"))
    settings = Settings(
        phantom="oval",
        calibration_folder=site,
        triggers=str(site.with_name("rules.toml")),
        exclude="2=twice",
        correct=("3:kvp_kv=80=wrong",),
        move=("5-:0,20,0=moved",),
    )
    result = compute(rdsr.read_bytes(dicom(demo_procedure()), "demo.dcm"), settings)
    for path in (*site.iterdir(), site.with_name("rules.toml")):
        path.unlink()
    return result


@pytest.fixture
def written(source, tmp_path):
    folder.write_result(source, tmp_path / "demo")
    return tmp_path / "demo"


def test_the_map_is_computed_again_without_the_report(source, written):
    stored = folder.open_result(written)
    again = compute_case(stored.case)
    np.testing.assert_array_equal(stored.dose_mgy, source.dosemap.dose_mgy)
    close(again.dosemap.dose_mgy, source.dosemap.dose_mgy, rtol=1e-9, atol=1e-9, because="the same arithmetic")
    other = written.with_name("again")
    folder.write_result(again, other)
    first, second = (json.loads((place / RESULT).read_bytes()) for place in (written, other))
    for facts in (first, second):
        facts.pop("files")
    assert second == first


def test_the_body_is_the_one_that_was_computed_on(source, written):
    body = folder.open_result(written).phantom
    for name in ("vertices_mm", "triangles", "normal", "area_mm2", "neighbours", "region"):
        np.testing.assert_array_equal(getattr(body, name), getattr(source.phantom, name))
    assert (body.name, body.region_names, body.stature_mm) == (
        "oval",
        source.phantom.region_names,
        source.phantom.stature_mm,
    )
    assert body.landmarks_mm == source.phantom.landmarks_mm
    assert body.assumptions == source.phantom.assumptions


def test_every_column_and_its_status_come_back(source, written):
    kept, given = folder.open_result(written).case.events, source.case.events
    for name, value in vars(given).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(kept, name), value)
    assert set(kept.status) == set(given.status)
    assert kept.status["kvp_kv"][2] == Status.CORRECTED
    assert kept.machine == given.machine
    assert kept.started == given.started
    assert kept.region_status is given.region_status


def test_paths_are_not_kept(written):
    kept = folder.open_result(written).case.settings
    assert (kept.calibration_folder, kept.triggers) == (None, "rules.toml")


def test_the_same_case_gives_the_same_bytes(source):
    assert to_bytes(source.case) == to_bytes(source.case)


def test_a_correction_says_what_it_revises(source, written, tmp_path):
    stored = folder.open_result(written)
    digest = hashlib.sha256((written / RESULT).read_bytes()).hexdigest()
    case = replace(stored.case, revises=Revision("demo", digest, "A. Expert", "patient moved"))
    folder.write_result(compute_case(case, sampled=False), tmp_path / "demo.v2")
    facts = folder.read_facts(tmp_path / "demo.v2")
    assert facts["revises"] == {"folder": "demo", "sha256": digest, "by": "A. Expert", "note": "patient moved"}
    assert folder.open_result(tmp_path / "demo.v2").case.revises == case.revises


def test_the_preview_is_the_map_without_scatter_beyond_the_fields(source):
    full, (_, quick) = source.dosemap, preview(source.case)
    close(quick.peak.skin_dose_mgy, full.peak.skin_dose_mgy, rtol=0.03, because="a peak lies inside the fields")
    # In single cells the preview takes the body for thick everywhere: thin places get more scatter than in the map.
    lit = quick.dose_mgy > 0.5 * full.dose_mgy.max()
    assert np.median(quick.dose_mgy[lit] / full.dose_mgy[lit]) < 1.0
    assert (quick.dose_mgy > 0).sum() < (full.dose_mgy > 0).sum()


# --- What does not open


def refused(path):
    with pytest.raises(InputError) as caught:
        folder.open_result(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_a_folder_without_result(tmp_path):
    assert "no result folder" in refused(tmp_path)
    assert "no result folder" in refused(tmp_path / "absent")


@pytest.mark.parametrize("name", [MAP, CASE, "events.csv"])
def test_a_file_that_is_missing_or_damaged(written, name):
    content = (written / name).read_bytes()
    (written / name).unlink()
    assert f"{name} is missing" in refused(written)
    (written / name).write_bytes(content[:-20])
    assert f"{name} is damaged" in refused(written)


def test_an_older_schema(written):
    facts = json.loads((written / RESULT).read_bytes())
    (written / RESULT).write_text(json.dumps({**facts, "schema_version": "1.0"}))
    assert "schema 1.0, this program reads" in refused(written)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": 1}', "[" * 100_000])
def test_what_is_no_result(written, text):
    (written / RESULT).write_text(text)
    assert "result.json is" in refused(written)


def test_a_result_that_lacks_a_key(written):
    facts = json.loads((written / RESULT).read_bytes())
    del facts["peak"]
    (written / RESULT).write_text(json.dumps(facts))
    assert "it lacks peak" in refused(written)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", to_bytes])
def test_bytes_that_are_no_case(source, content):
    if callable(content):
        content = content(source.case).replace(b"PK\x01\x02", b"PK\x01\x03")
    with pytest.raises(InputError, match="the stored case cannot be read"):
        from_bytes(content, {})


def test_a_case_of_another_procedure(source, written):
    theirs = replace(source.case.procedure.inputs[0], sha256="0" * 64)
    content = to_bytes(replace(source.case, procedure=replace(source.case.procedure, inputs=(theirs,))))
    (written / CASE).write_bytes(content)
    facts = json.loads((written / RESULT).read_bytes())
    facts["files"][CASE] = hashlib.sha256(content).hexdigest()
    (written / RESULT).write_text(json.dumps(facts))
    assert "another procedure's" in refused(written)


def test_a_result_without_map_says_so(tmp_path):
    written = demo_procedure()
    nothing = replace(
        written, events=tuple(replace(one, air_kerma_rp_mgy=0.0, kap_gycm2=0.0) for one in written.events)
    )
    folder.write_result(compute(rdsr.read_bytes(dicom(nothing), "x.dcm"), Settings()), tmp_path / "x")
    assert "this result has no dose map" in refused(tmp_path / "x")


# --- Single files


def test_another_kind_of_file_is_not_replaced(tmp_path):
    path = tmp_path / "map.png"
    folder.write_file(path, b"\x89PNG one", b"\x89PNG")
    folder.write_file(path, b"\x89PNG two", b"\x89PNG")
    assert path.read_bytes() == b"\x89PNG two"
    path.write_bytes(b"a letter")
    with pytest.raises(OutputError, match="another kind"):
        folder.write_file(path, b"\x89PNG", b"\x89PNG")
    assert path.read_bytes() == b"a letter"
    with pytest.raises(OutputError, match="cannot write"):
        folder.write_file(tmp_path / "absent" / "map.png", b"\x89PNG", b"\x89PNG")
    assert [one.name for one in tmp_path.iterdir()] == ["map.png"]


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("files",), 5),
        (("files",), []),
        (("files",), {MAP: "0" * 64}),
        (("peak",), "high"),
        (("peak", "cell"), 10**9),
        (("peak", "cell"), -1),
        (("peak", "position_mm"), [0.0, 1.0]),
        (("peak", "skin_dose_mgy"), float("nan")),
        (("peak", "skin_dose_mgy"), "7"),
        (("triggers",), [1]),
        (("procedure",), None),
        (("calibration",), None),
        (("warnings",), [5]),
    ],
)
def test_a_result_json_that_was_meddled_with_gives_one_line(written, keys, value):
    path = written / RESULT
    facts = json.loads(path.read_text())
    inside = facts
    for key in keys[:-1]:
        inside = inside[key]
    inside[keys[-1]] = value
    path.write_text(json.dumps(facts))
    with pytest.raises(InputError, match=r"result\.json is damaged"):
        folder.open_result(written)


def test_a_picture_below_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(OutputError, match="cannot write"):
        folder.write_file(tmp_path / "file" / "map.png", b"\x89PNG", b"\x89PNG")


@pytest.mark.parametrize("name", [RESULT, MAP])
def test_pipes_and_devices_are_not_read(written, name):
    (written / name).unlink()
    os.mkfifo(written / name)
    with pytest.raises(InputError, match="pipe or a device"):
        folder.open_result(written)
    (written / name).unlink()
    (written / name).symlink_to(os.devnull)
    with pytest.raises(InputError, match="pipe or a device"):
        folder.open_result(written)


@pytest.mark.parametrize("content", ['{"their": "result"}', "[1]", "no JSON"])
def test_a_folder_with_another_programs_result_json_is_not_replaced(source, tmp_path, content):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / RESULT).write_text(content)
    (theirs / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="no skindose result"):
        folder.write_result(source, theirs)
    assert (theirs / "thesis.txt").read_text() == "precious"
    assert (theirs / RESULT).read_text() == content
