"""What a report says of stand and table before any profile's signs and zeros: the ground of commissioning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skindose.config import Settings
from skindose.model import FloatArray, Procedure, Status
from skindose.normalise.angles import read_angles
from skindose.normalise.columns import start
from skindose.normalise.kerma import read_kerma
from skindose.normalise.labels import FLUOROSCOPY, label_events, started
from skindose.normalise.orientation import registered_orientation, stated
from skindose.normalise.profiles import Axis, Profile
from skindose.normalise.table import POSITION
from skindose.normalise.work import Work


@dataclass(frozen=True)
class Readings:
    """The readings of every event, in time order, in mm and degrees; NaN where the file has none.

    profile        the profile that the file gets
    position_mm    (events, 3) items of the profile's sideways, height and head-foot axis
    own_zero_mm    (events, 3) the zeros that the file itself holds for them (the profile's `zero_items`)
    stand_deg      (events, 2) primary and secondary angle
    turned_deg     (events,) by how much the stand turned during the event
    table_deg      (events, 3) horizontal rotation, head tilt and cradle; 0 where missing, as in normalising
    orientation    (events,) registered; "" where the file is silent
    usual          the one that normalising takes for the whole file
    """

    profile: Profile
    started: tuple[str, ...]
    fluoroscopy: tuple[bool, ...]
    orientation: tuple[str, ...]
    usual: str
    position_mm: FloatArray
    own_zero_mm: FloatArray
    stand_deg: FloatArray
    turned_deg: FloatArray
    table_deg: FloatArray
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.started)


def readings(procedure: Procedure, settings: Settings | None = None) -> Readings:
    """The readings of a report, with the profile that tells which items are the table's axes.

    raises   SettingsError for an unknown profile or a mistake in one
    """
    work = start(procedure, settings or Settings())
    label_events(work)
    read_kerma(work)
    read_angles(work)
    usual = registered_orientation(work)
    return Readings(
        profile=work.profile,
        started=tuple(started(record) for record in work.records),
        fluoroscopy=tuple(kind == FLUOROSCOPY for kind in work.event_type),
        orientation=tuple(stated(work, record) or usual for record in work.records),
        usual=usual,
        position_mm=_per_axis(work, _position),
        own_zero_mm=_per_axis(work, _own_zero),
        stand_deg=_stand(work),
        turned_deg=_turned(work),
        table_deg=_table(work),
        warnings=work.notes.sentences(work.columns["air_kerma_rp_mgy"], warnings=True),
    )


def _per_axis(work: Work, value: Callable[[Work, Axis, int], float]) -> FloatArray:
    table = work.profile.table
    axes = (table.sideways, table.height, table.head_foot)
    return np.array([[value(work, axis, event) for axis in axes] for event in range(len(work))]).reshape(-1, 3)


def _position(work: Work, axis: Axis, event: int) -> float:
    values = (work.number(work.records[event], reference, POSITION, event) for reference in axis.items)
    return next((value for value in values if not np.isnan(value)), np.nan)


def _own_zero(work: Work, axis: Axis, event: int) -> float:
    return work.lookup(axis.zero_items, POSITION, event)


def _stand(work: Work) -> FloatArray:
    """The profile's sense taken out of the angles again; what was not reported is NaN."""
    profile, found = work.profile, []
    for which, sign, zero_deg in (
        ("primary", profile.primary_sign, profile.primary_zero_deg),
        ("secondary", profile.secondary_sign, profile.secondary_zero_deg),
    ):
        column = f"positioner_{which}_angle_deg"
        known = np.isin(work.status[column], (Status.REPORTED, Status.DERIVED))
        found.append(np.where(known, sign * work.columns[column] + zero_deg, np.nan))
    return np.stack(found, axis=-1)


def _turned(work: Work) -> FloatArray:
    turned = np.zeros(len(work))
    for which in ("primary", "secondary"):
        begin, end = (work.columns[f"positioner_{which}_{name}_deg"] for name in ("angle", "end_angle"))
        turned = np.fmax(turned, np.abs(end - begin))
    return turned


def _table(work: Work) -> FloatArray:
    table = work.profile.table
    signs = {
        "horizontal_rotation": table.horizontal_rotation_sign,
        "head_tilt": table.head_tilt_sign,
        "cradle_tilt": table.cradle_tilt_sign,
    }
    angles = [sign * work.columns[f"table_{name}_angle_deg"] for name, sign in signs.items()]
    filled: FloatArray = np.nan_to_num(np.stack(angles, axis=-1))
    return filled
