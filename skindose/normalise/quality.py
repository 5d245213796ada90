"""Beam quality: tube voltage and added filters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from skindose.model import Code, Status
from skindose.normalise.items import Record
from skindose.normalise.standin import default_spread, plus_minus, within
from skindose.normalise.vocabulary import filter_material, thickest_mm, word
from skindose.normalise.work import Span, Work

KVP = Span("voltage_kv", 20.0, 200.0, True)
WEDGE = Span("length_mm", -2000.0, 2000.0, True)
MIXTURE = "Cu+Al"
BACKING_MM = 1.0  # aluminium on the patient's side of copper, which stops the copper's fluorescence
PARTIAL = ("wedge", "butterfly")  # filters that cover a part of the field
_FILTER_ITEMS = ("x_ray_filter_material", "x_ray_filter_thickness_minimum", "x_ray_filter_thickness_maximum")


def read_quality(work: Work) -> None:
    """Tube voltage (mean over pulses that are not 0) and filters (each material summed apart)."""
    for event, record in enumerate(work.records):
        pulses = work.numbers(record, "kvp", KVP, event)
        if pulses:
            work.put("kvp_kv", event, float(np.mean(pulses)), Status.REPORTED)
        if any(not np.isnan(work.number(record, item, WEDGE, event)) for item in work.profile.field.wedge_items):
            how = "not used: no wedge is counted, the dose under one comes out too high"
            work.notes.assume("places of wedge filters are in private items", how, event)
    _read_filters(work)
    profile = work.profile
    work.fill_from_like("kvp_kv", "kVp", profile.kvp_kv, "kV")
    work.fill_from_like("filter_al_mm", "aluminium filter", profile.filter_al_mm, "mm")
    work.fill_from_like("filter_cu_mm", "copper filter", profile.filter_cu_mm, "mm")
    for material in other_materials(work):
        work.fill_from_like(column_of(material), f"{material} filter", 0.0, "mm")
    if work.dosed.any():
        own = [plus_minus(profile.inherent_filtration_mmal, profile.inherent_filtration_uncertainty_mmal, "mm Al")]
        own += [f"{thickness:g} mm {material}" for material, thickness in profile.inherent_filters_mm.items()]
        how = f"{', '.join(own)} and {profile.anode_angle_deg:g} degrees of the profile are taken"
        work.notes.assume("the tube's own filter and anode angle are in no file", how)


def column_of(material: str) -> str:
    """The column of a filter material's thickness.

    >>> column_of("Ta")
    'filter_ta_mm'
    """
    return f"filter_{material.lower()}_mm"


def other_materials(work: Work) -> list[str]:
    """Filter materials of the file other than aluminium and copper."""
    return sorted(work.other_filters)


class Layer(NamedTuple):
    """What one filter gives to one material: thickness (NaN: missing) and its standard uncertainty if assumed."""

    material: str
    thickness_mm: float
    spread_mm: float = 0.0


def _read_filters(work: Work) -> None:
    """Sums each event's filters by material; a material that is listed without a thickness stays missing.

    A file that lists one material says by that that the others are not there: 0, reported.
    """
    stacks = {event: stack for event, record in enumerate(work.records) if (stack := _stack(work, event, record))}
    found = {layer.material for stack in stacks.values() for layer in stack}
    work.other_filters = found - {"Al", "Cu"}
    for material in sorted(found):
        column = column_of(material)
        work.add_column(column)
        for event, stack in stacks.items():
            own = [layer for layer in stack if layer.material == material]
            total = sum(layer.thickness_mm for layer in own)
            spread = float(np.hypot.reduce([0.0, *(layer.spread_mm for layer in own)]))
            if not np.isnan(total):
                work.put(column, event, total, Status.ASSUMED if spread else Status.REPORTED, spread)


def _stack(work: Work, event: int, record: Record) -> list[Layer]:
    """The filters of one event; aluminium and copper always among them, with 0. Empty where it has no filter items."""
    filters = record.filters or _flat(record)
    found = [Layer("Al", 0.0), Layer("Cu", 0.0)] if filters else []
    for item in filters:
        codes = item.codes(_FILTER_ITEMS[0])
        material = filter_material(codes)
        thickness = _thickness(work, event, item, material)
        kind = word("filter_type", item.codes("x_ray_filter_type"))
        if kind == "none" and not thickness > 0:
            continue
        if kind in PARTIAL:
            _partial(work, event, kind, thickness)
        elif material == MIXTURE:
            found += _parts(work, event, thickness)
        elif material:
            found.append(Layer(material, thickness))
        elif thickness != 0:
            found.append(_unknown(work, event, codes, thickness))
    return [layer for layer in found if layer.thickness_mm != 0 or layer.material in ("Al", "Cu")]


def _parts(work: Work, event: int, thickness_mm: float) -> list[Layer]:
    """Copper and aluminium with one thickness for both: the aluminium is the backing, a thin one all copper."""
    backing = BACKING_MM if thickness_mm > BACKING_MM else 0.0
    copper = thickness_mm - backing
    spread = float(min(thickness_mm, BACKING_MM) / np.sqrt(12))  # of what is copper: rectangular from none to all
    what = f"a filter of copper and aluminium of {thickness_mm:g} mm together"
    how = f"{copper:.3g} mm of it is taken as copper, the rest as aluminium, {within(spread, 'mm')}"
    work.notes.assume(what, how, event)
    return [Layer("Cu", copper, min(spread, copper)), Layer("Al", backing, spread)]


def _unknown(work: Work, event: int, codes: Iterable[Code], thickness_mm: float) -> Layer:
    """A filter of no known material: as little and as unsure as copper that the file does not tell."""
    named = next((code.meaning for code in codes if code.meaning.strip()), "a material not named")
    size = f"{thickness_mm:g} mm" if thickness_mm > 0 else "thickness not given"
    spread = default_spread("filter_cu_mm")
    how = f"left out of the beam quality, which is unsure by {within(spread, 'mm')} of copper"
    work.notes.warn(f"a filter of {named} ({size})", how, event)
    return Layer("Cu", 0.0, spread)


def _partial(work: Work, event: int, kind: str, thickness_mm: float) -> None:
    """A wedge covers a part of the field that the file does not tell: it hardens and weakens nothing."""
    size = f" of {thickness_mm:g} mm" if thickness_mm > 0 else ""
    how = "it covers an unknown part of the field and is not counted: the dose under it comes out too high"
    work.notes.assume(f"a {kind} filter{size}", how, event)


def _flat(record: Record) -> list[Record]:
    """Filter items that stand in the event itself instead of in a container: one filter."""
    return [record] if any(record.has(reference) for reference in (*_FILTER_ITEMS, "x_ray_filter_type")) else []


def _thickness(work: Work, event: int, found: Record, material: str) -> float:
    """Thickness of one filter, mm: mean of minimum and maximum, the other where one is 0 or missing, NaN for none."""
    span = Span("length_mm", 0.0, thickest_mm(material))
    bounds = [work.number(found, reference, span, event) for reference in _FILTER_ITEMS[1:]]
    real = [bound for bound in bounds if bound > 0]
    if real:
        return float(np.mean(real))
    return 0.0 if any(bound == 0 for bound in bounds) else float("nan")
