"""events.csv: one row per event, each value beside its status, the beam, and what it adds to the peak."""

import csv
import io

import numpy as np
import pytest

from skindose.report.events import events_csv
from tests.close import close
from tests.report.factory import FLOAT_COLUMNS, make_events, make_mapless, make_result


def rows(result):
    return list(csv.DictReader(io.StringIO(events_csv(result).decode())))


def test_every_value_stands_beside_its_status():
    table = rows(make_result())
    assert len(table) == 3
    for name in FLOAT_COLUMNS:
        assert f"{name}_status" in table[0]
    assert [(row["kvp_kv"], row["kvp_kv_status"]) for row in table] == [
        ("81.25", "reported"),
        ("90", "assumed"),
        ("", "missing"),
    ]


def test_has_the_beam_in_the_patient_frame():
    first, second, third = rows(make_result())
    assert [first[f"source_{axis}_mm"] for axis in "xyz"] == ["0", "650", "-300"]
    assert [first[f"axis_{axis}"] for axis in "xyz"] == ["0", "-1", "0"]
    assert (first["u_min_mm"], first["v_max_mm"], first["reference_distance_mm"]) == ("-40", "45", "600")
    assert (first["beams"], second["beams"], third["beams"]) == ("1", "2", "0")
    assert second["axis_x"] == "0.5"  # half of the kerma lies in the first of its two sub-events
    assert third["source_x_mm"] == ""


def test_contributions_add_up_to_the_peak():
    result = make_result()
    own = [float(row["peak_contribution_mgy"]) for row in rows(result)]
    close(sum(own), result.dosemap.peak.skin_dose_mgy, rtol=1e-7, because="eight digits are written")
    assert own[0] > own[1] > 0
    assert own[2] == 0


def test_says_why_an_event_is_not_in_the_map():
    table = rows(make_result(excluded={0: "patient moved"}))
    assert [row["mapped"] for row in table] == ["no", "yes", "no"]
    assert [row["unmapped_reason"] for row in table] == ["excluded: patient moved", "", "no geometry"]


def test_without_a_map_the_columns_are_the_same():
    table, mapped = rows(make_mapless()), rows(make_result())
    assert list(table[0]) == list(mapped[0])
    assert {row["mapped"] for row in table} == {"no"}
    assert {row["peak_contribution_mgy"] for row in table} == {""}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1"])
def test_a_spreadsheet_runs_no_text_as_a_formula(text):
    table = rows(make_result(events=make_events(protocol=(text, "a\r\nb", "ok"))))
    assert table[0]["protocol"].startswith("'")
    assert [row["protocol"] for row in table[1:]] == ["a b", "ok"]


def test_is_plain_utf8_with_unix_line_ends():
    data = events_csv(make_result(events=make_events(protocol=("Cœur, «gauche»", 'a "b"', "c"))))
    assert b"\r" not in data
    assert "Cœur, «gauche»" in data.decode()
    assert data.count(b"\n") == 4


def test_no_nan_reaches_the_file():
    nothing = make_events(kap_gycm2=np.array([np.nan, np.inf, 1.0]))
    assert [row["kap_gycm2"] for row in rows(make_result(events=nothing))] == ["", "", "1"]
    assert b"nan" not in events_csv(make_result(events=nothing))
