"""MARKS.csv: read whatever a spreadsheet makes of it, and every mistake told by line and column."""

import pytest

from skindose.commission.marks import parse, read, template
from skindose.errors import InputError
from tests.commission.machine import PLAN, marks

GOOD = marks(PLAN)
HEAD = GOOD.splitlines()[0]


def test_the_marks_of_a_session():
    found = parse(GOOD, "m.csv")
    assert found.numbering == "acquisition"
    assert [(m.marker_left_mm, m.marker_head_mm, m.marker_up_mm) for m in found.marks] == [s.marker for s in PLAN]
    assert [m.number for m in found.marks] == list(range(1, len(PLAN) + 1))


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        "# a remark\n\n" + GOOD + "\n,,,,\n",
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("400", '"400.0"'),
        GOOD.replace(HEAD, HEAD.upper()),
        GOOD + "13,,,,fluoroscopy by mistake\n",
    ],
    ids=["windows", "remarks and blanks", "semicolons", "tabs", "quotes", "capitals", "a row without places"],
)
def test_what_spreadsheets_make_of_it(text):
    assert [m.marker_head_mm for m in parse(text, "m.csv").marks] == [s.marker[1] for s in PLAN]


def test_a_decimal_comma_goes_with_semicolons(tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD.replace(",", ";") + "\n1;-12,5;400,25;0;\xe4\n").encode())
    (mark,) = read(path).marks
    assert (mark.marker_left_mm, mark.marker_head_mm, mark.remark) == (-12.5, 400.25, "\xe4")


def test_events_may_be_counted_instead():
    assert parse(marks(PLAN, column="event"), "m.csv").numbering == "event"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("# nothing but a remark\n", "empty"),
        (HEAD, "no row has the place"),
        (GOOD.replace("acquisition", "shot"), "line 1: column 'shot' is not known"),
        (GOOD.replace("marker_left_mm", "marker_left_cm"), "column 'marker_left_cm' is not known"),
        (GOOD.replace(",remark", ",event"), "both event and acquisition"),
        (GOOD.replace("acquisition,", "remark,").replace(",remark\n", "\n"), "event or acquisition is needed"),
        (GOOD.replace("marker_up_mm", "marker_head_mm"), "marker_head_mm is there twice"),
        (GOOD.replace(",marker_up_mm", ""), "marker_up_mm is missing"),
        (GOOD.replace("1,0,400", "1,nan,400", 1), "line 2, column marker_left_mm: 'nan' is not a number"),
        (GOOD.replace("1,0,400", "1,inf,400", 1), "line 2, column marker_left_mm: 'inf' is not a number"),
        (GOOD.replace("1,0,400", "1,0,40 cm", 1), "line 2, column marker_head_mm: '40 cm' is not a number"),
        (GOOD.replace("1,0,400", "1,0,-400", 1), "line 2, column marker_head_mm: -400 mm is not on a table"),
        (GOOD.replace("1,0,400", "1,,400", 1), "line 2, column marker_left_mm: is empty"),
        (GOOD.replace("1,0,400", "0,0,400", 1), "line 2, column acquisition: '0' is no number"),
        (GOOD.replace("1,0,400", "1.5,0,400", 1), "line 2, column acquisition: '1.5' is no number"),
        (GOOD.replace("1,0,400", "9" * 5000 + ",0,400", 1), "line 2, column acquisition: '99999"),
        (GOOD.replace("1,0,400", "1,0,400,0,PA, and more", 1), "line 2: 8 fields where the heading has 5"),
        (GOOD + "3,0,400,0,\n", "line 14, column acquisition: acquisition 3 is in line 4 already"),
        (HEAD + "".join(f"\n{i},0,400,0," for i in range(1, 102)), "101 marks are too many"),
        ('"' + GOOD, "line 1: not a line of CSV"),
        ("<html></html>", "column '<html></html>' is not known"),
    ],
)
def test_a_mistake_is_told_where_it_is(text, told):
    with pytest.raises(InputError) as error:
        parse(text, "m.csv")
    assert told in str(error.value)
    assert str(error.value).startswith("m.csv")
    assert error.value.remedy
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\xff\xfe\x00", "not text in UTF-8"), (b"a,b\x00", "not a CSV"), (b"#" * (2**20 + 1), "too large")],
)
def test_a_file_that_is_no_text(content, told, tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told):
        read(path)


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "gone.csv", tmp_path):
        with pytest.raises(InputError, match="cannot read the marks"):
            read(path)


def test_the_form_is_read_as_the_plan():
    form = parse(template(), "form.csv")
    assert [(m.marker_left_mm, m.marker_head_mm, m.marker_up_mm) for m in form.marks] == [s.marker for s in PLAN]
    with pytest.raises(InputError, match="no row has the place"):
        parse(template([{"number": 1, "remark": "10:00, 30/0"}]), "form.csv")
