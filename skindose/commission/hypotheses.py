"""What a machine's readings could mean: signs, names of the table's axes, order and frame of the stand's angles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product
from typing import NamedTuple

import numpy as np

from skindose.commission.shots import AXES, Shots
from skindose.model import FloatArray
from skindose.normalise import Profile

# A table turned by less says nothing of the sense of its angle.
LEAST_TURN_DEG = 2.0
TURNS = ("horizontal_rotation", "head_tilt", "cradle_tilt")


class Stand(NamedTuple):
    """One reading of the angles; the names are the profile's."""

    primary_sign: int
    secondary_sign: int
    axis_order: str
    angles_relative_to: str
    horizontal_rotation_sign: int
    head_tilt_sign: int
    cradle_tilt_sign: int


class Table(NamedTuple):
    """One reading of the table's positions.

    axes   for the table's X, Y and Z which of the profile's items (0 sideways, 1 height, 2 head-foot) is read along it
    """

    axes: tuple[int, int, int]
    sideways_sign: int
    height_sign: int
    head_foot_sign: int

    @property
    def matrix(self) -> FloatArray:
        """(3, 3) signed permutation: readings -> positions in our sense, the zeros not taken off."""
        matrix = np.zeros((3, 3))
        matrix[range(3), self.axes] = self[1:]
        return matrix


class Hypothesis(NamedTuple):
    """One reading of everything."""

    stand: Stand
    table: Table

    def choices(self) -> dict[str, object]:
        """Every choice by its name."""
        table = {f"{axis}_sign": sign for axis, sign in zip(AXES, self.table[1:], strict=True)}
        return {"table_axes": self.table.axes, **table, **self.stand._asdict()}


def stands(shots: Shots, profile: Profile) -> list[Stand]:
    """Every reading of the angles that the shots could tell apart; what they cannot touch stays the profile's."""
    table = profile.table
    own = (table.horizontal_rotation_sign, table.head_tilt_sign, table.cradle_tilt_sign)
    turned = np.abs(shots.table_deg).max(axis=0) >= LEAST_TURN_DEG
    turns = [(1, -1) if moves else (sign,) for moves, sign in zip(turned, own, strict=True)]
    frames = (profile.angles_relative_to,) if set(shots.orientation) == {"hfs"} else ("patient", "gantry")
    orders = ("primary-secondary", "secondary-primary")
    return [
        Stand(primary, secondary, order, frame, *senses)
        for primary, secondary, order, frame, senses in product((1, -1), (1, -1), orders, frames, product(*turns))
    ]


def tables() -> list[Table]:
    """The 48 readings of the table's positions."""
    return [Table((x, y, z), *signs) for x, y, z in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def of_profile(profile: Profile) -> Hypothesis:
    """What a profile says; its items are the axes by their own names."""
    table = profile.table
    turns = (table.horizontal_rotation_sign, table.head_tilt_sign, table.cradle_tilt_sign)
    stand = Stand(profile.primary_sign, profile.secondary_sign, profile.axis_order, profile.angles_relative_to, *turns)
    return Hypothesis(stand, Table((0, 1, 2), table.sideways.sign, table.height.sign, table.head_foot.sign))


def touched(shots: Shots) -> tuple[str, ...]:
    """Names of the choices that the shots could settle at all."""
    turned = np.abs(shots.table_deg).max(axis=0) >= LEAST_TURN_DEG
    senses = [f"{name}_sign" for name, moves in zip(TURNS, turned, strict=True) if moves]
    frame = [] if set(shots.orientation) == {"hfs"} else ["angles_relative_to"]
    signs = [f"{axis}_sign" for axis in AXES]
    return ("table_axes", *signs, "primary_sign", "secondary_sign", "axis_order", *frame, *senses)


def nearest(hypotheses: Sequence[Hypothesis], wanted: Hypothesis) -> int:
    """Index of the first of those that agree with `wanted` in most choices."""
    want = wanted.choices()
    alike = [sum(value == want[name] for name, value in each.choices().items()) for each in hypotheses]
    return int(np.argmax(alike))
