"""Calibration of the displayed air kerma, as the site's medical physics expert measured it."""

from __future__ import annotations

from skindose.calibration import Calibrations
from skindose.model import BoolArray


def assumption(found: Calibrations, used: BoolArray) -> str:
    """What the result says of the calibration.

    used   (events,) events with a beam
    """
    names = [name for name, lit in zip(found.record, used, strict=True) if lit]
    without = names.count("")
    said = []
    for name in dict.fromkeys(filter(None, names)):
        factors = sorted({float(found.factor[event]) for event, each in enumerate(found.record) if each == name})
        shown = " to ".join(f"{value:.4g}" for value in dict.fromkeys((factors[0], factors[-1])))
        count = "" if names.count(name) == len(names) else f" in {names.count(name)} of {len(names)} events"
        said.append(f"The displayed air kerma is multiplied by {shown}{count}: calibration record {name}.")
    if without:
        count = "" if without == len(names) else f" in {without} of {len(names)} events"
        said.append(
            f"The air kerma is uncalibrated{count}: taken as displayed (IEC 60601-2-43 allows 35 % between display and "
            "truth); a calibration factor in the report itself is not applied."
        )
    return " ".join(said)
