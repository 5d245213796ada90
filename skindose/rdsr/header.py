"""The header of a dose report: device, study, and of the patient only what matters to the dose."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

from skindose.model import Header, Item, Patient
from skindose.rdsr.content import Content, one_line
from skindose.rdsr.walk import DataSet
from skindose.units import m_to_cm

Text = Callable[[int], str]
LONGEST_TEXT = 300
# Texts that say nothing of the procedure.
_EMPTY_WORDS = frozenset(
    ("", "structured report", "radiation dose information", "exam protocol sr", "unknown protocol", "unknown")
)


def header(root: DataSet, content: Content, items: Sequence[Item], warnings: list[str]) -> Header:
    """Header from the data set's own elements and, where it is silent, from the items."""

    def text(tag: int, holder: DataSet = root) -> str:
        return _short(one_line(content.text(holder, tag)))

    context: dict[str, str] = {}
    for item in (inner for outer in items for inner in (outer, *outer.walk())):
        if item.text.strip():
            context.setdefault(item.name, _short(one_line(item.text)))
    return Header(
        study_instance_uid=text(0x0020000D),
        study_date=iso_date(text(0x00080020)) or iso_date(text(0x00080023)),
        description=_description(root, text),
        station=_first(text(0x00081010), context, "device_name", "device_observer_name"),
        manufacturer=_first(text(0x00080070), context, "device_observer_manufacturer", "device_manufacturer"),
        model=_first(text(0x00081090), context, "device_observer_model_name", "device_model_name"),
        software=text(0x00181020).replace("\\", ", "),
        device_serial_number=_first(text(0x00181000), context, "device_observer_serial_number", "device_serial_number"),
        patient=_patient(text, warnings),
    )


def _short(text: str) -> str:
    """A name or description as a line of a page; DICOM allows 64 letters, files hold anything."""
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "..."


def _description(root: DataSet, text: Callable[..., str]) -> str:
    """Study, requested procedure, step and protocol texts, each once; a request may stand in a sequence."""
    sequences = [found for tag in (0x0040A370, 0x00400275) if isinstance(found := root.get(tag), list)]
    requests = [entry for sequence in sequences for entry in sequence]
    written = [text(tag) for tag in (0x00081030, 0x00321060, 0x00400254, 0x00181030)]
    written += (text(0x00321060, entry) for entry in requests)
    kept: dict[str, str] = {}
    for part in written:
        if part.lower() not in _EMPTY_WORDS:
            kept.setdefault(part.lower(), part)
    return "; ".join(kept.values())


def _first(own: str, context: dict[str, str], *names: str) -> str:
    return next((value for value in (own.strip(), *(context.get(name, "") for name in names)) if value), "")


def _patient(text: Text, warnings: list[str]) -> Patient:
    sex = {"M": "male", "F": "female"}.get(text(0x00100040).strip().upper())
    return Patient(
        height_cm=_height_cm(text(0x00101020), warnings),
        weight_kg=_within(_number(text(0x00101030)), (0.3, 500.0), "weight", warnings),
        sex=sex,
        age_years=_age_years(text, warnings),
    )


def _height_cm(written: str, warnings: list[str]) -> float | None:
    """Patient's Size is in m; a number that only makes sense in cm is taken as that, and said."""
    size = _number(written)
    if size is not None and 20.0 < size < 260.0:
        warnings.append("The patient's height is written in cm where DICOM wants m; taken as cm.")
        return size
    return _within(None if size is None else m_to_cm(size), (20.0, 260.0), "height", warnings)


def _within(value: float | None, bounds: tuple[float, float], what: str, warnings: list[str]) -> float | None:
    """The value if it lies within the bounds; 0 stands for not stated."""
    if not value:
        return None
    if bounds[0] < value < bounds[1]:
        return round(value, 6)
    warnings.append(f"The patient's {what} in the file is not plausible and is taken as not stated.")
    return None


def _number(written: str) -> float | None:
    """The first number of a decimal string."""
    try:
        return float(written.split("\\")[0])
    except ValueError:
        return None


_AGE_UNITS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


def _age_years(text: Text, warnings: list[str]) -> float | None:
    """Patient's Age, else study date less birth date; an age of 0 is what anonymisers write, and not stated."""
    written = re.fullmatch(r"\s*(\d{1,3})\s*([YMWD])\s*", text(0x00101010).upper())
    age = int(written[1]) * _AGE_UNITS[written[2]] if written else 0.0
    if not age:
        born, study = _date(text(0x00100030)), _date(text(0x00080020)) or _date(text(0x00080023))
        if born is None or study is None:
            return None
        age = (study - born).days / 365.25
    if not 0.0 <= age <= 130.0:
        warnings.append("The patient's age in the file is not plausible and is taken as not stated.")
        return None
    return round(age, 3)


def _date(written: str) -> date | None:
    match = re.match(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)(?!\d)", written)
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None


def iso_date(written: str) -> str:
    """DICOM's YYYYMMDD (or YYYY.MM.DD) as YYYY-MM-DD; "" for anything that is no date."""
    found = _date(written)
    return found.isoformat() if found else ""
