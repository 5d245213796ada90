"""Two results side by side: another placement, another calibration, Monte Carlo beside the fast engine, two versions.

Maps on the same mesh are compared cell by cell, and judged over patches of about 1 cm2, as the peak is. On another mesh
the second map is read at the nearest cell, where that makes sense.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skindose import folder
from skindose.agreement import Patches, agree, patches
from skindose.dose import area_above_mm2, find_peak, highest_by_region_mgy
from skindose.errors import InputError, OutputError, reason
from skindose.model import BoolArray, FloatArray, IntArray, Peak, Phantom
from skindose.phantom.build import measured
from skindose.phantom.regions import NAMES
from skindose.report import mesh
from skindose.report.comparison import html, that_differ, triggers_that_differ
from skindose.report.difference import Half, difference_png
from skindose.report.scene import AREA_LEVELS_GY
from skindose.units import gy_to_mgy, mm2_to_cm2

if TYPE_CHECKING:
    from skindose.verify import Verification

SAME_MM = 0.01  # vertices this near are the same: what writing and reading again may change
NEAREST_MM = 10.0  # farther off is another place of the skin
LEAST_MATCHED = 0.9  # of the skin above half the peak: with less on the other body a difference says nothing
WITHIN = {5: 0.05, 10: 0.10}  # percent -> share of A
_SHOWN = 0.05
_VTP = ".vtp"


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two.

    facts       result.json; None for a map alone (a .vtp file)
    dose_mgy    (cells,)
    peak        as `dose.find_peak` finds it in the map
    """

    name: str
    facts: dict[str, Any] | None
    phantom: Phantom
    dose_mgy: FloatArray
    peak: Peak


@dataclass(frozen=True, eq=False)
class Comparison:
    """B against A, on the skin of A.

    way           "cell by cell", "nearest cell" or "" where the bodies have too little in common
    b_mgy         (cells of A,) B's dose there; NaN where B has no such place
    patches       of A; `a_patch_mgy`, `b_patch_mgy` their means
    high          (patches,) above half of A's peak in either map, with a place on both bodies
    """

    a: Side
    b: Side
    way: str
    b_mgy: FloatArray
    matched_fraction: float
    patches: Patches
    a_patch_mgy: FloatArray
    b_patch_mgy: FloatArray
    high: BoolArray

    @property
    def difference_mgy(self) -> FloatArray:
        """(cells of A,) B less A; NaN where B has no such place."""
        difference: FloatArray = self.b_mgy - self.a.dose_mgy
        return difference


def run(a: Path, b: Path, out: Path | None = None) -> dict[str, Any]:
    """What `to_dict` says of two results; with `out` their picture and page are written into that folder.

    raises   InputError, OutputError
    """
    found = compare(*_told_apart(open_side(a), open_side(b), (a, b)))
    document = to_dict(found)
    if out is not None:
        document["files"] = _written(found, document, out)
    return document


def _written(found: Comparison, document: dict[str, Any], out: Path) -> list[str]:
    _make(out)
    drawn = None
    if found.way:
        drawn = difference_png(_half(found.a), _half(found.b), found.difference_mgy)
    page = html(document, drawn)
    files = {"difference.html": (page, page[:15]), **({"difference.png": (drawn, drawn[:4])} if drawn else {})}
    for name, (content, begins) in files.items():
        folder.write_file(out / name, content, begins)
    return [str(out / name) for name in files]


def _told_apart(a: Side, b: Side, paths: tuple[Path, Path]) -> tuple[Side, Side]:
    """The sides; two of one name get that of the folder above, or one could not tell which is which."""
    if a.name != b.name:
        return a, b
    above = [path.absolute().parent.name for path in paths]
    return replace(a, name=f"{above[0]}/{a.name}"), replace(b, name=f"{above[1]}/{b.name}")


