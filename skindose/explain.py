"""Why the dose at one place is what it is: each event's share, each factor, and what each correction changes.

    dose of an event = K_a,r x (in field + scatter) x inverse square x ... x medium

Over the cells of a patch and the sub-beams of an event each factor is averaged with what stands before it as weight, so
that the numbers of a row multiply to its dose exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skindose.config import Settings
from skindose.dose import find_peak, hit_dose_mgy, patch_area_mm2, some_hits
from skindose.errors import InputError, SettingsError
from skindose.model import Beams, BoolArray, Factors, FloatArray, Hits, Procedure, Result
from skindose.pipeline import cast_in_blocks, compute

# The order of the equation; an array of `Factors` that is not named here comes last.
_ORDER = ("calibration", "inverse_square", "transmission", "heel", "medium")


@dataclass(frozen=True)
class Place:
    """A place on the skin: the peak's patch, or one cell.

    share    (cells of the phantom,) what each cell counts in the mean; sums to 1
    """

    what: str
    cell: int
    position_mm: tuple[float, float, float]
    region: str
    share: FloatArray


@dataclass(frozen=True)
class Row:
    """One event's dose at the place, or all events'.

    event      index into `Events`; -1 for all
    factors    name -> mean, in the order of the equation; `in_field` and `scatter` are added, the others multiply
    """

    event: int
    air_kerma_rp_mgy: float
    factors: dict[str, float]
    dose_mgy: float


@dataclass(frozen=True)
class Without:
    """The dose with some corrections switched off: at the place, and where the map then has its peak."""

    corrections: tuple[str, ...]
    off: str
    dose_mgy: float
    peak_mgy: float
    peak_region: str


@dataclass(frozen=True)
class Explanation:
    """Everything about one place: events with dose there, the largest first, their total, the corrections' effects."""

    result: Result
    place: Place
    rows: tuple[Row, ...]
    total: Row
    effects: tuple[Without, ...]


def explain(
    procedure: Procedure,
    settings: Settings,
    cell: int | None = None,
    at_mm: tuple[float, float, float] | None = None,
) -> Explanation:
    """Compute the map and take the dose at one place apart.

    cell     a cell of the phantom; None: the peak's patch
    at_mm    a point in the patient frame: its nearest cell
    raises   SettingsError for a cell that is not there, InputError where there is no map; and as `pipeline.compute`
    """
    result = compute(procedure, settings, sampled=False)
    if result.dosemap is None or result.beams is None:
        raise InputError(f"no map: {result.no_map_reason}", remedy="See skindose check.")
    place = _place(result, cell, at_mm)
    variants = _variants(settings)
    doses: dict[str, FloatArray] = {off: np.zeros(len(place.share)) for off in variants}
    found: list[tuple[Beams, Hits, Factors]] = []
    for beams, hits in _blocks(result):
        for off, chosen in variants.items():
            factors = _factors(result, beams, hits, chosen)
            added = hit_dose_mgy(beams, hits, factors)
            doses[off] += np.bincount(hits.cell, weights=added, minlength=len(place.share))
            if not off:
                here = place.share[hits.cell] > 0
                found.append((beams, some_hits(hits, here), _some_factors(factors, here)))
    rows, total = _rows(result, place, found)
    return Explanation(result, place, rows, total, _effects(result, place, variants, doses))


def _factors(result: Result, beams: Beams, hits: Hits, settings: Settings) -> Factors:
    """The factors of hits of a result under other settings."""
    from skindose import physics

    return physics.factors(result.events, beams, hits, settings, result.calibrations, result.phantom)


def _blocks(result: Result) -> Iterator[tuple[Beams, Hits]]:
    """The beams with their hits, as the pipeline cast them; cast again where they were too many to keep."""
    assert result.beams is not None
    if result.hits is not None:
        yield result.beams, result.hits
        return
    yield from cast_in_blocks(result.beams, result.phantom, result.settings)


def _variants(settings: Settings) -> dict[str, Settings]:
    """Name of what is switched off -> settings: "" nothing, each correction, all of them."""
    chosen = settings.corrections
    kept = {"": chosen} | {off: tuple(one for one in chosen if one != off) for off in chosen}
    if len(chosen) > 1:
        kept["all"] = ()
    return {off: settings.model_copy(update={"corrections": corrections}) for off, corrections in kept.items()}


def _place(result: Result, cell: int | None, at_mm: tuple[float, float, float] | None) -> Place:
    """The peak's patch with the area of each cell as weight, or one cell."""
    body, peak = result.phantom, result.dosemap.peak if result.dosemap else None
    share: FloatArray = np.zeros(len(body.area_mm2))
    what = "one cell"
    if at_mm is not None:
        away_mm = np.linalg.norm(body.centroid_mm - np.array(at_mm), axis=1)
        cell = int(np.argmin(away_mm))
        what = f"the cell nearest to the point, {away_mm[cell]:.0f} mm from it"
    if cell is None:
        if peak is None:
            raise InputError(f"no peak: {result.no_map_reason}", remedy="See skindose check, or name a --cell.")
        area_mm2 = patch_area_mm2(peak, body)
        share[peak.patch] = area_mm2 / area_mm2.sum()
        return Place("peak, mean over 1 cm2", peak.cell, peak.position_mm, peak.region, share)
    if not 0 <= cell < len(share):
        what = f"there is no cell {cell}"
        raise SettingsError(what, "--cell", f"The phantom {body.name} has the cells 0 to {len(share) - 1}.")
    share[cell] = 1.0
    x, y, z = (float(value) for value in body.centroid_mm[cell])
    return Place(what, cell, (x, y, z), body.region_names[body.region[cell]], share)


