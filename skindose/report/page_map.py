"""What the page's 3D map is drawn from, packed small: body, dose per cell, in the end and after each event, beams.

Arrays are deflated bytes in base64, the lowest byte of every value first, because neighbouring values differ in that
half only; page_data.js reads them back. Nothing that the pointer can read is off by 1 %.
"""

from __future__ import annotations

import base64
import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skindose.model import ByteArray, DoseMap, FloatArray, Phantom, Result
from skindose.report import scene, shapes
from skindose.report.events import peak_contribution_mgy

_PLACES = 65535  # steps of a coordinate over the body's largest extent: 0.03 mm for a man
# Dose so far, as a share of the cell's final dose, is kept in steps of 1 %, rounded: within 0.5 %.
_LOG_STEP = 0.01
_LEAST_FINAL = 2e-3  # of the highest dose: a cell that ends below has no history
_LEAST_SO_FAR = 2e-4  # of the highest dose: less counts as nothing
_SPREAD_STEPS, _SPREAD_ZERO = 1000, 20001  # code of the uncertainty: its ratio to the dose in steps of 0.1 %
_SHOWN_BEAMS = 3  # of an event in several pieces: the first, the middle and the last


def map_payload(result: Result) -> str:
    """What the page's script draws, as JSON that may stand inside a script element; "" without a map."""
    if result.dosemap is None:
        return ""
    tree = {
        **_body(result.phantom),
        **_dose(result.dosemap),
        **_look(result),
        "so_far": dose_so_far(result),
        "beams": _beams(result),
        "boxes": _boxes(result),
    }
    return json.dumps(tree, allow_nan=False).replace("<", "\\u003c")


def packed(array: NDArray[Any], dtype: str) -> str:
    """`array` as base64 of its deflated bytes, the lowest byte of every value first, then the next of every value."""
    values = np.ascontiguousarray(array, dtype=dtype)
    planes = values.view(np.uint8).reshape(-1, values.dtype.itemsize).T
    return _base64(_deflated(iter([planes.tobytes()])))


