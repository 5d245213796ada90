"""What a user says about single events: the syntax, what becomes of it, and that it stays in the result."""

import json
import re

import jsonschema
import numpy as np
import pytest
from typer.testing import CliRunner

from skindose import choices
from skindose.cli import app
from skindose.config import Settings
from skindose.errors import SettingsError
from skindose.geometry import beams, place
from skindose.model import Status
from skindose.normalise.work import COLUMNS
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes
from skindose.report.event_table import event_rows
from skindose.report.events import events_csv
from skindose.report.summary import schema, summary
from skindose.report.wording import say
from tests import scenes
from tests.close import close
from tests.house import source
from tests.test_bad_geometry import computed
from tests.test_pipeline import EVENT

NINE = [f"2026-01-01T10:{minute:02d}:00" for minute in range(9)]
BODY = {"phantom": "oval", "pad_mm": 40, "placement": "table", "height_cm": 170, "weight_kg": 70, "sex": "male"}


def run(*events, **options):
    return computed(*events, settings=Settings(**BODY, **options))


# --- which events


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("3", (2,)),
        ("3,7-9", (2, 6, 7, 8)),
        (" 9 , 1 - 2 ", (0, 1, 8)),
        ("7-", (6, 7, 8)),
        ("all", tuple(range(9))),
        ("10:02-10:04", (2, 3, 4)),
        ("10:06:30-", (7, 8)),
        ("1,10:07-10:30", (0, 7, 8)),
    ],
)
def test_events(text, want):
    assert choices.events_of(text, NINE, "exclude") == want


@pytest.mark.parametrize("text", ["x", "0", "10", "5-3", "8-10", "", ",", "-3", "1.5", "11:00-", "10:02", "1-2-3", "٣"])
def test_events_that_are_not_there(text):
    with pytest.raises(SettingsError) as caught:
        choices.events_of(text, NINE, "exclude")
    assert str(caught.value).startswith("options: exclude: ")
    assert "\n" not in str(caught.value)


def test_times_go_on_past_midnight():
    night = ["2026-01-01T23:50:00", "2026-01-01T23:59:59", "2026-01-02T00:10:00", "2026-01-02T00:20:00"]
    assert choices.events_of("23:55-00:15", night, "move") == (1, 2)
    assert choices.events_of("00:05-", night, "move") == (2, 3)


def test_events_without_a_start_are_in_no_range_of_times():
    assert choices.events_of("09:00-", ["", "2026-01-01T10:00:00"], "move") == (1,)
    with pytest.raises(SettingsError, match="no event starts"):
        choices.events_of("09:00-", ["", ""], "move")


# --- syntax


def test_exclusions_have_notes():
    first, second = choices.exclusions("3,7-9=not on the table: test = yes; 1", NINE)
    assert first == ((2, 6, 7, 8), "3,7-9", "not on the table: test = yes")
    assert (second.events, second.note) == ((0,), "")


def test_corrections_have_field_value_and_note():
    (found,) = choices.corrections(["10:02-10:03: kvp_kv = 80 = read off the log"], NINE)
    assert found == ((2, 3), "10:02-10:03", "kvp_kv", 80.0, "read off the log")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3", "not understood"),
        ("3:kvp_kv", "not understood"),
        ("kvp_kv=80", "not understood"),
        ("3:kvp=80", "no field 'kvp'"),
        ("3:kvp_kv=eighty", "no number"),
        ("3:kvp_kv=nan", "no number"),
        ("3:kvp_kv=8", "cannot be 8"),
        ("30:kvp_kv=80", "not within"),
    ],
)
def test_corrections_that_are_wrong(text, words):
    with pytest.raises(SettingsError, match=words):
        choices.corrections([text], NINE)


def test_two_values_for_one_event_are_refused():
    with pytest.raises(SettingsError, match="event 3 is given two values of kvp_kv, 80 and 90"):
        choices.corrections(["1-3:kvp_kv=80", "3:kvp_kv=90"], NINE)
    assert len(choices.corrections(["1-3:kvp_kv=80", "3:kvp_kv=80", "3:filter_cu_mm=0.3"], NINE)) == 3


def test_only_columns_can_be_corrected():
    assert set(choices.CORRECTABLE) == set(COLUMNS)


def test_moves_have_three_numbers_or_four():
    first, second = choices.moves(["7-:1,-2,3=slid", "all:0,0,0,15"], NINE)
    assert first[2:] == (1.0, -2.0, 3.0, 0.0, "slid")
    assert second[2:] == (0.0, 0.0, 0.0, 15.0, "")


@pytest.mark.parametrize(
    "text", ["3", "3:1,2", "3:1,2,x", "3:1,2,3,4,5", "3:9999,0,0", "3:0,0,0,400", "0,0,0", "99:0,0,0"]
)
def test_moves_that_are_wrong(text):
    with pytest.raises(SettingsError, match="move: "):
        choices.moves([text], NINE)


