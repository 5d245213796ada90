"""The header of a dose report: device, study, and of the patient only what matters to the dose."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

from skindose.model import Header, Item, Patient
from skindose.units import m_to_cm

Text = Callable[[int], str]
# Texts that say nothing of the procedure.
_EMPTY_WORDS = frozenset(
    ("", "structured report", "radiation dose information", "exam protocol sr", "unknown protocol")
)


def header(text: Text, items: Sequence[Item], warnings: list[str]) -> Header:
    """Header from the data set's own elements (`text` gives one by its tag) and, where it is silent, the items."""
    context: dict[str, str] = {}
    for item in (inner for outer in items for inner in (outer, *outer.walk())):
        context.setdefault(item.name, item.text.strip())
    descriptions = [text(tag).strip() for tag in (0x00081030, 0x00321060, 0x00400254, 0x00181030)]
    kept = dict.fromkeys(part for part in descriptions if part.lower() not in _EMPTY_WORDS)
    return Header(
        study_instance_uid=text(0x0020000D),
        study_date=iso_date(text(0x00080020) or text(0x00080023)),
        description="; ".join(kept),
        station=text(0x00081010),
        manufacturer=_first(text(0x00080070), context, "device_observer_manufacturer", "device_manufacturer"),
        model=_first(text(0x00081090), context, "device_observer_model_name", "device_model_name"),
        software=text(0x00181020).replace("\\", ", "),
        device_serial_number=_first(text(0x00181000), context, "device_observer_serial_number", "device_serial_number"),
        patient=_patient(text, warnings),
    )


def _first(own: str, context: dict[str, str], *names: str) -> str:
    return next((value for value in (own.strip(), *(context.get(name, "") for name in names)) if value), "")


def _patient(text: Text, warnings: list[str]) -> Patient:
    sex = {"M": "male", "F": "female"}.get(text(0x00100040).strip().upper())
    return Patient(
        height_cm=_height_cm(text(0x00101020), warnings),
        weight_kg=_within(text(0x00101030), (0.3, 500.0), "weight", warnings),
        sex=sex,
        age_years=_age_years(text, warnings),
    )


def _height_cm(written: str, warnings: list[str]) -> float | None:
    """Patient's Size is in m; a number that only makes sense in cm is taken as that, and said."""
    size = _number(written)
    if size is not None and 20.0 < size < 260.0:
        warnings.append("The patient's height is written in cm where DICOM wants m; taken as cm.")
        return size
    return _within(written and str(m_to_cm(size)) if size is not None else "", (20.0, 260.0), "height", warnings)


def _within(written: str, bounds: tuple[float, float], what: str, warnings: list[str]) -> float | None:
    value = _number(written)
    if not value:
        return None
    if bounds[0] < value < bounds[1]:
        return round(value, 6)
    warnings.append(f"The patient's {what} in the file is not plausible and is taken as not stated.")
    return None


def _number(written: str) -> float | None:
    try:
        return float(written)
    except ValueError:
        return None


_AGE_UNITS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


def _age_years(text: Text, warnings: list[str]) -> float | None:
    written = re.fullmatch(r"\s*(\d{1,3})([YMWD])\s*", text(0x00101010).upper())
    if written:
        age = int(written[1]) * _AGE_UNITS[written[2]]
    else:
        born, study = _date(text(0x00100030)), _date(text(0x00080020))
        if born is None or study is None:
            return None
        age = (study - born).days / 365.25
    if not 0.0 <= age <= 130.0:
        warnings.append("The patient's age in the file is not plausible and is taken as not stated.")
        return None
    return round(age, 3)


def _date(written: str) -> date | None:
    try:
        return date.fromisoformat(iso_date(written))
    except ValueError:
        return None


def iso_date(written: str) -> str:
    """DICOM's YYYYMMDD as YYYY-MM-DD; "" for anything else."""
    digits = written.strip().replace(".", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if re.fullmatch(r"\d{8}", digits) else ""
