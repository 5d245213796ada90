"""Sentences: said once, with the number of events and their share of the kerma."""

import numpy as np
import pytest

from skindose.normalise.notes import Notes, split

KERMA = np.array([1.0, 2.0, 7.0])


def test_a_remark_on_several_events_is_one_sentence():
    notes = Notes()
    for event in (0, 1, 1):
        notes.assume("kVp missing", "80 kV is taken", event)
    assert notes.sentences(KERMA, warnings=False) == (
        "kVp missing in 2 of 3 events (30.0 % of the air kerma): 80 kV is taken",
    )
    assert notes.sentences(KERMA, warnings=True) == ()


@pytest.mark.parametrize(
    ("kerma", "share"),
    [
        ([0.0, 0.0, 0.0], "0 %"),
        ([np.nan, 1.0, 1.0], "0 %"),
        ([1e-9, 1.0, 1.0], "under 0.1 %"),
        ([1.0, 0.0, 0.0], "100 %"),
    ],
)
def test_shares_are_told_even_without_kerma(kerma, share):
    notes = Notes()
    notes.warn("odd", "", 0)
    assert notes.sentences(np.array(kerma), warnings=True) == (
        f"odd in 1 of 3 events (event 1; {share} of the air kerma)",
    )


def test_a_warning_names_a_few_events_and_counts_many():
    notes = Notes()
    for event in range(5):
        notes.warn("few", "", event)
    for event in range(6):
        notes.warn("many", "", event)
    few, many = notes.sentences(np.ones(6), warnings=True)
    assert few == "few in 5 of 6 events (event 1, 2, 3, 4, 5; 83.3 % of the air kerma)"
    assert many == "many in 6 of 6 events (100 % of the air kerma)"


@pytest.mark.parametrize(("what", "how"), [("odd", "not used"), ("odd", ""), ("a: b (c) in 2 of 3 events", "d: e")])
@pytest.mark.parametrize("event", [None, 1])
def test_a_sentence_can_be_taken_apart_again(what, how, event):
    notes = Notes()
    notes.warn(what, how, event)
    (sentence,) = notes.sentences(KERMA, warnings=True)
    left, right, count = split(sentence)
    assert count == (1 if event is not None else None)
    assert left.startswith("odd") or left.startswith("a")
    assert sentence.startswith(left)
    assert sentence.endswith(right)