def write_maps(found: Verification, out: Path) -> list[str]:
    """Write the maps of the fast engine and of the Monte Carlo, for `open_side`; returns their names.

    raises   OutputError
    """
    _make(out)
    maps = {"fast": found.result, "monte-carlo": found.truth}
    for name, result in maps.items():
        folder.write_file(out / f"{name}{_VTP}", mesh.vtp(result), b"<?xml")
    return [str(out / f"{name}{_VTP}") for name in maps]


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"cannot make the folder: {reason(error)}"
        raise OutputError(what, str(out), "Choose another folder.") from None


def _half(side: Side) -> Half:
    peak = {"position_mm": side.peak.position_mm, "cell": side.peak.cell}
    return Half(side.name, side.phantom, side.dose_mgy, peak)


# --- Opening


def open_side(path: Path) -> Side:
    """A result folder, or a map alone (.vtp).

    raises   InputError: no such thing, damaged, or a map without dose
    """
    if path.suffix.lower() == _VTP:
        return _map_alone(path)
    stored = folder.open_result(path)
    name = stored.path.absolute().name
    return _side(name, stored.facts, stored.phantom, stored.dose_mgy)


def _map_alone(path: Path) -> Side:
    try:
        surface = mesh.read_vtp(path.read_bytes())
        skin = measured(surface.vertices_mm, surface.triangles)
    except OSError as error:
        what = f"cannot read the map: {reason(error)}"
        raise InputError(what, path.name, "Give a result folder or a map of verify --maps.") from None
    except Exception as error:  # no parser's words help here
        what = f"this is no dose map of skindose ({type(error).__name__})"
        raise InputError(what, path.name, "Give a result folder or a map of verify --maps.") from None
    names = NAMES if surface.region.max(initial=0) < len(NAMES) else tuple(f"region {k}" for k in range(256))
    phantom = Phantom(
        path.stem, **skin, region=surface.region, region_names=names, landmarks_mm={}, parameters={}, stature_mm=0.0
    )
    return _side(path.stem, None, phantom, surface.dose_mgy)


def _side(name: str, facts: dict[str, Any] | None, phantom: Phantom, dose_mgy: FloatArray) -> Side:
    peak = find_peak(dose_mgy, phantom)
    if peak is None:
        raise InputError("no X-ray beam meets the body: there is no dose to compare", name, "See its report.html.")
    return Side(name, facts, phantom, dose_mgy, peak)


# --- Comparing


def compare(a: Side, b: Side) -> Comparison:
    """B against A."""
    way, of_a = "cell by cell", np.arange(len(a.dose_mgy), dtype=np.int32)
    if not same_mesh(a.phantom, b.phantom):
        way, of_a = "nearest cell", nearest(a.phantom, b.phantom)
    b_mgy = np.where(of_a >= 0, b.dose_mgy[of_a], np.nan)
    found = patches(a.phantom)
    share, (a_patch, b_patch) = _means(a.phantom, found, b_mgy, a.dose_mgy)
    above = np.fmax(a_patch, b_patch) > a.peak.skin_dose_mgy / 2
    known = share > 0.5
    area = found.area_mm2
    matched = float(area[above & known].sum() / max(area[above].sum(), np.finfo(float).tiny))
    if matched < LEAST_MATCHED:
        way = ""
    return Comparison(a, b, way, b_mgy, matched, found, a_patch, b_patch, above & known)


def same_mesh(a: Phantom, b: Phantom) -> bool:
    """Whether cell k is the same triangle of skin in both."""
    if not np.array_equal(a.triangles, b.triangles) or a.vertices_mm.shape != b.vertices_mm.shape:
        return False
    return float(np.abs(a.vertices_mm - b.vertices_mm).max(initial=0.0)) <= SAME_MM


