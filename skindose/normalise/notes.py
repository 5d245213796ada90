"""Sentences for people: what was derived, assumed or contradicted, said once with the number of events."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from skindose.model import FloatArray

_COUNTED = re.compile(r"(?P<what>.* in (?P<count>\d+) of \d+ events \([^)]* of the air kerma\))(?:: (?P<how>.*))?$")


_FEW = 5  # so many events are named in a warning, more are counted


@dataclass(frozen=True)
class _Key:
    warning: bool
    what: str
    how: str


@dataclass
class Notes:
    """Collects remarks while the columns are made; `sentences` writes each of them once.

    A remark on events is given again for each event; its events are counted and their share of the air kerma stands
    in the sentence: "kVp missing in 3 of 89 events (0.2 % of the air kerma): the median of like events". Warnings about
    a few events give their numbers too.
    """

    _events: dict[_Key, set[int]] = field(default_factory=dict)

    def assume(self, what: str, how: str = "", event: int | None = None) -> None:
        """An assumption or derivation: `what` is the state of the file, `how` what was done about it."""
        self._add(_Key(False, what, how), event)

    def warn(self, what: str, how: str = "", event: int | None = None) -> None:
        """A contradiction, or something left out."""
        self._add(_Key(True, what, how), event)

    def _add(self, key: _Key, event: int | None) -> None:
        events = self._events.setdefault(key, set())
        if event is not None:
            events.add(event)

    def sentences(self, air_kerma_mgy: FloatArray, warnings: bool) -> tuple[str, ...]:
        """The warnings, or the assumptions, in the order in which they first arose.

        air_kerma_mgy   (events,) for the shares; NaN and 0 count nothing
        """
        found = {key: events for key, events in self._events.items() if key.warning is warnings}
        return tuple(_sentence(key, events, air_kerma_mgy) for key, events in found.items())


def _sentence(key: _Key, events: set[int], air_kerma_mgy: FloatArray) -> str:
    text = key.what
    if events:
        total = float(np.nansum(air_kerma_mgy))
        share = float(np.nansum(air_kerma_mgy[sorted(events)])) / total if total > 0 else 0.0
        which = f"event {', '.join(str(event + 1) for event in sorted(events))}; " if _named(key, events) else ""
        text += f" in {len(events)} of {len(air_kerma_mgy)} events ({which}{percent(share)} of the air kerma)"
    return f"{text}: {key.how}" if key.how else text


def _named(key: _Key, events: set[int]) -> bool:
    """Whether the sentence names its events: a warning that is about a few."""
    return key.warning and len(events) <= _FEW


def percent(share: float) -> str:
    """A share in words: "100 %", "12.5 %", "under 0.1 %".

    >>> percent(0.125)
    '12.5 %'
    """
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{share:.0%}".replace("%", " %") if share in (0.0, 1.0) else f"{share:.1%}".replace("%", " %")


def number(value: float) -> str:
    """Four digits, never with an exponent where the number is large.

    >>> number(0.0123456), number(6.82e4)
    ('0.01235', '68200')
    """
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"


def split(sentence: str) -> tuple[str, str, int | None]:
    """A sentence of ours taken apart again: what, what was done about it, and the number of events (None without).

    >>> split("kVp missing in 3 of 89 events (1.2 % of the air kerma): 80 kV of the profile is taken")
    ('kVp missing in 3 of 89 events (1.2 % of the air kerma)', '80 kV of the profile is taken', 3)
    """
    found = _COUNTED.match(sentence)
    if found:
        return found["what"], found["how"] or "", int(found["count"])
    what, _, how = sentence.rpartition(": ")
    return (what, how, None) if what else (sentence, "", None)
