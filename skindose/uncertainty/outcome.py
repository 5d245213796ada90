"""What the draws say of the peak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skindose.model import FloatArray


class Share(NamedTuple):
    """One line of the budget.

    standard   relative standard deviation of the peak when only this varies
    share      of the sum of all lines' variances of the peak's logarithm
    """

    source: str
    basis: str
    standard: float
    share: float


@dataclass(frozen=True)
class Uncertainty:
    """The peak's, all relative to the peak that is shown.

    ratio        (placements x draws,) true peak over the one shown, in increasing order
    shares       lines of the budget, the largest first
    placements   recast, and
    draws        of the factors, that each placement was crossed with
    place_mm     within this distance of the place shown the peak lies with 95 % probability
    regions      probability of each region of the body to hold the peak, the highest first; below 1 % left out
    """

    ratio: FloatArray
    shares: tuple[Share, ...]
    placements: int
    draws: int
    place_mm: float
    regions: tuple[tuple[str, float], ...]

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of true over shown."""
        low, high = np.quantile(self.ratio, (0.025, 0.975))
        return float(low), float(high)

    @property
    def median(self) -> float:
        """The median of true over shown."""
        return float(np.median(self.ratio))

    @property
    def mean(self) -> float:
        """The mean of true over shown: 1.04 for an uncalibrated display alone, since true = shown / (1 + e)."""
        return float(self.ratio.mean())

    @property
    def standard(self) -> float:
        """Standard deviation of true over shown."""
        return float(self.ratio.std())


def basis(found: Uncertainty) -> str:
    """On what interval and probabilities rest, for the assumptions."""
    lines = "; ".join(f"{one.source} ({one.basis})" for one in found.shares)
    return (
        f"{found.placements} placements of the patient, each cast anew, crossed with {found.draws} draws of the "
        f"factors, from what can be off: {lines}"
    )