def _means(
    body: Phantom, on: Patches, b_mgy: FloatArray, a_mgy: FloatArray
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """(patches,) what share of each has a place on B, and the mean dose of A and B over that share; NaN without one."""
    used = (on.of_cell >= 0) & np.isfinite(b_mgy)

    def summed(values: FloatArray) -> FloatArray:
        weights = (values * body.area_mm2)[used]
        total = np.bincount(on.of_cell[used], weights=weights, minlength=len(on.area_mm2))
        return total.astype(np.float64)

    area = summed(np.ones(len(a_mgy)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return area / on.area_mm2, (summed(a_mgy) / area, summed(b_mgy) / area)


def nearest(of: Phantom, among: Phantom, within_mm: float = NEAREST_MM) -> IntArray:
    """(cells of `of`,) the nearest cell of another body that looks the same way; -1 where none lies within `within_mm`.

    Both are sorted into cubes of that size, so that only the 27 cubes around a cell are searched.
    """
    low = np.minimum(of.centroid_mm.min(axis=0), among.centroid_mm.min(axis=0)) - within_mm
    cubes = [((body.centroid_mm - low) // within_mm).astype(np.int64) for body in (of, among)]
    size = np.maximum(*(cube.max(axis=0) for cube in cubes)) + 3
    stride = np.array([size[1] * size[2], size[2], 1])
    keys, others = (cube @ stride for cube in cubes)
    order = np.argsort(others, kind="stable")
    others = others[order]
    best = np.full(len(keys), -1, dtype=np.int32)
    least = np.full(len(keys), within_mm)
    for shift in np.ndindex(3, 3, 3):
        wanted = keys + (np.array(shift) - 1) @ stride
        first, end = np.searchsorted(others, wanted, "left"), np.searchsorted(others, wanted, "right")
        for k in range(int((end - first).max(initial=0))):
            own = np.flatnonzero(first + k < end)
            _take_nearer(of, among, own, order[first[own] + k], (best, least))
    return best


def _take_nearer(of: Phantom, among: Phantom, own: Any, candidate: Any, found: tuple[IntArray, FloatArray]) -> None:
    """Put the candidates of these cells into `found` (cell, distance) where they are nearer and look the same way."""
    best, least = found
    distance = np.linalg.norm(of.centroid_mm[own] - among.centroid_mm[candidate], axis=1)
    alike = np.einsum("ij,ij->i", of.normal[own], among.normal[candidate]) > 0.5
    nearer = alike & (distance < least[own])
    best[own[nearer]], least[own[nearer]] = candidate[nearer], distance[nearer]


# --- What comes of it


def to_dict(found: Comparison) -> dict[str, Any]:
    """For programs, and what terminal and page show."""
    a, b = found.a, found.b
    return {
        "a": _side_dict(a),
        "b": _side_dict(b),
        "peak": {
            "a_mgy": a.peak.skin_dose_mgy,
            "b_mgy": b.peak.skin_dose_mgy,
            "difference_mgy": b.peak.skin_dose_mgy - a.peak.skin_dose_mgy,
            "b_over_a": b.peak.skin_dose_mgy / a.peak.skin_dose_mgy,
            "apart_mm": float(np.linalg.norm(np.subtract(a.peak.position_mm, b.peak.position_mm))),
        },
        "map": _map_dict(found),
        "area_above": [
            {"level_gy": level, **{f"{key}_cm2": _area_above(side, level) for key, side in (("a", a), ("b", b))}}
            for level in AREA_LEVELS_GY
        ],
        "regions": _regions(a, b),
        "facts": a.facts is not None and b.facts is not None,
        "differs": that_differ(a.facts, b.facts),
        "triggers": triggers_that_differ(a.facts, b.facts),
        "notes": _notes(a.facts, b.facts),
    }


def _notes(a: dict[str, Any] | None, b: dict[str, Any] | None) -> list[str]:
    """What must be known before the numbers are read."""
    if a is None or b is None:
        return []
    digests = [{one["sha256"] for one in side["inputs"]} for side in (a, b)]
    notes = [] if digests[0] == digests[1] else ["A and B are of different reports: two procedures, not two ways."]
    bounds = [name for name, side in (("A", a), ("B", b)) if side["peak"] and side["peak"]["lower_bound_reason"]]
    return [*notes, *(f"The peak of {name} is only a lower bound." for name in bounds)]


def _side_dict(side: Side) -> dict[str, Any]:
    interval = side.facts["peak"]["interval_95_mgy"] if side.facts and side.facts["peak"] else None
    return {
        "name": side.name,
        "cells": len(side.dose_mgy),
        "peak_mgy": side.peak.skin_dose_mgy,
        "cell_max_mgy": side.peak.cell_max_mgy,
        "interval_95_mgy": interval,
        "region": side.peak.region,
        "position_mm": list(side.peak.position_mm),
    }


def _map_dict(found: Comparison) -> dict[str, Any]:
    shares = {"compared": found.way or None, "matched_fraction": found.matched_fraction}
    if not found.way:
        why = (
            f"the bodies differ: {found.matched_fraction:.0%} of the skin above half the peak lies within "
            f"{NEAREST_MM:g} mm of the other's"
        )
        return {**shares, "reason": why, "largest_difference": None, "above_half_peak": None}
    return {
        **shares,
        "reason": None,
        "largest_difference": _largest(found),
        "above_half_peak": _agreement(found),
    }


def _largest(found: Comparison) -> dict[str, Any]:
    """The patch of about 1 cm2 whose means differ most."""
    difference = np.nan_to_num(found.b_patch_mgy - found.a_patch_mgy)
    at = int(np.argmax(np.abs(difference)))
    body = found.a.phantom
    cells = np.flatnonzero(found.patches.of_cell == at)
    centre = found.patches.centre_mm[at]
    cell = cells[np.argmin(np.linalg.norm(body.centroid_mm[cells] - centre, axis=1))]
    return {
        "difference_mgy": float(difference[at]),
        "a_mgy": float(found.a_patch_mgy[at]),
        "b_mgy": float(found.b_patch_mgy[at]),
        "region": body.region_names[body.region[cell]],
        "position_mm": [round(float(x), 1) for x in body.centroid_mm[cell]],
        "cell_mgy": float(np.nanmax(np.abs(found.difference_mgy))),
    }


def _agreement(found: Comparison) -> dict[str, Any]:
    """Over the skin above half of A's peak in either map: B over A, and how much of it agrees."""
    high, area = found.high, found.patches.area_mm2
    a, b = found.a_patch_mgy[high], found.b_patch_mgy[high]
    ratio = b / np.maximum(a, 1e-9)
    weight = area[high] / area[high].sum()
    near = agree(found.patches, np.nan_to_num(found.b_patch_mgy), np.nan_to_num(found.a_patch_mgy))[high]
    return {
        "area_cm2": mm2_to_cm2(float(area[high].sum())),
        "b_over_a": {"mean": float(b @ weight / (a @ weight)), "least": float(ratio.min()), "most": float(ratio.max())},
        **{
            f"within_{percent}_percent_fraction": float(weight[np.abs(ratio - 1) <= share].sum())
            for percent, share in WITHIN.items()
        },
        "within_8_percent_or_3_mm_fraction": float(weight[near].sum()),
    }


def _area_above(side: Side, level_gy: float) -> float:
    return mm2_to_cm2(area_above_mm2(side.dose_mgy, side.phantom, gy_to_mgy(level_gy)))


def _regions(a: Side, b: Side) -> list[dict[str, Any]]:
    """The highest cell of each region that has over 5 % of a peak in either map."""
    least = _SHOWN * min(a.peak.cell_max_mgy, b.peak.cell_max_mgy)
    highest = [highest_by_region_mgy(side.dose_mgy, side.phantom) for side in (a, b)]
    names = dict.fromkeys((*highest[0], *highest[1]))
    shown = [name for name in names if max(side.get(name, 0.0) for side in highest) > least]
    return [{"region": name, "a_mgy": highest[0].get(name), "b_mgy": highest[1].get(name)} for name in shown]
