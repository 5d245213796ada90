"""Synthetic dose reports: a described procedure -> a valid DICOM file (TID 10001), for tests, training and the demo."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from skindose.errors import OutputError, reason
from skindose.units import express

_Coded = tuple[str, str, str]
# Field of `WrittenEvent` -> concept, UCUM unit as written, and its kind in units.py ("": ours is written as it is).
_NUMBERS: dict[str, tuple[_Coded, str, str]] = {
    "kap_gycm2": (("122130", "DCM", "Dose Area Product"), "Gy.m2", "kap_gycm2"),
    "air_kerma_rp_mgy": (("113738", "DCM", "Dose (RP)"), "Gy", "dose_mgy"),
    "positioner_primary_angle_deg": (("112011", "DCM", "Positioner Primary Angle"), "deg", "angle_deg"),
    "positioner_secondary_angle_deg": (("112012", "DCM", "Positioner Secondary Angle"), "deg", "angle_deg"),
    "positioner_primary_end_angle_deg": (("113739", "DCM", "Positioner Primary End Angle"), "deg", "angle_deg"),
    "positioner_secondary_end_angle_deg": (("113740", "DCM", "Positioner Secondary End Angle"), "deg", "angle_deg"),
    "collimated_field_area_mm2": (("113790", "DCM", "Collimated Field Area"), "m2", "area_mm2"),
    "collimated_field_height_mm": (("113788", "DCM", "Collimated Field Height"), "mm", "length_mm"),
    "collimated_field_width_mm": (("113789", "DCM", "Collimated Field Width"), "mm", "length_mm"),
    "pulse_rate_per_s": (("113791", "DCM", "Pulse Rate"), "{pulse}/s", "rate_per_s"),
    "number_of_pulses": (("113768", "DCM", "Number of Pulses"), "1", "number"),
    "pulse_width_ms": (("113793", "DCM", "Pulse Width"), "ms", ""),
    "irradiation_duration_s": (("113742", "DCM", "Irradiation Duration"), "s", "time_s"),
    "kvp_kv": (("113733", "DCM", "KVP"), "kV", "voltage_kv"),
    "x_ray_tube_current_ma": (("113734", "DCM", "X-Ray Tube Current"), "mA", "current_ma"),
    "exposure_time_ms": (("113824", "DCM", "Exposure Time"), "ms", ""),
    "distance_source_to_isocenter_mm": (("113748", "DCM", "Distance Source to Isocenter"), "mm", "length_mm"),
    "distance_source_to_reference_point_mm": (
        ("113737", "DCM", "Distance Source to Reference Point"),
        "mm",
        "length_mm",
    ),
    "distance_source_to_detector_mm": (("113750", "DCM", "Distance Source to Detector"), "mm", "length_mm"),
    "table_longitudinal_position_mm": (("113751", "DCM", "Table Longitudinal Position"), "mm", "length_mm"),
    "table_lateral_position_mm": (("113752", "DCM", "Table Lateral Position"), "mm", "length_mm"),
    "table_height_position_mm": (("113753", "DCM", "Table Height Position"), "mm", "length_mm"),
    "table_head_tilt_angle_deg": (("113754", "DCM", "Table Head Tilt Angle"), "deg", "angle_deg"),
    "table_horizontal_rotation_angle_deg": (("113755", "DCM", "Table Horizontal Rotation Angle"), "deg", "angle_deg"),
    "table_longitudinal_end_position_mm": (("113759", "DCM", "Table Longitudinal End Position"), "mm", "length_mm"),
    "table_lateral_end_position_mm": (("113760", "DCM", "Table Lateral End Position"), "mm", "length_mm"),
    "table_height_end_position_mm": (("113761", "DCM", "Table Height End Position"), "mm", "length_mm"),
    "table_cradle_tilt_angle_deg": (("113756", "DCM", "Table Cradle Tilt Angle"), "deg", "angle_deg"),
}
_EVENT_TYPES = {
    "fluoroscopy": ("44491008", "SCT", "Fluoroscopy"),
    "stationary acquisition": ("113611", "DCM", "Stationary Acquisition"),
    "stepping acquisition": ("113612", "DCM", "Stepping Acquisition"),
    "rotational acquisition": ("113613", "DCM", "Rotational Acquisition"),
}
_PLANES = {
    "single": ("113622", "DCM", "Single Plane"),
    "A": ("113620", "DCM", "Plane A"),
    "B": ("113621", "DCM", "Plane B"),
}
_FILTERS = {
    "copper": ("66925006", "SCT", "Copper or Copper compound"),
    "aluminium": ("12503006", "SCT", "Aluminum or Aluminum compound"),
    "tantalum": ("45215009", "SCT", "Tantalum or Tantalum compound"),
}
_FIRST = {"hf": ("102540008", "SCT", "headfirst"), "ff": ("102541007", "SCT", "feet-first")}
_LYING = {
    "s": ("40199007", "SCT", "supine"),
    "p": ("1240000", "SCT", "prone"),
    "dr": ("102535000", "SCT", "right lateral decubitus"),
    "dl": ("102536004", "SCT", "left lateral decubitus"),
}
ISOCENTRE_15CM = ("113860", "DCM", "15cm from Isocenter toward Source")
CHEST = ("51185008", "SCT", "Chest")
HEART = ("80891009", "SCT", "Heart")


@dataclass(frozen=True)
class WrittenEvent:
    """One irradiation event as it shall stand in the file; None leaves the item out.

    private   items of a maker's own: (concept, number, unit)
    """

    air_kerma_rp_mgy: float | None = None
    kap_gycm2: float | None = None
    event_type: str = "fluoroscopy"
    plane: str = "single"
    started: str = "20260101080000"  # DICOM DT
    uid: str = ""  # "" makes one
    protocol: str = ""
    target_region: _Coded | None = CHEST
    orientation: str = "hfs"  # "" leaves it out
    reference_point: _Coded | str | None = ISOCENTRE_15CM
    filters_mm: tuple[tuple[str, float], ...] = ()
    positioner_primary_angle_deg: float | None = 0.0
    positioner_secondary_angle_deg: float | None = 0.0
    positioner_primary_end_angle_deg: float | None = None
    positioner_secondary_end_angle_deg: float | None = None
    collimated_field_area_mm2: float | None = None
    collimated_field_height_mm: float | None = None
    collimated_field_width_mm: float | None = None
    pulse_rate_per_s: float | None = None
    number_of_pulses: float | None = None
    pulse_width_ms: float | None = None
    irradiation_duration_s: float | None = None
    kvp_kv: float | None = None
    x_ray_tube_current_ma: float | None = None
    exposure_time_ms: float | None = None
    distance_source_to_isocenter_mm: float | None = None
    distance_source_to_reference_point_mm: float | None = None
    distance_source_to_detector_mm: float | None = None
    table_longitudinal_position_mm: float | None = None
    table_lateral_position_mm: float | None = None
    table_height_position_mm: float | None = None
    table_head_tilt_angle_deg: float | None = None
    table_horizontal_rotation_angle_deg: float | None = None
    table_cradle_tilt_angle_deg: float | None = None
    table_longitudinal_end_position_mm: float | None = None
    table_lateral_end_position_mm: float | None = None
    table_height_end_position_mm: float | None = None
    private: tuple[tuple[_Coded, float, str], ...] = ()


@dataclass(frozen=True)
class WrittenProcedure:
    """A procedure as it shall stand in the file; totals are the sums over its events, per plane."""

    events: tuple[WrittenEvent, ...]
    manufacturer: str = "Made-up Medical"
    model: str = "Synthetic"
    software: str = "1.0"
    station: str = "LAB 1"
    description: str = ""
    date: str = "20260101"
    height_cm: float | None = None
    weight_kg: float | None = None
    sex: str = ""  # M or F
    age: str = ""  # DICOM AS, e.g. 056Y
    patient_name: str = "SYNTHETIC^PATIENT"
    patient_id: str = "SYNTHETIC-1"
    comment: str = ""
    seed: str = "1"  # makes the UIDs
    with_totals: bool = True
    total_factor: float = 1.0  # totals as this times the sums, for files that contradict themselves
    extra_header: tuple[tuple[str, Any], ...] = ()


def uid(seed: str) -> str:
    """A UID under 2.25 that follows from the seed alone."""
    return f"2.25.{int(hashlib.sha256(seed.encode()).hexdigest()[:32], 16)}"


def write(described: WrittenProcedure, path: Path) -> Path:
    """Write the file; returns its path.

    raises   OutputError
    """
    try:
        path.write_bytes(to_bytes(described))
    except OSError as error:
        raise OutputError(f"cannot write the file ({reason(error)})", path.name, "Choose another folder.") from None
    return path


def to_bytes(described: WrittenProcedure) -> bytes:
    """The bytes of the DICOM file, explicit little endian; the same description gives the same bytes."""
    out = io.BytesIO()
    data_set(described).save_as(out, enforce_file_format=True)
    return out.getvalue()


def data_set(described: WrittenProcedure) -> Any:
    """The report as a pydicom Dataset with file meta information."""
    from pydicom.dataset import Dataset, FileMetaDataset

    report: Any = Dataset()
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    report.file_meta.ImplementationClassUID = uid("skindose")
    _header(report, described)
    report.ValueType = "CONTAINER"
    report.ConceptNameCodeSequence = [_code(("113701", "DCM", "X-Ray Radiation Dose Report"))]
    report.ContinuityOfContent = "SEPARATE"
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "10001"
    report.ContentTemplateSequence = [template]
    report.ContentSequence = [
        *_context(described),
        *(_accumulated(described) if described.with_totals else ()),
        *(_event(event, number, described) for number, event in enumerate(described.events, 1)),
        _coded(
            "CONTAINS", ("113854", "DCM", "Source of Dose Information"), ("113856", "DCM", "Automated Data Collection")
        ),
    ]
    return report


def _header(report: Any, described: WrittenProcedure) -> None:
    report.SpecificCharacterSet = "ISO_IR 192" if _beyond_latin_1(described) else "ISO_IR 100"
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67"
    report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = uid(f"{described.seed} instance")
    report.StudyInstanceUID, report.SeriesInstanceUID = uid(f"{described.seed} study"), uid(f"{described.seed} series")
    report.StudyDate = report.SeriesDate = report.ContentDate = described.date
    report.StudyTime = report.SeriesTime = report.ContentTime = "080000"
    report.AccessionNumber = report.ReferringPhysicianName = report.StudyID = ""
    report.Modality, report.SeriesNumber, report.InstanceNumber = "SR", "1", "1"
    report.Manufacturer, report.ManufacturerModelName = described.manufacturer, described.model
    report.DeviceSerialNumber, report.SoftwareVersions = "1", described.software
    report.StationName, report.StudyDescription = described.station, described.description
    report.PatientName, report.PatientID = described.patient_name, described.patient_id
    report.PatientBirthDate, report.PatientSex, report.PatientAge = "", described.sex, described.age
    report.PatientSize = (
        None if described.height_cm is None else f"{express(described.height_cm, 'm', 'height_cm'):.4g}"
    )
    report.PatientWeight = None if described.weight_kg is None else f"{described.weight_kg:.4g}"
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "UNVERIFIED"
    report.PerformedProcedureCodeSequence = []
    report.ReferencedPerformedProcedureStepSequence = []
    for keyword, value in described.extra_header:
        setattr(report, keyword, value)


def _beyond_latin_1(described: WrittenProcedure) -> bool:
    try:
        repr(described).encode("latin-1")
    except UnicodeEncodeError:
        return True
    return False


def _context(described: WrittenProcedure) -> Iterable[Any]:
    reported = _coded("HAS CONCEPT MOD", ("121058", "DCM", "Procedure reported"), ("113704", "DCM", "Projection X-Ray"))
    intent = (("363703001", "SCT", "Has Intent"), ("262202000", "SCT", "Therapeutic intent"))
    reported.ContentSequence = [_coded("HAS CONCEPT MOD", *intent)]
    scope = _coded("HAS OBS CONTEXT", ("113705", "DCM", "Scope of Accumulation"), ("113014", "DCM", "Study"))
    scope.ContentSequence = [
        _text("HAS PROPERTIES", "UIDREF", ("110180", "DCM", "Study Instance UID"), uid(f"{described.seed} study"))
    ]
    yield reported
    yield _coded("HAS OBS CONTEXT", ("121005", "DCM", "Observer Type"), ("121007", "DCM", "Device"))
    device = uid(f"{described.manufacturer} {described.model}")
    yield _text("HAS OBS CONTEXT", "UIDREF", ("121012", "DCM", "Device Observer UID"), device)
    for code, meaning, value in (
        ("121014", "Device Observer Manufacturer", described.manufacturer),
        ("121015", "Device Observer Model Name", described.model),
    ):
        if value:
            yield _text("HAS OBS CONTEXT", "TEXT", (code, "DCM", meaning), value)
    yield scope
    if described.comment:
        yield _text("CONTAINS", "TEXT", ("121106", "DCM", "Comment"), described.comment)


def _accumulated(described: WrittenProcedure) -> Iterable[Any]:
    """One container of totals per plane (TID 10002, 10004, 10007)."""
    for plane in sorted({event.plane for event in described.events}, reverse=True):
        events = [event for event in described.events if event.plane == plane]
        kinds = {"Fluoro ": _of(events, True), "Acquisition ": _of(events, False), "": events}
        items: list[Any] = [_coded("HAS CONCEPT MOD", ("113764", "DCM", "Acquisition Plane"), _PLANES[plane])]
        for prefix, kap_code, kerma_code in (("", "113722", "113725"), ("Fluoro ", "113726", "113728"),
                                             ("Acquisition ", "113727", "113729")):  # fmt: skip
            own, factor = kinds[prefix], described.total_factor
            kap, kerma = (factor * _sum(own, name) for name in ("kap_gycm2", "air_kerma_rp_mgy"))
            kap_gym2, kerma_gy = express(kap, "Gy.m2", "kap_gycm2"), express(kerma, "Gy", "dose_mgy")
            items.append(_number((kap_code, "DCM", f"{prefix}Dose Area Product Total"), kap_gym2, "Gy.m2"))
            items.append(_number((kerma_code, "DCM", f"{prefix}Dose (RP) Total"), kerma_gy, "Gy"))
        for prefix, code, name in (("Fluoro ", "113730", "Total Fluoro Time"),
                                   ("Acquisition ", "113855", "Total Acquisition Time")):  # fmt: skip
            items.append(_number((code, "DCM", name), _sum(kinds[prefix], "irradiation_duration_s"), "s"))
        frames = sum(event.number_of_pulses or 0 for event in kinds["Acquisition "])
        items.append(_number(("113731", "DCM", "Total Number of Radiographic Frames"), frames, "1"))
        items.append(_coded("CONTAINS", ("113780", "DCM", "Reference Point Definition"), ISOCENTRE_15CM))
        yield _container(("113702", "DCM", "Accumulated X-Ray Dose Data"), items)


def _of(events: Sequence[WrittenEvent], fluoroscopy: bool) -> list[WrittenEvent]:
    return [event for event in events if (event.event_type == "fluoroscopy") == fluoroscopy]


def _sum(events: Iterable[WrittenEvent], name: str) -> float:
    return float(sum(getattr(event, name) or 0.0 for event in events))


def _event(event: WrittenEvent, number: int, described: WrittenProcedure) -> Any:
    """TID 10003."""
    own_uid = event.uid or uid(f"{described.seed} event {number}")
    items = [
        _coded("HAS CONCEPT MOD", ("113764", "DCM", "Acquisition Plane"), _PLANES[event.plane]),
        _text("CONTAINS", "UIDREF", ("113769", "DCM", "Irradiation Event UID"), own_uid),
        _text("CONTAINS", "DATETIME", ("111526", "DCM", "DateTime Started"), event.started),
        _coded("CONTAINS", ("113721", "DCM", "Irradiation Event Type"), _EVENT_TYPES[event.event_type]),
    ]
    if event.protocol:
        items.append(_text("CONTAINS", "TEXT", ("125203", "DCM", "Acquisition Protocol"), event.protocol))
    if event.target_region:
        items.append(_coded("CONTAINS", ("123014", "DCM", "Target Region"), event.target_region))
    items += [*_orientation(event.orientation), *_reference_point(event.reference_point)]
    items += [_filter(material, thickness_mm) for material, thickness_mm in event.filters_mm]
    for name in (field.name for field in fields(event)):
        value = getattr(event, name)
        if name in _NUMBERS and value is not None:
            concept, unit, kind = _NUMBERS[name]
            items.append(_number(concept, express(value, unit, kind) if kind else value, unit))
    items += [_number(concept, value, unit) for concept, value, unit in event.private]
    return _container(("113706", "DCM", "Irradiation Event X-Ray Data"), items)


def _orientation(name: str) -> Iterable[Any]:
    if not name:
        return
    yield _coded("CONTAINS", ("113745", "DCM", "Patient Table Relationship"), _FIRST[name[:2]])
    lying = _coded("CONTAINS", ("113743", "DCM", "Patient Orientation"), ("102538003", "SCT", "recumbent"))
    lying.ContentSequence = [
        _coded("HAS CONCEPT MOD", ("113744", "DCM", "Patient Orientation Modifier"), _LYING[name[2:]])
    ]
    yield lying


def _reference_point(definition: _Coded | str | None) -> Iterable[Any]:
    concept = ("113780", "DCM", "Reference Point Definition")
    if isinstance(definition, str):
        yield _text("CONTAINS", "TEXT", concept, definition)
    elif definition is not None:
        yield _coded("CONTAINS", concept, definition)


def _filter(material: str, thickness_mm: float) -> Any:
    return _container(
        ("113771", "DCM", "X-Ray Filters"),
        [
            _coded("CONTAINS", ("113772", "DCM", "X-Ray Filter Type"), ("113653", "DCM", "Flat filter")),
            _coded("CONTAINS", ("113757", "DCM", "X-Ray Filter Material"), _FILTERS[material]),
            _number(("113758", "DCM", "X-Ray Filter Thickness Minimum"), thickness_mm, "mm"),
            _number(("113773", "DCM", "X-Ray Filter Thickness Maximum"), thickness_mm, "mm"),
        ],
    )


def _item(relationship: str, kind: str, concept: _Coded) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.RelationshipType, item.ValueType = relationship, kind
    item.ConceptNameCodeSequence = [_code(concept)]
    return item


def _code(coded: _Coded) -> Any:
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = coded
    return code


def _coded(relationship: str, concept: _Coded, value: _Coded) -> Any:
    item = _item(relationship, "CODE", concept)
    item.ConceptCodeSequence = [_code(value)]
    return item


def _text(relationship: str, kind: str, concept: _Coded, value: str) -> Any:
    item = _item(relationship, kind, concept)
    setattr(item, {"TEXT": "TextValue", "UIDREF": "UID", "DATETIME": "DateTime"}[kind], value)
    return item


def _number(concept: _Coded, value: float, unit: str) -> Any:
    from pydicom.dataset import Dataset

    item = _item("CONTAINS", "NUM", concept)
    measured = Dataset()
    measured.NumericValue = f"{value:.9g}"
    measured.MeasurementUnitsCodeSequence = [_code((unit, "UCUM", "no units" if unit == "1" else unit))]
    item.MeasuredValueSequence = [measured]
    return item


def _container(concept: _Coded, items: Sequence[Any]) -> Any:
    item = _item("CONTAINS", "CONTAINER", concept)
    item.ContinuityOfContent = "SEPARATE"
    item.ContentSequence = list(items)
    return item
