"""The columns while they are made: values, their status, and where a missing one may come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np

from skindose.errors import UnitError
from skindose.model import BoolArray, ByteArray, FloatArray, Status
from skindose.normalise.items import Record
from skindose.normalise.notes import Notes
from skindose.normalise.profiles import Profile
from skindose.normalise.standin import default_spread, plus_minus, pooled
from skindose.normalise.vocabulary import word

COLUMNS = (
    "air_kerma_rp_mgy",
    "kap_gycm2",
    "irradiation_duration_s",
    "kvp_kv",
    "filter_al_mm",
    "filter_cu_mm",
    "positioner_primary_angle_deg",
    "positioner_secondary_angle_deg",
    "positioner_primary_end_angle_deg",
    "positioner_secondary_end_angle_deg",
    "distance_source_to_isocenter_mm",
    "distance_source_to_detector_mm",
    "distance_source_to_reference_point_mm",
    "table_longitudinal_position_mm",
    "table_lateral_position_mm",
    "table_height_position_mm",
    "table_head_tilt_angle_deg",
    "table_horizontal_rotation_angle_deg",
    "table_cradle_tilt_angle_deg",
    "table_longitudinal_end_position_mm",
    "table_lateral_end_position_mm",
    "table_height_end_position_mm",
    "table_head_tilt_end_angle_deg",
    "table_cradle_tilt_end_angle_deg",
    "field_u_min_mm",
    "field_u_max_mm",
    "field_v_min_mm",
    "field_v_max_mm",
    "field_rotation_deg",
)


class Span(NamedTuple):
    """What a number of one kind can be: kind of unit, smallest and largest; whether 0 stands for "not reported"."""

    kind: str
    low: float
    high: float
    zero_is_missing: bool = False


class Work:
    """Everything one normalisation knows on its way to `Events`.

    records      the events in time order
    accumulated  the containers of accumulated data, with their plane
    dosed        (events,) events with air kerma or KAP: only they need assumptions
    invented     events whose distance to the detector is only the profile's
    other_filters    symbols of filter materials other than aluminium and copper
    reason       why an event is not mapped, "" while nothing speaks against it
    """

    def __init__(
        self, records: Sequence[Record], accumulated: Sequence[Record], context: Record, profile: Profile, notes: Notes
    ) -> None:
        self.records = records
        self.accumulated = accumulated
        self.context = context
        self.profile = profile
        self.notes = notes
        self.columns = {name: np.full(len(records), np.nan) for name in COLUMNS}
        self.status: dict[str, ByteArray] = {name: np.zeros(len(records), dtype=np.uint8) for name in COLUMNS}
        self.spread: dict[str, FloatArray] = {name: np.zeros(len(records)) for name in COLUMNS}
        self.dosed = np.zeros(len(records), dtype=np.bool_)
        self.event_type: tuple[str, ...] = ()
        self.protocol: tuple[str, ...] = ()
        self.plane: tuple[str, ...] = ()
        self.invented: set[int] = set()
        self.other_filters: set[str] = set()
        self.reason = [""] * len(records)
        self._corrected: dict[tuple[str, int], float] = {}

    def __len__(self) -> int:
        return len(self.records)

    def add_column(self, column: str) -> None:
        """One more column, all missing; one that is there stays."""
        if column not in self.columns:
            self.columns[column] = np.full(len(self), np.nan)
            self.status[column] = np.zeros(len(self), dtype=np.uint8)
            self.spread[column] = np.zeros(len(self))

    def put(self, column: str, event: int, value: float, status: Status, spread: float = 0.0) -> None:
        """Sets one value with its status; a value that the user corrected stays.

        spread   standard uncertainty of a value that stands in for a missing one
        """
        if (column, event) in self._corrected:
            value, status, spread = self._corrected[column, event], Status.CORRECTED, 0.0
        self.columns[column][event] = value
        self.status[column][event] = status
        self.spread[column][event] = spread

    def correct(self, column: str, event: int, value: float) -> None:
        """A value that the user knows better: whatever the file says, it is this one."""
        self._corrected[column, event] = value
        self.put(column, event, value, Status.CORRECTED)

    def reinstate(self) -> None:
        """Corrected values as the user gave them, after a step that turned whole columns over."""
        for (column, event), value in self._corrected.items():
            self.put(column, event, value, Status.CORRECTED)

    def missing(self, column: str) -> list[int]:
        """Events with dose whose value is missing."""
        return where(self.dosed & np.isnan(self.columns[column]))

    def read(self, column: str, reference: str, span: Span) -> None:
        """Fills a column from one item of each event; what is not plausible stays missing, with a warning."""
        for event, record in enumerate(self.records):
            value = self.number(record, reference, span, event)
            if not np.isnan(value):
                self.put(column, event, value, Status.REPORTED)

    def number(self, record: Record, reference: str, span: Span, event: int | None = None) -> float:
        """One number of one record: NaN where missing, implausible (with a warning) or of an unknown unit."""
        values = self.numbers(record, reference, span, event)
        if not values:
            return float("nan")
        if not math.isclose(values[0], values[-1], rel_tol=1e-6):
            self.notes.warn(f"{label(reference)} given more than once, differently", "the median is used", event)
        return values[len(values) // 2]

    def numbers(self, record: Record, reference: str, span: Span, event: int | None = None) -> list[float]:
        """Every plausible number of one item, sorted."""
        if not record.has(reference):
            return []
        try:
            values = record.numbers(reference, span.kind)
        except UnitError as error:
            self.notes.warn(error.what, "not used", event)
            return []
        if span.zero_is_missing:
            values = [value for value in values if value != 0]
        kept = [value for value in values if span.low <= value <= span.high]
        if len(kept) < len(values):
            self.notes.warn(f"{label(reference)} is implausible ({_outside(values, span)})", "not used", event)
        return kept

    def like(self, event: int) -> tuple[Hashable, ...]:
        """Keys of likeness, from the narrowest: same plane, kind and protocol, and step by step less, to any event."""
        plane, kind, protocol = self.plane[event], self.event_type[event], self.protocol[event]
        return (plane, kind, protocol), (None, kind, protocol), (plane, kind, None), (None, kind, None), ()

    def fill_from_like(self, column: str, what: str, default: float | None, unit: str) -> None:
        """Missing values: the median of like events of the file, else the default; marked assumed."""
        gaps, usual = self.missing(column), default_spread(column)
        if not gaps:
            return
        groups = self._groups(column)
        for event in gaps:
            like = next((groups[key] for key in self.like(event) if key in groups), None)
            if like is not None:
                value = float(np.median(like))
                spread = pooled(usual, np.subtract(like, value))
                how = f"the median of like events of the file is taken: {plus_minus(value, spread, unit)}"
            elif default is not None:
                value, spread = default, usual
                how = f"{plus_minus(default, usual, unit)} of the profile is taken"
            else:
                continue
            self.put(column, event, value, Status.ASSUMED, spread)
            self.notes.assume(f"{what} missing", how, event)

    def _groups(self, column: str) -> dict[Hashable, list[float]]:
        """Known values of the events with dose by key of likeness."""
        groups: dict[Hashable, list[float]] = {}
        usable = ~np.isnan(self.columns[column]) & self.dosed
        for event in where(usable):
            for key in self.like(event):
                groups.setdefault(key, []).append(float(self.columns[column][event]))
        return groups

    def carry(
        self, column: str, same: Callable[[int], Hashable], usable: BoolArray | None = None
    ) -> list[tuple[int, float, float]]:
        """For each missing value: the last one before it among events with the same key, else the next one after.

        usable    (events,) events whose value may be taken; all without
        returns   event, value and its standard uncertainty, from the steps between events of that key
        """
        values, found = self.columns[column], []
        known: dict[Hashable, list[int]] = {}
        for event in where(~np.isnan(values) if usable is None else ~np.isnan(values) & usable):
            known.setdefault(same(event), []).append(event)
        spreads = {key: pooled(default_spread(column), np.diff(values[others])) for key, others in known.items()}
        for event in self.missing(column):
            others = known.get(same(event), [])
            before = [other for other in others if other < event]
            if others:
                value = float(values[before[-1] if before else others[0]])
                found.append((event, value, spreads[same(event)]))
        return found

    def accumulated_of(self, event: int) -> list[Record]:
        """Accumulated data for an event: of its plane first, then the others."""
        return sorted(self.accumulated, key=lambda record: plane_of(record) != self.plane[event])

    def lookup(self, references: Sequence[str], span: Span, event: int) -> float:
        """The first of these items that has a value: in the event, else in the accumulated data of its plane."""
        for record in (self.records[event], *self.accumulated_of(event)):
            for reference in references:
                value = self.number(record, reference, span, event)
                if not np.isnan(value):
                    return value
        return float("nan")


def where(mask: BoolArray) -> list[int]:
    """Indices at which a mask is true, as plain integers."""
    found: list[int] = np.flatnonzero(mask).tolist()
    return found


def plane_of(record: Record) -> str:
    """Plane of a container: "A", "B" or "single"."""
    return word("plane", record.codes("acquisition_plane")) or "single"


def label(reference: str) -> str:
    """A reference as people read it: "table height position", "private item 021 (99PHI-IXR-XPER)"."""
    if "/" in reference:
        scheme, code = reference.split("/", 1)
        return f"private item {code} ({scheme})"
    return reference.replace("_", " ").replace(" rp", " (RP)").replace("kvp", "kVp")


def _outside(values: Sequence[float], span: Span) -> str:
    wrong = [value for value in values if not span.low <= value <= span.high]
    return f"{wrong[0]:.4g}, not within {span.low:g} to {span.high:g}"


def finite(values: FloatArray) -> FloatArray:
    """The values that are not NaN."""
    return values[~np.isnan(values)]
