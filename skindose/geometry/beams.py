"""Events -> Beams: every (sub-)event as a beam in the patient frame, with the table and pad as slabs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skindose.config import Settings
from skindose.geometry.frames import ORIENTATIONS, stand_angles, stand_rotation, table_rotation
from skindose.geometry.place import isocentres, mean_isocentre, pad_mm
from skindose.model import Beams, BoolArray, Events, FloatArray, IntArray, Layer, Placement

# A rotational run is followed in steps of at most this angle.
STEP_DEG = 2.0
_NEEDED = (
    "air_kerma_rp_mgy",
    "positioner_primary_angle_deg",
    "positioner_secondary_angle_deg",
    "distance_source_to_isocenter_mm",
    "distance_source_to_reference_point_mm",
    "field_u_min_mm",
    "field_u_max_mm",
    "field_v_min_mm",
    "field_v_max_mm",
)


def beams(events: Events, placement: Placement, settings: Settings) -> Beams:
    """Place every mapped event, in sub-events where the stand turned.

    Room -> table -> patient: the stand's rotation is relative to the registered patient or to the gantry, as the
    profile says; the table's position and angles bring it to the table; the placement to the patient.
    """
    usable, warnings = _usable(events)
    event, primary, secondary = _sub_events(events, placement, np.flatnonzero(usable).astype(np.int32))
    room = stand_rotation(primary, secondary, events.machine.axis_order) @ _image_turn(events, placement)[event]
    table_axes = table_rotation(*(_zero_filled(column)[event] for column in _table_angles(events)))
    to_patient = np.swapaxes(placement.rotation, 0, 1) @ np.swapaxes(table_axes, -1, -2)  # room axes -> patient axes
    stand = to_patient @ room @ _collimator(events, event)
    isocentre = (_isocentres(events)[event] + placement.isocentre_shift_mm - placement.origin_mm) @ placement.rotation
    axis = -stand[:, :, 1]
    share = 1.0 / np.bincount(event, minlength=len(events))[event]
    layers, slabs = support(events, settings)
    return Beams(
        event=event,
        weight=share,
        source_mm=isocentre - events.distance_source_to_isocenter_mm[event, None] * axis,
        axis=axis,
        u=stand[:, :, 0],
        v=stand[:, :, 2],
        field_mm=_field(events)[event],
        circular=np.array([shape == "circle" for shape in events.field_shape], dtype=bool)[event],
        reference_distance_mm=events.distance_source_to_reference_point_mm[event],
        air_kerma_rp_mgy=events.air_kerma_rp_mgy[event] * share,
        table_rotation=np.broadcast_to(placement.rotation, (len(event), 3, 3)).copy(),
        table_origin_mm=np.broadcast_to(placement.origin_mm, (len(event), 3)).copy(),
        support_mm=slabs,
        support=layers,
        warnings=warnings,
    )


def _usable(events: Events) -> tuple[BoolArray, tuple[str, ...]]:
    """Mapped events whose numbers describe a beam; the others are named, never dropped in silence."""
    finite = np.all([np.isfinite(getattr(events, name)) for name in _NEEDED], axis=0)
    distance = np.nan_to_num(events.distance_source_to_reference_point_mm)
    field = np.nan_to_num(_field(events))
    sound = finite & (distance > 0) & (field[:, 1] > field[:, 0]) & (field[:, 3] > field[:, 2])
    bad = np.flatnonzero(events.mapped & ~sound)
    warnings = tuple(f"Event {i + 1} is left out of the map: its geometry is not a beam." for i in bad)
    return events.mapped & sound, warnings


def _sub_events(events: Events, placement: Placement, usable: IntArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Index, primary and secondary angle of every sub-event; runs are interpolated in the gantry's frame.

    There 90 to -120 degrees is 210 degrees through 0 [docs/conventions.md].
    """
    primary, secondary = events.positioner_primary_angle_deg, events.positioner_secondary_angle_deg
    end_primary, end_secondary = events.positioner_primary_end_angle_deg, events.positioner_secondary_end_angle_deg
    start = _gantry_angles(events, placement, primary, secondary)
    end = _gantry_angles(events, placement, _or_else(end_primary, primary), _or_else(end_secondary, secondary))
    travel = (end - start)[usable]
    steps = np.maximum(1, np.ceil(np.abs(travel).max(axis=1, initial=0.0) / STEP_DEG)).astype(np.int64)
    event = np.repeat(usable, steps)
    first = np.repeat(np.cumsum(steps) - steps, steps)
    middle = (np.arange(len(event)) - first + 0.5) / np.repeat(steps, steps)
    angles = start[event] + middle[:, None] * np.repeat(travel, steps, axis=0)
    return event.astype(np.int32), angles[:, 0], angles[:, 1]