def test_a_note_is_one_line():
    (found,) = choices.exclusions("1=a\nb\x1b[31m" + 300 * "c", NINE)
    assert found.note.startswith("a b [31mccc")
    assert len(found.note) == 200


def test_one_text_is_a_list_of_one():
    assert Settings(move="1:0,0,0").move == ("1:0,0,0",)
    assert Settings(correct=["1:kvp_kv=80", "2:kvp_kv=80"]).correct == ("1:kvp_kv=80", "2:kvp_kv=80")


def test_the_page_of_words_lists_every_field():
    page = (source.ROOT / "docs" / "vocabularies.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([a-z]+_[a-z_0-9]+)`", page.partition("FIELD is a column")[2])) == set(choices.CORRECTABLE)


# --- what becomes of it


def test_a_corrected_angle_is_as_if_the_file_had_said_so():
    wrong = run({}, {"positioner_primary_angle_deg": 170.0}, correct="2:positioner_primary_angle_deg=0=typed wrongly")
    close(wrong.dosemap.dose_mgy, run({}, {}).dosemap.dose_mgy, rtol=1e-12, because="the same two events")
    assert wrong.events.status["positioner_primary_angle_deg"].tolist() == [Status.REPORTED, Status.CORRECTED]
    assert any("from" not in text and "to 0 (was 170) in event 2: typed wrongly" in text for text in wrong.assumptions)


def test_what_follows_from_a_corrected_value_follows():
    """Air kerma halved: the field, KAP / air kerma, is twice as large."""
    found = run({}, correct="1:air_kerma_rp_mgy=50")
    plain = run({})
    sides = [r.events.field_u_max_mm[0] - r.events.field_u_min_mm[0] for r in (found, plain)]
    close(sides[0] / sides[1], np.sqrt(2), rtol=1e-9, because="twice the area, both squares")
    close(found.totals["air_kerma_mgy"]["together"]["summed"], 50.0, rtol=1e-12, because="the corrected value counts")


def test_a_corrected_table_height_keeps_its_sense():
    close(run({}, correct="1:table_height_position_mm=150").events.table_height_position_mm, [150.0], rtol=1e-12,
          because="in the sense of events.csv")  # fmt: skip


def test_a_missing_value_may_be_supplied_and_brings_the_event_into_the_map():
    gone = {"air_kerma_rp_mgy": None, "kap_gycm2": None}
    assert run({}, gone).events.mapped.tolist() == [True, False]
    found = run({}, gone, correct=["2:air_kerma_rp_mgy=100", "2:kap_gycm2=10"])
    close(found.dosemap.dose_mgy, run({}, {}).dosemap.dose_mgy, rtol=1e-12, because="the same two events")
    assert summary(found)["user_changes"][0]["old"] == [None]


def test_everything_stands_in_the_result_the_table_and_the_page():
    result = run({}, {}, {}, exclude="1=test; 3", correct="2:kvp_kv=90=log", move="2:0,50,0,10=slid")
    tree = json.loads(json.dumps(summary(result)))
    jsonschema.validate(tree | {"files": {}}, schema(), jsonschema.Draft202012Validator)
    first, second, third, fourth = tree["user_changes"]
    assert (first["kind"], first["events"], first["note"]) == ("excluded", [1], "test")
    assert (second["events"], second["note"]) == ([3], None)
    assert (third["field"], third["old"], third["new"], third["note"]) == ("kvp_kv", [80.0], 90.0, "log")
    assert (fourth["offset_mm"], fourth["turn_deg"], fourth["old"]) == ([0, 50, 0], 10, None)
    assert tree["excluded_events"][0]["reason"] == "excluded by the user: test"
    page = dict(say(tree)["placement"])
    assert page["Corrected by the user"] == "event 2: kvp kv 90, was 80 (log)"
    assert page["Patient moved"].startswith("event 2: 0 mm left, 50.0 mm to the head end, 0 mm up, turned by 10")
    assert event_rows(result)[1][6].status == "C"
    assert b"corrected" in events_csv(result)


def test_a_result_without_changes_says_so():
    assert summary(run({}))["user_changes"] == []


# --- a patient who moved


def moved(text, *events):
    made = run(*(events or ({}, {})), move=text).beams
    return made, run(*(events or ({}, {}))).beams


def test_a_move_shifts_the_beams_of_its_events_alone():
    made, still = moved("2-:10,20,30")
    close(
        made.source_mm - still.source_mm, [(0, 0, 0), (-10, 30, -20)], atol=1e-9, because="the beam goes the other way"
    )
    close(made.table_origin_mm - still.table_origin_mm, [(0, 0, 0), (10, -30, 20)], atol=1e-9, because="up is -y")
    close(made.axis, still.axis, atol=1e-12, because="nothing turned")


