"""Small scenes for the tests of the physics: events, beams and hits made by hand, without the other rooms."""

from dataclasses import replace

import numpy as np

from skindose.model import Beams, Events, Hits, Layer, Status
from tests import scenes

LAYERS = (
    Layer("upper skin", "carbon fibre", 0.0, 0.75, 225.0, 2000.0),
    Layer("core", "foam", 0.75, 50.0, 225.0, 2000.0),
    Layer("lower skin", "carbon fibre", 50.75, 0.75, 225.0, 2000.0),
    Layer("pad", "polyurethane", -40.0, 40.0, 225.0, 2000.0),
)
FLOATS = [name for name, kind in Events.__annotations__.items() if kind == "FloatArray"]


def machine(**changes):
    """A machine with table and pad described, not measured."""
    return scenes.machine(**{"profile": "test", "profile_status": "assumed", "support": LAYERS, **changes})


def events(kvp_kv, filter_cu_mm, filter_al_mm=0.0, **machine_changes):
    """Events of one machine; everything but the beam quality is missing."""
    kvp_kv, filter_cu_mm, filter_al_mm = np.broadcast_arrays(np.atleast_1d(kvp_kv), filter_cu_mm, filter_al_mm)
    count = len(kvp_kv)
    floats = {name: np.full(count, np.nan) for name in FLOATS}
    floats |= {"kvp_kv": kvp_kv * 1.0, "filter_cu_mm": filter_cu_mm * 1.0, "filter_al_mm": filter_al_mm * 1.0}
    return Events(
        machine=machine(**machine_changes),
        totals=(),
        region="chest",
        region_status=Status.ASSUMED,
        region_reason="",
        registered_orientation="hfs",
        uid=tuple(str(number) for number in range(count)),
        started=("",) * count,
        plane=("single",) * count,
        event_type=("fluoroscopy",) * count,
        protocol=("",) * count,
        field_shape=("rectangle",) * count,
        mapped=np.ones(count, dtype=bool),
        unmapped_reason=("",) * count,
        status={},
        **floats,
    )


def beams(count, side_mm=100.0, axis=(0.0, -1.0, 0.0), reference_mm=600.0, layers=LAYERS, event=None):
    """Equal beams, level table; `axis` turns in the transversal plane, PA by default (from below)."""
    axis = np.asarray(axis, dtype=float)
    v = np.array([0.0, 0.0, 1.0])
    half = np.broadcast_to(np.asarray(side_mm, dtype=float), (count,)) / 2
    return Beams(
        event=np.arange(count, dtype=np.int32) if event is None else np.asarray(event, dtype=np.int32),
        weight=np.ones(count),
        source_mm=np.tile(-600.0 * axis, (count, 1)),
        axis=np.tile(axis, (count, 1)),
        u=np.tile(np.cross(v, axis), (count, 1)),
        v=np.tile(v, (count, 1)),
        field_mm=np.stack([-half, half, -half, half], axis=1),
        circular=np.zeros(count, dtype=bool),
        reference_distance_mm=np.full(count, reference_mm),
        air_kerma_rp_mgy=np.ones(count),
        table_rotation=np.tile(np.eye(3), (count, 1, 1)),
        table_origin_mm=np.zeros((count, 3)),
        support_mm=np.zeros((len(layers), 6)),
        support=layers,
    )


def joined(one, other):
    """The beams of both, each with an event of its own."""
    arrays = {
        name: value for name, value in vars(one).items() if name not in ("event", "support", "support_mm", "warnings")
    }
    both = {name: np.concatenate([value, getattr(other, name)]) for name, value in arrays.items()}
    return replace(one, event=np.arange(len(one) + len(other), dtype=np.int32), **both)


def hits(count, per_beam=1, path_mm=None, layers=4, **changes):
    """`per_beam` hits of every beam at the reference point, on the axis; no path through the table unless given."""
    rows = count * per_beam
    values = {
        "beam_start": np.arange(count + 1, dtype=np.int64) * per_beam,
        "cell": np.tile(np.arange(per_beam, dtype=np.int32), count),
        "distance_mm": np.full(rows, 600.0),
        "cos_incidence": np.ones(rows),
        "u_mm": np.zeros(rows),
        "v_mm": np.zeros(rows),
        "edge_mm": np.full(rows, 50.0),
        "coverage": np.ones(rows),
        "path_mm": np.zeros((rows, layers)) if path_mm is None else np.asarray(path_mm, dtype=float),
        "primary": np.ones(rows, dtype=bool),
    }
    return Hits(**{**values, **changes})
