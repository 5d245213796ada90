"""The report's own Calibration container (DICOM PS3.16 TID 10002): shown, never applied."""

from __future__ import annotations

import re
from typing import NamedTuple

from skindose.errors import UnitError
from skindose.model import Item, Procedure
from skindose.units import convert

# Words that an organisation's name has; a text without any may be a person's name and is not shown.
_ORGANISATION = re.compile(
    r"\b(ag|bv|co|company|corp|corporation|department|factory|gmbh|group|healthcare|hospital|inc|institute|laborator(y|ies)"
    r"|llc|ltd|manufacturer|medical|plc|service|services|systems|university)\b",
    re.IGNORECASE,
)
_PLANES = {"113620": "A", "113621": "B"}
NOT_SHOWN = "[not shown: may be a person]"


class Reported(NamedTuple):
    """One Calibration container; None where it has no such value.

    responsible    the responsible party if it is an organisation, `NOT_SHOWN` otherwise
    """

    plane: str
    factor: float | None
    uncertainty_percent: float | None
    date: str | None  # ISO 8601
    responsible: str | None


def reported(procedure: Procedure) -> tuple[Reported, ...]:
    """Every Calibration container that says anything, in the file's order."""
    maker = procedure.header.manufacturer
    found = [
        _one(container, child, maker)
        for container in procedure.accumulated
        for child in container.walk()
        if child.name == "calibration"
    ]
    return tuple(dict.fromkeys(each for each in found if any(each[1:])))


def _one(container: Item, calibration: Item, maker: str) -> Reported:
    items = {child.name: child for child in calibration.children}
    codes = (child.code.value for child in container.children if child.name == "acquisition_plane" and child.code)
    return Reported(
        plane=_PLANES.get(next(codes, ""), "single"),
        factor=_number(items.get("calibration_factor"), "number"),
        uncertainty_percent=_number(items.get("calibration_uncertainty"), "percent"),
        date=_date(items.get("calibration_date_time")),
        responsible=_responsible(items.get("calibration_responsible_party"), maker),
    )


def _number(item: Item | None, kind: str) -> float | None:
    try:
        return convert(item.values[0], item.unit, kind) if item is not None and item.values else None
    except UnitError:
        return None


def _date(item: Item | None) -> str | None:
    """The day of a DICOM date and time."""
    found = re.match(r"(\d{4})(\d\d)(\d\d)", item.text if item else "")
    return "-".join(found.groups()) if found else None


def _responsible(item: Item | None, maker: str) -> str | None:
    text = " ".join((item.text if item else "").split())
    if not text:
        return None
    theirs = maker.split()[0].lower() if maker.strip() else ""
    shown = _ORGANISATION.search(text) or (theirs and theirs in text.lower())
    return text[:64] if shown and "^" not in text else NOT_SHOWN
