"""What a result depends on, beside the reports: kept with it, and compared with what it would be made of now.

Only what it used itself counts: the profile that its report gets, the calibration records of its machine that do not
begin after its day, the rules, the settings, the corrections of the case, the program. So another profile in the
site's folder makes outdated what used it or would now get it, and nothing else. Which that is, is asked from what the
report says of its machine, which stands in the configuration too: no report is read for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from skindose import __version__, calibration, phantom, release
from skindose.calibration import Loaded
from skindose.case import without_paths
from skindose.config import Settings
from skindose.model import Header, Patient, Procedure
from skindose.normalise.choose import fitting, held_by
from skindose.normalise.profiles import Profile, load, load_folder, shipped
from skindose.site import Site
from skindose.triggers import RuleSet

Configuration = Mapping[str, Any]
_DEVICE = ("study_date", "station", "manufacturer", "model", "software", "device_serial_number")
NO_DEVICE: Mapping[str, Any] = {**dict.fromkeys(_DEVICE, ""), "items": []}
_OWN = ("profile", "height_cm", "weight_kg")  # settings that stand for the case, not for the way of computing
_READERS = ("rdsr", "normalise")

WORDS = {
    "corrections": "another correction of the case",
    "profile": "another machine profile",
    "calibration": "another calibration record",
    "height": "another height",
    "weight": "another weight",
    "settings": "other settings",
    "body": "another body mesh",
    "rules": "other rules",
    "software": "another version of the program",
}
"""What may differ, in words; in the order in which it is told."""

BY_ITSELF = frozenset(("corrections", "profile", "calibration", "height", "weight"))
"""What the site changed on purpose and what changes the dose: such results are computed again without being asked."""


@dataclass(frozen=True)
class Task:
    """How files are worked on.

    rules    what all results are judged by, and alerts are raised by, whatever is put in force meanwhile
    """

    settings: Settings
    site: Site
    rules: RuleSet


def task(settings: Settings, site: Site) -> Task:
    """How files are worked on.

    raises   SettingsError for what would make every file fail: an unknown phantom, a mistake in a profile or record
    """
    phantom.make(settings, Patient())
    found = Task(settings, site, release.rules(settings))
    check(settings)
    return found


def device(procedure: Procedure) -> dict[str, Any]:
    """What profiles and calibration records are chosen by."""
    said = {name: getattr(procedure.header, name) for name in _DEVICE}
    return {**said, "items": sorted(held_by(procedure))}


@dataclass(frozen=True)
class Standing:
    """What is the same for all results of a moment: read once for many.

    same       the part of their configurations that is
    profiles   stamps of the site's profiles
    records    the site's calibration records, each with its digest
    """

    same: Mapping[str, Any]
    profiles: tuple[tuple[str, int, int], ...]
    records: tuple[tuple[Loaded, str], ...]


def standing(how: Task) -> Standing:
    """The site's files as they are now.

    raises   SettingsError for a mistake in one
    """
    settings = how.settings
    given = [name for name in ("calibration_folder", "profile_folder") if getattr(settings, name)]
    same = {
        "software": __version__,
        "settings": shown(settings),
        "folders": given,
        "rules": how.rules.digest,
    }
    records = _records(settings.calibration_folder, stamps(settings.calibration_folder))
    return Standing(same, stamps(settings.profile_folder), records)


def configuration(
    now: Standing, corrected: Settings, device: Mapping[str, Any], corrections: Sequence[str] = ()
) -> dict[str, Any]:
    """What a result depends on.

    corrected     the settings with the corrections of the case
    device        of `device`
    corrections   their keys
    raises        SettingsError for a mistake in a profile or record
    """
    header = Header(**{name: device[name] for name in _DEVICE})
    concerned = calibration.concerned([each for each, _ in now.records], header)
    return {
        **now.same,
        "profile": _profile(corrected, header, frozenset(device["items"]), now.profiles),
        "records": [[each.record.name, digest] for each, digest in now.records if each in concerned],
        "body": _mesh(corrected.phantom),
        "corrections": list(corrections),
        "read": {"reader": reader(), "region": corrected.region, "correct": list(corrected.correct)},
        "device": dict(device),
    }


def shown(settings: Settings) -> dict[str, Any]:
    """The settings without places on this machine."""
    return without_paths(settings).model_dump(mode="json", exclude={"profile_folder", "calibration_folder"})


def differences(made: Configuration, now: Configuration) -> frozenset[str]:
    """What differs, by the names of `WORDS`.

    made   what a stored result was made with
    now    what it would be made with
    """
    if "device" not in made:  # of a version that kept less
        return frozenset(("software",))
    found = set(_settings(made, now))
    pairs = {"corrections": "corrections", "records": "calibration", "body": "body", "rules": "rules"}
    found |= {reason for name, reason in pairs.items() if made[name] != now[name]}
    newer = made["software"] != now["software"] or made["read"]["reader"] != now["read"]["reader"]
    found |= {"software"} if newer else set()
    if made["profile"] != now["profile"] and not (newer and not (made["profile"]["own"] or now["profile"]["own"])):
        found.add("profile")
    return frozenset(found)


def _settings(made: Configuration, now: Configuration) -> Iterator[str]:
    """What differs in the settings. One that is no longer given, as without --config, is no wish to compute again."""
    names = {name for name, value in now["settings"].items() if made["settings"].get(name) != value}
    names |= made["settings"].keys() - now["settings"].keys()
    given = {name for name in names & set(_OWN) if now["settings"][name] is not None}
    yield from (name.partition("_")[0] for name in given)
    if names - given or set(made["folders"]) - set(now["folders"]):
        yield "settings"


def by_itself(reasons: frozenset[str]) -> bool:
    """Whether what differs so is computed again without being asked.

    Not with other settings beside: two programs that are started differently would each undo the other's results.
    """
    return "corrections" in reasons or (bool(reasons & BY_ITSELF) and "settings" not in reasons)


def same_events(made: Configuration, now: Configuration) -> bool:
    """Whether the events come out the same of the same reports, so that none has to be read again."""
    return "device" in made and made["profile"] == now["profile"] and made["read"] == now["read"]


def words(reasons: frozenset[str]) -> str:
    """What differs, in words."""
    return ", ".join(text for reason, text in WORDS.items() if reason in reasons)


# --- What the site's files and this program are just now


@lru_cache(maxsize=1)
def reader() -> str:
    """A digest of the code that makes events of a report: a stored case of the same one need not be read again."""
    found = hashlib.sha256()
    for room in _READERS:
        folder = files("skindose").joinpath(room)
        for entry in sorted(folder.iterdir(), key=lambda each: each.name):
            if entry.name.endswith(".py"):
                found.update(entry.read_bytes())
    found.update(files("skindose").joinpath("units.py").read_bytes())
    return found.hexdigest()


def check(settings: Settings) -> None:
    """Read the site's profiles and records.

    raises   SettingsError for a mistake in one
    """
    load_folder(settings.profile_folder)
    if settings.profile and Path(settings.profile).is_file():
        load(Path(settings.profile))
    _records(settings.calibration_folder, stamps(settings.calibration_folder))


def stamps(folder: Path | None) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of the files in a site's folder: they tell that one was changed."""
    if folder is None or not folder.is_dir():
        return ()
    found = []
    for path in sorted(folder.glob("*.toml")):
        with suppress(OSError):  # it was just taken away
            about = path.stat()
            found.append((path.name, about.st_size, about.st_mtime_ns))
    return tuple(found)


