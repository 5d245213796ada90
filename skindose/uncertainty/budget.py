"""What is uncertain, by how much, and what goes together: the sources of uncertainty of one procedure's doses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skindose.config import Settings
from skindose.dose import hit_dose_mgy
from skindose.model import Beams, BoolArray, Events, Factors, FloatArray, Hits, Status
from skindose.uncertainty.display import KERMA_TOLERANCE

BACKSCATTER = 0.04  # relative standard uncertainties [physics.md]
MEDIUM = 0.01
# Of Ka,r reckoned as KAP / area: reported areas agree with KAP / Ka,r within 20 % (0.79 to 1.21 in three makers' files),
# the fields of one procedure mostly within a factor of 2 of their median (95 % within 0.26 to 2.2 in five files).
RECKONED = {Status.DERIVED: 0.12, Status.ASSUMED: 0.40}
_SPECTRUM = ("kvp_kv", "filter_al_mm", "filter_cu_mm")


@dataclass(frozen=True)
class Reading:
    """The display of one machine's plane, or one calibration record: one draw for all its events.

    events       (events,) which
    tolerance    true = shown / (1 + e), e rectangular within +-tolerance; 0 where it is calibrated
    standard     relative standard uncertainty of the calibration; 0 where there is none
    """

    name: str
    events: BoolArray
    tolerance: float
    standard: float

    def multiplier(self, uniform: FloatArray, normal: FloatArray) -> FloatArray:
        """What the dose is multiplied by, from uniform and standard normal numbers of the same draws."""
        if self.tolerance:
            return 1.0 / (1.0 + self.tolerance * (2.0 * uniform - 1.0))
        return np.exp(self.standard * normal)


@dataclass(frozen=True)
class Source:
    """Something that changes doses by exp(z r), z standard normal, one draw for all events.

    group     the line of the budget that it belongs to
    relative  (events,) r; of the table: per unit of ln T
    by_table  r is multiplied by ln T of the ray
    """

    group: str
    relative: FloatArray
    by_table: bool = False


@dataclass(frozen=True)
class Budget:
    """All that is drawn but what moves beams."""

    readings: tuple[Reading, ...]
    sources: tuple[Source, ...]