def _deflated(parts: Iterator[bytes], strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    """Raw deflate (RFC 1951)."""
    engine = zlib.compressobj(6, zlib.DEFLATED, -15, 9, strategy)
    return b"".join(map(engine.compress, parts)) + engine.flush()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def map_legend(result: Result) -> dict[str, Any]:
    """For the page's template: `scale`, and `levels` with label and colour."""
    levels = zip(isodose_levels(result), itertools.cycle(scene.LEVEL_COLOURS), strict=False)
    return {
        "scale": scene.dose_scale(_highest_mgy(result)),
        "levels": [{"label": level.label, "colour": colour} for level, colour in levels],
    }


def isodose_levels(result: Result) -> tuple[scene.Level, ...]:
    """The lines of this map."""
    return scene.isodose_levels(_highest_mgy(result), map(vars, result.findings.findings))


def _highest_mgy(result: Result) -> float:
    return float(result.dosemap.dose_mgy.max(initial=0.0)) if result.dosemap is not None else 0.0


# --- The body and its dose


def _body(phantom: Phantom) -> dict[str, Any]:
    """Vertices in 16 bits each; triangles as differences from corner to corner, modulo what their type holds."""
    low = phantom.vertices_mm.min(axis=0)
    step_mm = float(np.ptp(phantom.vertices_mm, axis=0).max()) / _PLACES or 1.0
    corners = phantom.triangles.ravel()
    index = "<u2" if len(phantom.vertices_mm) <= 1 << 16 else "<u4"
    return {
        "vertices": len(phantom.vertices_mm),
        "cells": len(phantom.triangles),
        "low_mm": low.tolist(),
        "step_mm": step_mm,
        "places": packed(np.rint((phantom.vertices_mm - low) / step_mm).T, "<u2"),
        "index": index[1:],
        "triangles": packed(np.diff(corners.astype(index), prepend=np.zeros(1, index)), index),
        "region": packed(phantom.region, "u1"),
        "region_names": [scene.words(name) for name in phantom.region_names],
    }


def _dose(dosemap: DoseMap) -> dict[str, Any]:
    return {
        "dose_mgy": packed(_short(dosemap.dose_mgy), "<f4"),
        "spread": packed(_spread_code(dosemap.dose_mgy, dosemap.uncertainty_mgy), "<u2"),
        "spread_steps": _SPREAD_STEPS,
        "spread_zero": _SPREAD_ZERO,
    }


def _short(values: FloatArray) -> NDArray[np.float32]:
    """Numbers of four bytes with the lowest byte of the fraction rounded away: five digits stay."""
    bits = np.asarray(values, dtype="<f4").view(np.uint32)
    return ((bits + np.uint32(0x80)) & np.uint32(0xFFFFFF00)).view(np.float32)


def _spread_code(dose_mgy: FloatArray, uncertainty_mgy: FloatArray) -> FloatArray:
    """(cells,) logarithm of uncertainty over dose; 0 where there is neither."""
    some = (dose_mgy > 0) & (uncertainty_mgy > 0)
    ratio = np.divide(uncertainty_mgy, dose_mgy, out=np.ones_like(dose_mgy), where=some)
    return np.where(some, np.clip(_SPREAD_ZERO + np.rint(_SPREAD_STEPS * np.log(ratio)), 1, _PLACES), 0)


def _look(result: Result) -> dict[str, Any]:
    """Scale, colours, views, and the marks at the body."""
    assert result.dosemap is not None
    peak, colours = result.dosemap.peak, scene.colour_scale()
    return {
        "scale": scene.dose_scale(_highest_mgy(result))._asdict(),
        "colours": list(zip(np.linspace(0.0, 1.0, len(colours)).round(6).tolist(), colours, strict=True)),
        "views": {view.name: view._asdict() for view in scene.VIEWS},
        "first_view": shapes.first_view(result.phantom, peak).name,
        "labels": [label._asdict() for label in shapes.side_labels(result.phantom)],
        "peak_mark_mm": shapes.peak_mark_mm(result.phantom, peak).round(2).tolist() if peak else None,
        "peak_normal": result.phantom.normal[peak.cell].round(4).tolist() if peak else None,
        "levels": [level._asdict() for level in isodose_levels(result)],
        "level_colours": list(scene.LEVEL_COLOURS),
    }


# --- Dose so far


def dose_so_far(result: Result) -> dict[str, Any] | None:
    """How much of its final dose each cell had after each event; None where there is nothing to tell.

    A cell's share of its final dose is exp(-log_step * level); `falls` holds by how much each event lowers the levels,
    event by event the low bytes of all cells and then their high bytes. It starts at `start`, which counts as nothing.

    highest_mgy   (events,) the highest cell after each event
    at_peak_mgy   (events,) mean over the final peak's patch after each event
    """
    dosemap, beams = result.dosemap, result.beams
    if dosemap is None or dosemap.peak is None or beams is None:
        return None
    highest_mgy = float(dosemap.dose_mgy.max())
    cells = np.flatnonzero(dosemap.dose_mgy > _LEAST_FINAL * highest_mgy)
    # Final doses as the hits have them: where the halo is not kept, shares are still shares.
    final_mgy: FloatArray = np.bincount(
        dosemap.cell, weights=dosemap.hit_dose_mgy, minlength=len(dosemap.dose_mgy)
    ).astype(np.float64)
    start = np.floor(np.log(np.maximum(final_mgy[cells] / (_LEAST_SO_FAR * highest_mgy), 1.0)) / _LOG_STEP) + 1
    highest: list[float] = []
    # Of small numbers and zeros nothing but runs is worth finding, and that is quick.
    falls = _deflated(_falls(result, (cells, final_mgy[cells]), start, highest), zlib.Z_RLE)
    return {
        "cells": packed(np.diff(cells, prepend=0), "<u4"),
        "count": len(cells),
        "log_step": _LOG_STEP,
        "below_mgy": [_LEAST_SO_FAR * highest_mgy, _LEAST_FINAL * highest_mgy],
        "start": packed(start, "<u2"),
        "falls": _base64(falls),
        "highest_mgy": _rounded(np.array(highest)),
        "at_peak_mgy": _rounded(np.cumsum(peak_contribution_mgy(result))),
    }


def _rounded(values: FloatArray) -> list[float]:
    return [float(f"{value:.5g}") for value in values.tolist()]


def _falls(
    result: Result, final: tuple[NDArray[Any], FloatArray], start: FloatArray, highest: list[float]
) -> Iterator[bytes]:
    """By event, how far the levels fall of cells with these final doses; `highest` gets all cells' highest after it."""
    assert result.dosemap is not None
    dosemap = result.dosemap
    least = np.finfo(float).tiny  # below it is no number to divide by, which some damaged reports come to
    cells, final_mgy = final[0], np.maximum(final[1], least)
    so_far_mgy, level = np.zeros(len(dosemap.dose_mgy)), start
    for first, last in _hits_of_events(result):
        hits = slice(first, last)
        so_far_mgy += np.bincount(dosemap.cell[hits], dosemap.hit_dose_mgy[hits], len(so_far_mgy))
        share = np.maximum(so_far_mgy[cells], least) / final_mgy
        now = np.minimum(start, np.maximum(np.rint(-np.log(share) / _LOG_STEP), 0.0))
        fall: ByteArray = (level - now).astype("<u2").view(np.uint8).reshape(-1, 2).T
        level = now
        highest.append(float(so_far_mgy.max()))
        yield fall.tobytes()


def _hits_of_events(result: Result) -> list[tuple[int, int]]:
    """(events,) where each event's hits begin and end: beams stand in the order of their events."""
    assert result.dosemap is not None
    assert result.beams is not None
    edges = np.searchsorted(result.beams.event, np.arange(len(result.events) + 1))
    hits = result.dosemap.beam_start[edges]
    return list(zip(hits[:-1].tolist(), hits[1:].tolist(), strict=True))


# --- Beams, table and pad


def _beams(result: Result) -> dict[str, Any]:
    """Pyramids from the focal spot to the detector: `event` of each, and five points each."""
    assert result.beams is not None
    beams = result.beams
    chosen = _shown_beams(beams.event)
    to_mm = shapes.detector_distance_mm(result.events, beams)
    drawn = [shapes.pyramid(beams, beam, float(to_mm[beam])) for beam in chosen]
    points = np.array([[shape.source_mm, *shape.corners_mm] for shape in drawn]).reshape(-1, 5, 3)
    return {"event": beams.event[chosen].tolist(), "points_mm": packed(points, "<f4")}


def _shown_beams(event: NDArray[Any]) -> list[int]:
    """Of each event's beams at most three."""
    edges = [0, *(np.flatnonzero(np.diff(event)) + 1).tolist(), len(event)]
    shown = [np.linspace(a, b - 1, min(b - a, _SHOWN_BEAMS)).astype(int) for a, b in itertools.pairwise(edges)]
    return [int(beam) for group in shown for beam in group]


def _boxes(result: Result) -> list[dict[str, Any]]:
    """Table and pad where they were at the first beam, seen from the patient."""
    assert result.beams is not None
    boxes = shapes.support_boxes(result.beams) if len(result.beams) else ()
    return [{"name": box.name, "corners_mm": box.corners_mm.round(1).tolist()} for box in boxes]
