"""How far off the peak may be: recast placements crossed with draws of the factors (docs/uncertainty.md)."""

from skindose.uncertainty.display import KERMA_TOLERANCE, interval_95, kerma_tolerance
from skindose.uncertainty.outcome import Share, Uncertainty, basis
from skindose.uncertainty.sample import Sampled, sample

__all__ = ["KERMA_TOLERANCE", "Sampled", "Share", "Uncertainty", "basis", "interval_95", "kerma_tolerance", "sample"]
