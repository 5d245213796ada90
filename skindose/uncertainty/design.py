"""Even samples: draws that fill their space better than chance does, the same for the same seed."""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from skindose.model import FloatArray

_TRIED, _SHIFTS = 4096, 64  # draws that may be looked at to choose some, in so many shifts at most


@lru_cache(maxsize=64)
def even(count: int, dimensions: int, seed: int) -> FloatArray:
    """(count, dimensions) in (0, 1): along each dimension one value in each of `count` equal steps, at its middle.

    How the dimensions are paired follows a Kronecker sequence with the powers of 1 / g, g^(d + 1) = g + 1, shifted by
    chance; of some shifts the one that leaves the dimensions least correlated.                 [Roberts2018]
    """
    shifts = np.random.default_rng(seed).random((min(_SHIFTS, max(1, _TRIED // count)), dimensions))
    found = min((_shifted(count, shift) for shift in shifts), key=_correlation)
    found.flags.writeable = False  # kept for the next procedure
    return found


def _shifted(count: int, shift: FloatArray) -> FloatArray:
    dimensions = len(shift)
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (dimensions + 1))
    steps = root ** -np.arange(1.0, dimensions + 1)
    sequence = (shift + np.arange(count)[:, None] * steps) % 1.0
    rank = np.argsort(np.argsort(sequence, axis=0, kind="stable"), axis=0, kind="stable")
    found: FloatArray = (rank + 0.5) / count
    return found


def _correlation(sample: FloatArray) -> float:
    """The largest between two dimensions."""
    if sample.shape[1] < 2:
        return 0.0
    found = np.abs(np.corrcoef(sample.T))
    np.fill_diagonal(found, 0.0)
    return float(found.max())


def normal(uniform: FloatArray) -> FloatArray:
    """Standard normal numbers from uniform ones as `even` gives them, each column a permutation of the first."""
    steps = np.array([NormalDist().inv_cdf(float(value)) for value in np.sort(uniform[:, 0])])
    found: FloatArray = steps[np.argsort(np.argsort(uniform, axis=0), axis=0)]
    return found