def _or_else(end_deg: FloatArray, start_deg: FloatArray) -> FloatArray:
    """End angles; where one is missing the stand did not turn about that axis."""
    return np.where(np.isnan(end_deg), start_deg, end_deg)


def _gantry_angles(events: Events, placement: Placement, primary: FloatArray, secondary: FloatArray) -> FloatArray:
    """(events, 2) the file's angles in degrees, relative to the gantry."""
    reference = _reference_axes(events, placement)
    if np.array_equal(reference, np.eye(3)):
        return np.stack([primary, secondary], axis=-1)
    order = events.machine.axis_order
    direction = -stand_rotation(primary, secondary, order)[..., 1] @ reference.T
    return np.stack(stand_angles(direction, order), axis=-1)


def _reference_axes(events: Events, placement: Placement) -> FloatArray:
    """Axes that the file's angles are relative to, seen in the room: the registered patient's, or the gantry's."""
    if events.machine.angles_relative_to == "gantry":
        return np.eye(3)
    return ORIENTATIONS[placement.orientation_registered]


def _image_turn(events: Events, placement: Placement) -> FloatArray:
    """(events, 3, 3) turn about the central ray, in stand axes, that brings u and v to the registered patient.

    The gantry's angles fix the ray alone. The image stands as the file's own angles turn it in the axes that they are
    relative to: its u to the registered patient's left, its v to his head at 0/0 [docs/conventions.md].
    """
    order = events.machine.axis_order
    primary, secondary = events.positioner_primary_angle_deg, events.positioner_secondary_angle_deg
    stated = _reference_axes(events, placement) @ stand_rotation(primary, secondary, order)
    angles = _gantry_angles(events, placement, primary, secondary)
    return np.swapaxes(stand_rotation(angles[:, 0], angles[:, 1], order), -1, -2) @ stated


def _collimator(events: Events, event: IntArray) -> FloatArray:
    """Rotation of the field about the central ray, from u towards v; the ray is -Y of the stand."""
    angle = np.radians(_zero_filled(events.field_rotation_deg)[event])
    matrix = np.zeros((len(event), 3, 3))
    matrix[:, 1, 1] = 1.0
    matrix[:, 0, 0] = matrix[:, 2, 2] = np.cos(angle)
    matrix[:, 2, 0] = np.sin(angle)
    matrix[:, 0, 2] = -np.sin(angle)
    return matrix


def _isocentres(events: Events) -> FloatArray:
    """Isocentres in the table frame; a missing axis is the procedure's mean, or 0 where there is none at all."""
    points = isocentres(events)
    return np.where(np.isfinite(points), points, np.nan_to_num(mean_isocentre(events)))


def _table_angles(events: Events) -> tuple[FloatArray, FloatArray, FloatArray]:
    return (
        events.table_horizontal_rotation_angle_deg,
        events.table_head_tilt_angle_deg,
        events.table_cradle_tilt_angle_deg,
    )


def _field(events: Events) -> FloatArray:
    return np.stack(
        [events.field_u_min_mm, events.field_u_max_mm, events.field_v_min_mm, events.field_v_max_mm], axis=-1
    )


def _zero_filled(column: FloatArray) -> FloatArray:
    return np.nan_to_num(column, nan=0.0)


def support(events: Events, settings: Settings) -> tuple[tuple[Layer, ...], FloatArray]:
    """The layers under the patient, and their slabs (layers, 6) in the table frame; none without a table."""
    if not events.machine.has_table:
        return (), np.zeros((0, 6))
    pad = pad_mm(events, settings)
    layers = [
        replace(layer, top_mm=-pad, thickness_mm=pad) if layer.name == "pad" else layer
        for layer in events.machine.support
    ]
    layers = [layer for layer in layers if layer.thickness_mm > 0]
    slabs = [
        (
            -layer.half_width_mm,
            layer.half_width_mm,
            layer.top_mm,
            layer.top_mm + layer.thickness_mm,
            -layer.length_mm,
            0.0,
        )
        for layer in layers
    ]
    return tuple(layers), np.array(slabs, dtype=np.float64).reshape(len(layers), 6)
