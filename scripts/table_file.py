"""What the scripts that make the data tables have in common: rounding, and the file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

PACKAGE = Path(__file__).resolve().parents[1] / "skindose"


def rounded(values: np.ndarray, digits: int = 6) -> np.ndarray:
    """Rounded to significant digits: a last-bit difference between machines does not reach the file."""
    return np.array([float(f"{value:.{digits - 1}e}") for value in values.ravel()]).reshape(values.shape)


def write(made: Mapping[str, np.ndarray], place: str) -> None:
    """Write a table to the path given on the command line, or to its place in the package."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE / place
    with out.open("wb") as file:
        np.savez(file, **made)
