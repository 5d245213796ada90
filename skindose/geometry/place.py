"""The patient on the table: orientation, and where the isocentre lies in him, axis by axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from skindose.choices import moves
from skindose.config import Settings
from skindose.geometry.frames import ORIENTATIONS, isocentre_in_table, isocentre_in_turned_table, table_turns
from skindose.geometry.motion import STEP_MM, along, table_travel_mm
from skindose.model import Events, FloatArray, IntArray, Phantom, Placement, Status

_AXES = {"left": 0, "up": 1, "head": 2}
# A kerma-weighted isocentre farther from the table's centre line than this lies beside any patient on it: the zero of
# the sideways axis is then not what the profile says.
_SIDEWAYS_LIMIT_MM = 200.0
_HIGHEST_MM = 300.0  # no cushion lifts a patient farther off the pad
LEVEL_DEG = 0.5  # a table that is this little off is level


@dataclass
class _Notes:
    axes: dict[str, str] = field(default_factory=dict)
    assumptions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def pad_mm(events: Events, settings: Settings) -> float:
    """Thickness of the pad: the setting, else the profile's layer named "pad", else 0 without a table, else 40 mm."""
    if not events.machine.has_table:
        return 0.0
    if settings.pad_mm is not None:
        return settings.pad_mm
    return next((layer.thickness_mm for layer in events.machine.support if layer.name == "pad"), 40.0)


def place(events: Events, phantom: Phantom, settings: Settings) -> Placement:
    """Decide orientation and placement (docs/conventions.md); every decision is stated in the result.

    Head first, the crown lies at the table's head end, on its centre line, on the pad; feet first the soles do. Axes
    that follow anatomy put the kerma-weighted isocentre at the region's landmark.
    """
    notes = _Notes()
    registered, actual = _orientations(events, settings, notes)
    rotation = ORIENTATIONS[actual]
    resting = _resting_origin(phantom, rotation, actual, pad_mm(events, settings))
    isocentre = mean_isocentre(events)
    shift = np.zeros(3)
    region = _landmark_region(events, phantom, notes)
    landmark = rotation @ np.asarray(phantom.landmarks_mm[region]) + resting
    for axis, index in _AXES.items():
        how = _decide(axis, events, settings, isocentre[index])
        notes.axes[axis] = how
        if how.startswith("anatomy"):
            shift[index] = landmark[index] - (isocentre[index] if np.isfinite(isocentre[index]) else 0.0)
    _remark(events, notes, region)
    _remark_turned(events, notes)
    _remark_moved(events, notes)
    left, head, up = settings.offset_mm
    if any(settings.offset_mm):
        notes.assumptions.append(f"Patient moved by {left:g} mm left, {head:g} mm towards the head end, {up:g} mm up.")
    _warn_of_depth(events, settings, notes)
    origin = resting + np.array([left, -up, head])
    return Placement(
        rotation=rotation,
        origin_mm=origin,
        isocentre_shift_mm=shift,
        orientation_registered=registered,
        orientation_actual=actual,
        axes=dict(notes.axes),
        region=region,
        centre_mm=rotation @ np.asarray(phantom.landmarks_mm["trunk"]) + origin,
        assumptions=tuple(notes.assumptions),
        warnings=tuple(notes.warnings),
    )


def _orientations(events: Events, settings: Settings, notes: _Notes) -> tuple[str, str]:
    """Registered and actual orientation; they are the same unless the file and the option differ."""
    stated = events.registered_orientation
    if not stated and not settings.orientation:
        notes.assumptions.append("Patient orientation not stated: head first, supine.")
        if _mostly_from_above(events):
            notes.warnings.append(
                "Most of the air kerma comes with a primary angle beyond 90 degrees and no patient orientation is "
                "stated: the patient lay prone or the tube was above him. Give --orientation."
            )
        return "hfs", "hfs"
    registered = stated or str(settings.orientation)
    actual = settings.orientation or registered
    if actual != registered:
        notes.assumptions.append(f"Patient lay {actual.upper()} although the machine was told {registered.upper()}.")
    return registered, actual


