"""How far off the peak may be: recast placements crossed with draws of the factors (docs/uncertainty.md)."""

from skindose.uncertainty.display import KERMA_TOLERANCE, interval_95, kerma_tolerance
from skindose.uncertainty.draws import kerma_ratio
from skindose.uncertainty.outcome import Share, Uncertainty
from skindose.uncertainty.sample import up_to_mgy, with_uncertainty
from skindose.uncertainty.several import Member, Together, together

__all__ = [
    "KERMA_TOLERANCE",
    "Member",
    "Share",
    "Together",
    "Uncertainty",
    "interval_95",
    "kerma_ratio",
    "kerma_tolerance",
    "together",
    "up_to_mgy",
    "with_uncertainty",
]
