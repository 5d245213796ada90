"""A case: one procedure after normalising, with all that computing its map needs; and how it is kept as bytes.

A result folder keeps it as case.npz, so that a correction of the placement, an excluded event or another version of the
program computes the map again without reading the report again. No identifiers: the report's items are left out.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skindose.calibration import Calibrations, Curve, Reported
from skindose.changes import Change
from skindose.config import Settings
from skindose.errors import InputError
from skindose.model import Events, Header, InputFile, Layer, Machine, Patient, Phantom, Procedure, Status, Totals
from skindose.triggers import RuleSet

VERSION = 1
_DOCUMENT = "case"
_SKIN = ("vertices_mm", "triangles", "centroid_mm", "normal", "area_mm2", "neighbours", "region")


class Revision(NamedTuple):
    """Which result this one corrects, who corrected it, and why."""

    folder: str
    sha256: str  # of its result.json
    by: str
    note: str


@dataclass(frozen=True, eq=False)
class Case:
    """What `pipeline.compute_case` turns into a result.

    procedure   what went in; its items are not kept in case.npz
    events      normalised, values corrected, none excluded yet
    corrected   what the user corrected in them
    rules       the trigger levels
    body        the phantom; its skin is kept in dosemap.vtp, not in case.npz
    revises     the result that this one corrects
    """

    procedure: Procedure
    events: Events
    settings: Settings
    corrected: tuple[Change, ...]
    calibrations: Calibrations
    rules: RuleSet
    body: Phantom
    revises: Revision | None = None


# What a case is made of; nothing else is ever made from the bytes.
_TYPES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (Calibrations, Change, Curve, Events, Header, InputFile, Layer, Machine, Patient, Phantom, Procedure)
} | {kind.__name__: kind for kind in (Reported, Revision, Totals)}


def to_bytes(case: Case) -> bytes:
    """case.npz: one JSON text, and the arrays it names; the same case gives the same bytes."""
    arrays: dict[str, NDArray[Any]] = {}
    skinless: dict[str, Any] = dict.fromkeys(_SKIN, np.zeros(0))
    document = {
        "version": VERSION,
        "settings": without_paths(case.settings).model_dump(mode="json"),
        "rules": case.rules.model_dump(mode="json", by_alias=True),
        "procedure": _packed(replace(case.procedure, context=(), accumulated=(), events=()), arrays),
        "events": _packed(case.events, arrays),
        "corrected": _packed(case.corrected, arrays),
        "calibrations": _packed(case.calibrations, arrays),
        "body": _packed(replace(case.body, **skinless), arrays),
        "revises": _packed(case.revises, arrays),
    }
    out = io.BytesIO()
    kept: dict[str, Any] = {_DOCUMENT: np.array(json.dumps(document)), **arrays}
    np.savez_compressed(out, **kept)
    return out.getvalue()


def from_bytes(data: bytes, skin: Mapping[str, NDArray[Any]]) -> Case:
    """The case of `to_bytes`.

    skin     the phantom's arrays, by the names of `Phantom`'s fields
    raises   InputError for what is no case of this version
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        document = json.loads(str(arrays[_DOCUMENT]))
        version = document["version"]
        if version == VERSION:
            return _case(document, arrays, skin)
    except Exception as error:  # of damaged bytes, numpy, zipfile, json and our own types raise whatever they like
        raise InputError(
            f"the stored case cannot be read ({type(error).__name__})", remedy="Run the report again."
        ) from None
    raise InputError(
        f"the stored case is of version {version}, this program reads {VERSION}", remedy="Run the report again."
    )


def _case(document: dict[str, Any], arrays: dict[str, NDArray[Any]], skin: Mapping[str, NDArray[Any]]) -> Case:
    names = ("procedure", "events", "corrected", "calibrations", "body", "revises")
    parts = {name: _unpacked(document[name], arrays) for name in names}
    parts["body"] = replace(parts["body"], **skin)
    return Case(settings=Settings(**document["settings"]), rules=RuleSet(**document["rules"]), **parts)


def without_paths(settings: Settings) -> Settings:
    """What the folders and files gave is in the case itself; where they lay is nobody's business."""
    names = {name: PurePath(getattr(settings, name) or "").name for name in ("phantom", "profile", "triggers")}
    named = {name: text or None for name, text in names.items()}
    return settings.model_copy(update={**named, "profile_folder": None, "calibration_folder": None})


def _packed(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """`value` as JSON; arrays are put aside under a name."""
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Status):
        return {"status": int(value)}
    if is_dataclass(value):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return {"type": type(value).__name__, "of": {name: _packed(each, arrays) for name, each in named.items()}}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        named = value._asdict()
        return {"type": type(value).__name__, "of": {name: _packed(each, arrays) for name, each in named.items()}}
    if isinstance(value, tuple | list):
        return [_packed(each, arrays) for each in value]
    if isinstance(value, Mapping):
        return {"map": {name: _packed(each, arrays) for name, each in value.items()}}
    return value


def _unpacked(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return tuple(_unpacked(each, arrays) for each in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "status" in value:
        return Status(value["status"])
    inside = value["map"] if "map" in value else value["of"]
    named = {name: _unpacked(each, arrays) for name, each in inside.items()}
    return named if "map" in value else _TYPES[value["type"]](**named)