def test_moves_add_up_and_follow_the_clock():
    by_number, _ = moved(["2-:0,50,0", "3:0,-20,0"], {}, {}, {})
    by_clock, still = moved(["08:01-:0,50,0", "08:02-08:02:0,-20,0"], {}, {}, {})
    close(by_clock.source_mm, by_number.source_mm, atol=1e-12, because="the events are a minute apart, from 08:00")
    close((by_number.source_mm - still.source_mm)[:, 2], [0, -50, -30], atol=1e-9, because="50, then 50 - 20")


def test_a_turn_goes_about_the_middle_of_the_trunk_and_lifts_the_left_side():
    result = run({}, {}, move="2:0,0,0,30")
    placement, made = result.placement, result.beams
    close(made.axis[1], (0.5, -np.sqrt(0.75), 0.0), atol=1e-12, because="upwards is now towards his left")
    pivot = np.array(result.phantom.landmarks_mm["trunk"])
    in_table = [made.table_rotation[k] @ pivot + made.table_origin_mm[k] for k in (0, 1)]
    close(in_table[1], in_table[0], atol=1e-9, because="the pivot stays")
    close(in_table[0], placement.centre_mm, atol=1e-9, because="by definition")
    left = made.table_rotation[1] @ (pivot + np.array([100.0, 0, 0])) + made.table_origin_mm[1]
    close(left[1] - in_table[1][1], -50.0, atol=1e-9, because="100 mm times sin 30, upwards")


def test_the_dose_of_a_moved_event_lies_where_the_skin_then_was():
    still, shifted = run({}), run({}, move="1:0,100,0")
    between = np.array(still.dosemap.peak.position_mm) - np.array(shifted.dosemap.peak.position_mm)
    close(between[2], 100.0, atol=15.0, because="the peak's cell is found on a mesh of about 1 cm")
    close(shifted.dosemap.peak.skin_dose_mgy, still.dosemap.peak.skin_dose_mgy, rtol=0.02, because="a flat back")
    assert any("100 mm towards the head end" in text for text in shifted.assumptions)


# --- the command line and a configuration file


CONFIG = """
exclude = "1=test shot; 3"
correct = ["2:kvp_kv=90=log"]
move = "2-:0,50,0=slid"
"""


def test_a_configuration_file_says_the_same_as_the_command_line(tmp_path):
    (tmp_path / "case.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "case.dcm").write_bytes(report(3))
    by_file = invoke(tmp_path, "--config", str(tmp_path / "case.toml"))
    options = ("--exclude", "1=test shot", "--exclude", "3", "--correct", "2:kvp_kv=90=log", "--move", "2-:0,50,0=slid")
    by_line = invoke(tmp_path, *options)
    assert by_file["user_changes"] == by_line["user_changes"]
    assert [change["kind"] for change in by_line["user_changes"]] == ["excluded", "excluded", "corrected", "moved"]
    assert by_file == by_line


@pytest.mark.parametrize("option", ["--exclude=9", "--correct=1:kvp=3", "--move=1:0,0"])
def test_a_mistake_is_one_line_and_usage(tmp_path, option):
    (tmp_path / "case.dcm").write_bytes(report(1))
    done = CliRunner().invoke(app, ["run", str(tmp_path / "case.dcm"), "--out", str(tmp_path / "out"), option])
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert option.strip("-").partition("=")[0] in line


def report(count):
    events = tuple(WrittenEvent(**{**EVENT, "started": f"2026010108{k:02d}00"}) for k in range(count))
    return to_bytes(WrittenProcedure(events=events))


def invoke(folder, *options):
    arguments = ["run", str(folder / "case.dcm"), "--out", str(folder / "out"), "--phantom", "oval", *options]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return json.loads((folder / "out" / "case" / "result.json").read_text(encoding="utf-8"))


# --- whatever the orientation


@pytest.mark.parametrize("orientation", ["hfs", "hfp", "hfdr", "hfdl", "ffs", "ffp", "ffdr", "ffdl"])
def test_the_beam_stays_on_the_table_when_the_patient_moves(orientation):
    text = ("1:10,-20,30,25", "all:-5,0,0,-70")
    settings = Settings(placement="table", move=text)
    tilted = {"positioner_primary_angle_deg": 20.0, "table_head_tilt_angle_deg": 5.0}
    events = scenes.events(tilted, {}, orientation=orientation)
    placement = place(events, scenes.lying_box(), settings)
    made, still = (beams(events, placement, s) for s in (settings, Settings(placement="table")))
    for name in ("source_mm", "axis", "u", "v"):
        origin = [m.table_origin_mm if name == "source_mm" else 0.0 for m in (made, still)]
        pairs = zip((made, still), origin, strict=True)
        got, want = (np.einsum("bij,bj->bi", m.table_rotation, getattr(m, name)) + o for m, o in pairs)
        close(got, want, atol=1e-9, because="only the patient moved, and all eight lie on the same table")
    assert not np.allclose(made.source_mm, still.source_mm)
