"""Frames, rotations and beam directions; docs/conventions.md has them with a drawing.

All three frames have DICOM's patient axes when a head-first supine patient lies on a level table: +X to his left,
+Y down, +Z towards the head. Matrices turn column vectors: x_room = M @ x_table.
"""

from __future__ import annotations

import numpy as np

from skindose.model import FloatArray

# Patient axes -> axes of a level table. Decubitus: the named side is down (DICOM PS3.3 C.7.3.1.1.2).
_HEAD_FIRST = {
    "s": np.eye(3),
    "p": np.diag([-1.0, -1.0, 1.0]),
    "dr": np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "dl": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
}
_TURN_ROUND = np.diag([-1.0, 1.0, -1.0])  # half a turn about the vertical: the feet where the head was

ORIENTATIONS: dict[str, FloatArray] = {
    **{f"hf{key}": matrix for key, matrix in _HEAD_FIRST.items()},
    **{f"ff{key}": _TURN_ROUND @ matrix for key, matrix in _HEAD_FIRST.items()},
}


def rotation_x(angle_rad: FloatArray) -> FloatArray:
    """Right-handed rotations about +X, (..., 3, 3)."""
    return _plane_rotation(angle_rad, 1, 2)


def rotation_y(angle_rad: FloatArray) -> FloatArray:
    """Right-handed rotations about +Y, (..., 3, 3)."""
    return _plane_rotation(angle_rad, 2, 0)


def rotation_z(angle_rad: FloatArray) -> FloatArray:
    """Right-handed rotations about +Z, (..., 3, 3)."""
    return _plane_rotation(angle_rad, 0, 1)


def _plane_rotation(angle_rad: FloatArray, first: int, second: int) -> FloatArray:
    angle = np.asarray(angle_rad, dtype=np.float64)
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., range(3), range(3)] = 1.0
    matrix[..., first, first] = matrix[..., second, second] = np.cos(angle)
    matrix[..., second, first] = np.sin(angle)
    matrix[..., first, second] = -np.sin(angle)
    return matrix


def table_rotation(horizontal_deg: FloatArray, head_tilt_deg: FloatArray, cradle_deg: FloatArray) -> FloatArray:
    """Table axes -> room axes, (..., 3, 3).

    Horizontal rotation is clockwise seen from above, head up and left side up are positive; the horizontal rotation
    carries the head tilt, which carries the cradle [DICOM PS3.3 C.8.19.6.11, codes 113754-113756].
    """
    horizontal, tilt, cradle = table_turns(horizontal_deg, head_tilt_deg, cradle_deg)
    return horizontal @ tilt @ cradle


def table_turns(
    horizontal_deg: FloatArray, head_tilt_deg: FloatArray, cradle_deg: FloatArray
) -> tuple[FloatArray, ...]:
    """The three rotations, each (..., 3, 3): about the vertical, about the axis across, about the axis along."""
    horizontal, tilt, cradle = (np.radians(angle) for angle in (horizontal_deg, head_tilt_deg, cradle_deg))
    return rotation_y(horizontal), rotation_x(tilt), rotation_z(-cradle)


def stand_rotation(primary_deg: FloatArray, secondary_deg: FloatArray, order: str) -> FloatArray:
    """Rotation of the stand from 0/0, (..., 3, 3), in the frame that the angles are relative to.

    The central ray is the image of -Y, the field's axes u and v those of +X and +Z. With "primary-secondary" the ray is
    d = (sin a cos b, -cos a cos b, sin b); stands that turn the other way round have order "secondary-primary".
    """
    primary = rotation_z(np.radians(primary_deg))
    secondary = rotation_x(-np.radians(secondary_deg))
    return primary @ secondary if order == "primary-secondary" else secondary @ primary


def stand_angles(direction: FloatArray, order: str) -> tuple[FloatArray, FloatArray]:
    """Primary and secondary angle in degrees whose central ray is `direction` (..., 3); inverse of `stand_rotation`.

    Of the two pairs that there are, the one whose secondary angle is within +-90 degrees, as stands are built.
    """
    x, y, z = np.moveaxis(np.asarray(direction), -1, 0)
    if order == "primary-secondary":
        return np.degrees(np.arctan2(x, -y)), np.degrees(np.arcsin(np.clip(z, -1.0, 1.0)))
    primary, secondary = np.degrees(np.arcsin(np.clip(x, -1.0, 1.0))), np.degrees(np.arctan2(z, -y))
    over = np.abs(secondary) > 90.0
    round_ = np.copysign(180.0, primary) - primary
    return np.where(over, round_, primary), np.where(over, secondary - np.copysign(180.0, secondary), secondary)


def isocentre_in_table(longitudinal_mm: FloatArray, height_mm: FloatArray, lateral_mm: FloatArray) -> FloatArray:
    """Where the isocentre lies in the table frame, (..., 3), from positions with the maker's zero taken off.

    Longitudinal grows as the table moves to the patient's left, lateral towards his head, height downwards
    [DICOM codes 113751-113753].
    """
    return -np.stack([longitudinal_mm, height_mm, lateral_mm], axis=-1)


def isocentre_in_turned_table(
    level_mm: FloatArray, turns: tuple[FloatArray, ...], pivots_mm: tuple[FloatArray, ...]
) -> FloatArray:
    """Where the isocentre lies in the frame of a table that turned, (..., 3).

    A point of the table at x lies in the room at x - level on a level table; the cradle turns that about its pivot, the
    head tilt about its own, the horizontal rotation about its own. Here the way back, from the isocentre at 0.

    level_mm    (..., 3) where it lies on a level table: `isocentre_in_table`
    turns       as `table_turns` gives them
    pivots_mm   (..., 3) for each of them, a point on its axis, in the room
    """
    point = np.zeros_like(level_mm)
    for turn, pivot in zip(turns, pivots_mm, strict=True):
        point = pivot + np.einsum("...ji,...j->...i", turn, point - pivot)
    return point + level_mm
