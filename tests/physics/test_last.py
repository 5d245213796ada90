"""The last answer is given again to the same question, and to no other."""

from typing import NamedTuple

import numpy as np
import pytest

from skindose.physics import last
from skindose.physics.quality import Quality


class Pair(NamedTuple):
    name: str
    value: float


def beams(kvp_kv, count=3):
    column = np.full(count, kvp_kv)
    return Quality(column, column, column, column, np.ones((count, 4)))


@pytest.fixture
def asked():
    calls = []

    @last.remembered
    def answer(quality, layers, share):
        calls.append(layers)
        return quality.kvp_kv * share

    return answer, calls


def test_equal_arguments_are_computed_once(asked):
    answer, calls = asked
    first = answer(beams(80.0), (Pair("pad", 40.0),), np.ones(3))
    assert answer(beams(80.0), (Pair("pad", 40.0),), np.ones(3)) is first
    assert len(calls) == 1


@pytest.mark.parametrize(
    "other",
    [
        (beams(81.0), (Pair("pad", 40.0),), np.ones(3)),
        (beams(80.0), (Pair("pad", 41.0),), np.ones(3)),
        (beams(80.0), (Pair("pad", 40.0), Pair("top", 1.0)), np.ones(3)),
        (beams(80.0), (Pair("pad", 40.0),), np.full(3, 1 + 1e-15)),
        (beams(80.0), (Pair("pad", 40.0),), 1.0),
    ],
    ids=["quality", "layer", "layers", "share", "kind"],
)
def test_anything_else_is_computed_anew(asked, other):
    answer, calls = asked
    answer(beams(80.0), (Pair("pad", 40.0),), np.ones(3))
    np.testing.assert_array_equal(answer(*other), other[0].kvp_kv * other[2])
    assert len(calls) == 2


def test_the_answer_of_a_very_long_procedure_is_not_kept(asked):
    answer, calls = asked
    for _ in range(2):
        answer(beams(80.0, last.MOST_EVENTS + 1), (), 1.0)
    assert len(calls) == 2
