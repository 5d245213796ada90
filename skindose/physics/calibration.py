"""Calibration of the displayed air kerma, as the site's medical physics expert enters it."""

from __future__ import annotations

from skindose.model import Machine


def factor(machine: Machine) -> float:
    """What the reported air kerma is multiplied by; 1 without a calibration. The report's own factor never counts."""
    return machine.calibration_factor


def assumption(machine: Machine) -> str:
    """What the result says of the calibration."""
    if machine.calibration_factor == 1.0:
        return (
            "The air kerma is uncalibrated: taken as displayed (IEC 60601-2-43 allows 35 % between display and truth); "
            "a calibration factor in the report itself is not applied."
        )
    return f"The displayed air kerma is multiplied by the site's calibration factor {machine.calibration_factor:.3f}."
