"""Settings: everything a user or a site can choose, validated, with every default visible."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skindose.errors import SettingsError

Orientation = Literal["hfs", "hfp", "hfdr", "hfdl", "ffs", "ffp", "ffdr", "ffdl"]
Correction = Literal["backscatter", "medium", "table", "calibration"]
CORRECTIONS: tuple[Correction, ...] = ("backscatter", "medium", "table", "calibration")
Medium = Literal["water", "soft-tissue", "skin"]
Pose = Literal["arms-down", "arms-up", "left-arm-up", "right-arm-up"]
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
    corrections: tuple[Correction, ...] = Field(CORRECTIONS, description="factors that are applied")
    medium: Medium = Field("water", description="dose medium")
    triggers: str = Field("ncrp-168", description="preset of trigger levels or a TOML file")
    exclude: str = Field("", description="events left out: numbers from 1 and ranges, e.g. 3,7-9")
    seed: int = Field(0, ge=0, description="seed of random draws")

    @classmethod
    def load(cls, path: Path | None, overrides: dict[str, Any]) -> Settings:
        """Settings from a TOML file (or none), with the command line's values over it.

        raises   SettingsError naming the key and what is allowed
        """
        values: dict[str, Any] = {}
        if path is not None:
            try:
                values = tomllib.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError) as error:
                raise SettingsError(f"cannot read the configuration: {error}", str(path), "Mend the file.") from None
        given = {key: value for key, value in overrides.items() if value is not None}
        try:
            return cls(**{**values, **given})
        except ValidationError as error:
            raise _settings_error(error, str(path) if path else "options") from None


def _settings_error(error: ValidationError, where: str) -> SettingsError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "settings"
    return SettingsError(f"{key}: {first['msg']}", where, "See `skindose run --help` for what is allowed.")
