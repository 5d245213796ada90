"""Which profile a file gets: the user's, else the site's that fits, else the shipped one that fits best."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from skindose.config import Settings
from skindose.errors import SettingsError
from skindose.model import Header, Procedure
from skindose.normalise.items import held
from skindose.normalise.profiles import Profile, load, load_folder, names, shipped

FALLBACK = "generic"


def choose(procedure: Procedure, settings: Settings) -> tuple[Profile, str]:
    """The profile for a file, and in words why it is this one.

    raises   SettingsError for a name that is not known, or a mistake in a profile
    """
    own = load_folder(settings.profile_folder)
    return fitting(procedure.header, held_by(procedure), settings.profile, own)


def held_by(procedure: Procedure) -> frozenset[str]:
    """What a profile may ask of a procedure beside its header."""
    return held((*procedure.events, *procedure.accumulated))


def fitting(header: Header, items: Set[str], name: str | None, own: Sequence[Profile]) -> tuple[Profile, str]:
    """As `choose`, of a file that is no longer at hand.

    items    what it holds, of `held_by`
    name     the user's choice
    own      the site's profiles
    """
    if name:
        return _named(name, own), "chosen by the user"
    for profiles, whose in ((own, "the site's own"), (shipped(), "shipped")):
        best = _best(profiles, header, items)
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


def _best(profiles: Iterable[Profile], header: Header, items: Set[str]) -> Profile | None:
    scored = [(_score(profile, header, items), profile) for profile in profiles if profile.name != FALLBACK]
    fitting = [(score, profile) for score, profile in scored if score > 0]
    if not fitting:
        return None
    # Of two that fit alike the later one counts: a machine that was commissioned again.
    return max(fitting, key=lambda pair: (pair[0], pair[1].match.priority, pair[1].date, pair[1].name))[1]


def _score(profile: Profile, header: Header, items: Set[str]) -> int:
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
    if any(_key(reference) not in items for reference in match.present):
        return 0
    if any(_key(reference) in items for reference in match.absent):
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
