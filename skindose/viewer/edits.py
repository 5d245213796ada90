"""What a physicist changes in a case, as the settings that `skindose run` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from skindose.changes import numbered
from skindose.choices import exclusions
from skindose.config import Settings
from skindose.errors import SettingsError

AXES = ("left", "head", "up", "turn")
UNITS = ("mm", "mm", "mm", "\u00b0")
# How far each slider goes, in its unit: a patient lies somewhere on the table, and turns onto his side at most.
REACH = (200.0, 500.0, 150.0, 90.0)
Offset = tuple[float, float, float, float]
NOWHERE: Offset = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Edits:
    """Changes since the result was opened; `settings` says them in the words of `--move` and `--exclude`.

    moves       first event (index) of a move -> left, head, up in mm and the turn in degrees, to the last event
    excluded    event (index) -> reason
    included    events that the stored case leaves out and that count again
    """

    moves: Mapping[int, Offset] = field(default_factory=lambda: MappingProxyType({}))
    excluded: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    included: frozenset[int] = frozenset()

    def moved(self, first: int, axis: str, value: float) -> Edits:
        """With one axis of the move that begins at event `first` set to `value`, within the slider's reach."""
        index = AXES.index(axis)
        offset = list(self.moves.get(first, NOWHERE))
        offset[index] = float(round(min(max(value, -REACH[index]), REACH[index])))
        moves = {**self.moves, first: (offset[0], offset[1], offset[2], offset[3])}
        return replace(self, moves={key: each for key, each in sorted(moves.items()) if any(each)})

    def without(self, event: int, reason: str) -> Edits:
        """With an event left out.

        raises   SettingsError without a reason
        """
        words = said(reason)
        if not words:
            raise SettingsError("an event is left out without a reason", "exclude", "Say why it does not count.")
        return replace(self, excluded={**self.excluded, event: words}, included=self.included - {event})

    def with_event(self, event: int, base: Settings, started: Sequence[str]) -> Edits:
        """With an event counted again."""
        excluded = {key: reason for key, reason in self.excluded.items() if key != event}
        again = {event} & stored_exclusions(base, started)
        return replace(self, excluded=excluded, included=self.included | again)

    def any(self) -> bool:
        """Whether anything is changed."""
        return bool(self.moves or self.excluded or self.included)

    def settings(self, base: Settings, started: Sequence[str], note: str = "") -> Settings:
        """The stored case's settings with these changes.

        started   (events,) ISO 8601 starts
        note      why the patient is moved; stays with each move
        """
        moves = [_move(first, offset, said(note)) for first, offset in self.moves.items()]
        return base.model_copy(update={"move": (*base.move, *moves), "exclude": self._exclude(base, started)})

    def _exclude(self, base: Settings, started: Sequence[str]) -> str:
        kept = [base.exclude] if base.exclude else []
        if self.included:
            kept = [
                f"{','.join(numbered(left))}{f'={each.note}' if each.note else ''}"
                for each in exclusions(base.exclude, started)
                if (left := [event for event in each.events if event not in self.included])
            ]
        return "; ".join((*kept, *(f"{event + 1}={reason}" for event, reason in self.excluded.items())))


def stored_exclusions(base: Settings, started: Sequence[str]) -> frozenset[int]:
    """Events (indices) that these settings leave out."""
    return frozenset(event for each in exclusions(base.exclude, started) for event in each.events)


def said(text: str) -> str:
    """A reason as it stands in a setting: one line, and no semicolon, which separates settings."""
    return " ".join(text.replace(";", ",").split())[:200].strip(" ,")


def _move(first: int, offset: Offset, note: str) -> str:
    which = f"{first + 1}-" if first else "all"
    return f"{which}:{','.join(f'{value:g}' for value in offset)}{f'={note}' if note else ''}"
