"""Distances from the source: to the isocentre and to the detector."""

from __future__ import annotations

from collections import Counter

import numpy as np

from skindose.model import Status
from skindose.normalise.standin import default_spread, plus_minus, pooled, within
from skindose.normalise.work import Span, Work, where

ISOCENTER = Span("length_mm", 200.0, 2500.0, True)
DETECTOR = Span("length_mm", 250.0, 4000.0, True)
SOD = "distance_source_to_isocenter_mm"
SID = "distance_source_to_detector_mm"


def read_source_to_isocenter(work: Work) -> None:
    """Source to isocentre: the event's, a private item's, other events' of the plane, the profile's."""
    work.read(SOD, "distance_source_to_isocenter", ISOCENTER)
    distances = work.profile.distances
    for event in work.missing(SOD):
        value = work.lookup(distances.source_to_isocenter_items, ISOCENTER, event)
        if not np.isnan(value):
            work.put(SOD, event, value, Status.DERIVED)
            work.notes.assume("distance source to isocenter missing", "taken from a private item", event)
    for event, value, spread in _usual(work):
        work.put(SOD, event, value, Status.ASSUMED, spread)
        how = f"taken from other events of the plane: {plus_minus(value, spread, 'mm')}"
        work.notes.assume("distance source to isocenter missing", how, event)


def _usual(work: Work) -> list[tuple[int, float, float]]:
    """Events without the distance, the most frequent one of their plane, and its standard uncertainty."""
    usual = {}
    for plane in set(work.plane):
        values = [
            float(value)
            for event, value in enumerate(work.columns[SOD])
            if work.plane[event] == plane and not np.isnan(value)
        ]
        if values:
            value = max(sorted(Counter(values).items()), key=lambda pair: pair[1])[0]
            usual[plane] = value, pooled(default_spread(SOD), np.subtract(values, value))
    return [(event, *usual[work.plane[event]]) for event in work.missing(SOD) if work.plane[event] in usual]


def assume_source_to_isocenter(work: Work) -> None:
    """Where no event of the plane has it: the profile's distance, for machines that have an isocentre."""
    distances = work.profile.distances
    if not distances.isocenter or distances.source_to_isocenter_mm is None:
        return
    spread = default_spread(SOD)
    for event in work.missing(SOD):
        if not distances.cautious or _has_geometry(work, event):
            work.put(SOD, event, distances.source_to_isocenter_mm, Status.ASSUMED, spread)
            how = f"{plus_minus(distances.source_to_isocenter_mm, spread, 'mm')} of the profile is taken"
            work.notes.assume("distance source to isocenter missing", how, event)


def _has_geometry(work: Work, event: int) -> bool:
    """Whether anything tells of the gantry: without that a source's place would be invented."""
    record = work.records[event]
    distances = ("distance_source_to_detector", "distance_source_to_reference_point", "reference_point_definition")
    axes = work.profile.table
    table = (*axes.sideways.items, *axes.head_foot.items, *axes.height.items)
    angles = ("positioner_primary_angle", "positioner_secondary_angle")
    known = (*distances, *table, *angles)
    return any(item.values or item.text or item.code for reference in known for item in record.all(reference))


def read_source_to_detector(work: Work) -> None:
    """Source to detector: the event's, a private item's, the last one before (else after), the profile's."""
    work.read(SID, "distance_source_to_detector", DETECTOR)
    for event in where(work.columns[SID] < work.columns[SOD]):
        what = "the detector would stand nearer to the source than the isocentre"
        work.notes.warn(what, "distance source to detector is not used", event)
        work.put(SID, event, np.nan, Status.MISSING)
    distances, what = work.profile.distances, "distance source to detector missing"
    for event in work.missing(SID):
        value = work.lookup(distances.source_to_detector_items, DETECTOR, event)
        if not np.isnan(value):
            work.put(SID, event, value, Status.DERIVED)
            work.notes.assume(what, "taken from a private item", event)
    for event, value, spread in work.carry(SID, lambda other: work.plane[other]):
        work.put(SID, event, value, Status.ASSUMED, spread)
        work.notes.assume(what, f"the last one before it, else the next, is taken, {within(spread, 'mm')}", event)
    spread = default_spread(SID)
    for event in work.missing(SID):
        work.invented.add(event)
        work.put(SID, event, distances.source_to_detector_mm, Status.ASSUMED, spread)
        how = f"{plus_minus(distances.source_to_detector_mm, spread, 'mm')} of the profile is taken"
        work.notes.assume(what, how, event)
