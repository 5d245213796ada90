"""Order in time, and the words of each event: identifier, start, plane, kind, protocol."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skindose.model import Item
from skindose.normalise.items import Record
from skindose.normalise.vocabulary import word
from skindose.normalise.work import Work, plane_of

FLUOROSCOPY = "fluoroscopy"
STEPPING = "stepping acquisition"
ROTATIONAL = "rotational acquisition"
_DATETIME = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})[T ]?(?:(\d{2}):?(\d{2})?:?(\d{2})?(\.\d+)?)?")


def in_time_order(events: Sequence[Item]) -> list[Record]:
    """Events sorted by start, then identifier; one without a start stays behind its predecessor in the file.

    So the order of the file matters only where it is all there is.
    """
    keyed, last = [], ""
    for index, item in enumerate(events):
        record = Record(item, index)
        start = started(record)
        key = (start, 0, uid(record), 0) if start else (last, 1, "", index)
        last = start or last
        keyed.append((key, record))
    keyed.sort(key=lambda pair: pair[0])
    return [record for _, record in keyed]


def started(record: Record) -> str:
    """ISO 8601 local time, "" when absent or not a time.

    >>> iso("20171106104125.084")
    '2017-11-06T10:41:25.084'
    """
    return next(filter(None, map(iso, record.texts("date_time_started"))), "")


def iso(text: str) -> str:
    """A DICOM date and time as ISO 8601, "" when it is none."""
    found = _DATETIME.match(text.strip())
    if not found or not (1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31):
        return ""
    clock = ":".join(part or "00" for part in found.group(4, 5, 6))
    return f"{found[1]}-{found[2]}-{found[3]}T{clock}{found[7] or ''}"


def uid(record: Record) -> str:
    """Irradiation Event UID, "" when absent."""
    return record.text("irradiation_event_uid")


def event_type(record: Record) -> str:
    """Kind of the event; an unknown one that ends at another angle counts as rotational, else as fluoroscopy."""
    known = word("event_type", record.codes("irradiation_event_type"))
    return known or FLUOROSCOPY


def label_events(work: Work) -> None:
    """Sets plane, kind and protocol of every event."""
    work.plane = tuple(plane_of(record) for record in work.records)
    work.event_type = tuple(event_type(record) for record in work.records)
    work.protocol = tuple(record.text("acquisition_protocol") for record in work.records)
    for event, record in enumerate(work.records):
        if not word("event_type", record.codes("irradiation_event_type")):
            work.notes.assume("kind of event not stated", "taken as fluoroscopy", event)
