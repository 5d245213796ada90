"""The follow-up dates as a calendar: read back by a reader of its own, line by line as RFC 5545 has it."""

from datetime import UTC, date, datetime

import pytest

from skindose.report.ics import calendar, escaped, fold
from skindose.triggers.followup import Due, due, plan

STAMP = datetime(2026, 11, 25, 15, 4, 5, tzinfo=UTC)
CONTACTS = due(plan(12.0, True), date(2026, 11, 25))


def read(text):
    """The events of a calendar, each as {property: value}, unfolded and unescaped."""
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    lines = text.replace("\r\n ", "").split("\r\n")[:-1]
    assert (lines[0], lines[1], lines[-1]) == ("BEGIN:VCALENDAR", "VERSION:2.0", "END:VCALENDAR")
    events = []
    for line in lines:
        name, _, value = line.partition(":")
        if line == "BEGIN:VEVENT":
            events.append({})
        elif events and line != "END:VEVENT":
            out, signs = "", iter(value)
            for sign in signs:
                out += {"n": "\n"}.get(after := next(signs), after) if sign == "\\" else sign
            events[-1][name] = out
    return events


def test_every_contact_after_the_day_is_there_for_a_whole_day():
    events = read(calendar("K-2026-0147", CONTACTS, STAMP))
    assert [event["SUMMARY"] for event in events] == [
        f"skindose K-2026-0147: follow-up {name}"
        for name in ("10-14 days", "2-4 weeks", "30 days", "3 months", "6 months", "12 months")
    ]
    assert events[0]["DTSTART;VALUE=DATE"] == "20261205"
    assert events[0]["DTEND;VALUE=DATE"] == "20261206"  # the day after: an end is not included
    assert events[0]["DTSTAMP"] == "20261125T150405Z"
    assert events[0]["DESCRIPTION"].startswith("Due from 2026-12-05 to 2026-12-09. Phone: early redness?")
    assert len({event["UID"] for event in events}) == 6


def test_the_same_dates_again_have_the_same_uids():
    later = STAMP.replace(hour=16)
    first, second = (read(calendar("K-2026-0147", CONTACTS, stamp)) for stamp in (STAMP, later))
    assert [event["UID"] for event in first] == [event["UID"] for event in second]


def test_hostile_words_stay_in_their_line():
    what = "a\r\nEND:VEVENT\nBEGIN:VALARM; b, c\\n \u201cd\u201d \U0001fa7b " * 4
    contact = Due("2-4 weeks", date(2026, 12, 9), date(2026, 12, 23), what)
    (event,) = read(calendar("K-2026-0147", [contact], STAMP))
    assert event["DESCRIPTION"] == "Due from 2026-12-09 to 2026-12-23. " + "\n".join(what.splitlines())


@pytest.mark.parametrize("sign", ["x", "\u00e4", "\u201c", "\U0001fa7b"])
@pytest.mark.parametrize("length", [1, 73, 74, 75, 76, 77, 300])
def test_lines_have_75_octets_at_most_and_no_letter_is_torn(sign, length):
    folded = fold(sign * length)
    assert folded.replace("\r\n ", "") == sign * length
    assert max(len(line.encode()) for line in folded.split("\r\n")) <= 75


def test_escaping():
    assert escaped("a;b,c\\d\ne") == "a\\;b\\,c\\\\d\\ne"
