"""`skindose sum` on result folders, as its users call it."""

import json
import sys

import jsonschema
import pytest

from skindose import folder, sums
from skindose.cli import main
from skindose.pipeline import compute_case
from skindose.report import cumulative as report
from tests.cumulative.test_sum import case, shot


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two procedures with a map, one without kerma, hence without a map, and one of another patient."""
    out = tmp_path_factory.mktemp("results")
    described = {
        "first": shot(0, 500, "first"),
        "second": shot(10, 700, "second", "20260201"),
        "empty": shot(0, None, "empty", "20260115"),
        "woman": shot(0, 500, "woman", sex="F"),
    }
    for name, written in described.items():
        folder.write_result(compute_case(case(written), sampled=False), out / name)
    return out


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["skindose", "sum", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


def test_the_sum_is_printed_and_written(results, tmp_path, monkeypatch, capsys):
    code = call(monkeypatch, results / "first", results / "second", "--out", tmp_path / "sum")
    printed = capsys.readouterr()
    assert (code, printed.err) == (0, "")
    assert "Peak of the sum" in printed.out
    written = json.loads((tmp_path / "sum" / sums.FILE).read_bytes())
    jsonschema.validate(written, report.schema())
    assert [one["name"] for one in written["procedures"]] == ["first", "second"]
    assert (tmp_path / "sum" / sums.PICTURE).read_bytes()[:4] == b"\x89PNG"


def test_json_is_the_same_document_whatever_the_order(results, monkeypatch, capsys):
    found = []
    for names in (("first", "second", "empty"), ("empty", "second", "first")):
        assert call(monkeypatch, *(results / name for name in names), "--json") == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]
    assert found[0]["peak"]["lower_bound_reason"].startswith("empty has no map")


def test_another_patient_is_one_line_on_standard_error(results, monkeypatch, capsys):
    assert call(monkeypatch, results / "first", results / "woman") == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "sex differs" in printed.err
    assert "--same-patient" in printed.err
    assert call(monkeypatch, results / "first", results / "woman", "--same-patient", "--window", "30") == 0
    assert "sex differs" in capsys.readouterr().out


def test_what_is_no_result_is_one_line(tmp_path, monkeypatch, capsys):
    assert call(monkeypatch, tmp_path) == 1
    assert "no result folder" in capsys.readouterr().err
