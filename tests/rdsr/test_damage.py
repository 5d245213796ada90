"""Damaged reports: each gives a procedure or one line of ours, soon; and no number that is none."""

import dataclasses
import time

import numpy as np
import pytest

from skindose.config import Settings
from skindose.errors import SkindoseError
from skindose.normalise import normalise
from skindose.rdsr import read_bytes
from skindose.rdsr.demo import demo_procedure
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes
from tests import damage

SMALL = dataclasses.replace(demo_procedure(), events=demo_procedure().events[:12])
BIPLANE = WrittenProcedure(
    events=tuple(
        WrittenEvent(air_kerma_rp_mgy=1.0 + number, kap_gycm2=0.1, plane=plane, event_type="rotational acquisition")
        for number in range(3)
        for plane in ("A", "B")
    ),
)
SOURCES = (to_bytes(SMALL), to_bytes(BIPLANE))
TRIALS = 170
LONGEST_S = 2.0


def variant(seed):
    return damage.damaged(SOURCES[seed // len(damage.STRUCTURED + damage.RAW) % len(SOURCES)], seed)


def survives(data, label):
    """Read and normalise; True if both went through, False if refused in words."""
    start = time.perf_counter()
    try:
        events = normalise(read_bytes(data, "a.dcm"), Settings())
    except SkindoseError as error:
        refused = str(error)
    else:
        refused = ""
    finally:
        assert time.perf_counter() - start < LONGEST_S, label
    if refused:
        assert refused.isprintable(), label
        return False
    kerma_mgy = events.air_kerma_rp_mgy[events.mapped]
    assert np.all(np.isfinite(kerma_mgy)), label
    assert np.all(kerma_mgy >= 0.0), label
    return True


@pytest.mark.parametrize("change", [*damage.STRUCTURED, *damage.RAW], ids=lambda change: change.__name__)
def test_damage_of_each_kind_is_survived(change):
    changes = (*damage.STRUCTURED, *damage.RAW)
    first = changes.index(change)
    for seed in range(first, TRIALS, len(changes)):
        label, data = variant(seed)
        assert label == change.__name__
        survives(data, f"{label}, seed {seed}")


def test_the_undamaged_reports_go_through():
    assert all(survives(data, "undamaged") for data in SOURCES)


def test_the_same_seed_does_the_same():
    assert [variant(seed) for seed in range(20)] == [variant(seed) for seed in range(20)]
    assert all(variant(seed)[1] not in SOURCES for seed in range(4))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_more_damage_is_survived(block):
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        label, data = variant(seed)
        survives(data, f"{label}, seed {seed}")
