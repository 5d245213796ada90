"""Units as makers write them -> ours. The only file that multiplies by powers of ten for a unit's sake.

Units in an RDSR are UCUM codes (DICOM PS3.16, TID 300), spelt with variants: "Gy.m2", "Gym2", "dGy.cm2", "uAs".
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from skindose.errors import UnitError

FloatArray = NDArray[np.float64]
_Lengths = TypeVar("_Lengths", float, FloatArray)

# Spelling (folded by `_fold`) -> factor to our unit, per kind of quantity.
_TABLES: dict[str, dict[str, float]] = {
    "length_mm": {"mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1e3, "um": 1e-3},
    "area_mm2": {"mm2": 1.0, "cm2": 100.0, "dm2": 1e4, "m2": 1e6},
    "dose_mgy": {"gy": 1e3, "mgy": 1.0, "ugy": 1e-3, "dgy": 100.0, "cgy": 10.0, "rad": 10.0},
    "kap_gycm2": {
        "gym2": 1e4,
        "gycm2": 1.0,
        "dgycm2": 0.1,
        "cgycm2": 0.01,
        "mgycm2": 1e-3,
        "ugycm2": 1e-6,
        "dgym2": 1e3,
        "cgym2": 100.0,
        "mgym2": 10.0,
        "ugym2": 0.01,
    },
    "time_s": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0, "sec": 1.0},
    "angle_deg": {"deg": 1.0, "°": 1.0, "degree": 1.0, "degrees": 1.0, "rad": 57.29577951308232},
    "voltage_kv": {"kv": 1.0, "kvp": 1.0, "v": 1e-3},
    "current_ma": {"ma": 1.0, "a": 1e3, "ua": 1e-3},
    "charge_uas": {"uas": 1.0, "mas": 1e3, "as": 1e6},
    "number": {"1": 1.0, "": 1.0, "{pulse}": 1.0, "{pulses}": 1.0, "no units": 1.0, "{counts}": 1.0, "{frames}": 1.0},
    "rate_per_s": {"{pulse}/s": 1.0, "pulse/s": 1.0, "{pulses}/s": 1.0, "1/s": 1.0, "/s": 1.0, "hz": 1.0},
    "percent": {"%": 1.0, "1": 100.0},
    "height_cm": {"cm": 1.0, "m": 100.0, "mm": 0.1},
    "mass_kg": {"kg": 1.0, "g": 1e-3, "[lb_av]": 0.45359237},
}

KINDS = tuple(_TABLES)


def _fold(unit: str) -> str:
    folded = unit.strip().replace("µ", "u").replace("μ", "u").replace("²", "2").replace("^", "").lower()
    for separator in (".", "*", "·", " "):
        if folded != "no units":
            folded = folded.replace(separator, "")
    return folded


def convert(value: float, unit: str, kind: str) -> float:
    """`value` in `unit` (as the file writes it) in the unit that the name of `kind` ends with.

    kind     one of `KINDS`, e.g. "dose_mgy"
    raises   UnitError for a unit not in the table of that kind: a dose is never guessed

    >>> convert(0.00027902, "Gym2", "kap_gycm2")
    2.7902
    """
    factor = _TABLES[kind].get(_fold(unit))
    if factor is None:
        shown = unit.strip()[:20] or "(none)"  # a unit is short; a file holds anything
        raise UnitError(f"unit {shown!r} is not one of {kind.rsplit('_', 1)[0]}", remedy="Ask the maker for the unit.")
    return value * factor


def express(value: float, unit: str, kind: str) -> float:
    """The inverse of `convert`: a value in our unit, in `unit`.

    >>> express(2.7902, "Gy.m2", "kap_gycm2")
    0.00027902
    """
    return value / convert(1.0, unit, kind)


def mgy_to_gy(value_mgy: float) -> float:
    """mGy to Gy, for people and trigger levels."""
    return value_mgy / 1e3


def gy_to_mgy(value_gy: float) -> float:
    """Gy to mGy."""
    return value_gy * 1e3


def s_to_min(value_s: float) -> float:
    """Seconds to minutes."""
    return value_s / 60.0


def m_to_cm(value_m: float) -> float:
    """Patient's Size is in m, people are measured in cm."""
    return value_m * 100.0


def cm_to_mm(value_cm: _Lengths) -> _Lengths:
    """cm to mm."""
    return value_cm * 10.0


def mm2_to_cm2(value_mm2: float) -> float:
    """mm2 to cm2."""
    return value_mm2 / 100.0


def mm_to_cm(value_mm: _Lengths) -> _Lengths:
    """mm to cm; also 1/cm to 1/mm."""
    return value_mm / 10.0


def bytes_to_mb(value_bytes: float) -> float:
    """Bytes to megabytes."""
    return value_bytes / 1e6
