"""Events -> Beams: every (sub-)event as a beam in the patient frame, with the table and pad as slabs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skindose.config import Settings
from skindose.geometry.frames import ORIENTATIONS, stand_angles, stand_rotation, table_rotation
from skindose.geometry.motion import or_else, sub_events
from skindose.geometry.moves import lying
from skindose.geometry.place import isocentres, mean_isocentre, pad_mm, table_angles
from skindose.geometry.sound import faults
from skindose.model import Beams, Events, FloatArray, IntArray, Layer, Placement

# Ends of an event that is no rotational acquisition, this near to each other across 180 degrees, are joined there.
ACROSS_DEG = 30.0


def beams(events: Events, placement: Placement, settings: Settings) -> Beams:
    """Place every mapped event whose numbers describe a beam (`faults` names the others), in sub-events where it moved.

    Room -> table -> patient: the stand's rotation is relative to the registered patient or to the gantry, as the
    profile says; the table's position and angles bring it to the table; the placement to the patient.
    """
    usable = np.setdiff1d(np.flatnonzero(events.mapped), list(faults(events))).astype(np.int32)
    with np.errstate(invalid="ignore"):  # of events that are left out
        start, travel = _way(events, placement)
        turn = _image_turn(events, placement)
    event, time = sub_events(events, usable, np.abs(travel).max(axis=1, initial=0.0))
    primary, secondary = (start[event] + time[:, None] * travel[event]).T
    room = stand_rotation(primary, secondary, events.machine.axis_order) @ turn[event]
    table_axes = table_rotation(*table_angles(events, event, time))
    rotation, origin = (part[event] for part in lying(events, placement, settings))
    to_patient = np.swapaxes(rotation, -1, -2) @ np.swapaxes(table_axes, -1, -2)  # room axes -> patient axes
    stand = to_patient @ room @ _collimator(events, event)
    isocentre = _isocentres(events, event, time) + placement.isocentre_shift_mm - origin
    isocentre = np.einsum("bij,bi->bj", rotation, isocentre)  # table axes -> patient axes
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
        table_rotation=rotation,
        table_origin_mm=origin,
        support_mm=slabs,
        support=layers,
    )


def _way(events: Events, placement: Placement) -> tuple[FloatArray, FloatArray]:
    """Start and travel of the stand, each (events, 2): primary and secondary angle in degrees, in the gantry's frame.

    There 90 to -120 degrees is 210 degrees through 0; but a stand that trembles at 180 has not gone all the way round
    [docs/conventions.md].
    """
    primary, secondary = events.positioner_primary_angle_deg, events.positioner_secondary_angle_deg
    end_primary, end_secondary = events.positioner_primary_end_angle_deg, events.positioner_secondary_end_angle_deg
    start = _gantry_angles(events, placement, primary, secondary)
    end = _gantry_angles(events, placement, or_else(end_primary, primary), or_else(end_secondary, secondary))
    travel = end - start
    still = np.array([kind != "rotational acquisition" for kind in events.event_type], dtype=bool)
    across = still[:, None] & (np.abs(travel) > 360.0 - ACROSS_DEG)
    return start, np.where(across, travel - np.copysign(360.0, travel), travel)


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


def _isocentres(events: Events, event: IntArray, time: FloatArray) -> FloatArray:
    """Isocentres in the table frame; a missing axis is the procedure's mean, or 0 where there is none at all."""
    points = isocentres(events, event, time)
    return np.where(np.isfinite(points), points, np.nan_to_num(mean_isocentre(events)))


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
