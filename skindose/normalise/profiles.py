"""Machine profiles: what a maker's family of machines means by its items, as validated data.

A profile is a TOML file; the shipped ones lie in profiles/, a site's own in the folder that its settings name. What
the keys mean stands in the field descriptions below; a key that is not listed is a mistake and is refused.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from skindose.config import plain_words
from skindose.errors import SettingsError, reason
from skindose.model import Layer


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


Regex = Annotated[str, AfterValidator(_regex)]
Length = Annotated[float, Field(gt=0, lt=5000)]
Place = Annotated[float, Field(ge=-5000, le=5000)]
Sign = Literal[-1, 1]
Turn = Annotated[float, Field(ge=-180, le=180)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Match(_Part):
    """Which files a profile is for; every condition that is given must hold. Case is ignored."""

    manufacturer: Regex = Field("", description="searched in the manufacturer; passes if the file has none")
    model: Regex = Field("", description="searched in the model; passes if the file has none")
    software: Regex = Field("", description="searched in the software versions; passes if the file has none")
    serial_number: Regex = Field("", description="searched in the device's serial number, which the file must have")
    station: Regex = Field("", description="searched in the station's name, which the file must have")
    present: tuple[str, ...] = Field((), description="items that must occur: names, or SCHEME/CODE for private ones")
    absent: tuple[str, ...] = Field((), description="items that must not occur with a value")
    priority: int = Field(0, description="decides between profiles that fit equally well")


class Axis(_Part):
    """One table axis: our value is sign * (item - zero - offset)."""

    items: tuple[str, ...] = Field((), description="items that may hold the position; the first with a value counts")
    end_items: tuple[str, ...] = Field((), description="its position at the event's end, besides DICOM's own items")
    sign: Sign = 1
    zero_mm: float = 0.0
    zero_items: tuple[str, ...] = Field((), description="items with the zero (event's, else accumulated); else zero_mm")
    offset_mm: float = Field(0.0, description="what the zero is beside the one that the items hold")
    zero: Literal["known", "plausible", "unknown"] = Field(
        "unknown", description="known: at head end, centre line, isocentre; plausible: only if the values look like it"
    )


class Pivot(_Part):
    """What the table turns about. A point is in mm from the isocentre, as it stands on a level table of height 0."""

    about: Literal["isocentre", "reference-point", "points"] = Field(
        "isocentre",
        description="isocentre; reference-point: the table's head end, centre line, upper surface; points: those below",
    )
    horizontal_mm: tuple[Place, Place] = Field((0.0, 0.0), description="left, head: vertical axis of the column")
    head_tilt_mm: tuple[Place, Place] = Field((0.0, 0.0), description="down, head: axis across the table")
    cradle_mm: tuple[Place, Place] = Field((0.0, 0.0), description="left, down: axis along the table")
    rides: bool = Field(True, description="the axes of head tilt and cradle go up and down with the table")


class Table(_Part):
    """The table's axes. Ours: sideways grows to the patient's left, head-foot towards his head, height downwards."""

    sideways: Axis = Axis(items=("table_longitudinal_position",))
    head_foot: Axis = Axis(items=("table_lateral_position",))
    height: Axis = Axis(items=("table_height_position",))
    sideways_limit_mm: Length = Field(300.0, description="no table moves sideways beyond this")
    head_tilt_sign: Sign = 1
    horizontal_rotation_sign: Sign = 1
    cradle_tilt_sign: Sign = 1
    head_tilt_end_items: tuple[str, ...] = Field((), description="head tilt at the event's end")
    cradle_tilt_end_items: tuple[str, ...] = Field((), description="cradle tilt at the event's end")
    pivot: Pivot = Pivot()


class Distances(_Part):
    """Distances where the file is silent, and private items that hold them."""

    isocenter: bool = Field(True, description="the gantry has an isocentre")
    source_to_isocenter_mm: Length | None = None
    cautious: bool = Field(False, description="assume an isocentre only where distances, table or angles are given")
    source_to_isocenter_items: tuple[str, ...] = ()
    source_to_detector_mm: Length = 1100.0
    source_to_detector_items: tuple[str, ...] = Field((), description="where the DICOM item is missing")
    reference_point: Literal["isocenter", "detector", "unknown"] = Field(
        "isocenter", description="150 mm before the isocentre, or 300 mm before the detector, where the file is silent"
    )
    isocenter_beyond_reference_mm: Length = Field(150.0, description="without an isocentre: the patient's middle")


class Shutters(_Part):
    """Private items with the shutters' distances from the beam's centre, at a plane `distance_mm` from the source."""

    left: str
    right: str
    bottom: str
    top: str
    distance_mm: Length = 1000.0


class FieldShape(_Part):
    """How the field's size is reported."""

    area_plane: Literal["detector", "1m", "none", "auto"] = Field("auto", description="where Collimated Field Area is")
    aspect: bool = Field(False, description="the ratio of Collimated Field Height to Width is usable")
    shutters: Shutters | None = None
    detector_items: tuple[str, ...] = Field((), description="private items with the sides of the detector's field")
    rotation_items: tuple[str, ...] = Field((), description="items with the collimator's rotation, degrees")
    rotation_sign: Sign = Field(1, description="1: it turns the field from the image's left towards its head")
    wedge_items: tuple[str, ...] = Field((), description="items that tell that wedges are placed; they are not used")
    shape: Literal["rectangle", "circle"] = "rectangle"


