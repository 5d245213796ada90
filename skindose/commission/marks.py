"""MARKS.csv: where the marker lay at each shot; every mistake told by line and column; a form to fill in."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skindose.errors import InputError

NUMBERINGS = ("event", "acquisition")
PLACES = ("marker_left_mm", "marker_head_mm", "marker_up_mm")
REMARK = "remark"
# What can lie on a table top; beyond it the unit or the column is wrong.
LIMITS_MM = {"marker_left_mm": (-500.0, 500.0), "marker_head_mm": (-200.0, 4000.0), "marker_up_mm": (-150.0, 800.0)}
MEANING = {
    "marker_left_mm": "from the centre line, positive to the left of a patient who lies head first on his back",
    "marker_head_mm": "from the table's head end, towards the feet",
    "marker_up_mm": "above the upper surface of the bare table top",
}
LARGEST_BYTES = 2**20
MOST_MARKS = 100
_MEND = "Mend the line; docs/commissioning.md describes the columns."
_FORM = "Write a form with `skindose commission --template FILE`."


@dataclass(frozen=True)
class Mark:
    """One shot: its number (of the events or of the acquisitions alone, from 1 in time order) and the marker's place.

    line   where it stands in the file
    """

    line: int
    number: int
    marker_left_mm: float
    marker_head_mm: float
    marker_up_mm: float
    remark: str = ""


@dataclass(frozen=True)
class Marks:
    """The marks of one file; `numbering` is "event" or "acquisition"."""

    name: str
    numbering: str
    marks: tuple[Mark, ...]


def read(path: Path) -> Marks:
    """The marks in a file; rows whose three places are blank are no shots, lines that begin with # are remarks.

    raises   InputError with file, line and column
    """
    return parse(_text(path), path.name or str(path))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError("the file is too large for a list of marks", path.name, _FORM)
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        remedy = "Check its name." if isinstance(error, OSError) else "Save it as CSV in UTF-8."
        raise InputError(f"cannot read the marks: {reason}", path.name or str(path), remedy) from None
    if "\0" in text:
        raise InputError("cannot read the marks: not a CSV file", path.name, _FORM)
    return text


def parse(text: str, name: str) -> Marks:
    """Marks from CSV text: comma, or semicolon or tab with a decimal point or comma.

    raises   InputError with `name`, line and column
    """
    rows = list(_rows(text, name))
    if not rows:
        raise InputError("the file of marks is empty", name, _FORM)
    (line, header), *body = rows
    columns = _columns(header, f"{name}, line {line}")
    numbering = next(column for column in columns if column in NUMBERINGS)
    comma = ";" in text or "\t" in text
    found = [mark for line, row in body if (mark := _mark(row, columns, comma, (name, line))) is not None]
    if not found:
        raise InputError("no row has the place of a marker", name, "Fill in the three places of at least five shots.")
    if len(found) > MOST_MARKS:
        raise InputError(
            f"{len(found)} marks are too many", name, f"Give the best {MOST_MARKS} at most; twelve are good."
        )
    _no_twins(found, numbering, name)
    return Marks(name, numbering, tuple(found))


def _rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of every line that holds something; a field never spans lines."""
    lines = text.splitlines()
    content = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    delimiter = next((sign for sign in ";\t" if content and sign in content[0]), ",")
    for number, line in enumerate(lines, 1):
        if not line.strip(f" \t{delimiter}") or line.lstrip().startswith("#"):
            continue
        try:
            fields = next(csv.reader([line], delimiter=delimiter, strict=True))
        except csv.Error as error:
            raise InputError(f"not a line of CSV ({error})", f"{name}, line {number}", _MEND) from None
        yield number, [field.strip() for field in fields]


def _columns(header: Sequence[str], where: str) -> list[str]:
    columns = [column.lower() for column in header]
    known = (*NUMBERINGS, *PLACES, REMARK)
    for column in filter(None, columns):
        if column not in known:
            allowed = f"The columns are event or acquisition, {', '.join(PLACES)} and remark; places are in mm."
            raise InputError(f"column {column[:40]!r} is not known", where, allowed)
        if columns.count(column) > 1:
            raise InputError(f"column {column} is there twice", where, "Leave one of them out.")
    lacking = [column for column in PLACES if column not in columns]
    if lacking:
        raise InputError(f"column {lacking[0]} is missing", where, _FORM)
    given = [column for column in NUMBERINGS if column in columns]
    if len(given) != 1:
        what = "a column event or acquisition is needed" if not given else "both event and acquisition are given"
        raise InputError(what, where, "Number the shots in one of the two ways.")
    return columns


