"""How the machine was told that the patient lies."""

from __future__ import annotations

import re

import numpy as np

from skindose.normalise.items import Record
from skindose.normalise.vocabulary import word
from skindose.normalise.work import Work

POSITIONS = ("hfs", "hfp", "hfdr", "hfdl", "ffs", "ffp", "ffdr", "ffdl")


def registered_orientation(work: Work) -> str:
    """hfs, ffp, ... by the codes of the events, else of the root, else by the profile's pattern in comments; else "".

    Where events differ the one with most air kerma counts, with a warning.
    """
    found = [stated(work, record) for record in work.records]
    kerma = np.nan_to_num(work.columns["air_kerma_rp_mgy"])
    weights: dict[str, float] = {}
    for event, position in enumerate(found):
        if position and (work.dosed[event] or not work.dosed.any()):
            weights[position] = weights.get(position, 0.0) + float(kerma[event])
    if len(weights) > 1:
        listed = ", ".join(sorted(weights)).upper()
        work.notes.warn(f"the patient's orientation changes within the file ({listed})", "one of them is used for all")
    if weights:
        return max(sorted(weights), key=lambda position: weights[position])
    return stated(work, work.context) or _in_comments(work)


def stated(work: Work, record: Record) -> str:
    """The orientation by the codes of one event, or of the root; "" where it has none."""
    lying = word("lying", record.codes("patient_orientation_modifier"))
    head = word("head", record.codes("patient_table_relationship"))
    if lying and not head:
        work.notes.assume("head first or feet first not stated", "head first is assumed")
        head = "hf"
    if head and not lying:
        work.notes.assume("supine or prone not stated", "supine is assumed")
        lying = "s"
    return head + lying


def _in_comments(work: Work) -> str:
    comments = [text for record in (work.context, *work.records) for text in record.texts("comment")]
    for pattern in work.profile.orientation_patterns:
        for comment in comments:
            found = re.search(pattern, comment, re.DOTALL)
            if found and found["position"].lower() in POSITIONS:
                return found["position"].lower()
    return ""
