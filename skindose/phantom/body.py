"""Adult bodies, male and female, lying supine with their arms at their sides: read, and scaled to the patient.

The two bodies are files of the package `skindose_phantoms`, made by scripts/make_bodies.py. Their heights are scaled
with the patient's height, widths and depths with the square root of weight per height, so that stature and weight
(volume x 1.01 g/cm3) are the patient's.
"""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

import numpy as np

from skindose.errors import PhantomError
from skindose.model import ByteArray, FloatArray, IntArray, Phantom
from skindose.phantom import mesh, regions
from skindose.phantom.person import Person
from skindose.units import cm_to_mm

PACKAGE = "skindose_phantoms"
CHILD_AGE_YEARS = 16.0
CHILD_HEIGHT_CM = 150.0
"""Below these an adult's proportions are not the patient's."""


class Stored(NamedTuple):
    """A body as its file has it.

    vertices_mm (vertices, 3), triangles and neighbours (cells, 3), region (cells,), landmarks_mm (landmarks, 3) in the
    order of `regions.LANDMARKS`, height_cm, weight_kg: as in `Phantom`, for the size that it was made in
    """

    vertices_mm: FloatArray
    triangles: IntArray
    neighbours: IntArray
    region: ByteArray
    landmarks_mm: FloatArray
    height_cm: float
    weight_kg: float


def body(sex: str, who: Person) -> Phantom:
    """The adult body of that sex in the patient's size.

    sex      "male" or "female"
    raises   PhantomError when the package of bodies is not installed
    """
    stored = _read(sex)
    along = who.height_cm / stored.height_cm
    across = float(np.sqrt((who.weight_kg / who.height_cm) / (stored.weight_kg / stored.height_cm)))
    scale = np.array([across, across, along])
    surface = _fine(stored, scale)
    measures = mesh.measure(surface.vertices_mm, surface.triangles)
    points = (stored.landmarks_mm * scale).tolist()
    return Phantom(
        name=sex,
        vertices_mm=surface.vertices_mm,
        triangles=surface.triangles,
        centroid_mm=measures.centroid_mm,
        normal=measures.normal,
        area_mm2=measures.area_mm2,
        neighbours=surface.neighbours,
        region=regions.on_own_side(surface.region, measures.centroid_mm),
        region_names=regions.NAMES,
        landmarks_mm={name: (x, y, z) for name, (x, y, z) in zip(regions.LANDMARKS, points, strict=True)},
        parameters=who.parameters,
        stature_mm=cm_to_mm(who.height_cm),
        assumptions=(*who.assumptions, *_notes(sex, who, along, across)),
    )


def _read(sex: str) -> Stored:
    try:
        with resources.files(PACKAGE).joinpath(f"{sex}.npz").open("rb") as file, np.load(file) as data:
            height_cm, weight_kg = data["size"].tolist()
            return Stored(
                data["vertices_mm"].astype(np.float64),
                data["triangles"].astype(np.int32),
                data["neighbours"].astype(np.int32),
                data["region"],
                data["landmarks_mm"].astype(np.float64),
                height_cm,
                weight_kg,
            )
    except (ModuleNotFoundError, FileNotFoundError):
        raise PhantomError("the body meshes are not installed", f"{sex}.npz", "Install skindose again.") from None


class _Surface(NamedTuple):
    vertices_mm: FloatArray
    triangles: IntArray
    neighbours: IntArray
    region: ByteArray


def _fine(stored: Stored, scale: FloatArray) -> _Surface:
    """The scaled surface; where scaling made cells on head or trunk too large they are divided."""
    vertices = stored.vertices_mm * scale
    if np.all(scale <= 1.0):
        return _Surface(vertices, stored.triangles, stored.neighbours, stored.region)
    limit = np.where(stored.region < regions.FIRST_LIMB, mesh.LONGEST_EDGE_MM, np.inf)
    finer = mesh.refine(vertices, stored.triangles, limit)
    if len(finer.triangles) == len(stored.triangles):
        return _Surface(vertices, stored.triangles, stored.neighbours, stored.region)
    between = mesh.neighbours(finer.triangles)
    return _Surface(finer.vertices_mm, finer.triangles, between, stored.region[finer.parent])


def _notes(sex: str, who: Person, along: float, across: float) -> tuple[str, ...]:
    """What this body assumes, in words."""
    notes = [f"an adult {sex} body lies supine on the pad with arms at the sides and legs straight"]
    if max(abs(along - 1.0), abs(across - 1.0)) > 0.005:
        notes.append(f"it is scaled to the patient: heights by {along:.3f}, widths and depths by {across:.3f}")
    if sex != who.sex:
        notes.append(f"the {sex} body was chosen for a {who.sex} patient")
    young = who.age_years is not None and who.age_years < CHILD_AGE_YEARS
    if young or who.height_cm < CHILD_HEIGHT_CM:
        told = f"{who.age_years:.3g} years" if young else f"{who.height_cm:.4g} cm"
        notes.append(
            f"a scaled adult stands for a child or small patient ({told}): head and trunk are too short for the height "
            "and the limbs too long, so the place on the body is less certain"
        )
    return tuple(notes)
