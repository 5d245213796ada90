"""A site's own body: any closed triangle mesh from an STL, OBJ or PLY file, in mm in the patient frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from skindose.errors import PhantomError, SettingsError, SkindoseError
from skindose.model import FloatArray, IntArray, Phantom
from skindose.phantom import mesh, regions, repair
from skindose.phantom.build import build
from skindose.phantom.person import Person
from skindose.phantom.shapes import Shape
from skindose.units import cm_to_mm

SUFFIXES = (".stl", ".obj", ".ply")
SMALLEST_MM, LARGEST_MM = 300.0, 3000.0
"""Largest extent of a body, from a newborn's trunk to a giant; beyond it the file is not in mm."""
MOST_TRIANGLES = 2_000_000
MOST_BYTES = 1_000_000_000
LIMB_EDGE_MM = 25.0
"""Longest edge below the trunk."""
FRAME_MM = 5.0
"""How far the mesh may reach out of the patient frame's corner before it is moved."""


def load(path: Path, who: Person) -> Phantom:
    """The phantom of a mesh file; it keeps its own size.

    path     STL, OBJ or PLY; lengths in mm, origin at the crown, +X the patient's left, +Y posterior, +Z to the head
    who      the patient; his height counts where the mesh is shorter (a trunk without legs)
    raises   SettingsError where there is no such file, PhantomError for one that cannot serve, with the reason
    """
    try:
        vertices, triangles = read(path)
        _check_size(vertices[np.unique(triangles)])
        mended = repair.mend(vertices, triangles)
        vertices, moved = _into_frame(mended.vertices_mm)
        stature, told = _stature(vertices, who)
        finer = _fine(vertices, mended.triangles, stature)
        _check_count(len(finer.triangles), "after dividing its large ones")
        clear = repair.uncover(finer.vertices_mm, finer.triangles)
    except SkindoseError as error:
        raise error.at(path.name) from None
    notes = [f"the mesh {path.name} is used in its own size; arms are not told from the trunk in the names of regions"]
    notes += [*mended.notes, *moved, *clear.notes, *told]
    if len(finer.triangles) > len(mended.triangles):
        notes.append(f"cells larger than {mesh.LONGEST_EDGE_MM:.0f} mm on the trunk were divided")
    used = who._replace(assumptions=tuple(note for note in who.assumptions if told and note.startswith("height")))
    phantom = build(path.name, Shape(clear.vertices_mm, clear.triangles), used, tuple(notes), stature)
    return replace(phantom, parameters={"file": path.name, "stature_mm": stature})


def read(path: Path) -> tuple[FloatArray, IntArray]:
    """Vertices and triangles as the file has them.

    raises   SettingsError where there is no such file, PhantomError where it is no mesh, or too large
    """
    if not path.is_file():
        raise SettingsError("there is no such mesh file", path.name, "Give a phantom's name or the path of a mesh.")
    if path.suffix.lower() not in SUFFIXES:
        raise PhantomError("the mesh is not STL, OBJ or PLY", path.name, "Convert it to one of these.")
    if path.stat().st_size > MOST_BYTES:
        raise PhantomError("the mesh file is larger than 1 GB", path.name, "Reduce it to cells of 5 to 10 mm.")
    vertices, triangles = _parse(path)
    if not len(triangles):
        raise PhantomError(
            "there are no triangles in the mesh", path.name, "Export the surface as triangles, not points."
        )
    _check_count(len(triangles))
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        raise PhantomError("triangles refer to vertices that are not there", path.name, "Export the mesh again.")
    bad = int(np.sum(~np.isfinite(vertices[np.unique(triangles)]).all(axis=1)))
    if bad:
        raise PhantomError(f"{bad} vertices are not finite numbers", path.name, "Export the mesh again.")
    return vertices, triangles


