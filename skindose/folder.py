"""Result folders: written whole or not at all, and opened again only where they are whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from skindose import case as cases
from skindose.case import Case
from skindose.errors import InputError, OutputError, reason
from skindose.model import FloatArray, Phantom, Procedure, Result
from skindose.phantom.build import measured
from skindose.report import CASE, EVENTS, MAP, RESULT, contract, mesh, render
from skindose.report.summary import SCHEMA_VERSION, schema

_REMEDY = "Run the report again."
_LARGEST_BYTES = 2**31  # of one file of a folder; ours have some megabytes


class Written(NamedTuple):
    """What was written: result.json as a dict, and what it replaced, in words."""

    facts: dict[str, Any]
    replaced: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Stored:
    """A result folder, opened: its files are the ones that were written together.

    facts                       result.json
    phantom, dose_mgy, ...      dosemap.vtp: the body, and the dose of its cells with its standard uncertainty
    events_csv                  the file
    case                        case.npz: what `pipeline.compute_case` makes the same result of again
    """

    path: Path
    facts: dict[str, Any]
    phantom: Phantom
    dose_mgy: FloatArray
    uncertainty_mgy: FloatArray
    case: Case
    events_csv: bytes


# --- Opening


def open_result(path: Path) -> Stored:
    """A result folder with a map.

    path     the folder, or its result.json
    raises   InputError, one line: no result folder, without a map, incomplete, damaged, of another version
    """
    folder = path.parent if path.name == RESULT else path
    facts = read_facts(folder)
    where = folder.name or str(folder)
    if not facts["peak"] and MAP not in facts["files"]:
        raise InputError(f"this result has no dose map: {facts['no_map_reason']}", where, "Look at its report.html.")
    for name in (MAP, CASE, EVENTS):
        if name not in facts["files"]:
            raise InputError(f"result.json is damaged: it lacks the digest of {name}", where, _REMEDY)
    contents = {name: _whole(folder, name, digest) for name, digest in facts["files"].items()}
    try:
        surface = mesh.read_vtp(contents[MAP])
    except Exception as error:  # its digest is right, so another program wrote both; no parser's words help here
        raise InputError(f"{MAP} cannot be read ({type(error).__name__})", where, _REMEDY) from None
    if facts["peak"] and not 0 <= facts["peak"]["cell"] < len(surface.triangles):
        raise InputError(f"result.json is damaged: {MAP} has no cell of the peak's number", where, _REMEDY)
    skin = measured(surface.vertices_mm, surface.triangles) | {"region": surface.region}
    try:
        case = cases.from_bytes(contents[CASE], skin)
    except InputError as error:
        raise error.at(where) from None
    if {one["sha256"] for one in facts["inputs"]} != {one.sha256 for one in case.procedure.inputs}:
        raise InputError(f"{CASE} is another procedure's: its files are not those of {RESULT}", where, _REMEDY)
    return Stored(folder, facts, case.body, surface.dose_mgy, surface.uncertainty_mgy, case, contents[EVENTS])


def read_facts(folder: Path) -> dict[str, Any]:
    """result.json of a result folder, with or without a map.

    raises   InputError
    """
    where = folder.name or str(folder)
    try:
        facts = json.loads(_bytes(folder / RESULT))
    except FileNotFoundError:
        raise InputError("this is no result folder: it has no result.json", where, "Give one that run wrote.") from None
    except NotADirectoryError:
        raise InputError("this is a file, not a result folder", where, "Give the folder that run wrote.") from None
    except OSError as error:
        raise InputError(f"cannot read the result: {reason(error)}", where, "Mend its rights.") from None
    except (ValueError, RecursionError):
        raise InputError("result.json is damaged: it is no JSON", where, _REMEDY) from None
    version = facts.get("schema_version") if isinstance(facts, dict) else None
    if version != SCHEMA_VERSION:
        what = f"result.json is of schema {version}" if version else "result.json is none of skindose"
        raise InputError(f"{what}, this program reads {SCHEMA_VERSION}", where, _REMEDY)
    rule = schema()
    missing = [name for name in rule["required"] if name not in facts]
    if missing:
        raise InputError(f"result.json is damaged: it lacks {', '.join(missing[:3])}", where, _REMEDY)
    if place := contract.departure(facts, rule, rule):
        raise InputError(f"result.json is damaged at {place[:60]}", where, _REMEDY)
    return dict(facts)


def _whole(folder: Path, name: str, digest: str) -> bytes:
    where = folder.name or str(folder)
    try:
        content = _bytes(folder / name)
    except FileNotFoundError:
        raise InputError(f"the result is incomplete: {name} is missing", where, _REMEDY) from None
    except OSError as error:
        raise InputError(f"cannot read {name}: {reason(error)}", where, "Mend its rights.") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise InputError(f"{name} is damaged or not the one that result.json was written with", where, _REMEDY)
    return content


def _bytes(path: Path) -> bytes:
    about = path.stat()
    if stat.S_ISFIFO(about.st_mode) or stat.S_ISCHR(about.st_mode) or stat.S_ISSOCK(about.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device")  # it would be read for ever
    if about.st_size > _LARGEST_BYTES:
        raise OSError(errno.EFBIG, "the file is too large")
    return path.read_bytes()


# --- Writing


def write_result(result: Result, folder: Path, more: Mapping[str, Any] | None = None) -> Written:
    """Write a result folder: whole, replacing a former result, or not at all.

    more     as `report.render` takes it
    raises   OutputError; nothing half-written stays behind and a former result stays as it was
    """
    files = render(result, more)
    _refuse_foreign(folder)
    replaced = _former(folder, result.procedure)
    fresh = _beside(folder, "partial")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for name, content in files.items():
            with (fresh / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _swap(fresh, folder)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise OutputError(
            f"cannot write the result: {reason(error)}", folder.name, "Free space or choose another --out."
        ) from None
    except KeyboardInterrupt:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return Written(json.loads(files[RESULT]), replaced)


def _former(folder: Path, procedure: Procedure) -> tuple[str, ...]:
    """What a result in this folder was of, in words."""
    try:
        former = json.loads((folder / RESULT).read_bytes())
        digests, study = {one["sha256"] for one in former["inputs"]}, former["procedure"]["study_instance_uid"]
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return ("replaced what was in this folder",)
    if digests <= {source.sha256 for source in procedure.inputs}:
        return ("replaced the former result in this folder",)
    if study and study == procedure.header.study_instance_uid:
        return ("replaced the result of another report of the same study",)
    return ("replaced the result of ANOTHER procedure whose file had this name: give each its own name or --out",)


def _refuse_foreign(folder: Path) -> None:
    """A folder that is no former result is not ours to replace."""
    try:
        ours = not os.path.lexists(folder) or (folder.is_dir() and not folder.is_symlink())
        ours = ours and (not folder.is_dir() or _is_result(folder) or not any(folder.iterdir()))
    except OSError as error:
        raise OutputError(f"cannot look into the folder: {reason(error)}", folder.name, "Mend its rights.") from None
    if not ours:
        raise OutputError(
            "in the way of the result lies something that is no skindose result",
            folder.name,
            "Move it or choose another --out.",
        )


def _is_result(folder: Path) -> bool:
    """Whether the folder's result.json is one of ours, of any version; other programs have files of that name too."""
    if not (folder / RESULT).is_file():
        return False
    try:
        facts = json.loads(_bytes(folder / RESULT))
    except (ValueError, RecursionError):
        return False
    return isinstance(facts, dict) and "schema_version" in facts and "inputs" in facts


