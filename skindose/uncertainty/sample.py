"""The whole budget of one procedure: draws, recasts, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from skindose.config import Settings
from skindose.model import Beams, DoseMap, Events, FloatArray, Peak, Phantom, Placement
from skindose.uncertainty import draws as drawn
from skindose.uncertainty import shift
from skindose.uncertainty.budget import Budget, budget
from skindose.uncertainty.outcome import Share, Uncertainty
from skindose.uncertainty.recast import Recasts, Scene, recasts, scene

PLACEMENTS = 64
DRAWS = 1000
_RARE = 0.01  # regions less probable than this are not named


def sample(
    events: Events,
    beams: Beams,
    placement: Placement,
    body: Phantom,
    settings: Settings,
    dosemap: DoseMap,
    calibrations: Any = None,
    **physics: Any,
) -> tuple[Uncertainty, FloatArray] | None:
    """The peak's uncertainty, and the standard uncertainty of each cell's dose; None where no beam meets the body.

    calibrations   `skindose.calibration.Calibrations`, or None where nothing is calibrated
    physics        what else `physics.factors` takes
    """
    shown = scene(events, beams, body, settings, physics)
    own = budget(shown, calibrations)
    moves = shift.draw(placement, events, PLACEMENTS, settings.seed)
    cast = recasts(shown, moves, drawn.corners(own, shown))
    factors = drawn.draw(own, DRAWS, settings.seed + 1)
    nothing = factors.only(False, ())
    reference = float(drawn.peaks(cast.places[0], own, nothing).dose_mgy[0])
    if dosemap.peak is None or not reference > 0:
        return None
    found = [drawn.peaks(one, own, factors) for one in cast.places[1:]]
    ratio = np.sort(np.concatenate([one.dose_mgy for one in found]) / reference)
    place_mm, regions = _places(np.concatenate([one.cell for one in found]), dosemap.peak, body)
    shares = _shares(cast, own, factors, placement, events)
    return Uncertainty(ratio, shares, PLACEMENTS, DRAWS, place_mm, regions), _per_cell(cast, dosemap, own, shares)


def _places(cell: Any, peak: Peak, body: Phantom) -> tuple[float, tuple[tuple[str, float], ...]]:
    """Within how far of the place shown the peak lies in 95 of 100 draws, and in which regions."""
    cell = cell[cell >= 0]
    away = np.linalg.norm(body.centroid_mm[cell] - np.array(peak.position_mm), axis=1)
    count = np.bincount(body.region[cell], minlength=len(body.region_names)) / len(cell)
    order = np.argsort(-count, kind="stable")
    named = ((body.region_names[index], float(count[index])) for index in order if count[index] >= _RARE)
    return float(np.quantile(away, 0.95)), tuple(named)


def _shares(
    cast: Recasts, own: Budget, factors: drawn.Draws, placement: Placement, events: Events
) -> tuple[Share, ...]:
    """The peak's spread when one source varies and all others stay, and its share of the sum of these variances."""
    shown = cast.places[0]
    rows = {_display(own): (drawn.peaks(shown, own, factors.only(True, ())).dose_mgy, _display_basis(own))}
    for group in dict.fromkeys(one.group for one in own.sources):
        members = tuple(i for i, one in enumerate(own.sources) if one.group == group)
        rows[group] = (drawn.peaks(shown, own, factors.only(False, members)).dose_mgy, BASIS[group])
    nothing = factors.only(False, ())
    still = np.array([drawn.peaks(one, own, nothing).dose_mgy[0] for one in cast.places[1:]])
    rows["placement"] = (still, _placement_basis(placement, events))
    spread = {name: (float(np.std(dose / dose.mean())), float(np.var(np.log(np.maximum(dose, 1e-9))))) for name, (dose, _) in rows.items()}
    total = sum(variance for _, variance in spread.values())
    found = [Share(name, basis, spread[name][0], spread[name][1] / total) for name, (_, basis) in rows.items()]
    return tuple(sorted(found, key=lambda one: -one.share))
