"""Follow-up dates as an iCalendar file, so that a reader puts them into a calendar with one click  [RFC 5545].

Titles are neutral: a calendar is seen by people who may not know of the patient.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from skindose.triggers.followup import Due

_LONGEST_OCTETS = 75  # of a line, without its end  [RFC 5545, 3.1]


def calendar(case: str, contacts: Iterable[Due], stamp: datetime) -> str:
    """The contacts as all-day events on the day from which each is due; lines end with CR LF.

    What is due on one day only, before discharge, is no appointment and not in it.

    case    the random local case number; it and the contact's name make the event's UID, so that the same dates
            imported again replace the old ones
    stamp   when this was written, with its time zone
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//skindose//follow-up//EN", "METHOD:PUBLISH"]
    for contact in (each for each in contacts if each.last > each.first):
        lines += _event(case, contact, stamp)
    return "".join(f"{fold(line)}\r\n" for line in [*lines, "END:VCALENDAR"])


def _event(case: str, contact: Due, stamp: datetime) -> list[str]:
    name = "-".join(contact.name.split())
    until = f"Due from {contact.first:%Y-%m-%d} to {contact.last:%Y-%m-%d}."
    return [
        "BEGIN:VEVENT",
        f"UID:{escaped(f'{case}-{name}@skindose.invalid')}",
        f"DTSTAMP:{stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{_day(contact.first)}",
        f"DTEND;VALUE=DATE:{_day(contact.first + timedelta(1))}",
        f"SUMMARY:{escaped(f'skindose {case}: follow-up {contact.name}')}",
        f"DESCRIPTION:{escaped(f'{until} {contact.what}')}",
        "CLASS:PRIVATE",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _day(day: date) -> str:
    return f"{day:%Y%m%d}"


def escaped(text: str) -> str:
    r"""A value of type TEXT  [RFC 5545, 3.3.11].

    >>> escaped("a, b; c\\d" + chr(10) + "e")
    'a\\, b\\; c\\\\d\\ne'
    """
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    return "\\n".join(text.splitlines())


def fold(line: str) -> str:
    """A content line in pieces of 75 octets at most, the later ones after a space; no letter is torn.

    >>> [len(piece) for piece in fold("x" * 100).split(chr(13) + chr(10))]
    [75, 26]
    """
    pieces, length = [""], 0
    for letter in line:
        size = len(letter.encode())
        if length + size > _LONGEST_OCTETS:
            pieces.append(" ")
            length = 1
        pieces[-1] += letter
        length += size
    return "\r\n".join(pieces)
