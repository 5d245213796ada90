"""One calibration record: its keys, what they may be, and whether its signature still holds.

The signature is no cryptography: it holds the content's SHA-256, so that a record that was changed after it was
signed is no longer signed. Comments and layout do not count, values do, and so do the signer's name and date.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import stat
import tomllib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from skindose.calibration.applied import Curve
from skindose.config import plain_words
from skindose.errors import OutputError, SettingsError, reason

Plane = Literal["A", "B", "single", "any"]
Text = Annotated[str, Field(max_length=1000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Uncertainty = Annotated[float, Field(gt=0, le=0.5)]
Range = tuple[Annotated[float, Field(ge=0, le=1000)], Annotated[float, Field(ge=0, le=1000)]]
SHORT_SERIAL = 4  # letters; shorter serial numbers ("1") are what anonymised or careless files carry
_NO_NOISE = 0.95  # what falls by more towards a harder beam is a slip of the pen
_LARGEST_BYTES = 2**20
_REMEDY = "Mend the record; docs/calibration.md shows every key."


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True, defer_build=True)


class Machine(_Part):
    """Which machine: every key that is given must equal the report's (case and outer blanks ignored)."""

    serial_number: Text = Field("", description="Device Serial Number of the report's header")
    station: Text = Field("", description="Station Name of the report's header")
    manufacturer: Text = Field("", description="Manufacturer")
    model: Text = Field("", description="Manufacturer's Model Name")
    only_one_of_this_model: bool = Field(False, description="the site has one such machine: maker and model suffice")

    @model_validator(mode="after")
    def _no_accident(self) -> Machine:
        serial, named = self.serial_number.strip(), bool(self.manufacturer.strip() and self.model.strip())
        if self.station.strip() or (serial and (len(serial) >= SHORT_SERIAL or named)):
            return self
        if serial:
            raise ValueError(
                f"the serial number {serial!r} is too short to stand alone: add station, or maker and model"
            )
        if named and self.only_one_of_this_model:
            return self
        raise ValueError("give serial_number or station (or maker and model, and only_one_of_this_model = true)")


class _Scope(_Part):
    """For which beams: both ends of a range belong to it; what is left out is any."""

    plane: Plane = "any"
    kvp_kv: Range | None = Field(None, description="tube voltage, from and to")
    cu_mm: Range | None = Field(None, description="added copper, from and to")
    hvl_mmal: Range | None = Field(None, description="half-value layer, from and to")
    uncertainty: Uncertainty = Field(description="relative standard uncertainty (k = 1): 0.04 is 4 %")

    @model_validator(mode="after")
    def _in_order(self) -> _Scope:
        for name, ends in (("kvp_kv", self.kvp_kv), ("cu_mm", self.cu_mm), ("hvl_mmal", self.hvl_mmal)):
            if ends and ends[0] > ends[1]:
                raise ValueError(f"{name} ends before it begins")
        return self


class Factor(_Scope):
    """True air kerma at the reference point over the displayed one."""

    value: Annotated[float, Field(ge=0.3, le=3)]


class Measured(_Scope):
    """A transmission curve: one row per voltage, one column per copper thickness."""

    at_kvp_kv: tuple[Annotated[float, Field(ge=20, le=200)], ...] = Field(min_length=1)
    at_cu_mm: tuple[Annotated[float, Field(ge=0, le=3)], ...] = Field(min_length=1)
    transmission: tuple[tuple[Annotated[float, Field(gt=0.1, le=1)], ...], ...]
    pad_mm: Annotated[float, Field(ge=0, le=300)] = Field(description="thickness of the pad measured with it, 0: none")
    scatter_side_mm: Annotated[float, Field(ge=0, le=300)] = Field(
        description="side of the field at a chamber lying on the pad; 0: the chamber stood far behind, a narrow beam"
    )

    @model_validator(mode="after")
    def _fits(self) -> Measured:
        rows, columns = len(self.at_kvp_kv), len(self.at_cu_mm)
        if len(self.transmission) != rows or any(len(row) != columns for row in self.transmission):
            raise ValueError(f"transmission must have {rows} rows (at_kvp_kv) of {columns} values (at_cu_mm)")
        for name, nodes in (("at_kvp_kv", self.at_kvp_kv), ("at_cu_mm", self.at_cu_mm)):
            if any(a >= b for a, b in pairwise(nodes)):
                raise ValueError(f"{name} must rise")
        for series in (*self.transmission, *zip(*self.transmission, strict=True)):
            for softer, harder in pairwise(series):
                if harder < _NO_NOISE * softer:
                    raise ValueError(f"transmission falls from {softer:g} to {harder:g}; a harder beam passes better")
        return self

    def curve(self) -> Curve:
        """As arrays."""
        nodes = np.array(self.at_kvp_kv), np.array(self.at_cu_mm), np.array(self.transmission)
        return Curve(*nodes, self.pad_mm, self.scatter_side_mm)