def _beside(folder: Path, what: str) -> Path:
    """A hidden neighbour of the folder; its name is short, since the folder's may be as long as the disk allows."""
    return folder.with_name(f".{hashlib.sha256(os.fsencode(folder.name)).hexdigest()[:16]}.{os.getpid()}.{what}")


def _swap(fresh: Path, folder: Path) -> None:
    if not folder.exists():
        fresh.rename(folder)
        return
    former = _beside(folder, "former")
    shutil.rmtree(former, ignore_errors=True)
    folder.rename(former)
    try:
        fresh.rename(folder)
    except (OSError, KeyboardInterrupt):
        if not folder.exists():
            former.rename(folder)
        raise
    shutil.rmtree(former, ignore_errors=True)


def write_file(path: Path, content: bytes, begins: bytes) -> None:
    """Write one file whole, or not at all; another kind of file in its place is not ours to replace.

    begins   how every file of this kind begins
    raises   OutputError
    """
    fresh = _beside(path, "partial")
    try:
        if os.path.lexists(path) and (not path.is_file() or path.read_bytes()[: len(begins)] != begins):
            what = "in its place lies something of another kind, which is not replaced"
            raise OutputError(what, path.name, "Choose another --out.")
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # where its folder is none, there is nothing to take away
            fresh.unlink()
        raise OutputError(f"cannot write: {reason(error)}", path.name, "Choose another --out.") from None
