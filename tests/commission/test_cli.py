"""`skindose commission` as a physicist calls it: what it prints, writes and refuses, and that a run then uses it."""

import json
import sys
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from skindose.cli import main
from skindose.rdsr.write import write
from tests.close import close
from tests.commission import machine as made_up
from tests.commission.machine import PLAN, Machine, Shot

MACHINE = Machine(
    names=("lateral", "height", "longitudinal"), signs=(-1, -1, 1), zeros=(5.0, 1000.0, 300.0), primary_sign=-1
)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("session")
    write(made_up.session(MACHINE, PLAN), folder / "shots.dcm")
    (folder / "marks.csv").write_text(made_up.marks(PLAN))
    pa = [replace(shot, primary=0.0, secondary=0.0) for shot in PLAN[:6]]
    write(made_up.session(MACHINE, pa), folder / "pa.dcm")
    (folder / "pa.csv").write_text(made_up.marks(pa))
    return folder


@pytest.fixture
def skindose(session, monkeypatch, capsys):
    """Calls the program in the session's folder; returns exit code, standard output and error."""
    monkeypatch.chdir(session)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["skindose", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as error:
            code = error.code or 0
        out, err = capsys.readouterr()
        assert len(err.strip().splitlines()) <= 1 or code == 2, "one clear line"
        return code, out, err

    return call


def test_a_profile_is_written_and_a_run_uses_it(skindose, session, tmp_path):
    code, out, err = skindose(
        "commission", "shots.dcm", "marks.csv", "--write", tmp_path / "lab3.toml", "--by", "A. P."
    )
    assert (code, err) == (0, "")
    assert "12 shots count" in out
    assert "table height" in out
    assert "determined" in out
    assert tomllib.loads((tmp_path / "lab3.toml").read_text())["commissioning"]["by"] == "A. P."
    isocentres = [(30.0, -150.0, -450.0), (-20.0, -170.0, -500.0)]
    shots = [Shot(primary=30.0, secondary=10.0), Shot(primary=-20.0, secondary=25.0)]
    events = [
        made_up.event(i, MACHINE, each, shot) for i, (each, shot) in enumerate(zip(isocentres, shots, strict=True))
    ]
    write(made_up.report(MACHINE, events, "case"), tmp_path / "case.dcm")
    (tmp_path / "site.toml").write_text(f"profile_folder = {json.dumps(str(tmp_path / 'profiles'))}\n")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "lab3.toml").rename(tmp_path / "profiles" / "lab3.toml")
    code, _, err = skindose(
        "run", tmp_path / "case.dcm", "--out", tmp_path / "out", "--phantom", "oval", "--config", tmp_path / "site.toml"
    )
    assert (code, err) == (0, "")
    folder = tmp_path / "out" / "case"
    result = json.loads((folder / "result.json").read_text())
    assert result["profile"] == {"name": "generic-4711", "status": "commissioned"}
    assert all(how == "table" for how in result["placement"]["axes"].values())
    assert "not commissioned" not in (folder / "report.html").read_text()
    header, *rows = [line.split(",") for line in (folder / "events.csv").read_text().splitlines()]
    for row, isocentre, shot in zip(rows, isocentres, shots, strict=True):
        value = dict(zip(header, row, strict=True))
        axis = np.array([float(value[f"axis_{each}"]) for each in "xyz"])
        source = np.array([float(value[f"source_{each}_mm"]) for each in "xyz"])
        close(axis, made_up.ray(MACHINE, shot.primary, shot.secondary, shot.turns), atol=2e-3, because="0.1 degrees")
        pad = np.array([0.0, -40.0, 0.0])  # head first, supine: the patient's origin in the table frame
        close(source + pad + 750.0 * axis, isocentre, atol=4.0, because="four standard errors, rounding to 1 mm")


def test_the_summary_for_programs(skindose):
    code, out, _ = skindose("commission", "shots.dcm", "marks.csv", "--json")
    document = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert len(document["shots"]) == len(PLAN)
    assert all(shot["distance_mm"] < 8.0 for shot in document["shots"])
    assert (document["refused"], document["profile"]) == (None, None)
    assert document["table"]["sideways"]["items"] == ["table_lateral_position"]
    assert document["stand"]["primary_sign"] == -1


def test_a_refusal_prints_the_table_and_writes_nothing(skindose, tmp_path):
    target = tmp_path / "p.toml"
    code, out, err = skindose("commission", "pa.dcm", "pa.csv", "--write", target, "--by", "X")
    assert code == 1
    assert "marker from the central ray" in out
    assert "A shot that would settle it" in out
    assert err.startswith("pa.dcm: the shots do not determine")
    assert not target.exists()
    code, out, _ = skindose("commission", "pa.dcm", "pa.csv", "--json")
    assert code == 1
    assert json.loads(out)["refused"].startswith("the shots do not determine")


def test_an_existing_profile_is_replaced_only_by_force(skindose, tmp_path):
    target = tmp_path / "p.toml"
    target.write_text("mine")
    call = ("commission", "shots.dcm", "marks.csv", "--write", target, "--by", "X")
    code, _, err = skindose(*call)
    assert (code, target.read_text()) == (1, "mine")
    assert "--force" in err
    assert skindose(*call, "--force")[0] == 0
    assert "commissioned" in target.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["p.toml"]


@pytest.mark.parametrize(
    ("arguments", "want", "told"),
    [
        (("shots.dcm",), 2, "SHOTS.dcm and MARKS.csv are needed"),
        ((), 2, "SHOTS.dcm and MARKS.csv are needed"),
        (("shots.dcm", "marks.csv", "--write", "q.toml"), 2, "--by"),
        (("shots.dcm", "marks.csv", "--write", "q.txt", "--by", "X"), 2, "must end with .toml"),
        (("shots.dcm", "marks.csv", "--write", "no/q.toml", "--by", "X"), 1, "cannot write"),
        (("shots.dcm", "marks.csv", "--accuracy-mm", "0"), 2, "accuracy"),
        (("shots.dcm", "marks.csv", "--profile", "none"), 2, "no profile is named"),
        (("shots.dcm", "gone.csv"), 1, "gone.csv: cannot read the marks"),
        (("gone.dcm", "marks.csv"), 1, "gone.dcm: there is no such file"),
        (("marks.csv", "marks.csv"), 1, "marks.csv: this is not a DICOM file"),
        (("shots.dcm", "shots.dcm"), 1, "shots.dcm: cannot read the marks"),
        (("pa.dcm", "marks.csv"), 1, "there is no acquisition 7: the report has 6"),
    ],
)
def test_what_cannot_be_is_one_line(skindose, arguments, want, told):
    code, _, err = skindose("commission", *arguments)
    assert code == want
    assert told in err


def test_forms(skindose, session, tmp_path):
    assert skindose("commission", "--template", tmp_path / "form.csv")[0] == 0
    assert skindose("commission", "shots.dcm", "--template", tmp_path / "rows.csv")[0] == 0
    assert "08:00:00 angles" in (tmp_path / "rows.csv").read_text()
    assert skindose("commission", "shots.dcm", tmp_path / "form.csv")[0] == 0, "the form's places are the plan's"
    code, _, err = skindose("commission", "--template", tmp_path / "form.csv")
    assert code == 1
    assert "--force" in err
