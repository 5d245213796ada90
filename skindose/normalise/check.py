"""What a report holds, lacks and contradicts, for a physicist, and what follows for the map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from skindose.model import Events, FloatArray, Procedure, Status
from skindose.normalise.areas import kerma_area_mm2
from skindose.normalise.items import Record
from skindose.normalise.labels import in_time_order
from skindose.normalise.notes import percent, split
from skindose.normalise.work import label
from skindose.units import convert, mgy_to_gy, mm2_to_cm2

Severity = Literal["problem", "warning", "note", "info"]
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "note", "info")


@dataclass(frozen=True)
class Check:
    """One statement on a report.

    severity      problem: kerma is left out of the map; warning: contradiction; note: missing or assumed; info
    topic         reading, kerma, quality, geometry, table, field, patient, totals, map
    sentence      what is so
    consequence   what follows for the map, "" for nothing
    events        how many events it holds for; None for the whole file
    """

    severity: Severity
    topic: str
    sentence: str
    consequence: str = ""
    events: int | None = None


class _Item(NamedTuple):
    reference: str
    topic: str
    consequence: str
    needs_table: bool = False
    positive: bool = False  # 0 stands for missing


_ITEMS = (
    _Item("date_time_started", "reading", "the order of these events is the file's"),
    _Item("irradiation_event_uid", "reading", "a repeated event cannot be recognised"),
    _Item("dose_rp", "kerma", "taken from KAP and the field's area where that is known, else not in the map"),
    _Item("dose_area_product", "field", "the field's size cannot be checked against KAP / air kerma"),
    _Item("kvp", "quality", "like events of the file, else the profile, stand in; backscatter shifts by some per cent"),
    _Item("x_ray_filters", "quality", "like events of the file, else the profile, stand in; dose shifts by up to 10 %"),
    _Item("positioner_primary_angle", "geometry", "PA is assumed: the dose may lie elsewhere"),
    _Item("positioner_secondary_angle", "geometry", "0 is assumed: the dose may lie elsewhere"),
    _Item("distance_source_to_isocenter", "geometry", "other events, else the profile, stand in", positive=True),
    _Item(
        "distance_source_to_detector",
        "geometry",
        "a private item, the last one or the profile stands in",
        positive=True,
    ),
    _Item("reference_point_definition", "geometry", "the distance, else the profile's kind, is used"),
    _Item("table_longitudinal_position", "table", "position along this axis is carried over or by anatomy", True),
    _Item("table_lateral_position", "table", "position along this axis is carried over or by anatomy", True),
    _Item("table_height_position", "table", "a private item, other events or anatomy stand in", True),
    _Item("table_horizontal_rotation_angle", "table", "taken as 0", True),
    _Item("table_head_tilt_angle", "table", "taken as 0", True),
    _Item("table_cradle_tilt_angle", "table", "taken as 0", True),
    _Item("collimated_field_area", "field", "KAP / air kerma gives the field's size", positive=True),
    _Item("patient_orientation_modifier", "patient", "the file's comment, else head first supine is assumed"),
    _Item("target_region", "patient", "the region comes from texts, else the trunk"),
)
_TOPICS = (  # words of a sentence -> topic, first hit counts
    ("total", "totals"),
    ("calibration", "kerma"),
    ("kvp", "quality"),
    ("filter", "quality"),
    ("field", "field"),
    ("shutter", "field"),
    ("kap /", "field"),
    ("collimator", "field"),
    ("table", "table"),
    ("longitudinal", "table"),
    ("orientation", "patient"),
    ("region", "patient"),
    ("supine", "patient"),
    ("head first", "patient"),
    ("kerma", "kerma"),
    ("dose", "kerma"),
    ("duration", "kerma"),
    ("profile", "map"),
)


def inspect(procedure: Procedure, events: Events) -> tuple[Check, ...]:
    """Every statement on a report, the gravest first.

    procedure   what was read
    events      what `normalise` made of it
    """
    records = in_time_order(procedure.events)
    told = {sentence for item in _ITEMS for sentence, _ in _said_of(item, events)}  # stand with the item
    makers: tuple[Callable[[], Iterator[Check]], ...] = (
        lambda: _reading(procedure),
        lambda: _overview(events),
        lambda: _unmapped(events),
        lambda: _missing(records, events),
        lambda: _remarks(events.warnings, "warning"),
        lambda: _remarks([sentence for sentence in events.assumptions if sentence not in told], "note"),
        lambda: _areas(records, events),
        lambda: _totals(events),
        lambda: _statuses(events),
    )
    found = [check for maker in makers for check in maker()]
    return tuple(sorted(found, key=lambda check: SEVERITIES.index(check.severity)))


def to_dict(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """For `--json`: one object per statement."""
    return [asdict(check) for check in checks]


def _reading(procedure: Procedure) -> Iterator[Check]:
    for warning in procedure.warnings:
        yield Check("warning", "reading", warning)
    if not procedure.events:
        yield Check("problem", "reading", "the report has no irradiation events", "no map; totals only")


def _overview(events: Events) -> Iterator[Check]:
    machine = events.machine
    evidence = "" if machine.profile_status == "commissioned" else "positions rest on it; have it commissioned"
    severity: Severity = "info" if machine.profile_status == "commissioned" else "note"
    yield Check(severity, "map", f"machine profile {machine.profile}, {machine.profile_status}", evidence)
    kinds = Counter(events.event_type)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none"
    kerma = float(np.nansum(events.air_kerma_rp_mgy))
    yield Check("info", "kerma", f"events: {listed}; {mgy_to_gy(kerma):.4g} Gy air kerma", "", len(events))
    region = f"region: {events.region} ({events.region_status.name.lower()}, {events.region_reason})"
    yield Check("info", "patient", region, "placement by anatomy puts it at the isocentre")
    told = events.registered_orientation.upper() or "not stated"
    yield Check("info", "patient", f"registered orientation: {told}")
    if not np.isnan(events.vendor_peak_mgy):
        peak = f"the maker's own peak skin dose is {mgy_to_gy(events.vendor_peak_mgy):.3g} Gy"
        yield Check("info", "kerma", peak, "compare it with the map's")
    yield from _zeros(events)


def _zeros(events: Events) -> Iterator[Check]:
    machine = events.machine
    if not machine.has_table:
        yield Check("note", "table", "the machine has no table of its own", "the patient is placed by anatomy")
        return
    for known, axis in (
        (machine.height_zero_known, "height"),
        (machine.longitudinal_zero_known, "sideways"),
        (machine.lateral_zero_known, "head-foot"),
    ):
        if not known:
            yield Check("note", "table", f"the table's zero is not known: {axis}", "placed by anatomy along this axis")


def _unmapped(events: Events) -> Iterator[Check]:
    kerma = np.nan_to_num(events.air_kerma_rp_mgy)
    reasons = Counter(reason for reason in events.unmapped_reason if reason)
    for reason, count in sorted(reasons.items()):
        own = np.array([reason == other for other in events.unmapped_reason])
        lost = float(kerma[own].sum())
        severity: Severity = "info" if reason == "no air kerma" else "problem"
        shown = f"{mgy_to_gy(lost):.4g} Gy are not in the map" if lost > 0 else "nothing is lost to the map"
        if reason.startswith("implausible"):
            shown = "nobody knows how much is missing; a total in the file tells"
        yield Check(severity, "map", f"not in the map: {reason}", shown, count)


def _missing(records: Sequence[Record], events: Events) -> Iterator[Check]:
    """Which item is missing in how many events, in how many of those that have dose, and what was done about it."""
    dosed = _dosed(events)
    for item in _ITEMS:
        if item.needs_table and not events.machine.has_table:
            continue
        gaps = [with_dose for record, with_dose in zip(records, dosed, strict=True) if not _given(record, item)]
        if gaps:
            sentence = f"{label(item.reference)} missing in {len(gaps)} of {len(records)} events"
            if any(gaps):
                done = "; ".join(dict.fromkeys(how for _, how in _said_of(item, events))) or item.consequence
                yield Check("note", item.topic, f"{sentence}, {sum(gaps)} of them with dose", done, len(gaps))
            else:
                yield Check("info", item.topic, f"{sentence}, none of them with dose", "none", len(gaps))


def _said_of(item: _Item, events: Events) -> list[tuple[str, str]]:
    """The assumptions that are about this item being missing: (sentence, what was done)."""
    name = "filter" if item.reference == "x_ray_filters" else label(item.reference).lower()
    name = name.removeprefix("table ").removesuffix(" position")
    parts = [(sentence, *split(sentence)[:2]) for sentence in events.assumptions]
    return [(sentence, how) for sentence, what, how in parts if " missing in " in what and name in what.lower()]


def _dosed(events: Events) -> list[bool]:
    kerma, kap = np.nan_to_num(events.air_kerma_rp_mgy), np.nan_to_num(events.kap_gycm2)
    return [bool(value) for value in (kerma > 0) | (kap > 0)]


def _given(record: Record, item: _Item) -> bool:
    if item.reference == "x_ray_filters":
        return bool(record.filters)
    found = record.all(item.reference)
    if item.positive:
        return any(value > 0 for entry in found for value in entry.values)
    return any(entry.values or entry.text or entry.code for entry in found)


_SAID_ELSEWHERE = ("machine profile", "no text or code tells the body region")


def _remarks(sentences: Sequence[str], severity: Severity) -> Iterator[Check]:
    for sentence in sentences:
        what, how, count = split(sentence)
        if what.startswith(_SAID_ELSEWHERE) or how == "not in the map":
            continue
        subject = what.lower().split(" in ")[0] if count is not None else what.lower()
        topic = next((topic for word, topic in _TOPICS if word in subject), "geometry")
        yield Check(severity, topic, what, how, count)


def _areas(records: Sequence[Record], events: Events) -> Iterator[Check]:
    """How Collimated Field Area, if it stood at the detector, compares with KAP / air kerma."""
    kerma = kerma_area_mm2(events.kap_gycm2, events.air_kerma_rp_mgy)
    reported = np.array([_area(record) for record in records], dtype=np.float64)
    scale = events.distance_source_to_reference_point_mm / events.distance_source_to_detector_mm
    ratio = reported * np.square(scale) / kerma
    usable = ratio[np.isfinite(ratio)]
    if len(usable):
        spread = f"median {np.median(usable):.3f}, {usable.min():.3f} to {usable.max():.3f}"
        sentence = f"collimated field area (as if at the detector) / (KAP / air kerma): {spread}"
        yield Check("info", "field", sentence, "", len(usable))
    yield from _oversize(records, reported, events)


def _area(record: Record) -> float:
    found = [
        convert(value, item.unit, "area_mm2")
        for item in record.all("collimated_field_area")
        for value in item.values
        if value > 0 and np.isfinite(value) and item.unit.strip().lower() in ("m2", "cm2", "mm2")
    ]
    return found[0] if found else float("nan")


def _oversize(records: Sequence[Record], reported: FloatArray, events: Events) -> Iterator[Check]:
    side = events.machine.detector_side_mm
    large = int(np.sum(np.nan_to_num(reported) > side**2))
    if large:
        sentence = f"reported collimated field larger than the detector ({mm2_to_cm2(side**2):.0f} cm2)"
        yield Check(
            "warning", "field", f"{sentence} in {large} of {len(records)} events", "not at the detector?", large
        )


def _totals(events: Events) -> Iterator[Check]:
    for entry in events.totals:
        own = np.array([entry.plane in ("together", plane) for plane in events.plane], dtype=np.bool_)
        summed_mgy = float(np.nansum(np.where(own, events.air_kerma_rp_mgy, 0.0)))
        summed_kap = float(np.nansum(np.where(own, events.kap_gycm2, 0.0)))
        kerma = (
            f"air kerma {_number(mgy_to_gy(entry.air_kerma_mgy))} Gy reported, {mgy_to_gy(summed_mgy):.4g} Gy summed"
        )
        kap = f"KAP {_number(entry.kap_gycm2)} Gy.cm2 reported, {summed_kap:.4g} Gy.cm2 summed"
        yield Check("info", "totals", f"{entry.plane}: {kerma}; {kap}; fluoroscopy {_number(entry.fluoro_time_s)} s")


def _number(value: float) -> str:
    return "not" if np.isnan(value) else f"{value:.4g}"


def _statuses(events: Events) -> Iterator[Check]:
    """How much of the mapped air kerma rests on reported, derived and assumed values; columns alike in one line."""
    kerma = np.where(events.mapped, np.nan_to_num(events.air_kerma_rp_mgy), 0.0)
    total = float(kerma.sum())
    if total <= 0:
        return
    columns: dict[str, list[str]] = {}
    for column, status in events.status.items():
        shares = [(name, float(kerma[status == name].sum()) / total) for name in Status]
        listed = ", ".join(f"{percent(share)} {name.name.lower()}" for name, share in shares if share > 0)
        columns.setdefault(listed, []).append(column.rsplit("_", 1)[0].replace("_", " "))
    for listed, found in columns.items():
        yield Check("info", "map", f"of the mapped air kerma {listed}: {', '.join(found)}")