def files_as_they_are(settings: Settings) -> tuple[object, ...]:
    """What tells that a profile or record of the site was changed."""
    return stamps(settings.profile_folder), stamps(settings.calibration_folder)


def _profile(settings: Settings, header: Header, items: frozenset[str], profiles: Any) -> dict[str, Any]:
    named = settings.profile
    version = Path(named).stat().st_mtime_ns if named and Path(named).is_file() else 0
    return dict(_chosen(named, version, settings.profile_folder, profiles, (header, items)))


@lru_cache(maxsize=1024)
def _chosen(
    named: str | None, _version: int, folder: Path | None, _stamps: Any, of: tuple[Header, frozenset[str]]
) -> dict[str, Any]:
    found, _ = fitting(*of, named, _own(folder, _stamps))
    return {"name": found.name, "sha256": _digest(found), "own": found not in shipped()}


@lru_cache(maxsize=4)
def _own(folder: Path | None, _stamps: Any) -> tuple[Profile, ...]:
    return load_folder(folder)


@lru_cache(maxsize=4)
def _records(folder: Path | None, _stamps: Any) -> tuple[tuple[Loaded, str], ...]:
    return tuple((each, _digest(each)) for each in calibration.load_folder(folder))


def kept_records(settings: Settings, made_with: Configuration) -> tuple[tuple[str, str, bytes], ...]:
    """Name, signer and content of the calibration records of a configuration; its digests are those of the contents."""
    known = _records(settings.calibration_folder, stamps(settings.calibration_folder))
    content = {digest: each for each, digest in known}
    found = [content[digest] for _, digest in made_with["records"] if digest in content]
    return tuple(
        (each.record.name, each.record.signature.by if each.record.signature else "", _said(each)) for each in found
    )


def _digest(part: Profile | Loaded) -> str:
    """Of what a profile or record says, without comments and layout."""
    return hashlib.sha256(_said(part)).hexdigest()


def _said(part: Profile | Loaded) -> bytes:
    return json.dumps(part.model_dump(mode="json"), sort_keys=True).encode()


def _mesh(name: str) -> str:
    """Digest of a mesh file; "" of a body that the program makes."""
    if name.strip().lower() in phantom.NAMES:
        return ""
    path = Path(name).expanduser()
    if not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()