def _mostly_from_above(events: Events) -> bool:
    kerma = np.where(events.mapped, np.nan_to_num(events.air_kerma_rp_mgy), 0.0)
    beyond = np.abs(np.nan_to_num(events.positioner_primary_angle_deg)) > 90.0
    return bool(kerma[beyond].sum() > 0.5 * kerma.sum() > 0.0)


def _resting_origin(phantom: Phantom, rotation: FloatArray, actual: str, pad: float) -> FloatArray:
    """Origin of the patient frame in the table frame: he rests on the pad, crown or soles at the head end."""
    turned = phantom.vertices_mm @ rotation.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    lies_on_side = actual.endswith(("dr", "dl"))
    x = -0.5 * (low[0] + high[0]) if lies_on_side else 0.0
    z = 0.0 if actual.startswith("hf") else -phantom.stature_mm
    return np.array([x, -pad - high[1], z])


def isocentres(events: Events, event: IntArray | None = None, time: FloatArray | None = None) -> FloatArray:
    """(events, 3) isocentre in the table frame before any shift; NaN where the table position is missing.

    event, time   (sub-events,) index and share of the event that has passed; without them half of every event
    """
    event, time = _or_middle(events, event, time)
    names = (f"table_{name}_position_mm" for name in ("longitudinal", "height", "lateral"))
    level = isocentre_in_table(*(along(events, name, event, time) for name in names))
    return isocentre_in_turned_table(level, table_turns(*table_angles(events, event, time)), _pivots(events, level))


def table_angles(
    events: Events, event: IntArray | None = None, time: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Horizontal rotation, head tilt and cradle of the table in degrees; 0 where missing. As `isocentres`."""
    event, time = _or_middle(events, event, time)
    horizontal, tilt, cradle = (
        np.nan_to_num(along(events, f"table_{name}_angle_deg", event, time))
        for name in ("horizontal_rotation", "head_tilt", "cradle_tilt")
    )
    return horizontal, tilt, cradle


def _or_middle(events: Events, event: IntArray | None, time: FloatArray | None) -> tuple[IntArray, FloatArray]:
    if event is None or time is None:
        return np.arange(len(events), dtype=np.int32), np.full(len(events), 0.5)
    return event, time


def _pivots(events: Events, level_mm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A point on each axis that the table turns about, in the room, as the machine's profile says; as `level_mm`."""
    machine = events.machine
    if machine.pivot == "reference-point":
        return (-np.nan_to_num(level_mm),) * 3
    points = np.zeros((3, *level_mm.shape))
    if machine.pivot == "points":
        points[0, :, 0], points[0, :, 2], points[1, :, 1], points[1, :, 2], points[2, :, 0], points[2, :, 1] = (
            machine.pivot_mm
        )
        if machine.pivot_rides:
            points[1:, :, 1] -= np.nan_to_num(level_mm[:, 1])
    horizontal, tilt, cradle = points
    return horizontal, tilt, cradle


def mean_isocentre(events: Events) -> FloatArray:
    """(3,) kerma-weighted mean isocentre in the table frame over the mapped events; NaN on axes without data."""
    kerma = np.where(events.mapped, np.nan_to_num(events.air_kerma_rp_mgy), 0.0)
    points = isocentres(events)
    weight = np.where(np.isfinite(points), kerma[:, None], 0.0)
    total = weight.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, (weight * np.nan_to_num(points)).sum(axis=0) / total, np.nan)