class Rotational(_Part):
    """Arcs of rotational acquisitions without an end angle: primary start and end, degrees."""

    arcs: tuple[tuple[float, float], ...] = Field(((-100.0, 100.0),), min_length=1)


class Slab(_Part):
    """A layer of the patient support, from the table's upper surface downwards."""

    name: str
    material: str
    thickness_mm: Annotated[float, Field(gt=0, lt=500)]


class Support(_Part):
    """Table top and pad as slabs."""

    layers: tuple[Slab, ...] = ()
    pad_mm: Annotated[float, Field(ge=0, le=300)] = 40.0
    pad_material: str = "polyurethane"
    half_width_mm: Length = 225.0
    length_mm: Length = 2800.0


class Commissioning(_Part):
    """How a commissioned profile came about: written by `skindose commission`, for the record only."""

    by: str = Field(min_length=1, description="the physicist")
    report_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="the RDSR with the shots")
    shots: Annotated[int, Field(ge=1)]
    left_out: tuple[int, ...] = Field((), description="events whose marks contradict the others")
    rms_mm: Annotated[float, Field(ge=0)] = Field(description="marker from the central ray, over the shots that count")
    inherits: str = Field(description="the profile that everything not determined comes from")
    determined: tuple[str, ...]
    inherited: tuple[str, ...] = Field((), description="conventions that the shots could not tell")


