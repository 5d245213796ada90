"""A patient who moved on the table in the middle of the case: where he lay in each event."""

from __future__ import annotations

import numpy as np

from skindose.choices import moves
from skindose.config import Settings
from skindose.geometry.frames import rotation_z
from skindose.model import Events, FloatArray, Placement


def lying(events: Events, placement: Placement, settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Rotation (events, 3, 3) and origin (events, 3) with x_table = rotation @ x_patient + origin, event by event.

    The moves come last, in the table's axes, and add up in the order in which they are written. A turn goes about the
    line along the table through the middle of his trunk and lifts the side on the table's left.

    raises   SettingsError for a move that is not understood
    """
    count = len(events)
    rotation = np.broadcast_to(placement.rotation, (count, 3, 3)).copy()
    origin, centre = (np.broadcast_to(point, (count, 3)).copy() for point in (placement.origin_mm, placement.centre_mm))
    for move in moves(settings.move, events.started):
        own = list(move.events)
        turn = rotation_z(np.radians(-move.turn_deg))
        shift = np.array([move.left_mm, -move.up_mm, move.head_mm])
        rotation[own] = turn @ rotation[own]
        origin[own] = (origin[own] - centre[own]) @ turn.T + centre[own] + shift
        centre[own] += shift
    return rotation, origin
