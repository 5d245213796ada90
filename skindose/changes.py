"""What changes single events after they were read: the user's words, and geometry that cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skindose import choices
from skindose.config import Settings
from skindose.model import Events

EXCLUDED = "excluded by the user"
_SHOWN = 10


class Change(NamedTuple):
    """What the user changed in single events; it stays in the result.

    kind     "excluded", "corrected" or "moved"
    events   indices
    field    corrected: the column of `Events`
    old      corrected: its value in each of these events before
    new      corrected: (value,); moved: left, head, up in mm and the turn in degrees
    """

    kind: str
    events: tuple[int, ...]
    note: str
    field: str = ""
    old: tuple[float, ...] = ()
    new: tuple[float, ...] = ()


def changes(events: Events, settings: Settings, corrected: tuple[Change, ...]) -> tuple[Change, ...]:
    """Everything that the user changes in single events, in the order excluded, corrected, moved.

    corrected   from `corrections`
    raises      SettingsError for what is not understood, or names no event
    """
    started = events.started
    excluded = [Change("excluded", e.events, e.note) for e in choices.exclusions(settings.exclude, started)]
    moved = [
        Change("moved", m.events, m.note, new=(m.left_mm, m.head_mm, m.up_mm, m.turn_deg))
        for m in choices.moves(settings.move, started)
    ]
    return (*excluded, *corrected, *moved)


def corrections(before: Events, settings: Settings) -> tuple[Change, ...]:
    """What the user corrects in single events.

    before   the events without any correction: they give the old values
    raises   as `changes`
    """
    return tuple(_corrected(before, c) for c in choices.corrections(settings.correct, before.started))


def _corrected(events: Events, wanted: choices.Correction) -> Change:
    old = tuple(float(getattr(events, wanted.field)[event]) for event in wanted.events)
    return Change("corrected", wanted.events, wanted.note, wanted.field, old, (wanted.value,))


def in_words(found: Iterable[Change]) -> tuple[str, ...]:
    """A sentence for each change, for people."""
    return tuple(f"{_sentence(change)}{f': {change.note}' if change.note else ''}." for change in found)


def _sentence(change: Change) -> str:
    which = named(change.events)
    if change.kind == "excluded":
        return f"{which[0].upper()}{which[1:]} {EXCLUDED}"
    if change.kind == "corrected":
        known = sorted({f"{value:g}" for value in change.old if np.isfinite(value)}) or ["missing"]
        was = f"{', '.join(known[:_SHOWN])}{' ...' if len(known) > _SHOWN else ''}"
        return f"{change.field} corrected by the user to {change.new[0]:g} (was {was}) in {which}"
    left, head, up, turn = change.new
    turned = f", turned by {turn:g} degrees about his long axis (left side up)" if turn else ""
    return f"Patient moved by {left:g} mm left, {head:g} mm towards the head end, {up:g} mm up{turned} in {which}"


def exclude(events: Events, found: Iterable[Change]) -> tuple[Events, dict[int, str]]:
    """Take the events that the user excluded out of the map; totals keep them. `found` is from `changes`."""
    reasons: dict[int, str] = {}
    for change in found:
        if change.kind == "excluded":
            reasons |= dict.fromkeys(change.events, f"{EXCLUDED}: {change.note}" if change.note else EXCLUDED)
    return _unmapped(events, reasons), reasons


def set_aside(events: Events, reasons: Mapping[int, str]) -> Events:
    """Take events out of the map, each with its reason; a warning names them and their share of the air kerma."""
    kerma = np.nan_to_num(events.air_kerma_rp_mgy)
    warnings = []
    for reason in dict.fromkeys(reasons.values()):
        own = sorted(index for index, other in reasons.items() if other == reason)
        share = f", {kerma[own].sum() / kerma.sum():.1%} of the air kerma".replace("%", " %") if kerma.any() else ""
        what = f"{named(own)} {'is' if len(own) == 1 else 'are'} set aside{share}: {reason}."
        warnings.append(what[0].upper() + what[1:])
    return replace(_unmapped(events, reasons), warnings=(*events.warnings, *warnings)) if reasons else events


def _unmapped(events: Events, reasons: Mapping[int, str]) -> Events:
    if not reasons:
        return events
    mapped, unmapped = events.mapped.copy(), list(events.unmapped_reason)
    for index, reason in reasons.items():
        mapped[index], unmapped[index] = False, reason
    return replace(events, mapped=mapped, unmapped_reason=tuple(unmapped))


def numbered(indices: Iterable[int]) -> list[str]:
    """Events as people count them, from 1, each run of them as one text.

    >>> numbered([2, 6, 7, 8])
    ['3', '7-9']
    """
    runs: list[list[int]] = []
    for index in sorted(indices):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return [f"{low + 1}" if low == high else f"{low + 1}-{high + 1}" for low, high in runs]


def named(indices: Iterable[int]) -> str:
    """Events in words: "event 3", "events 3, 7-9"; of many runs only the first ten.

    >>> named([2, 6, 7, 8])
    'events 3, 7-9'
    """
    texts = numbered(indices)
    shown = ", ".join(texts[:_SHOWN]) + (" ..." if len(texts) > _SHOWN else "")
    return f"event {shown}" if len(texts) == 1 and "-" not in texts[0] else f"events {shown}"
