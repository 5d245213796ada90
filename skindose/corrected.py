"""Corrections of one case, as they are kept: settings that go over those of the site, in the order in which they came.

Event numbers are those of the procedure when it was corrected. Where another report of the study came in since, they
are told again by Irradiation Event UID, so that a correction stays with its events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skindose.choices import renumbered
from skindose.config import Settings
from skindose.errors import SettingsError
from skindose.model import Events

KEYS = (
    "height_cm", "weight_kg", "sex", "age", "phantom", "pose", "placement", "region", "offset_mm", "orientation",
    "pad_mm", "profile", "exclude", "correct", "move",
)  # fmt: skip
"""What can be corrected in a case; the other settings are the site's."""
_NUMBERED = ("exclude", "correct", "move")


@dataclass(frozen=True)
class Correction:
    """One correction.

    key        names it in a result's configuration
    settings   by the names of `KEYS`
    whole      `exclude`, `correct` and `move` take the place of the former ones, instead of being added to them
    events     of `event_keys`, when it was made; () where it names no events
    of         digest of the result.json that it corrects
    by, reason as they were typed in
    """

    key: str
    settings: Mapping[str, Any]
    whole: bool
    events: tuple[str, ...]
    of: str
    by: str
    reason: str


def event_keys(events: Events) -> tuple[str, ...]:
    """What an event is known by in another report of its study: its UID, else its start; "" where it has neither."""
    return tuple(uid or start for uid, start in zip(events.uid, events.started, strict=True))


def names_events(settings: Mapping[str, Any]) -> bool:
    """Whether a correction names events."""
    return any(settings.get(name) for name in _NUMBERED)


def applied(base: Settings, corrections: Sequence[Correction], events: Sequence[str] | None = None) -> Settings:
    """The settings with the corrections of a case, the later ones over the earlier.

    events   `event_keys` of the procedure as it is now; None: as when it was corrected
    raises   SettingsError for a value that is not possible, or events that are not found again
    """
    for one in corrections:
        given = dict(one.settings)
        if events is not None and one.events and tuple(events) != one.events:
            given = _told_again(given, one.events, events)
        if not one.whole:
            given |= {name: _added(name, base, given[name]) for name in _NUMBERED if name in given}
        base = _with(base, given)
    return base


def _with(base: Settings, given: Mapping[str, Any]) -> Settings:
    """Checked; what is not given stays as it was, whether chosen or by default."""
    checked = Settings.load(None, dict(given))
    return base.model_copy(update={name: getattr(checked, name) for name in given})


def _added(name: str, base: Settings, value: Any) -> Any:
    if name == "exclude":
        return "; ".join(filter(None, (base.exclude, value)))
    return (*getattr(base, name), *([value] if isinstance(value, str) else value))


def _told_again(given: dict[str, Any], former: Sequence[str], events: Sequence[str]) -> dict[str, Any]:
    if len(set(former)) < len(former) or len(set(events)) < len(events) or "" in (*former, *events):
        what = "the reports of this case changed since it was corrected, and its events are not found again"
        raise SettingsError(what, "corrections", "Take the correction back (--undo) and correct it again.")
    place = {key: index for index, key in enumerate(events)}
    new = {old: place[key] for old, key in enumerate(former) if key in place}
    if "exclude" in given:
        pieces = (_which(piece, new, "=", "") for piece in given["exclude"].split(";"))
        given["exclude"] = "; ".join(filter(None, pieces))
    for name in ("correct", "move"):
        if name in given:
            texts = [given[name]] if isinstance(given[name], str) else given[name]
            given[name] = [text for one in texts if (text := _which(one, new, "=", ":"))]
    return given


def _which(text: str, new: Mapping[int, int], end: str, last: str) -> str:
    """One piece with its events told again; "" where it has none left.

    end, last   the events end at the first `end`, in what is before it at the last `last`, if one is given
    """
    head, equals, tail = text.partition(end)
    which, mark, rest = head.rpartition(last) if last else (head, "", "")
    told = renumbered(which, new)
    return f"{told}{mark}{rest}{equals}{tail}" if told else ""
