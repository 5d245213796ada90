"""The tree of content items -> irradiation events (each once), accumulated data, and the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from skindose.errors import UnitError
from skindose.model import Item
from skindose.units import convert, mgy_to_gy

EVENT, ACCUMULATED = "irradiation_event_x_ray_data", "accumulated_x_ray_dose_data"
KERMA, KAP = ("dose_rp", "dose_mgy"), ("dose_area_product", "kap_gycm2")
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
    """Each irradiation once, all without a UID; what the repeated ones contradict each other in becomes warnings.

    Of events with one UID the one with the largest air kerma counts, then the largest KAP, then the one that says
    most, the later at a tie: a report of an irradiation that still went on holds less, and a dose too high is looked
    at where one too low is not. One UID with several starts are several irradiations, of a maker that gives no new UID.
    """
    groups: dict[object, list[Item]] = {}
    for number, event in enumerate(events):
        groups.setdefault(event_key(event) or number, []).append(event)
    parted = [part for group in groups.values() for part in _by_start(group)]
    if repeated := len(events) - len(parted):
        warnings.append(f"{repeated} irradiation events stand twice (same UID); each is counted once.")
    if len(parted) > len(groups):
        told = f"{len(parted) - len(groups)} irradiation events have the UID of another one but another start"
        warnings.append(f"{told}; each is counted.")
    warnings += contradictions(parted)
    best = tuple(max(reversed(part), key=_weight) for part in parted)
    if nameless := sum(not event_uid(event) for event in best):
        warnings.append(f"{nameless} irradiation events have no UID; each is counted.")
    return best


def _by_start(group: list[Item]) -> list[list[Item]]:
    """Events of one UID, parted by their start as exactly as both tell it; one without a start goes with the first."""
    parts: dict[str, list[Item]] = {}
    for event in sorted(group, key=lambda event: -len(_start(event))):
        start = _start(event)
        parts.setdefault(next((known for known in parts if known.startswith(start)), start), []).append(event)
    order = {id(event): place for place, event in enumerate(group)}
    parted = [sorted(part, key=lambda event: order[id(event)]) for part in parts.values()]
    return sorted(parted, key=lambda part: order[id(part[0])])


def _start(event: Item) -> str:
    return next((item.text.strip()[:14] for item in event.walk() if item.name == "date_time_started" and item.text), "")


def contradictions(parted: Iterable[Sequence[Item]]) -> list[str]:
    """Warnings of groups of repeated events that are not alike: by how much their air kerma differs, if it does."""
    kerma = [sorted({dose(event, *KERMA) for event in part}) for part in parted if len(set(part)) > 1]
    apart = [values for values in kerma if len(values) > 1]
    found = []
    if apart:
        most = max(apart, key=lambda values: values[-1] - values[0])
        added = mgy_to_gy(sum(values[-1] - values[0] for values in apart))
        found.append(
            f"{len(apart)} irradiation events stand more than once with different air kerma (up to "
            f"{mgy_to_gy(most[-1]):.4g} against {mgy_to_gy(most[0]):.4g} Gy; {added:.4g} Gy in all); the larger counts."
        )
    if len(kerma) > len(apart):
        found.append(f"{len(kerma) - len(apart)} irradiation events stand twice and differ; the fuller one is counted.")
    return found


def _weight(event: Item) -> tuple[float, float, int]:
    return dose(event, *KERMA), dose(event, *KAP), said(event)


def dose(event: Item, name: str, kind: str) -> float:
    """The largest number that an event gives for a dose, in our unit; 0 without one."""
    found = [0.0]
    for item in event.walk():
        if item.name == name:
            with suppress(UnitError):  # the event is kept whatever its unit; normalising names it
                found += [convert(value, item.unit, kind) for value in item.values if math.isfinite(value)]
    return max(found)


def said(event: Item) -> int:
    """How many values an event holds."""
    return sum(bool(item.values or item.text or item.code) for item in event.walk())