class Signature(_Part):
    """Who answers for the record; written by `skindose calibrate sign`."""

    by: Name
    date: datetime.date
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Record(_Part):
    """A calibration record."""

    kind: Literal["air-kerma", "transmission"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")
    date: datetime.date = Field(description="when it was measured; it holds from this day")
    valid_until: datetime.date | None = Field(None, description="last day on which it holds")
    valid_months: Annotated[int, Field(ge=1, le=120)] | None = Field(None, description="instead of valid_until")
    measured_by: Name
    instrument: Text = Field(min_length=1, description="what measured, with its own calibration")
    remark: Text = ""
    machine: Machine
    factor: tuple[Factor, ...] = ()
    curve: tuple[Measured, ...] = ()
    signature: Signature | None = None

    @model_validator(mode="after")
    def _whole(self) -> Record:
        if (self.valid_until is None) == (self.valid_months is None):
            raise ValueError("give either valid_until or valid_months")
        if self.last_day < self.date:
            raise ValueError("it ends before it begins")
        wanted, other = ("factor", "curve") if self.kind == "air-kerma" else ("curve", "factor")
        if not getattr(self, wanted) or getattr(self, other):
            raise ValueError(f"a record of kind {self.kind} has [[{wanted}]], and no [[{other}]]")
        return self

    @property
    def last_day(self) -> datetime.date:
        """The last day on which it holds."""
        if self.valid_until is not None:
            return self.valid_until
        months = self.date.month - 1 + (self.valid_months or 0)
        year, month = self.date.year + months // 12, months % 12 + 1
        first_after = datetime.date(year + month // 12, month % 12 + 1, 1)
        return min(datetime.date(year, month, 1) + datetime.timedelta(self.date.day - 1), first_after) - _DAY

    @property
    def scopes(self) -> tuple[_Scope, ...]:
        """Its factors, or its curves."""
        return (*self.factor, *self.curve)


_DAY = datetime.timedelta(1)


class Loaded(_Part):
    """A record and the state of its signature."""

    file: str
    record: Record
    signature: Literal["signed", "unsigned", "changed since it was signed"]


def load(path: Path) -> Loaded:
    """A record from a file.

    raises   SettingsError: what is wrong, the file, and the key
    """
    return parse(_read(path), path.name)


def load_folder(folder: Path | None) -> tuple[Loaded, ...]:
    """Every *.toml of a site's folder, by name; none without a folder.

    raises   SettingsError for a folder that is not there, a mistake in a record, or two records of one name
    """
    if folder is None:
        return ()
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise SettingsError(f"the folder of calibration records {what}", str(folder), "Check calibration_folder.")
    found = tuple(load(path) for path in sorted(folder.glob("*.toml")))
    for mistake in repeated_names(found):
        raise mistake
    return found


def repeated_names(records: Sequence[Loaded]) -> tuple[SettingsError, ...]:
    """Of every record whose name another file has before it, the mistake."""
    first: dict[str, str] = {}
    return tuple(
        SettingsError(f"the name {each.record.name} is that of {file} too", each.file, "Rename one of them.")
        for each in records
        if (file := first.setdefault(each.record.name, each.file)) != each.file
    )


def parse(text: str, where: str) -> Loaded:
    """A record from TOML text.

    raises   SettingsError naming `where` and the key
    """
    try:
        values = tomllib.loads(text)
        record = Record.model_validate(_tuples(values))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"not valid TOML: {str(error)[:150]}", where, "Mend the record.") from None
    except ValidationError as error:
        first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
        key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"]) or "record"
        raise SettingsError(f"{key}: {plain_words(first)}", where, _REMEDY) from None
    signature = record.signature
    if signature is None:
        return Loaded(file=where, record=record, signature="unsigned")
    holds = signature.sha256 == digest(values, signature.by, signature.date)
    return Loaded(file=where, record=record, signature="signed" if holds else "changed since it was signed")


def _tuples(value: Any) -> Any:
    """TOML's arrays as tuples, as strict models want them; whole numbers stay."""
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def _read(path: Path) -> str:
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):  # a pipe would wait for ever
            raise SettingsError("this is no file", path.name, "Give a TOML record.")
        if status.st_size > _LARGEST_BYTES:
            raise SettingsError("this is too large for a calibration record", path.name, "Give a TOML record.")
        return path.read_bytes().decode("utf-8-sig")  # Windows editors put a mark in front
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"cannot read the calibration record: {reason(error)}", path.name, "Check its name."
        ) from None


def digest(values: dict[str, Any], by: str, date: datetime.date) -> str:
    """SHA-256 of a record's values, as TOML gives them, without its signature, and of who signs when."""
    content = {key: value for key, value in values.items() if key != "signature"}
    signed = {"content": content, "by": by, "date": date}
    text = json.dumps(signed, sort_keys=True, default=lambda value: value.isoformat(), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def sign(path: Path, by: str, date: datetime.date) -> Loaded:
    """Signs a record: a `[signature]` at its end, instead of one that is there.

    raises   SettingsError for a record with a mistake or dated after `date`; OutputError if it cannot be written
    """
    text = _read(path)
    found = parse(text, path.name).record
    by = " ".join(by.split())
    if not by:
        raise SettingsError("a signature needs a name", "--by", "Give it: --by NAME.")
    if found.date > date:
        raise SettingsError(f"date: {found.date.isoformat()} is in the future", path.name, _REMEDY)
    bare = re.sub(r"(?m)^[ \t]*\[[ \t]*signature[ \t]*\][^\n]*\n(?:(?![ \t]*\[)[^\n]*(?:\n|\Z))*", "", text).rstrip()
    values = {key: value for key, value in tomllib.loads(text).items() if key != "signature"}
    name = json.dumps(by, ensure_ascii=False)
    lines = ("[signature]", f"by = {name}", f"date = {date.isoformat()}", f'sha256 = "{digest(values, by, date)}"')
    signed = bare + "\n\n" + "\n".join(lines) + "\n"
    loaded = parse(signed, path.name)
    if loaded.signature != "signed":
        raise SettingsError("its [signature] cannot be replaced", path.name, "Delete that part and sign again.")
    try:
        part = path.with_name(f".{path.name}.part")
        part.write_text(signed, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write: {reason(error)}", path.name, "Check the folder's permissions.") from None
    return loaded
