"""Texts that a department types itself, without the patient's name, number or accession number in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from skindose.model import Header, Item

SHORTEST = 4  # letters; shorter parts of a name are too often a word or a syllable of another
REMOVED = "[removed]"
_TYPED = frozenset(("acquisition_protocol", "irradiation_event_label"))


def secrets(texts: Sequence[str]) -> re.Pattern[str] | None:
    """What finds any part of these identifiers as a whole word; None where there is nothing to find."""
    parts = {part for text in texts for part in re.split(r"[\\^=,\s]+", text) if len(part) >= SHORTEST}
    if not parts:
        return None
    longest_first = sorted(parts, key=lambda part: (-len(part), part))
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)", re.IGNORECASE)


def header_without(found: Header, pattern: re.Pattern[str] | None) -> Header:
    """The header, its description and station without the identifiers."""
    if pattern is None:
        return found
    description, station = (pattern.sub(REMOVED, text) for text in (found.description, found.station))
    return replace(found, description=description, station=station)


def item_without(item: Item, pattern: re.Pattern[str] | None) -> Item:
    """The item and all below it; texts typed by hand without the identifiers."""
    if pattern is None:
        return item
    text = pattern.sub(REMOVED, item.text) if item.name in _TYPED else item.text
    children = tuple(item_without(child, pattern) for child in item.children)
    return item if (text, children) == (item.text, item.children) else item._replace(text=text, children=children)
