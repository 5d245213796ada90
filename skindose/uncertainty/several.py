"""The peak of several procedures' sum: one error for what they share, each its own for where the patient lay.

The display (or calibration record) of one machine's plane is off alike in all its procedures, and so are its table, its
tube's filter and its heel effect; backscatter and dose medium are off alike in all. The patient lies anew each time.
Doses are those of the rough map (`recast`): primary beams with each beam's mean factors, relative to the same map with
the patient where he is shown.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skindose.dose import hit_dose_mgy
from skindose.model import BoolArray, FloatArray, IntArray, Peak, Phantom, Result
from skindose.uncertainty import sample, shift
from skindose.uncertainty.budget import Budget, Reading, budget
from skindose.uncertainty.design import even, normal
from skindose.uncertainty.patches import around
from skindose.uncertainty.recast import BLOCK, Scene, candidates, placements, rough_dose_mgy, scene

_EVERYWHERE = ("backscatter", "dose medium")  # off alike on every machine
_WITHIN_95 = (0.025, 0.975)

_Key = tuple[str, ...]  # what is drawn once
_Cells = tuple[IntArray, FloatArray]  # cells with dose, and the dose


class Member(NamedTuple):
    """One procedure of the sum: its result with beams, and the machine whose errors it shares with others.

    name   of which its patient's place is drawn: the same in whatever sum it is
    """

    result: Result
    machine: str
    name: str = ""


@dataclass(frozen=True)
class Together:
    """The uncertainty of the sum's peak.

    ratio        (placements x draws,) true peak of the sum over the one shown, in increasing order
    place_mm     within this distance of the place shown it lies with 95 % probability
    """

    ratio: FloatArray
    placements: int
    draws: int
    place_mm: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of true over shown."""
        low, high = np.quantile(self.ratio, _WITHIN_95)
        return float(low), float(high)


class _Group(NamedTuple):
    """The events of one procedure that one display or calibration record measured.

    key        of the reading
    relative   what is drawn -> (r, least z): the dose is multiplied by exp(z r)
    rough      dose to cells, for each placement; the first is the one shown
    """

    key: _Key
    reading: Reading
    relative: Mapping[_Key, tuple[float, float]]
    rough: list[_Cells]


def together(members: Sequence[Member], peak: Peak, seed: int, kept: dict[int, Any] | None = None) -> Together | None:
    """The uncertainty of the sum's peak; None where no primary beam meets the body.

    members   on one body, in an order that does not depend on how they were given
    peak      of the sum
    kept      what is kept of the very same results from one sum to the next: each is moved and cast once
    """
    body, kept = members[0].result.phantom, {} if kept is None else kept
    for place, member in enumerate(members):
        if id(member.result) not in kept:
            own = zlib.crc32((member.name or str(place)).encode())
            kept[id(member.result)] = _groups(member, np.random.default_rng((seed, own)))
    groups: list[_Group] = [group for member in members for group in kept[id(member.result)]]
    multiplier = _multipliers(groups, sample.DRAWS, seed + 1)
    found = [_placed(groups, row, body) for row in range(sample.PLACEMENTS + 1)]
    shown = found[0][0].sum(axis=0).max(initial=0.0)
    if not shown > 0:
        return None
    ratio, cells = [], []
    for dose_mgy, cell in found[1:]:
        total = multiplier @ dose_mgy if len(cell) else np.zeros((len(multiplier), 1))
        ratio.append(total.max(axis=1) / shown)
        cells.append(cell[total.argmax(axis=1)] if len(cell) else np.zeros(0, dtype=np.int32))
    away = np.linalg.norm(body.centroid_mm[np.concatenate(cells)] - np.array(peak.position_mm), axis=1)
    return Together(np.sort(np.concatenate(ratio)), sample.PLACEMENTS, sample.DRAWS, float(np.quantile(away, 0.95)))


# --- The doses


def _groups(member: Member, rng: np.random.Generator) -> list[_Group]:
    """One for each reading of the procedure, its patient placed by draws of his own."""
    result = member.result
    if result.beams is None or result.placement is None:
        return []
    shown = scene(result.events, result.beams, result.phantom, result.settings, result.calibrations)
    own = budget(shown, result.calibrations)
    moves = shift.draw(result.placement, result.events, sample.PLACEMENTS, int(rng.integers(2**31)))
    rough = _rough(shown, _shuffled(moves, rng), [one.events for one in own.readings])
    return [
        _Group((member.machine, one.name), one, _relative(shown, own, one.events, member.machine), doses)
        for one, doses in zip(own.readings, rough, strict=True)
    ]


def _shuffled(moves: shift.Moves, rng: np.random.Generator) -> shift.Moves:
    """The draws in an order of chance: even draws of two procedures would else go in step."""
    rows = np.concatenate([[0], 1 + rng.permutation(len(moves) - 1)])
    return replace(
        moves,
        patient_mm=moves.patient_mm[rows],
        isocentre_mm=moves.isocentre_mm[rows],
        standin=moves.standin[rows],
    )