class Profile(_Part):
    """A maker's family of machines."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str
    status: Literal["commissioned", "documented", "assumed"]
    evidence: str = Field(min_length=10, description="what the statements rest on")
    date: datetime.date
    sources: tuple[str, ...] = Field(min_length=1)
    match: Match = Match()
    has_table: bool = True
    angles_relative_to: Literal["patient", "gantry"] = "patient"
    axis_order: Literal["primary-secondary", "secondary-primary"] = "primary-secondary"
    primary_sign: Sign = 1
    secondary_sign: Sign = 1
    primary_zero_deg: Turn = Field(0.0, description="our angle is sign * (item - zero)")
    secondary_zero_deg: Turn = 0.0
    distances: Distances = Distances()
    table: Table = Table()
    field: FieldShape = FieldShape()
    rotational: Rotational = Rotational()
    support: Support = Support()
    transmission: str = Field("", description="a measured curve of the physics data; else the described layers")
    kvp_kv: Annotated[float, Field(ge=40, le=150)] = Field(80.0, description="where no event has one")
    filter_al_mm: Annotated[float, Field(ge=0, le=20)] = Field(0.0, description="added filter where no event has one")
    filter_cu_mm: Annotated[float, Field(ge=0, le=3)] = Field(0.0, description="added filter where no event has one")
    inherent_filtration_mmal: Annotated[float, Field(gt=0, le=10)] = 2.5
    inherent_filtration_uncertainty_mmal: Annotated[float, Field(ge=0, le=3)] = Field(0.5, description="standard")
    inherent_filters_mm: dict[str, Annotated[float, Field(gt=0, le=100)]] = Field(
        {}, description="the tube's own filters of other materials (Be, glass, oil, Ti, ...), beside the aluminium"
    )
    anode_angle_deg: Annotated[float, Field(gt=3, lt=30)] = 11.0
    detector_side_mm: Length = Field(400.0, description="the detector's longer side")
    anode_direction: Literal["", "u+", "u-", "v+", "v-"] = Field(
        "",
        description="side of the field on which the anode lies, u to the image's patient-left, v to its cranial side",
    )
    orientation_patterns: tuple[Regex, ...] = Field((), description="in comments; group `position` holds HFS, FFP, ...")
    peak_items: tuple[str, ...] = Field((), description="items with the maker's own peak skin dose")
    commissioning: Commissioning | None = None

    def layers(self) -> tuple[Layer, ...]:
        """The support as the geometry wants it: slabs stacked downwards from the table's surface, then the pad."""
        support, top, found = self.support, 0.0, []
        for slab in support.layers:
            found.append(self._layer(slab.name, slab.material, top, slab.thickness_mm))
            top += slab.thickness_mm
        if support.layers and support.pad_mm > 0:
            found.append(self._layer("pad", support.pad_material, -support.pad_mm, support.pad_mm))
        return tuple(found)

    def _layer(self, name: str, material: str, top_mm: float, thickness_mm: float) -> Layer:
        return Layer(name, material, top_mm, thickness_mm, self.support.half_width_mm, self.support.length_mm)


def shipped() -> tuple[Profile, ...]:
    """The profiles that come with the program, by name."""
    return _shipped()


@lru_cache(maxsize=1)
def _shipped() -> tuple[Profile, ...]:
    folder = files("skindose.normalise").joinpath("profiles")
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]
    profiles = (parse(entry.read_text(encoding="utf-8"), entry.name) for entry in found)
    return tuple(sorted(profiles, key=lambda profile: profile.name))


def load(path: Path) -> Profile:
    """One profile from a file.

    raises   SettingsError with file and key
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the profile: {reason(error)}", path.name, "Check its name.") from None
    return parse(text, path.name)


def load_folder(folder: Path | None) -> tuple[Profile, ...]:
    """A site's own profiles (every *.toml of its folder); none without a folder.

    raises   SettingsError for a folder that is not there, or a mistake in a profile
    """
    if folder is None:
        return ()
    if not folder.is_dir():
        raise SettingsError("the folder of profiles does not exist", str(folder), "Check profile_folder.")
    return tuple(load(path) for path in sorted(folder.glob("*.toml")))


def parse(text: str, where: str) -> Profile:
    """A profile from TOML text.

    raises   SettingsError naming `where` and the key
    """
    try:
        return Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not valid TOML: {error}", where, "Mend the profile.") from None
    except ValidationError as error:
        raise _mistake(error, where) from None


def _mistake(error: ValidationError, where: str) -> SettingsError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "profile"
    return SettingsError(f"{key}: {plain_words(first)}", where, "Mend the profile; the shipped ones show every key.")


def names(profiles: Iterable[Profile]) -> str:
    """The names in one line, for messages."""
    return ", ".join(sorted({profile.name for profile in profiles}))


def schema() -> dict[str, Any]:
    """JSON schema of a profile."""
    return Profile.model_json_schema()
