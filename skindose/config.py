"""Settings: everything a user or a site can choose, validated, with every default visible."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from skindose.errors import SettingsError, reason

Orientation = Literal["hfs", "hfp", "hfdr", "hfdl", "ffs", "ffp", "ffdr", "ffdl"]
Correction = Literal["backscatter", "medium", "table", "heel", "calibration"]
CORRECTIONS: tuple[Correction, ...] = ("backscatter", "medium", "table", "heel", "calibration")
Medium = Literal["water", "soft-tissue", "skin"]
Pose = Literal["arms-down", "arms-up", "left-arm-up", "right-arm-up"]
# One text, or several in a list; on the command line the option is repeated.
Texts = Annotated[tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]
Shift = Annotated[float, Field(ge=-3000, le=3000)]


class Settings(BaseModel):
    """Options of `skindose run`, as a configuration file (TOML, same names) or the command line gives them.

    None means: take it from the file, else the stated default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    phantom: str = Field("auto", description="plane, cylinder, oval, male, female, auto, or a mesh file")
    height_cm: Annotated[float, Field(gt=20, lt=260)] | None = Field(None, description="patient's height")
    weight_kg: Annotated[float, Field(gt=0.3, lt=500)] | None = Field(None, description="patient's weight")
    sex: Literal["male", "female"] | None = Field(None, description="patient's sex")
    age: Annotated[float, Field(ge=0, lt=130)] | None = Field(None, description="patient's age in years")
    pose: Pose = Field("arms-down", description="pose of the body: where the arms lie")
    placement: Literal["auto", "table", "anatomy"] = Field("auto", description="how the patient is placed on the table")
    region: str | None = Field(None, description="body region at the isocentre, for placement by anatomy")
    offset_mm: tuple[Shift, Shift, Shift] = Field(
        (0, 0, 0), description="moves the patient: left, head, up (table axes)"
    )
    orientation: Orientation | None = Field(None, description="how the patient lay")
    pad_mm: Annotated[float, Field(ge=0, le=300)] | None = Field(
        None, description="thickness of the pad; profile's, else 40"
    )
    profile: str | None = Field(None, description="machine profile: a shipped name or a TOML file")
    profile_folder: Path | None = Field(None, description="a site's own profiles; they win over the shipped ones")
    calibration_folder: Path | None = Field(None, description="a site's signed calibration records")
    corrections: tuple[Correction, ...] = Field(CORRECTIONS, description="factors that are applied")
    medium: Medium = Field("water", description="dose medium")
    triggers: str = Field("ncrp-168", description="preset of trigger levels or a TOML file")
    exclude: str = Field("", description="events left out: 3,7-9 or 3,7-9=NOTE; several separated by semicolons")
    correct: Texts = Field((), description="values corrected: EVENTS:FIELD=VALUE or EVENTS:FIELD=VALUE=NOTE")
    move: Texts = Field((), description="the patient moved: EVENTS:LEFT,HEAD,UP in mm, then ,TURN and =NOTE if wanted")
    seed: int = Field(0, ge=0, description="seed of random draws")

    @classmethod
    def load(cls, path: Path | None, overrides: dict[str, Any]) -> Settings:
        """Settings from a TOML file (or none), with the command line's values over it.

        raises   SettingsError naming the key and what is allowed
        """
        values = read_toml(path, str(path)) if path is not None else {}
        given = {key: value for key, value in overrides.items() if value is not None}
        try:
            return cls(**{**values, **given})
        except ValidationError as error:
            see = "See `skindose run --help` for what is allowed."
            raise first_mistake(error, cls, str(path) if path else "options", see) from None

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: Any) -> Any:
        """No setting is true or false, which would count as 1 and 0."""
        if isinstance(value, bool):
            raise PydanticCustomError("truth", f"{str(value).lower()} is not possible here")
        return value

    @field_validator("orientation", "sex", "placement", "medium", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


_MAIL_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"  # a dot-atom  [RFC 5322, 3.4.1]
    r"@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
)


def is_mail_address(given: str) -> bool:
    """Whether it is one bare address in ASCII, such as anna@example.org, and safe in a header.

    >>> is_mail_address("anna@example.org"), is_mail_address("Anna <anna@example.org>")
    (True, False)
    """
    return _MAIL_ADDRESS.fullmatch(given) is not None and len(given) <= 254


def read_toml(path: Path, where: str, optional: bool = False) -> dict[str, Any]:
    """The keys of a configuration file.

    where      what messages call it
    optional   none where there is no such file
    raises     SettingsError: not there, not readable, not TOML
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))  # Windows editors put a mark in front
    except (OSError, ValueError, RecursionError) as error:
        if optional and isinstance(error, FileNotFoundError):
            return {}
        why = reason(error) if isinstance(error, OSError | UnicodeError) else f"not TOML: {str(error)[:150]}"
        raise SettingsError(f"cannot read the configuration: {why}", where, "Mend it.") from None


def first_mistake(error: ValidationError, model: type[BaseModel], where: str, see: str = "") -> SettingsError:
    """The first mistake in words: its key, elements of lists counted from 1, and what is wrong with it.

    see   what to do; default, and for a key that there is not: the keys that there are
    """
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
    known = f"Known: {', '.join(model.model_fields)}."
    words = plain_words(first)
    remedy = known if first["type"] == "extra_forbidden" else see or known
    return SettingsError(f"{key}: {words}" if key else words, where, remedy)


# What pydantic says in Python's words: error type -> what is wrong, for people; {} are the values of its context.
_PLAIN = {
    "extra_forbidden": "there is no such key",
    "missing": "something is missing",
    "literal_error": "{shown} is not one of {expected}",
    "greater_than": "{shown} is not above {gt:g}",
    "greater_than_equal": "{shown} is below {ge:g}",
    "less_than": "{shown} is not below {lt:g}",
    "less_than_equal": "{shown} is above {le:g}",
    "float_parsing": "{shown} is no number",
    "float_type": "{shown} is no number",
    "int_parsing": "{shown} is no whole number",
    "int_type": "{shown} is no whole number",
    "int_from_float": "{shown} is no whole number",
    "bool_type": "{shown} is not true or false",
    "bool_parsing": "{shown} is not true or false",
    "string_type": "{shown} is no text in quotes",
    "date_type": "{shown} is no date like 2026-05-04",
    "date_from_datetime_inexact": "{shown} is no date like 2026-05-04",
    "path_type": "{shown} is no path in quotes",
    "tuple_type": "{shown} is no list in brackets",
    "list_type": "{shown} is no list in brackets",
    "model_type": "{shown} is no table of keys",
    "dict_type": "{shown} is no table of keys",
    "too_short": "too few values",
    "too_long": "too many values",
    "finite_number": "{shown} is no finite number",
}
_LONGEST_SHOWN = 60


def plain_words(mistake: Any) -> str:
    """One of pydantic's mistakes (an element of `errors()`) in words for people who do not know Python."""
    words = _PLAIN.get(mistake["type"])
    if words is None:
        text = str(mistake["msg"]).removeprefix("Value error, ")
        return text[:1].lower() + text[1:]
    shown = repr(mistake.get("input"))
    shown = shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + "..."
    return words.format(shown=shown, **{"expected": "", **mistake.get("ctx", {})}).replace(" or '", ", '")
