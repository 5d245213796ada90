"""Beam quality: tube voltage and added filters."""

from __future__ import annotations

import numpy as np

from skindose.model import Status
from skindose.normalise.items import Record
from skindose.normalise.vocabulary import word
from skindose.normalise.work import Span, Work

KVP = Span("voltage_kv", 20.0, 200.0, True)
THICKNESS = Span("length_mm", 0.0, 25.0)
WEDGE = Span("length_mm", -2000.0, 2000.0, True)
COLUMN = {"aluminium": "filter_al_mm", "copper": "filter_cu_mm"}
PARTIAL = ("wedge", "butterfly")  # filters that cover a part of the field
_FILTER_ITEMS = ("x_ray_filter_material", "x_ray_filter_thickness_minimum", "x_ray_filter_thickness_maximum")


def read_quality(work: Work) -> None:
    """Tube voltage (mean over pulses that are not 0) and filters (aluminium and copper summed apart)."""
    for event, record in enumerate(work.records):
        pulses = work.numbers(record, "kvp", KVP, event)
        if pulses:
            work.put("kvp_kv", event, float(np.mean(pulses)), Status.REPORTED)
        _filters(work, event, record)
        if any(not np.isnan(work.number(record, item, WEDGE, event)) for item in work.profile.field.wedge_items):
            how = "not used: no wedge is counted, the dose under one comes out too high"
            work.notes.assume("places of wedge filters are in private items", how, event)
    profile = work.profile
    work.fill_from_like("kvp_kv", "kVp", profile.kvp_kv, "kV")
    work.fill_from_like("filter_al_mm", "aluminium filter", profile.filter_al_mm, "mm")
    work.fill_from_like("filter_cu_mm", "copper filter", profile.filter_cu_mm, "mm")


def _filters(work: Work, event: int, record: Record) -> None:
    """Sums one event's filters; a material that is listed without a thickness stays missing.

    A file that lists one material says by that that the other is not there: 0, reported.
    """
    filters = record.filters or _flat(record)
    if not filters:
        return
    totals: dict[str, float] = {"aluminium": 0.0, "copper": 0.0}
    for found in filters:
        material, thickness = word("filter_material", found.codes(_FILTER_ITEMS[0])), _thickness(work, event, found)
        kind = word("filter_type", found.codes("x_ray_filter_type"))
        if kind == "none" and not thickness > 0:
            continue
        if kind in PARTIAL:
            _partial(work, event, kind, thickness)
            continue
        if material in totals:
            totals[material] += thickness
        elif thickness > 0:
            named = material or next((code.meaning for code in found.codes(_FILTER_ITEMS[0])), "a material not named")
            work.notes.warn(f"a filter of {named} ({thickness:g} mm)", "left out of the beam quality", event)
    for material, total in totals.items():
        if not np.isnan(total):
            work.put(COLUMN[material], event, total, Status.REPORTED)


def _partial(work: Work, event: int, kind: str, thickness_mm: float) -> None:
    """A wedge covers a part of the field that the file does not tell: it hardens and weakens nothing."""
    size = f" of {thickness_mm:g} mm" if thickness_mm > 0 else ""
    how = "it covers an unknown part of the field and is not counted: the dose under it comes out too high"
    work.notes.assume(f"a {kind} filter{size}", how, event)


def _flat(record: Record) -> list[Record]:
    """Filter items that stand in the event itself instead of in a container: one filter."""
    return [record] if any(record.has(reference) for reference in (*_FILTER_ITEMS, "x_ray_filter_type")) else []


def _thickness(work: Work, event: int, found: Record) -> float:
    """Thickness of one filter, mm: mean of minimum and maximum, the other where one is 0 or missing, NaN for none."""
    bounds = [work.number(found, reference, THICKNESS, event) for reference in _FILTER_ITEMS[1:]]
    real = [bound for bound in bounds if bound > 0]
    if real:
        return float(np.mean(real))
    return 0.0 if any(bound == 0 for bound in bounds) else float("nan")