def _mark(row: Sequence[str], columns: Sequence[str], comma: bool, where: tuple[str, int]) -> Mark | None:
    if len(row) > len(columns) and any(row[len(columns) :]):
        what = f"{len(row)} fields where the heading has {len(columns)}"
        remedy = "Put remarks with a comma into quotation marks; write decimals with a point."
        raise InputError(what, f"{where[0]}, line {where[1]}", remedy)
    fields = dict(zip(columns, (*row, *[""] * len(columns)), strict=False))
    blank = [column for column in PLACES if not fields[column]]
    if len(blank) == len(PLACES):
        return None
    if blank:
        raise InputError(
            "is empty", _at(where, blank[0]), "Fill it in, or empty all three places to leave the row out."
        )
    numbering = next(column for column in NUMBERINGS if column in fields)
    places = {column: _place(fields[column], comma, column, where) for column in PLACES}
    return Mark(where[1], _number(fields[numbering], numbering, where), **places, remark=fields.get(REMARK, ""))


def _number(text: str, column: str, where: tuple[str, int]) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise InputError(
            f"{text!r} is no number of an {column}", _at(where, column), "They count from 1 in time order."
        )
    return int(text)


def _place(text: str, comma: bool, column: str, where: tuple[str, int]) -> float:
    try:
        value = float(text.replace(",", ".") if comma else text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{text[:20]!r} is not a number", _at(where, column), "Write mm without the unit, e.g. 12.5.")
    low, high = LIMITS_MM[column]
    if not low <= value <= high:
        remedy = f"It is in mm {MEANING[column]}: {low:g} to {high:g}."
        raise InputError(f"{value:g} mm is not on a table", _at(where, column), remedy)
    return value


def _at(where: tuple[str, int], column: str) -> str:
    return f"{where[0]}, line {where[1]}, column {column}"


def _no_twins(marks: Iterable[Mark], numbering: str, name: str) -> None:
    seen: dict[int, int] = {}
    for mark in marks:
        if mark.number in seen:
            what = f"{numbering} {mark.number} is in line {seen[mark.number]} already"
            raise InputError(what, _at((name, mark.line), numbering), "One row per shot: leave one of them out.")
        seen[mark.number] = mark.line


_HEAD = """\
# Where the marker lay at each shot, for `skindose commission SHOTS.dcm THIS_FILE --write PROFILE.toml`.
# {numbering}: number of the {counted} of the report, from 1 in time order.
# marker_left_mm: {marker_left_mm}.
# marker_head_mm: {marker_head_mm}.
# marker_up_mm: {marker_up_mm}.
# A row whose three places are empty is no shot. Lines that begin with # are remarks.
"""
# The plan of docs/commissioning.md: left, from the head end, up, and how the machine stands.
_EXAMPLE = (
    (0, 400, 0, "PA"),
    (0, 400, 0, "PA, table 80 mm lower"),
    (0, 400, 0, "LAO 45"),
    (0, 400, 0, "RAO 45, table 80 mm higher than at first"),
    (0, 400, 0, "cranial 30"),
    (120, 700, 0, "PA"),
    (120, 700, 0, "LAO 30 cranial 25"),
    (120, 700, 0, "RAO 30 caudal 25, table 80 mm lower"),
    (-100, 550, 100, "marker on a block of 100 mm; PA"),
    (-100, 550, 100, "LAO 45"),
    (-100, 550, 100, "cranial 30, table 80 mm lower"),
    (-100, 550, 100, "RAO 30 cranial 25, table 80 mm higher than at first"),
)


def template(rows: Iterable[Mapping[str, object]] | None = None, numbering: str = "acquisition") -> str:
    """A form to fill in.

    rows   for each event or acquisition of a report `number` and `remark`; without, an example
    """
    counted = "events" if numbering == "event" else "acquisitions (events that are not fluoroscopy)"
    out = io.StringIO()
    out.write(_HEAD.format(numbering=numbering, counted=counted, **MEANING))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((numbering, *PLACES, REMARK))
    if rows is None:
        writer.writerows((number, *row) for number, row in enumerate(_EXAMPLE, 1))
    else:
        writer.writerows((row["number"], "", "", "", row["remark"]) for row in rows)
    return out.getvalue()