def _decide(axis: str, events: Events, settings: Settings, isocentre_mm: float) -> str:
    """ "table" or "anatomy" for one axis, with the reason in words."""
    known = _zero_known(events)[axis]
    if not events.machine.has_table:
        return "anatomy: the machine has no table"
    if not np.isfinite(isocentre_mm):
        return "anatomy: the file has no table position on this axis"
    if settings.placement == "table":
        return "table" if known else "table: asked for, although the zero of this axis is not known"
    if settings.placement == "anatomy":
        return "anatomy: asked for"
    if not known:
        return "anatomy: the zero of this axis is not known for this machine"
    if axis == "head" and events.machine.profile_status != "commissioned":
        return "anatomy: the zero of this axis is not commissioned for this machine"
    if axis == "left" and abs(isocentre_mm) > _SIDEWAYS_LIMIT_MM:
        return f"anatomy: by the table the isocentre would lie {abs(isocentre_mm):.0f} mm beside the centre line"
    return "table"


def _zero_known(events: Events) -> Mapping[str, bool]:
    machine = events.machine
    return {
        "left": machine.longitudinal_zero_known,
        "up": machine.height_zero_known,
        "head": machine.lateral_zero_known,
    }


def _landmark_region(events: Events, phantom: Phantom, notes: _Notes) -> str:
    if events.region in phantom.landmarks_mm:
        return events.region
    notes.warnings.append(f"The phantom has no region {events.region!r}: its trunk is put at the isocentre instead.")
    return "trunk"


def _remark(events: Events, notes: _Notes, region: str) -> None:
    by_anatomy = [axis for axis, how in notes.axes.items() if how.startswith("anatomy")]
    if by_anatomy:
        status = " (assumed)" if events.region_status == Status.ASSUMED else ""
        notes.assumptions.append(
            f"Isocentre put at the landmark of the region {region!r}{status} on the axes {', '.join(by_anatomy)}; "
            f"region: {events.region_reason or 'not stated'}."
        )


def _remark_turned(events: Events, notes: _Notes) -> None:
    """What the table was taken to turn about, where it turned and nobody has measured that on this machine."""
    machine = events.machine
    turned = events.mapped & (np.abs(table_angles(events)).max(axis=0, initial=0.0) > LEVEL_DEG)
    if not turned.any() or not machine.has_table or machine.profile_status == "commissioned":
        return
    about = {"isocentre": "the isocentre", "reference-point": "the middle of its head end", "points": "given points"}
    most = float(np.abs(table_angles(events)).max(axis=0)[turned].max())
    notes.assumptions.append(
        f"Table turned or tilted by up to {most:.3g} degrees in {int(turned.sum())} events: taken to turn about "
        f"{about[machine.pivot]}, which is not commissioned; per 100 mm between that and the true pivot the beam lies "
        f"{200.0 * np.sin(np.radians(most) / 2):.0f} mm elsewhere."
    )


def _remark_moved(events: Events, notes: _Notes) -> None:
    travel = np.where(events.mapped, table_travel_mm(events), 0.0)
    moved = int((travel > STEP_MM).sum())
    if moved:
        notes.assumptions.append(
            f"The table moved by up to {travel.max():.0f} mm during {moved} events: their dose is spread evenly over "
            "the way. If it stood for most of the time, the dose there is higher."
        )


def _warn_of_depth(events: Events, settings: Settings, notes: _Notes) -> None:
    """Offset and moves that put the patient into the table top or far above the pad: a sign is likely wrong."""
    if not events.machine.has_table:
        return
    up = np.full(len(events), float(settings.offset_mm[2]))
    for move in moves(settings.move, events.started):
        up[list(move.events)] += move.up_mm
    up[~events.mapped] = 0.0
    remedy = "Check offset and moves: up is positive."
    if (most := -up.min(initial=0.0) - pad_mm(events, settings)) > 0.0:
        notes.warnings.append(f"The patient would lie up to {most:.0f} mm inside the table top. {remedy}")
    if (most := up.max(initial=0.0)) > _HIGHEST_MM:
        notes.warnings.append(f"The patient would float up to {most:.0f} mm above the pad. {remedy}")