def _some_factors(factors: Factors, rows: BoolArray) -> Factors:
    arrays: dict[str, Any] = {name: value for name, value in vars(factors).items() if isinstance(value, np.ndarray)}
    return replace(factors, **{name: value[rows] for name, value in arrays.items()})


def _rows(result: Result, place: Place, found: list[tuple[Beams, Hits, Factors]]) -> tuple[tuple[Row, ...], Row]:
    """A row for each event with dose at the place, the largest first, and one for all events in the map."""
    event = np.concatenate([beams.event[hits.beam()] for beams, hits, _ in found])
    weight = np.concatenate([beams.air_kerma_rp_mgy[hits.beam()] * place.share[hits.cell] for beams, hits, _ in found])
    parts = [_parts(hits, factors) for _, hits, factors in found]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    assert result.beams is not None
    kerma = np.bincount(result.beams.event, weights=result.beams.air_kerma_rp_mgy, minlength=len(result.events))
    rows = []
    for index in np.unique(event).tolist():
        own = event == index
        rows.append(_row(index, float(kerma[index]), weight[own], {name: one[own] for name, one in columns.items()}))
    rows = [row for row in rows if row.dose_mgy > 0]
    return tuple(sorted(rows, key=lambda row: -row.dose_mgy)), _row(-1, float(kerma.sum()), weight, columns)


def _parts(hits: Hits, factors: Factors) -> dict[str, FloatArray]:
    """The equation's parts of each hit by name, in its order."""
    parts = {"in_field": hits.coverage, "scatter": factors.scatter}
    arrays = {name: value for name, value in vars(factors).items() if isinstance(value, np.ndarray)}
    del arrays["scatter"]
    names = sorted(arrays, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    return parts | {name: arrays[name] for name in names}


def _row(event: int, kerma_mgy: float, weight: FloatArray, columns: dict[str, FloatArray]) -> Row:
    """Means of the factors, each weighted with all that stands before it; hits that are not there count 0 at first."""
    means = {name: float((weight * columns[name]).sum()) / kerma_mgy for name in ("in_field", "scatter")}
    left = weight * (columns["in_field"] + columns["scatter"])
    for name in list(columns)[2:]:
        total = float(left.sum())
        left = left * columns[name]
        means[name] = float(left.sum()) / total if total > 0 else 1.0
    return Row(event, kerma_mgy, means, float(left.sum()))


def _effects(
    result: Result, place: Place, variants: dict[str, Settings], doses: dict[str, FloatArray]
) -> tuple[Without, ...]:
    effects = []
    for off, settings in variants.items():
        peak = find_peak(doses[off], result.phantom)
        here = float(doses[off] @ place.share)
        highest, region = (peak.skin_dose_mgy, peak.region) if peak else (0.0, "")
        effects.append(Without(settings.corrections, off, here, highest, region))
    return tuple(effects)


def to_dict(found: Explanation) -> dict[str, Any]:
    """The explanation for programs."""
    result, place, total = found.result, found.place, found.total
    return {
        "file": result.procedure.inputs[0].name,
        "phantom": result.phantom.name,
        "dose_medium": result.settings.medium,
        "corrections": list(result.settings.corrections),
        "place": {
            "what": place.what,
            "cell": place.cell,
            "cells": int((place.share > 0).sum()),
            "position_mm": list(place.position_mm),
            "region": place.region,
        },
        "dose_mgy": total.dose_mgy,
        "events": [_event(result, row) | _numbers(row, total.dose_mgy) for row in found.rows],
        "total": _numbers(total, total.dose_mgy),
        "switched_off": [
            {
                "off": effect.off or "nothing",
                "corrections": list(effect.corrections),
                "dose_mgy": effect.dose_mgy,
                "ratio": effect.dose_mgy / total.dose_mgy if total.dose_mgy else None,
                "peak_mgy": effect.peak_mgy,
                "peak_region": effect.peak_region,
            }
            for effect in found.effects
        ],
    }


def _numbers(row: Row, total_mgy: float) -> dict[str, Any]:
    share = row.dose_mgy / total_mgy if total_mgy else None
    return {
        "air_kerma_rp_mgy": row.air_kerma_rp_mgy,
        "factors": row.factors,
        "dose_mgy": row.dose_mgy,
        "share": share,
    }


def _event(result: Result, row: Row) -> dict[str, Any]:
    """What an event was: number from 1, as in events.csv."""
    events, index = result.events, row.event
    stack = {"Al": events.filter_al_mm, "Cu": events.filter_cu_mm, **events.filter_other_mm}
    return {
        "event": index + 1,
        "started": events.started[index],
        "plane": events.plane[index],
        "event_type": events.event_type[index],
        "protocol": events.protocol[index],
        "kvp_kv": float(events.kvp_kv[index]),
        "filters_mm": {name: float(column[index]) for name, column in stack.items() if column[index] > 0},
    }
