"""Data files of the physics; SOURCES.toml beside them says where each comes from."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from skindose.model import FloatArray


def names() -> list[str]:
    """Names of the data files, without SOURCES.toml."""
    return sorted(entry.name for entry in files(__name__).iterdir() if entry.name.endswith((".csv", ".npz")))


def read_bytes(name: str) -> bytes:
    """The content of a data file."""
    return (files(__name__) / name).read_bytes()


def read_grid(name: str) -> FloatArray:
    """(rows, columns) the numbers of a CSV file below its one line of column names."""
    lines = read_bytes(name).decode("utf-8").split("\n")[1:]
    return np.array([[float(field) for field in line.split(",")] for line in lines if line.strip()])
