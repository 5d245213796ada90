"""What the records come to for the events of one procedure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skindose.model import FloatArray, IntArray


@dataclass(frozen=True)
class Curve:
    """Perpendicular transmission of table and pad, measured over tube voltage and copper.

    kvp_kv, cu_mm      (voltages,), (coppers,) rising
    transmission       (voltages, coppers)
    pad_mm             thickness of the pad that was measured with it
    scatter_side_mm    side of the field, at the chamber, whose forward scatter was measured with it; 0: a narrow beam
    """

    kvp_kv: FloatArray
    cu_mm: FloatArray
    transmission: FloatArray
    pad_mm: float
    scatter_side_mm: float


@dataclass(frozen=True)
class Calibrations:
    """Which calibration holds for each event; arrays have shape (events,).

    factor                      what the displayed air kerma is multiplied by, 1 where uncalibrated
    standard_uncertainty        relative, k = 1, of the factor; NaN where uncalibrated
    record                      the record's name, "" where uncalibrated
    curve                       index into `curves`, -1 where the site has measured none
    transmission_record         name of the record with the curve, "" where there is none
    transmission_uncertainty    relative, k = 1, of the curve's transmission; NaN where there is none
    reported                    the report's own Calibration containers (`calibration.Reported`): shown, never applied
    """

    factor: FloatArray
    standard_uncertainty: FloatArray
    record: tuple[str, ...]
    curves: tuple[Curve, ...]
    curve: IntArray
    transmission_record: tuple[str, ...]
    transmission_uncertainty: FloatArray
    reported: tuple[Any, ...] = ()
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def uncalibrated(events: int) -> Calibrations:
    """Nothing is calibrated.

    >>> uncalibrated(2).factor
    array([1., 1.])
    """
    none, unknown = ("",) * events, np.full(events, np.nan)
    return Calibrations(np.ones(events), unknown, none, (), np.full(events, -1, dtype=np.int32), none, unknown.copy())