def _rough(shown: Scene, moves: shift.Moves, own: Sequence[BoolArray]) -> list[list[_Cells]]:
    """For each group of events, and for each of the moves, the cells of its rough map that have dose.

    own   (groups,) of (events,): which
    """
    from skindose import kernel

    cells = len(shown.body.area_mm2)
    count = max(1, -(-len(moves) * cells * len(shown.beams) // BLOCK))
    found: list[list[_Cells]] = [[] for _ in own]
    for rows in np.array_split(np.arange(len(moves), dtype=np.int32), min(count, len(moves))):
        beams = shift.moved(shown.beams, shown.events, moves, rows)
        hits = kernel.cast(beams, shown.body)
        dose, event = rough_dose_mgy(shown, beams, hits), beams.event[hits.beam()]
        for part in placements(hits, len(shown.beams)):
            for doses, among in zip(found, own, strict=True):
                weights = np.where(among[event[part]], dose[part], 0.0)
                total = np.bincount(hits.cell[part], weights=weights, minlength=cells).astype(np.float64, copy=False)
                cell = np.flatnonzero(total).astype(np.int32)
                doses.append((cell, total[cell]))
    return found


def _placed(groups: Sequence[_Group], row: int, body: Phantom) -> tuple[FloatArray, IntArray]:
    """Of one placement of every procedure: (groups, places) the mean dose over 1 cm2, and the places' cells."""
    parts, cells = [group.rough[row] for group in groups], len(body.area_mm2)
    cell = np.concatenate([part[0] for part in parts])
    dose = np.concatenate([part[1] for part in parts])
    which = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part[0]) for part in parts])
    total = np.bincount(cell, weights=dose, minlength=cells).astype(np.float64)
    centre = candidates(total, (cell, dose, which), _corners(groups), body)
    patches = around(centre, body)
    means = np.zeros((len(parts), len(centre)))
    for index, (own, value) in enumerate(parts):
        padded = np.zeros(cells + 1)  # -1 in a patch is the one beyond the last
        padded[own] = value
        means[index] = (padded[patches.cell] * patches.share).sum(axis=1)
    return means, centre


# --- The factors


def _relative(shown: Scene, own: Budget, among: BoolArray, machine: str) -> dict[_Key, tuple[float, float]]:
    """How what is drawn acts on some of the events: its mean over them, weighted with their dose."""
    event, count = shown.beams.event[shown.hits.beam()], len(shown.events)
    dose = hit_dose_mgy(shown.beams, shown.hits, shown.factors)
    of_event = np.bincount(event, weights=dose, minlength=count)
    log_t = np.bincount(event, weights=dose * np.log(shown.factors.transmission), minlength=count)
    whole = max(float(of_event[among].sum()), 1e-300)
    found: dict[_Key, tuple[float, float]] = {}
    for number, source in enumerate(own.sources):
        nth = sum(one.group == source.group for one in own.sources[:number])  # one for each plane's tube, for instance
        key = (source.group,) if source.group in _EVERYWHERE else (machine, source.group, f"{nth}")
        weight = log_t if source.by_table else of_event
        least = -1.0 / float(source.relative.max()) if source.by_table else -np.inf
        found[key] = float((weight * source.relative)[among].sum()) / whole, least
    return found


def _multipliers(groups: Sequence[_Group], count: int, seed: int) -> FloatArray:
    """(draws, groups) what each group's dose is multiplied by."""
    drawn = list(dict.fromkeys(key for group in groups for key in (group.key, *group.relative)))
    uniform = even(count, len(drawn), seed)
    column = {key: (uniform[:, i], z) for i, (key, z) in enumerate(zip(drawn, normal(uniform).T, strict=True))}
    found = []
    for group in groups:
        exponent = np.zeros(count)
        for key, (relative, least) in group.relative.items():
            exponent += relative * np.maximum(column[key][1], least)
        found.append(group.reading.multiplier(*column[group.key]) * np.exp(exponent))
    return np.stack(found, axis=1)


def _corners(groups: Sequence[_Group]) -> FloatArray:
    """(corners, groups) what doses are multiplied by to find where the peak may be: as they are, and each reading's
    two ends where there are several."""
    readings = dict.fromkeys(group.key for group in groups)
    corners = [np.ones(len(groups))]
    for key in readings if len(readings) > 1 else ():
        reading = next(group.reading for group in groups if group.key == key)
        ends = reading.multiplier(np.array([0.023, 0.977]), np.array([-2.0, 2.0]))
        corners += [np.where([group.key == key for group in groups], end, 1.0) for end in ends.tolist()]
    return np.array(corners)
