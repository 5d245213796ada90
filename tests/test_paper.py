"""skindose pdf: from a result folder to a file, naming the patient only by the very report that was run."""

import io
import re

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from skindose import batch, paper
from skindose.cli import app
from skindose.config import Settings
from skindose.errors import InputError, OutputError, SettingsError
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, write
from tests.test_pipeline import EVENT

SECRETS = ("JANSEN", "Anna", "471100")


def procedure(**changes):
    named = {"patient_name": "JANSEN^Anna", "patient_id": "471100", "description": "PCI"}
    return WrittenProcedure(events=(WrittenEvent(**EVENT),), **{**named, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A report, the folder it was run into, and another patient's report."""
    place = tmp_path_factory.mktemp("paper")
    report = write(procedure(), place / "case.dcm")
    other = write(procedure(patient_name="OTHER^Eve", seed="2"), place / "other.dcm")
    (outcome,) = batch.run_files([report], place / "out", Settings(phantom="oval"))
    return report, outcome.folder, other


def text(path):
    return " ".join(page.extract_text() for page in PdfReader(path).pages)


def test_the_file_has_the_folder_s_name_and_stands_in_the_current_folder(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["pdf", str(run[1])])
    assert (told.exit_code, told.output) == (0, "Written: case.pdf\n")
    assert [path.name for path in tmp_path.iterdir()] == ["case.pdf"]
    shown = text(tmp_path / "case.pdf")
    assert "Dose at the peak" in shown  # the chart
    assert not any(secret in shown for secret in SECRETS)
    assert not any(secret.encode() in (tmp_path / "case.pdf").read_bytes() for secret in SECRETS)


def test_result_json_names_its_folder_too(run, tmp_path):
    first, second = (
        paper.write_report(path, tmp_path / "a.pdf").read_bytes() for path in (run[1], run[1] / "result.json")
    )
    assert first == second


def test_named_by_the_report_that_was_run(run, tmp_path):
    report, result, _ = run
    told = CliRunner().invoke(app, ["pdf", str(result), "--out", str(tmp_path / "n.pdf"), "--identified", str(report)])
    assert told.exit_code == 0
    assert not any(secret in told.output for secret in SECRETS)
    shown = re.sub(r"\s+", " ", text(tmp_path / "n.pdf"))
    assert "JANSEN, Anna" in shown
    assert "471100" in shown


def test_another_patient_s_report_is_refused_and_nothing_is_written(run, tmp_path):
    with pytest.raises(SettingsError, match="not made from that file") as told:
        paper.write_report(run[1], tmp_path / "n.pdf", run[2])
    assert not any(name in str(told.value) for name in ("OTHER", "Eve", *SECRETS))
    assert list(tmp_path.iterdir()) == []


def test_a_former_pdf_is_replaced_and_nothing_else(run, tmp_path):
    target = tmp_path / "case.pdf"
    target.write_bytes(b"%PDF-1.4 old")
    paper.write_report(run[1], target)
    assert PdfReader(io.BytesIO(target.read_bytes())).get_num_pages() == 2
    target.write_bytes(b"a letter")
    with pytest.raises(OutputError, match="another kind"):
        paper.write_report(run[1], target)
    assert target.read_bytes() == b"a letter"


def test_a_result_without_a_map_has_its_report(tmp_path):
    event = WrittenEvent(**{**EVENT, "positioner_primary_angle_deg": None, "air_kerma_rp_mgy": None})
    report = write(WrittenProcedure(events=(event,), date="20260101"), tmp_path / "bare.dcm")
    (outcome,) = batch.run_files([report], tmp_path / "out", Settings(phantom="oval"))
    if outcome.summary["peak"] is not None:
        pytest.fail("this report was to have no map")
    shown = text(paper.write_report(outcome.folder, tmp_path / "bare.pdf"))
    assert "No dose map" in shown


def test_a_result_that_makes_no_sense_is_one_clear_line(run, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    for path in run[1].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    written = (folder / "result.json").read_text()
    (folder / "result.json").write_text(
        re.sub(r'"totals": \{', '"totals": {"air_kerma_mgy": 3}, "old": {', written, count=1)
    )
    with pytest.raises(InputError, match=r"^odd: result\.json is damaged at totals"):
        paper.write_report(folder, tmp_path / "odd.pdf")
