"""Which profile a file gets: the user's, else the site's that fits, else the shipped one that fits best."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from skindose.config import Settings
from skindose.errors import SettingsError
from skindose.model import Header
from skindose.normalise.items import Record
from skindose.normalise.profiles import Profile, load, load_folder, names, shipped

FALLBACK = "generic"


def choose(header: Header, records: Sequence[Record], settings: Settings) -> tuple[Profile, str]:
    """The profile for a file, and in words why it is this one.

    raises   SettingsError for a name that is not known, or a mistake in a profile
    """
    own = load_folder(settings.profile_folder)
    if settings.profile:
        return _named(settings.profile, own), "chosen by the user"
    present = _present(records)
    for profiles, whose in ((own, "the site's own"), (shipped(), "shipped")):
        best = _best(profiles, header, present)
        if best is not None:
            return best, f"{whose}, {_why(best, header)}"
    fallback = next(profile for profile in shipped() if profile.name == FALLBACK)
    return fallback, "no profile fits the maker and model"


def _named(name: str, own: Sequence[Profile]) -> Profile:
    known = (*own, *shipped())
    for profile in known:
        if profile.name == name:
            return profile
    if name.endswith(".toml") or "/" in name or "\\" in name:
        return load(Path(name))
    raise SettingsError(f"no profile is named {name!r}", "profile", f"Known: {names(known)}, or a TOML file.")


def _present(records: Iterable[Record]) -> frozenset[str]:
    found: set[str] = set()
    for record in records:
        found.update(reference for reference in record.references() if _holds(record, reference))
    return frozenset(found)


def _holds(record: Record, reference: str) -> bool:
    return any(item.values or item.text or item.code or item.kind == "CONTAINER" for item in record.all(reference))


def _best(profiles: Iterable[Profile], header: Header, present: frozenset[str]) -> Profile | None:
    scored = [(_score(profile, header, present), profile) for profile in profiles if profile.name != FALLBACK]
    fitting = [(score, profile) for score, profile in scored if score > 0]
    if not fitting:
        return None
    # Of two that fit alike the later one counts: a machine that was commissioned again.
    return max(fitting, key=lambda pair: (pair[0], pair[1].match.priority, pair[1].date, pair[1].name))[1]


def _score(profile: Profile, header: Header, present: frozenset[str]) -> int:
    """How well a profile fits: 0 not at all; serial number or station 8, maker 2, model 4, software 1, items 1-3.

    A profile of one room names its serial number or station: zeros of one room are wrong in the next, so a file that
    does not say where it comes from does not get it. A model that matches is enough otherwise; items decide only where
    the file does not say the model.
    """
    match = profile.match
    score = 0
    for pattern, text in ((match.serial_number, header.device_serial_number), (match.station, header.station)):
        if pattern and not re.search(pattern, text, re.IGNORECASE):
            return 0
        score += 8 if pattern else 0
    for pattern, text, worth in (
        (match.manufacturer, header.manufacturer, 2),
        (match.model, header.model, 4),
        (match.software, header.software, 1),
    ):
        if pattern and text.strip():
            if not re.search(pattern, text, re.IGNORECASE):
                return 0
            score += worth
    if match.model and header.model.strip():
        return score
    if any(_key(reference) not in present for reference in match.present):
        return 0
    if any(_key(reference) in present for reference in match.absent):
        return 0
    return score + (2 if match.present else 0) + (1 if match.absent else 0)


def _key(reference: str) -> str:
    return reference.upper() if "/" in reference else reference


def _why(profile: Profile, header: Header) -> str:
    match, reasons = profile.match, []
    if match.serial_number:
        reasons.append("serial number")
    if match.station:
        reasons.append("station")
    if match.manufacturer and header.manufacturer.strip():
        reasons.append("maker")
    if match.model and header.model.strip():
        reasons.append("model")
    elif match.present or match.absent:
        reasons.append("items")
    return f"by {' and '.join(reasons) or 'its software'}"