def _parse(path: Path) -> tuple[FloatArray, IntArray]:
    import trimesh

    try:
        loaded = trimesh.load_mesh(path, process=False, skip_materials=True)
        vertices, triangles = np.asarray(loaded.vertices, np.float64), np.asarray(loaded.faces, np.int64)
    except PermissionError:
        raise PhantomError("the mesh must not be read", path.name, "Ask for permission to read it.") from None
    except Exception as error:  # the reader raises whatever its parsing stumbles over
        what = f"the mesh cannot be read ({type(error).__name__})"
        raise PhantomError(what, path.name, "Export it again as STL, OBJ or PLY.") from None
    return vertices.reshape(-1, 3), triangles.reshape(-1, 3).astype(np.int32)


# --- Checks


def _check_count(count: int, when: str = "") -> None:
    if count > MOST_TRIANGLES:
        said = f"the mesh has {count} triangles {when}".rstrip()
        raise PhantomError(f"{said}, more than {MOST_TRIANGLES}", remedy="Reduce it to cells of 5 to 10 mm.")


def _check_size(vertices_mm: FloatArray) -> None:
    """raises PhantomError where the file cannot be in mm, or its long axis is not z."""
    x, y, z = np.ptp(vertices_mm, axis=0)
    largest = max(x, y, z)
    if not SMALLEST_MM <= largest <= LARGEST_MM:
        guess = ""
        if 0.3 <= largest <= 3.0:
            guess = " It looks like metres: multiply it by 1000."
        elif 30.0 <= largest < SMALLEST_MM:
            guess = " It looks like centimetres: multiply it by 10."
        raise PhantomError(
            f"the largest extent of the mesh is {largest:.3g} mm, which is no body",
            remedy=f"Give lengths in mm.{guess}",
        )
    if x > 1.3 * z or y > 1.2 * z:
        raise PhantomError(
            f"the mesh measures {x:.0f} x {y:.0f} x {z:.0f} mm along x, y, z: its long axis is not z",
            remedy="Turn it into the patient frame: +X to the patient's left, +Y posterior, +Z to the head.",
        )


# --- Frame


def _into_frame(vertices_mm: FloatArray) -> tuple[FloatArray, tuple[str, ...]]:
    """The mesh, moved where it reaches beyond the crown or the pad, or lies beside the mid-sagittal plane."""
    low, high = vertices_mm.min(axis=0), vertices_mm.max(axis=0)
    shift = np.zeros(3)
    if low[0] >= 0 or high[0] <= 0:
        shift[0] = -(low[0] + high[0]) / 2
    for axis in (1, 2):
        if high[axis] > FRAME_MM:
            shift[axis] = -high[axis]
    notes = []
    if shift.any():
        way = ", ".join(f"{s:.0f}" for s in shift)
        notes.append(
            f"the mesh was not in the patient frame and was moved by ({way}) mm; its axes were left as they are"
        )
    moved = vertices_mm + shift
    for axis, name in ((1, "the pad"), (2, "the crown's height")):
        gap = -float(moved[:, axis].max())
        if gap > FRAME_MM:
            notes.append(f"the mesh begins {gap:.0f} mm from {name}, as its file has it")
    return moved, tuple(notes)


def _stature(vertices_mm: FloatArray, who: Person) -> tuple[float, tuple[str, ...]]:
    """Stature of the body: the mesh's length, or the patient's height where the mesh is much shorter."""
    length, height = -float(vertices_mm[:, 2].min()), cm_to_mm(who.height_cm)
    if length >= 0.85 * height:
        return length, ()
    note = f"the mesh is {length:.0f} mm long: taken for the upper part of a patient of {height:.0f} mm"
    return height, (note,)


def _fine(vertices_mm: FloatArray, triangles: IntArray, stature_mm: float) -> Shape:
    """Cells small enough: first everywhere, so that a cell is either on the trunk or below it, then on the trunk."""
    v, t, _ = mesh.refine(vertices_mm, triangles, LIMB_EDGE_MM)
    below = -v[:, 2][t].max(axis=1) / stature_mm
    v, t, _ = mesh.refine(v, t, np.where(below < regions.LOWER_EDGE["pelvis"], mesh.LONGEST_EDGE_MM, np.inf))
    return Shape(v, t)
