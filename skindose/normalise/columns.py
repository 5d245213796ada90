"""Procedure -> Events: the one place that strings the columns together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from skindose.choices import corrections
from skindose.config import Settings
from skindose.model import Code, Events, Item, Machine, Procedure
from skindose.normalise.angles import read_angles
from skindose.normalise.choose import choose
from skindose.normalise.distances import assume_source_to_isocenter, read_source_to_detector, read_source_to_isocenter
from skindose.normalise.field import EDGES, read_field
from skindose.normalise.items import Record
from skindose.normalise.kerma import read_kerma
from skindose.normalise.labels import in_time_order, label_events, started, uid
from skindose.normalise.notes import Notes
from skindose.normalise.orientation import registered_orientation
from skindose.normalise.profiles import Profile
from skindose.normalise.quality import column_of, other_materials, read_quality
from skindose.normalise.reference import REFERENCE, derive_source_to_isocenter, read_reference_point
from skindose.normalise.region import Region, checked, find_region
from skindose.normalise.table import Zeros, read_table
from skindose.normalise.totals import read_totals, vendor_peak_mgy
from skindose.normalise.work import COLUMNS, Work, where

NEEDED = (
    REFERENCE,
    "distance_source_to_isocenter_mm",
    "positioner_primary_angle_deg",
    "positioner_secondary_angle_deg",
    "kvp_kv",
    "filter_al_mm",
    "filter_cu_mm",
    *EDGES,
)


def normalise(procedure: Procedure, settings: Settings | None = None) -> Events:
    """The irradiation events in one set of units and signs, each value with its status.

    procedure   as the file has it; no events give arrays of length 0
    settings    region, profile, profile_folder and correct are used here
    raises      SettingsError for an unknown region or profile, a mistake in a profile or in a correction
    """
    settings = settings or Settings()
    if settings.region is not None:
        checked(settings.region)
    work = start(procedure, settings)
    for column, event, value in _corrected(work, settings):
        work.correct(column, event, value)
    zeros = Zeros()
    for step in _STEPS:
        zeros = step(work) or zeros
        work.reinstate()
    region = find_region(work, procedure.header, settings.region)
    return _assemble(work, zeros, region)


_STEPS: tuple[Callable[[Work], Zeros | None], ...] = (
    label_events,
    read_kerma,
    read_quality,
    read_source_to_isocenter,
    read_source_to_detector,
    read_angles,
    derive_source_to_isocenter,
    assume_source_to_isocenter,
    read_table,
    read_reference_point,
    read_field,
)


def _corrected(work: Work, settings: Settings) -> Iterator[tuple[str, int, float]]:
    """Column, event and value of everything that the user corrects."""
    for correction in corrections(settings.correct, [started(record) for record in work.records]):
        for event in correction.events:
            yield correction.field, event, correction.value


def start(procedure: Procedure, settings: Settings) -> Work:
    """Records in time order, the profile and empty columns."""
    records = in_time_order(procedure.events)
    accumulated = [Record(item, index) for index, item in enumerate(procedure.accumulated)]
    context = Record(Item("", Code("", "", ""), "CONTAINER", children=procedure.context))
    profile, why = choose(procedure, settings)
    notes = Notes()
    notes.assume(f"machine profile {profile.name} ({profile.status})", why)
    return Work(records, sorted(accumulated, key=_key), context, profile, notes)


def _key(record: Record) -> tuple[str, str]:
    """Accumulated data in an order that is not the file's."""
    totals = record.all("dose_rp_total")
    return str(record.codes("acquisition_plane")), str([item.values for item in totals])


def _mapped(work: Work) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which events can be in the map; the others get their reason."""
    kerma = work.columns["air_kerma_rp_mgy"]
    needed = np.array([work.columns[name] for name in NEEDED])
    complete = ~np.isnan(needed).any(axis=0)
    mapped = (np.nan_to_num(kerma) > 0) & complete & np.array([not reason for reason in work.reason], dtype=np.bool_)
    for event in where(~mapped):
        if not work.reason[event]:
            work.reason[event] = _reason(work, event)
            if work.dosed[event]:
                work.notes.warn(work.reason[event], "not in the map", event)
    return np.asarray(mapped, dtype=np.bool_)


def _reason(work: Work, event: int) -> str:
    if not np.nan_to_num(work.columns["air_kerma_rp_mgy"])[event] > 0:
        return "no air kerma"
    gaps = [name.rsplit("_", 1)[0].replace("_", " ") for name in NEEDED if np.isnan(work.columns[name][event])]
    return f"missing: {', '.join(gaps)}"


def _machine(profile: Profile, zeros: Zeros) -> Machine:
    pivot = profile.table.pivot
    return Machine(
        profile=profile.name,
        profile_status=profile.status,
        has_table=profile.has_table,
        height_zero_known=zeros.height,
        lateral_zero_known=zeros.head_foot,
        longitudinal_zero_known=zeros.sideways,
        angles_relative_to=profile.angles_relative_to,
        axis_order=profile.axis_order,
        inherent_filtration_mmal=profile.inherent_filtration_mmal,
        inherent_filtration_uncertainty_mmal=profile.inherent_filtration_uncertainty_mmal,
        inherent_filters_mm=profile.inherent_filters_mm,
        anode_angle_deg=profile.anode_angle_deg,
        detector_side_mm=profile.detector_side_mm,
        support=profile.layers() if profile.has_table else (),
        transmission=profile.transmission if profile.has_table else "",
        anode_direction=profile.anode_direction,
        pivot=pivot.about,
        pivot_mm=(*pivot.horizontal_mm, *pivot.head_tilt_mm, *pivot.cradle_mm),
        pivot_rides=pivot.rides,
    )


def _assemble(work: Work, zeros: Zeros, region: Region) -> Events:
    orientation = registered_orientation(work)
    totals, peak = read_totals(work), vendor_peak_mgy(work)
    mapped = _mapped(work)
    if not work.profile.has_table and mapped.any():
        work.notes.assume("no table is described for this machine", "nothing attenuates under the patient")
    kerma = work.columns["air_kerma_rp_mgy"]
    return Events(
        machine=_machine(work.profile, zeros),
        totals=totals,
        region=region.name,
        region_status=region.status,
        region_reason=region.reason,
        registered_orientation=orientation,
        uid=tuple(uid(record) for record in work.records),
        started=tuple(started(record) for record in work.records),
        plane=work.plane,
        event_type=work.event_type,
        protocol=work.protocol,
        field_shape=tuple(work.profile.field.shape for _ in work.records),
        mapped=mapped,
        unmapped_reason=tuple(work.reason),
        status=work.status,
        spread=work.spread,
        filter_other_mm={material: work.columns[column_of(material)] for material in other_materials(work)},
        vendor_peak_mgy=peak,
        warnings=work.notes.sentences(kerma, warnings=True),
        assumptions=work.notes.sentences(kerma, warnings=False),
        **{name: work.columns[name] for name in COLUMNS},
    )
