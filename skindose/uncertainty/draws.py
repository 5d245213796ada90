"""Draws of the factors crossed with the recast placements: the peak of each, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from skindose.model import Events, FloatArray, IntArray
from skindose.uncertainty.budget import Budget, readings
from skindose.uncertainty.design import even, normal
from skindose.uncertainty.recast import Recast, Scene

_DRAWS = 1000  # of the air kerma alone
_ALIKE = 0.03  # r of events that differ by less do not move the peak's place


@dataclass(frozen=True)
class Draws:
    """Draws of a budget.

    multiplier   (draws, readings) of the air kerma
    normal       (draws, sources) standard normal numbers; of the table no less than what turns ln T to 0
    """

    multiplier: FloatArray
    normal: FloatArray

    def only(self, readings: bool, sources: tuple[int, ...]) -> Draws:
        """The same where nothing varies but the readings, or some of the sources."""
        kept = np.zeros_like(self.normal)
        kept[:, list(sources)] = self.normal[:, list(sources)]
        return Draws(self.multiplier if readings else np.ones_like(self.multiplier), kept)


class Peaks(NamedTuple):
    """(draws,) the highest dose over 1 cm2, and the cell it is about."""

    dose_mgy: FloatArray
    cell: IntArray


def draw(budget: Budget, count: int, seed: int) -> Draws:
    """`count` draws of everything in the budget."""
    readings, sources = budget.readings, budget.sources
    uniform = even(count, len(readings) + len(sources), seed)
    numbers = normal(uniform)
    multiplier = [one.multiplier(uniform[:, i], numbers[:, i]) for i, one in enumerate(readings)]
    least = [-1.0 / one.relative.max() if one.by_table else -np.inf for one in sources]
    return Draws(np.stack(multiplier, axis=1), np.maximum(numbers[:, len(readings) :], least))


def kerma_ratio(events: Events, calibrations: Any) -> FloatArray | None:
    """Draws of the true air kerma over the displayed one, all events together; None where nothing is calibrated."""
    kerma = np.where(np.isfinite(events.air_kerma_rp_mgy), events.air_kerma_rp_mgy, 0.0)
    if calibrations is None or not any(calibrations.record) or not kerma.sum() > 0:
        return None
    known = readings(events, calibrations)
    multiplier = draw(Budget(known, ()), _DRAWS, 0).multiplier
    share = np.array([(kerma * calibrations.factor)[one.events].sum() for one in known]) / kerma.sum()
    found: FloatArray = np.sort(multiplier @ share)
    return found


def corners(budget: Budget, scene: Scene) -> FloatArray:
    """(corners, events) what doses are multiplied by: as they are, and two standard deviations either way of each
    reading and source that does not act on all events alike."""
    hits, ones = scene.hits, np.ones(len(scene.events))
    event = scene.beams.event[hits.beam()]
    count = np.maximum(np.bincount(event, minlength=len(ones)), 1)
    log_t = np.bincount(event, weights=np.log(scene.factors.transmission), minlength=len(ones)) / count
    used = np.unique(event)
    found = [ones]
    for reading in budget.readings:
        if not reading.events[used].all():
            ends = reading.multiplier(np.array([0.023, 0.977]), np.array([-2.0, 2.0]))
            found += [np.where(reading.events, end, 1.0) for end in ends]
    for source in budget.sources:
        relative = source.relative * log_t if source.by_table else source.relative
        if np.ptp(relative[used]) > _ALIKE:
            found += [np.exp(2.0 * sign * relative) for sign in (-1.0, 1.0)]
    return np.array(found)


def peaks(recast: Recast, budget: Budget, draws: Draws) -> Peaks:
    """The peak of each draw: the highest of the candidates.

    For the events of one reading a source acts on each place by the mean of its r there: exp of the mean, not the mean
    of exp, which differs in the second order of how r differs between these events.
    """
    total = np.zeros((len(draws.normal), len(recast.cell)))
    for index, reading in enumerate(budget.readings):
        dose, log_t = recast.dose_mgy[:, reading.events], recast.log_transmission[:, reading.events]
        relative = np.array(
            [(dose * log_t if one.by_table else dose) @ one.relative[reading.events] for one in budget.sources]
        ).reshape(len(budget.sources), len(dose))
        mean = dose.sum(axis=1)
        exponent = draws.normal @ (relative / np.maximum(mean, 1e-300))
        total += draws.multiplier[:, index, None] * mean * np.exp(exponent)
    if not total.shape[1]:
        return Peaks(np.zeros(len(total)), np.full(len(total), -1, dtype=np.int32))
    best = total.argmax(axis=1)
    return Peaks(total[np.arange(len(total)), best], recast.cell[best])
