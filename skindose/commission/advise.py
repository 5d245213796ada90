"""Which further shot would settle what the shots leave open: a few ordinary shots are tried on paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from skindose.commission.fit import Fit, rays, solve, squares, sums
from skindose.commission.judge import DISTINCT, Explanation
from skindose.commission.shots import Shots
from skindose.model import FloatArray

# A further shot must separate hypotheses by this much more than what counts as distinct: it has noise of its own.
MARGIN = 2.0
LOWER_MM = 80.0
_ASIDE_MM = np.array([120.0, 0.0, -200.0])
_RAISED_MM = np.array([0.0, -100.0, 0.0])
_PRIMARY_DEG, _SECONDARY_DEG = 45.0, 30.0
_MOST_STEPS, _MOST_OTHERS = 5, 200


@dataclass(frozen=True, eq=False)
class Trial:
    """A shot that could be added, as the machine with the fitted conventions would report it."""

    words: str
    shot: Shots


class _Departure(NamedTuple):
    """In what a shot that is tried departs from the first one; at 0/0 without."""

    aside: bool
    raised: bool
    lower: bool
    primary: bool
    secondary: bool
    orientation: str


def trials(shots: Shots, fit: Fit) -> Iterator[Trial]:
    """Ordinary shots, from those that depart least from what is there."""
    registered = ("hfs",) if set(shots.orientation) == {"hfs"} else (shots.orientation[0], "hfs")
    either = (False, True)
    grid = (_Departure(*each) for each in product(either, either, either, either, either, registered))
    for choice in sorted(grid, key=lambda each: (each.count(True), each[:5])):
        marker = shots.marker_mm[0] + (_ASIDE_MM if choice.aside else 0.0) + (_RAISED_MM if choice.raised else 0.0)
        angles = np.array([_PRIMARY_DEG * choice.primary, _SECONDARY_DEG * choice.secondary])
        yield Trial(
            _words(marker, choice.lower, angles, choice.orientation if len(registered) > 1 else ""),
            _reported(shots, fit, marker, angles, choice),
        )


def _words(marker_mm: FloatArray, lower: bool, angles_deg: FloatArray, orientation: str) -> str:
    left, up, head = marker_mm[0], 0.0 - marker_mm[1], 0.0 - marker_mm[2]
    side = f"{abs(left):.0f} mm {'left' if left > 0 else 'right'} of" if round(left) else "on"
    parts = [
        f"marker {side} the centre line, {head:.0f} mm from the head end, {up:.0f} mm up",
        f"primary angle {angles_deg[0]:g}, secondary {angles_deg[1]:g}",
        f"table {LOWER_MM:g} mm lower than in the others" if lower else "table as high as in the others",
    ]
    return ", ".join([*parts, f"registered {orientation.upper()}"] if orientation else parts)


def _reported(shots: Shots, fit: Fit, marker: FloatArray, angles: FloatArray, choice: _Departure) -> Shots:
    """One shot: the readings with the marker on the central ray, under the conventions of the fit."""
    shot = replace(
        shots,
        event=shots.event[:1],
        marker_mm=marker[None],
        reading_mm=np.zeros((1, 3)),
        stand_deg=angles[None],
        table_deg=np.zeros((1, 3)),
        orientation=(choice.orientation,),
        remark=("",),
    )
    ray = rays(shot, fit.hypothesis.stand, fit.angle_zeros_deg)[0]
    matrix = fit.hypothesis.table.matrix
    height_mm = float((shots.reading_mm @ matrix.T)[:, 1].mean() - fit.zeros_mm[1]) + LOWER_MM * choice.lower
    lever = (marker[1] + height_mm) / ray[1] if abs(ray[1]) > 0.2 else 0.0
    position = -(marker - lever * ray)
    return replace(shot, reading_mm=((position + fit.zeros_mm) @ matrix)[None])


def added(shots: Shots, more: Shots) -> Shots:
    """The shots with one more."""

    def both(name: str) -> FloatArray:
        return np.concatenate([getattr(shots, name), getattr(more, name)])

    return replace(
        shots,
        event=np.concatenate([shots.event, more.event]),
        marker_mm=both("marker_mm"),
        reading_mm=both("reading_mm"),
        stand_deg=both("stand_deg"),
        table_deg=both("table_deg"),
        orientation=shots.orientation + more.orientation,
        remark=shots.remark + more.remark,
    )


def plan(shots: Shots, found: Explanation, largest_error_mm: float, matters: Callable[[Fit], bool]) -> tuple[Step, ...]:
    """Shots to add, one after the other, until everything that the shots could tell is settled.

    matters   whether mistaking this other hypothesis for the taken one would matter to a map
    """
    tried, steps = list(trials(shots, found.fit)), []
    state = _State(shots, _others(found), largest_error_mm)
    for _ in range(_MOST_STEPS):
        if state.settled(found):
            break
        options = [state.with_shot(trial, found) for trial in tried]
        best = min(range(len(options)), key=lambda i: (*options[i].badness(found, matters), i))
        if options[best].badness(found, matters) >= state.badness(found, matters):
            break
        steps.append(Step(tried[best].words, state.badness(found, matters)[0] > 0))
        state = options[best]
    return tuple(steps)


class Step(NamedTuple):
    """A shot to add, in words; whether the profile needs it."""

    words: str
    needed: bool


class _State(NamedTuple):
    """Shots that are there or imagined, and the hypotheses that they leave standing."""

    shots: Shots
    others: tuple[Fit, ...]
    largest_error_mm: float

    def with_shot(self, trial: Trial, found: Explanation) -> _State:
        more = added(self.shots, trial.shot)
        square = _squares(more, found, self.others)
        limit = MARGIN * DISTINCT * found.sigma_mm**2
        left = [fit for fit, value in zip(self.others, square, strict=True) if value - fit.square_mm2 < limit]
        return _State(more, tuple(left), self.largest_error_mm)

    def blind(self, found: Explanation) -> int:
        """How many of the table's zeros are not known well enough."""
        fit = solve(self.shots, found.fit.hypothesis, counts(self.shots, found.left_out), found.with_angles)
        error = found.sigma_mm * np.sqrt(np.diag(fit.covariance)[:3])
        return int((~(error <= self.largest_error_mm)).sum())

    def settled(self, found: Explanation) -> bool:
        return not self.others and not self.blind(found)

    def badness(self, found: Explanation, matters: Callable[[Fit], bool]) -> tuple[int, int]:
        """What is left open and matters, and all that is left open."""
        return sum(map(matters, self.others)) + self.blind(found), len(self.others)


def _others(found: Explanation) -> tuple[Fit, ...]:
    return found.equal[1 : _MOST_OTHERS + 1]


def _squares(more: Shots, found: Explanation, others: Sequence[Fit]) -> list[float]:
    """Sum of squares of each hypothesis with a shot added that fits the taken one exactly."""
    stand = list(dict.fromkeys(fit.hypothesis.stand for fit in others))
    table = list(dict.fromkeys(fit.hypothesis.table for fit in others))
    if not others:
        return []
    square = squares(sums(more, stand, table), found.left_out)[int(found.with_angles)]
    return [float(square[stand.index(fit.hypothesis.stand), table.index(fit.hypothesis.table)]) for fit in others]


def counts(shots: Shots, left_out: Iterable[int]) -> FloatArray:
    """(shots,) 1 for shots that count, 0 for those left out."""
    found = np.ones(len(shots))
    found[list(left_out)] = 0.0
    return found
