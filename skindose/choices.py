"""What a user says about single events, as he writes it: which are left out, corrected, and when the patient moved.

    events        3,7-9    12-    10:15-10:40    all      numbers from 1 in time order, or times of day
    exclude       EVENTS or EVENTS=NOTE, several separated by semicolons
    correct       EVENTS:FIELD=VALUE or EVENTS:FIELD=VALUE=NOTE
    move          EVENTS:LEFT,HEAD,UP or EVENTS:LEFT,HEAD,UP,TURN, then =NOTE if wanted

The same words stand on the command line and in a configuration file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from skindose.errors import SettingsError

# What a user can correct, and the values it can take: the columns that are read from the file.
CORRECTABLE: dict[str, tuple[float, float]] = {
    "air_kerma_rp_mgy": (0.0, 1e5),
    "kap_gycm2": (0.0, 1000.0),
    "irradiation_duration_s": (0.0, 36000.0),
    "kvp_kv": (20.0, 200.0),
    "filter_al_mm": (0.0, 25.0),
    "filter_cu_mm": (0.0, 3.0),
    "positioner_primary_angle_deg": (-360.0, 360.0),
    "positioner_secondary_angle_deg": (-180.0, 180.0),
    "positioner_primary_end_angle_deg": (-360.0, 360.0),
    "positioner_secondary_end_angle_deg": (-180.0, 180.0),
    "distance_source_to_isocenter_mm": (200.0, 2500.0),
    "distance_source_to_detector_mm": (250.0, 4000.0),
    "distance_source_to_reference_point_mm": (100.0, 2500.0),
    "table_longitudinal_position_mm": (-3000.0, 3000.0),
    "table_lateral_position_mm": (-3000.0, 3000.0),
    "table_height_position_mm": (-1500.0, 1500.0),
    "table_head_tilt_angle_deg": (-180.0, 180.0),
    "table_horizontal_rotation_angle_deg": (-180.0, 180.0),
    "table_cradle_tilt_angle_deg": (-180.0, 180.0),
    "table_longitudinal_end_position_mm": (-3000.0, 3000.0),
    "table_lateral_end_position_mm": (-3000.0, 3000.0),
    "table_height_end_position_mm": (-1500.0, 1500.0),
    "table_head_tilt_end_angle_deg": (-180.0, 180.0),
    "table_cradle_tilt_end_angle_deg": (-180.0, 180.0),
    "field_u_min_mm": (-600.0, 600.0),
    "field_u_max_mm": (-600.0, 600.0),
    "field_v_min_mm": (-600.0, 600.0),
    "field_v_max_mm": (-600.0, 600.0),
    "field_rotation_deg": (-360.0, 360.0),
}
_FARTHEST_MM = 3000.0
_NUMBERS = re.compile(r"(\d{1,9})(?:\s*(-)\s*(\d{1,9})?)?", re.ASCII)
_CLOCK = r"(\d{1,2}):(\d\d)(?::(\d\d))?"
_TIMES = re.compile(rf"{_CLOCK}\s*-\s*(?:{_CLOCK})?", re.ASCII)


class Exclusion(NamedTuple):
    """Events left out of the map."""

    events: tuple[int, ...]
    text: str
    note: str


class Correction(NamedTuple):
    """One value that the user knows better, for some events."""

    events: tuple[int, ...]
    text: str
    field: str
    value: float
    note: str


class Move(NamedTuple):
    """The patient lay elsewhere in some events: mm in the table's axes, and a turn about his long axis."""

    events: tuple[int, ...]
    text: str
    left_mm: float
    head_mm: float
    up_mm: float
    turn_deg: float  # left side of a head-first supine patient upwards
    note: str


def exclusions(text: str, started: Sequence[str]) -> tuple[Exclusion, ...]:
    """What `--exclude` says: "3,7-9=not on the table; 12".

    started   (events,) ISO 8601 starts, "" where unknown
    raises    SettingsError
    """
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        which, _, note = part.partition("=")
        found.append(Exclusion(events_of(which, started, "exclude"), which.strip(), _note(note)))
    return tuple(found)


def corrections(texts: Sequence[str], started: Sequence[str]) -> tuple[Correction, ...]:
    """What `--correct` says: "3,7-9:kvp_kv=80=read off the log".

    raises   SettingsError for a field that cannot be corrected, a value that it cannot have, or two for one event
    """
    found = []
    for text in texts:
        head, equals, tail = text.partition("=")
        which, colon, field = head.rpartition(":")
        written, _, note = tail.partition("=")
        if not (equals and colon):
            raise _wrong("correct", text, "Write EVENTS:FIELD=VALUE, e.g. 3,7-9:kvp_kv=80.")
        field = field.strip()
        if field not in CORRECTABLE:
            raise SettingsError(f"correct: no field {field!r}", "options", f"Fields: {', '.join(CORRECTABLE)}.")
        value, (low, high) = _number("correct", written), CORRECTABLE[field]
        if not low <= value <= high:
            raise SettingsError(f"correct: {field} cannot be {value:g}", "options", f"Between {low:g} and {high:g}.")
        found.append(Correction(events_of(which, started, "correct"), which.strip(), field, value, _note(note)))
    _one_value_each(found)
    return tuple(found)


