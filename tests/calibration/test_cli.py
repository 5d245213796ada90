"""`skindose calibrate` as a physicist calls it."""

import json
import os
import sys

import pytest

from skindose.cli import main
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, write
from tests.calibration.records import FACTOR, air_kerma, put
from tests.test_pipeline import EVENT


@pytest.fixture
def skindose(tmp_path, monkeypatch, capsys):
    """Calls the program in a folder of its own; returns exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["skindose", "calibrate", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return end.value.code or 0, out, err

    return call


def test_check_tells_every_mistake_in_one_line_each(skindose, tmp_path):
    put(
        tmp_path,
        air_kerma(),
        air_kerma(FACTOR.replace("1.1", "1.2"), "other"),
        air_kerma(name="b", date="2999-01-01"),
        signed=False,
    )
    (tmp_path / "broken.toml").write_text("kind = ")
    code, out, err = skindose("check", tmp_path)
    assert code == 2
    assert len(err.splitlines()) == 3
    assert "broken.toml: not valid TOML" in err
    assert "lab-1 and other, of one date, contradict: entries 1 and 1 hold for the same beams" in err
    assert "2.toml: date: 2999-01-01 is in the future" in err
    assert "3 records, 3 mistakes." in out


def test_check_of_good_records(skindose, tmp_path):
    code, out, err = skindose("check", put(tmp_path, air_kerma()), "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["valid"]
    assert found["records"][0]["signature"] == "signed"
    path = tmp_path / "0.toml"
    path.write_text(path.read_text().replace("1.1", "1.2"))
    (tmp_path / "copy.toml").write_text(path.read_text())
    code, out, err = skindose("check", tmp_path)
    assert code == 2
    assert "0.toml: changed since it was signed. Check it and sign it again" in err
    assert "copy.toml: the name lab-1 is that of 0.toml too" in err
    code, out, err = skindose("check", "nowhere.toml")
    assert code == 2
    assert err.startswith("nowhere.toml: cannot read the calibration record: no such file")


def test_sign_list_and_show(skindose, tmp_path):
    put(tmp_path, air_kerma(), signed=False)
    made = WrittenProcedure((WrittenEvent(**EVENT), WrittenEvent(**EVENT)), date="20260101")
    write(made, tmp_path / "case.dcm")
    code, out, _ = skindose("show", "case.dcm", "--calibrations", ".")
    assert code == 0
    assert "lab-1, air-kerma: applied to events none\n  not to 1-2: not signed" in out
    assert "Uncalibrated: events 1-2" in out
    code, out, _ = skindose("show", "case.dcm")
    assert "No folder of records is given" in out
    code, out, _ = skindose("sign", "0.toml", "--by", "A. Expert")
    assert (code, out) == (0, "0.toml: lab-1 is signed by A. Expert.\n")
    code, out, _ = skindose("show", "case.dcm", "--calibrations", ".", "--json")
    assert json.loads(out)["records"] == [
        {"record": "lab-1", "kind": "air-kerma", "applied": [1, 2], "factors": [1.1], "not_applied": {}}
    ]
    code, out, _ = skindose("list", "--calibrations", ".")
    assert code == 0
    assert "signed by A. Expert" in out


def test_list_wants_a_folder(skindose, tmp_path):
    code, _, err = skindose("list")
    assert code == 2
    assert err == "calibrate: no folder of records is given. Give --calibrations FOLDER, or --config FILE.\n"
    code, _, err = skindose("list", "--calibrations", "nowhere")
    assert code == 2
    assert "nowhere: the folder of calibration records does not exist" in err
    put(tmp_path, air_kerma())
    code, _, err = skindose("list", "--calibrations", "0.toml")
    assert code == 2
    assert "0.toml: the folder of calibration records is no folder" in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_the_folder_is_not_waited_for(skindose, tmp_path):
    os.mkfifo(tmp_path / "0.toml")
    code, _, err = skindose("list", "--calibrations", ".")
    assert (code, err) == (2, "0.toml: this is no file. Give a TOML record.\n")


def test_sign_wants_a_name(skindose, tmp_path):
    put(tmp_path, air_kerma(), signed=False)
    code, _, err = skindose("sign", "0.toml", "--by", " ")
    assert code == 2
    assert "a signature needs a name" in err
