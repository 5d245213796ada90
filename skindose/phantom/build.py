"""The last step of every phantom: from vertices and triangles to the finished `Phantom`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skindose.model import FloatArray, IntArray, Phantom
from skindose.phantom import mesh, regions
from skindose.phantom.person import Person
from skindose.phantom.shapes import Shape
from skindose.units import cm_to_mm

NOMINAL_DEPTH_MM = 200.0
"""Depth of the reference adult's trunk, for a phantom without depth."""


def build(
    name: str,
    shape: Shape,
    who: Person,
    assumptions: tuple[str, ...],
    stature_mm: float | None = None,
    lower_edge: Mapping[str, float] = regions.LOWER_EDGE,
) -> Phantom:
    """A phantom from its surface: neighbours, normals, areas, labels by geometry, landmarks.

    stature_mm    the patient's height unless told otherwise
    assumptions   what this kind of phantom assumes, told after what is assumed about the person
    lower_edge    where its sections end, as `regions.LOWER_EDGE`
    """
    stature = cm_to_mm(who.height_cm) if stature_mm is None else stature_mm
    vertices, triangles = shape
    skin = measured(vertices, triangles)
    points, missing = regions.landmarks_mm(vertices, stature, NOMINAL_DEPTH_MM * who.girth)
    notes = (*who.assumptions, *assumptions)
    if missing:
        notes += (f"the phantom does not reach {_words(missing)}: placement there uses its nearest end",)
    return Phantom(
        name=name,
        **skin,
        region=regions.label(skin["centroid_mm"], stature, lower_edge=lower_edge),
        region_names=regions.NAMES,
        landmarks_mm=points,
        parameters=who.parameters,
        stature_mm=stature,
        assumptions=notes,
        warnings=who.warnings,
    )


def measured(vertices_mm: FloatArray, triangles: IntArray) -> dict[str, Any]:
    """What a phantom has of its surface, by the names of `Phantom`'s fields: all but the regions."""
    measures = mesh.measure(vertices_mm, triangles)
    return {
        "vertices_mm": np.ascontiguousarray(vertices_mm),
        "triangles": np.ascontiguousarray(triangles, np.int32),
        "centroid_mm": measures.centroid_mm,
        "normal": measures.normal,
        "area_mm2": measures.area_mm2,
        "neighbours": mesh.neighbours(triangles),
    }


def _words(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
