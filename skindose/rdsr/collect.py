"""The tree of content items -> irradiation events (each once), accumulated data, and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from skindose.model import Item

EVENT, ACCUMULATED = "irradiation_event_x_ray_data", "accumulated_x_ray_dose_data"
_PLANES = frozenset(("113620", "113621"))  # A, B
# What tells a container whose own name is missing or wrong.
_HOLDS = {
    EVENT: frozenset(("irradiation_event_uid", "irradiation_event_type")),
    ACCUMULATED: frozenset(("dose_area_product_total", "dose_rp_total")),
}


class Collected(NamedTuple):
    """A report's items by what they are; `renamed` counts containers that only their content tells."""

    context: tuple[Item, ...]
    accumulated: tuple[Item, ...]
    events: tuple[Item, ...]
    renamed: int


def collect(items: Iterable[Item]) -> Collected:
    """Sort items of the root; containers of events and totals are lifted out from any depth, also out of each other."""
    context: list[Item] = []
    found: dict[str, list[Item]] = {EVENT: [], ACCUMULATED: []}
    renamed = 0
    for item in items:
        kept = item
        inner = collect(item.children) if item.children else None
        if inner and (inner.accumulated or inner.events):
            kept = item._replace(children=inner.context)
            renamed += inner.renamed
        role = _role(kept)
        (found[role] if role else context).append(kept)
        renamed += bool(role) and kept.name != role
        if inner:
            found[ACCUMULATED] += inner.accumulated
            found[EVENT] += inner.events
    return Collected(tuple(context), tuple(found[ACCUMULATED]), tuple(found[EVENT]), renamed)


def _role(item: Item) -> str:
    if item.name in _HOLDS:
        return item.name
    if item.name or not item.children:
        return ""
    inside = {child.name for child in item.children}
    return next((role for role, needed in _HOLDS.items() if inside & needed), "")


def event_uid(event: Item) -> str:
    """Irradiation Event UID of an event container, "" where it has none."""
    return next((item.text.strip() for item in event.walk() if item.name == "irradiation_event_uid" and item.text), "")


def event_key(event: Item) -> str:
    """What tells one irradiation from another: the UID, with the plane where it is A or B; "" without a UID.

    The plane counts since dose would be lost where both planes of one exposure carry the same UID.
    """
    uid = event_uid(event)
    planes = (item.code.value for item in event.walk() if item.name == "acquisition_plane" and item.code)
    plane = next(planes, "")
    return f"{uid} {plane if plane in _PLANES else ''}".strip() if uid else ""


def once_each(events: Sequence[Item], warnings: list[str]) -> tuple[Item, ...]:
    """Each irradiation once: of repeated ones the one that says most, the later at a tie; all without a UID."""
    best: dict[object, Item] = {}
    differing: set[object] = set()
    for number, event in enumerate(events):
        key: object = event_key(event) or number
        if event != best.get(key, event):
            differing.add(key)
        if key not in best or said(event) >= said(best[key]):
            best[key] = event
    if len(best) < len(events):
        warnings.append(f"{len(events) - len(best)} irradiation events stand twice (same UID); each is counted once.")
    if differing:
        warnings.append(f"{len(differing)} irradiation events stand twice and differ; the fuller one is counted.")
    if nameless := sum(not event_uid(event) for event in best.values()):
        warnings.append(f"{nameless} irradiation events have no UID; each is counted.")
    return tuple(best.values())


def said(event: Item) -> int:
    """How many values an event holds."""
    return sum(bool(item.values or item.text or item.code) for item in event.walk())