def _one_value_each(found: Sequence[Correction]) -> None:
    given: dict[tuple[int, str], float] = {}
    for correction in found:
        for event in correction.events:
            first = given.setdefault((event, correction.field), correction.value)
            if first != correction.value:
                what = f"correct: event {event + 1} is given two values of {correction.field}"
                raise SettingsError(f"{what}, {first:g} and {correction.value:g}", "options", "Leave one of them out.")


def moves(texts: Sequence[str], started: Sequence[str]) -> tuple[Move, ...]:
    """What `--move` says: "12-:0,50,0=slid down" or, with a turn of 15 degrees, "12-:0,0,0,15".

    raises   SettingsError
    """
    found = []
    for text in texts:
        head, _, note = text.partition("=")
        which, colon, numbers = head.rpartition(":")
        values = [_number("move", part) for part in numbers.split(",")]
        if not colon or len(values) not in (3, 4):
            raise _wrong("move", text, "Write EVENTS:LEFT,HEAD,UP in mm, and a turn in degrees if wanted.")
        left, head_mm, up, turn = (*values, 0.0)[:4]
        if max(map(abs, (left, head_mm, up))) > _FARTHEST_MM or abs(turn) > 180.0:
            remedy = f"At most {_FARTHEST_MM:g} mm and 180 degrees."
            raise SettingsError(f"move: {numbers.strip()!r} is farther than anyone moves", "options", remedy)
        events = events_of(which, started, "move")
        found.append(Move(events, which.strip(), left, head_mm, up, turn, _note(note)))
    return tuple(found)


def renumbered(which: str, new: Mapping[int, int]) -> str:
    """Event numbers of one procedure as those of another that holds the same events among others.

    new      index of an event -> its index in the other procedure; those that it lacks are left out
    returns  "" where none is left; times of day and "all" stay as they are

    >>> renumbered("2-3,5-", {1: 3, 2: 4, 4: 7})
    '4,5,8-'
    """
    found = []
    for part in filter(None, (piece.strip() for piece in which.split(","))):
        numbers = _NUMBERS.fullmatch(part)
        if not numbers:
            found.append(part)
        elif numbers[2] and not numbers[3]:
            later = [index for old, index in new.items() if old >= int(numbers[1]) - 1]
            found += [f"{min(later) + 1}-"] if later else []
        else:
            old = range(int(numbers[1]) - 1, int(numbers[3] or numbers[1]))
            found += [str(new[index] + 1) for index in old if index in new]
    return ",".join(found)


def events_of(text: str, started: Sequence[str], option: str) -> tuple[int, ...]:
    """Indices from 0, in order, for "3,7-9" (numbers from 1), "12-" (to the last), "10:15-10:40", "10:15-", "all".

    raises   SettingsError for what is no number, range or time, or names no event of the procedure

    >>> events_of("3,7-9", [""] * 9, "exclude")
    (2, 6, 7, 8)
    """
    found: set[int] = set()
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        found.update(_part(part, started, option))
    if not found:
        raise _wrong(option, text, "Name the events, e.g. 3,7-9.")
    return tuple(sorted(found))


def _part(part: str, started: Sequence[str], option: str) -> Sequence[int]:
    count = len(started)
    if part.lower() == "all":
        return range(count)
    times, numbers = _TIMES.fullmatch(part), _NUMBERS.fullmatch(part)
    if times:
        return _within(part, times, started, option)
    if not numbers:
        raise SettingsError(
            f"{option}: {part!r} is no event number or range", "options", "Write e.g. 3,7-9 or 12- or 10:15-10:40."
        )
    first = int(numbers[1])
    last = int(numbers[3]) if numbers[3] else count if numbers[2] else first
    if not 1 <= first <= last <= count:
        what = f"{option}: {part!r} is not within the procedure's events 1 to {count}"
        raise SettingsError(what, "options", "The column event of events.csv numbers them.")
    return range(first - 1, last)


def _within(part: str, found: re.Match[str], started: Sequence[str], option: str) -> list[int]:
    """Events that start in a range of times; the clock of a case that goes on past midnight counts on."""
    clocks = [_clock(text) for text in started]
    known = [clock for clock in clocks if clock is not None]
    low, high = _seconds(found.groups()[:3]), _seconds(found.groups()[3:]) if found[4] else math.inf
    if known and len({text[:10] for text in started if text}) > 1:
        low, high = (end + 86400 if end < known[0] else end for end in (low, high))
    days = sorted({text[:10] for text in started if text})
    within = [
        index
        for index, clock in enumerate(clocks)
        if clock is not None and low <= clock + 86400 * days.index(started[index][:10]) <= high
    ]
    if not within:
        what = f"{option}: no event starts within {part}"
        raise SettingsError(what, "options", "The column started of events.csv has the times.")
    return within


def _clock(started: str) -> float | None:
    """Seconds since midnight of an ISO 8601 text; None without a time."""
    found = re.match(r".*T(\d\d):(\d\d):(\d\d(?:\.\d+)?)", started)
    return _seconds(found.groups()) if found else None


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds = (float(part or 0) for part in parts)
    return 60.0 * (60.0 * hours + minutes) + seconds


def _number(option: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SettingsError(f"{option}: {text.strip()!r} is no number", "options", "Write e.g. 12.5.")
    return value


def _wrong(option: str, text: str, remedy: str) -> SettingsError:
    return SettingsError(f"{option}: {text.strip()!r} is not understood", "options", remedy)


def _note(text: str) -> str:
    """A note as it stays in the result: one line, at most 200 signs."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:200]
