"""One record: what is refused, in one clear line; what a signature covers."""

import datetime
import re
from pathlib import Path

import pytest

from skindose import calibration
from skindose.calibration.record import parse
from skindose.errors import SettingsError
from tests.calibration import records
from tests.calibration.records import FACTOR, air_kerma, transmission

NAMED = '[machine]\nmanufacturer = "M"\nmodel = "X"\n'
WRONG = {
    "broken TOML": ("kind = ", "not valid TOML"),
    "unknown key": (air_kerma(factr=1), "factr: there is no such key"),
    "absurd factor": (air_kerma(FACTOR.replace("1.1", "11")), "factor.1.value: 11 is above 3"),
    "tiny factor": (air_kerma(FACTOR.replace("1.1", "0.1")), "factor.1.value: 0.1 is below 0.3"),
    "not a number": (air_kerma(FACTOR.replace("1.1", "nan")), "factor.1.value"),
    "text for a number": (air_kerma(FACTOR.replace("1.1", '"1.1"')), "factor.1.value"),
    "no uncertainty": (
        air_kerma(FACTOR.replace("uncertainty = 0.04", "")),
        "factor.1.uncertainty: something is missing",
    ),
    "per cent": (air_kerma(FACTOR.replace("0.04", "4")), "factor.1.uncertainty: 4 is above 0.5"),
    "no factor": (air_kerma(""), "has [[factor]]"),
    "factor in a curve": (transmission(FACTOR), "has [[curve]]"),
    "no validity": (air_kerma(valid_months=None), "give either valid_until or valid_months"),
    "two validities": (air_kerma(valid_until="2027-01-01"), "give either valid_until or valid_months"),
    "ends first": (air_kerma(valid_months=None, valid_until="2024-01-01"), "it ends before it begins"),
    "no day": (air_kerma(date='"yesterday"'), "date: 'yesterday' is no date like"),
    "no machine": (air_kerma(machine=""), "machine: something is missing"),
    "any machine": (air_kerma(machine="[machine]\n"), "give serial_number or station"),
    "maker alone": (air_kerma(machine='[machine]\nmanufacturer = "M"\n'), "give serial_number or station"),
    "model not owned": (air_kerma(machine=NAMED), "only_one_of_this_model"),
    "serial number of one letter": (air_kerma(machine='[machine]\nserial_number = "1"\n'), "too short to stand alone"),
    "range upside down": (air_kerma(FACTOR + "kvp_kv = [90, 60]\n"), "kvp_kv ends before it begins"),
    "curve of other rows": (transmission(records.CURVE.replace("[60, 100]", "[60, 80, 100]")), "must have 3 rows"),
    "curve that falls": (transmission(records.CURVE.replace("[60, 100]", "[100, 60]")), "at_kvp_kv must rise"),
    "a slip of the pen": (transmission(records.CURVE.replace("0.66", "0.56")), "falls from 0.6 to 0.56"),
    "copper that weakens": (transmission(records.CURVE.replace("0.72", "0.27")), "falls from 0.7 to 0.27; a harder"),
    "transmission above 1": (transmission(records.CURVE.replace("0.60", "1.60")), "curve.1.transmission.1.1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_with_file_and_key(case):
    text, said = WRONG[case]
    with pytest.raises(SettingsError) as error:
        parse(text, "lab.toml")
    assert str(error.value).startswith("lab.toml: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "machine",
    [
        '[machine]\nserial_number = "1234"\n',
        '[machine]\nstation = "LAB 1"\n',
        '[machine]\nserial_number = "1"\nmanufacturer = "M"\nmodel = "X"\n',
        NAMED + "only_one_of_this_model = true\n",
    ],
)
def test_what_names_a_machine(machine):
    assert parse(air_kerma(machine=machine), "lab.toml").signature == "unsigned"


@pytest.mark.parametrize(
    ("date", "months", "last"),
    [("2025-06-01", 12, (2026, 5, 31)), ("2025-01-31", 1, (2025, 2, 28)), ("2024-12-15", 24, (2026, 12, 14))],
)
def test_months_of_validity(date, months, last):
    record = parse(air_kerma(date=date, valid_months=months), "lab.toml").record
    assert record.last_day == datetime.date(*last)


def test_a_signature_covers_values_name_and_day(tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(air_kerma())
    assert calibration.sign(path, "A. Expert", records.SIGNED).signature == "signed"
    signed = path.read_text()
    for old, new in (("1.1", "1.2"), ('by = "A. Expert"\ndate = 2026-01-05', 'by = "B. Boss"\ndate = 2026-01-05')):
        assert old in signed
        assert parse(signed.replace(old, new), "lab.toml").signature == "changed since it was signed"
    assert parse("# remark\n\n" + signed, "lab.toml").signature == "signed"
    path.write_text(signed.replace("1.1", "1.2"))
    assert calibration.sign(path, "A. Expert", records.SIGNED).signature == "signed"
    assert path.read_text().count("[signature]") == 1


def test_no_signature_before_the_measurement(tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(air_kerma(date="2026-02-01"))
    with pytest.raises(SettingsError, match="2026-02-01 is in the future"):
        calibration.sign(path, "A. Expert", records.SIGNED)


def test_a_folder_that_is_not_there_and_two_records_of_one_name(tmp_path):
    with pytest.raises(SettingsError, match="folder of calibration records does not exist"):
        calibration.load_folder(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match=r"the name lab-1 is that of 0\.toml too"):
        calibration.load_folder(records.put(tmp_path, air_kerma(), air_kerma()))


@pytest.mark.parametrize(
    ("factors", "count"),
    [
        (FACTOR + FACTOR.replace("1.1", "1.2"), 1),
        (FACTOR + FACTOR, 0),
        (FACTOR + "kvp_kv = [40, 80]\n" + FACTOR.replace("1.1", "1.2") + "kvp_kv = [80, 150]\n", 0),
        (FACTOR + "kvp_kv = [40, 81]\n" + FACTOR.replace("1.1", "1.2") + "kvp_kv = [80, 150]\n", 1),
        (FACTOR + "cu_mm = [0, 0]\n" + FACTOR.replace("1.1", "1.2") + "cu_mm = [0, 0.9]\n", 1),
        (FACTOR + 'plane = "A"\n' + FACTOR.replace("1.1", "1.2") + 'plane = "B"\n', 0),
        (FACTOR + 'plane = "A"\n' + FACTOR.replace("1.1", "1.2"), 1),
    ],
)
def test_entries_that_contradict_each_other(factors, count):
    assert len(calibration.contradictions([parse(air_kerma(factors), "lab.toml")])) == count


def test_records_that_contradict_each_other():
    other = FACTOR.replace("1.1", "1.2")
    one = parse(air_kerma(), "a.toml")
    assert calibration.contradictions([one, parse(air_kerma(other, "b"), "b.toml")])
    assert not calibration.contradictions([one, parse(air_kerma(other, "b", date="2025-06-02"), "b.toml")])
    elsewhere = parse(air_kerma(other, "b", machine='[machine]\nstation = "LAB 2"\n'), "b.toml")
    assert not calibration.contradictions([one, elsewhere])


def test_the_records_of_the_documentation_are_right():
    text = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
    found = [parse(block, "docs") for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    assert [each.record.kind for each in found] == ["air-kerma", "transmission"]
    assert not calibration.contradictions(found)
