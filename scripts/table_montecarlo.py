"""Prints the table of docs/physics.md: transmission of table and pad by Monte Carlo beside the product's.

    PYTHONPATH=. python scripts/table_montecarlo.py [PHOTONS]       three minutes at the default of 700,000 a beam

A flat water body of 500 x 500 x 200 mm lies on the support, the focal spot is 650 mm from the middle of the skin. Each
beam is followed with and without the support; the dose is that of the middle half of the field's sides, so T holds all
that reaches the skin, what the support sends back of the patient's own scatter included.
"""

from __future__ import annotations

import sys

import numpy as np

from skindose.model import Beams, FloatArray, Layer, Machine, Phantom
from skindose.montecarlo import Budget, Scene, Spectra, simulate
from skindose.physics import quality, table

FOCUS_MM, REFERENCE_MM, SIDE_MM, DEEP_MM, GRID = 650.0, 600.0, 500.0, 200.0, 50
FACES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((-1, 0, 0), (0, 0, 1), (0, 1, 0)),
    ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
    ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
)
# kV, mm Cu, side in mm at the skin, degrees, support
CASES = (
    (80, 0.2, 30, 0, "both"),
    (80, 0.2, 50, 0, "both"),
    (80, 0.2, 100, 0, "both"),
    (80, 0.2, 200, 0, "both"),
    (80, 0.2, 300, 0, "both"),
    (80, 0.2, 100, 30, "both"),
    (80, 0.2, 100, 45, "both"),
    (80, 0.2, 100, 60, "both"),
    (80, 0.2, 200, 60, "both"),
    (60, 0.0, 100, 0, "both"),
    (60, 0.0, 200, 0, "both"),
    (60, 0.0, 100, 60, "both"),
    (120, 0.9, 100, 0, "both"),
    (120, 0.9, 200, 0, "both"),
    (120, 0.9, 100, 60, "both"),
    (80, 0.2, 100, 0, "table"),
    (80, 0.2, 100, 60, "table"),
    (80, 0.2, 100, 0, "pad"),
    (80, 0.2, 100, 0, "pad of 80 mm"),
)


def support(name: str) -> tuple[Layer, ...]:
    """The described layers of the shipped profiles, or a part of them."""
    rows = (("upper skin", "carbon fibre", 0.75), ("core", "foam", 50.0), ("lower skin", "carbon fibre", 0.75))
    layers, top = [], 0.0
    for layer, material, thickness in rows if not name.startswith("pad") or name == "pad of 80 mm" else ():
        layers.append(Layer(layer, material, top, thickness, 450.0, 900.0))
        top += thickness
    pad = {"both": 40.0, "pad": 40.0, "pad of 80 mm": 80.0}.get(name, 0.0)
    return (*layers, Layer("pad", "polyurethane", -pad, pad, 450.0, 900.0)) if pad else tuple(layers)


def body(skin_mm: float) -> Phantom:
    """A closed box whose lower face is the skin."""
    line = np.linspace(-1.0, 1.0, GRID + 1)
    found: dict[tuple[float, ...], int] = {}
    triangles = []
    for normal, first, second in (tuple(np.array(axis, dtype=float) for axis in face) for face in FACES):
        for i in range(GRID):
            for j in range(GRID):
                corners = [
                    tuple(np.round(normal + first * line[i + a] + second * line[j + b], 9).tolist())
                    for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))
                ]
                number = [found.setdefault(corner, len(found)) for corner in corners]
                triangles += [(number[0], number[1], number[2]), (number[0], number[2], number[3])]
    half = np.array([SIDE_MM, DEEP_MM, SIDE_MM]) / 2
    vertices = np.array(list(found)) * half + np.array([0.0, skin_mm - DEEP_MM / 2, 0.0])
    cells = np.array(triangles, dtype=np.int32)
    a, b, c = (vertices[cells[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    area = np.linalg.norm(cross, axis=1) / 2
    none = np.full((len(cells), 3), -1, dtype=np.int32)
    region = np.zeros(len(cells), dtype=np.uint8)
    normal = cross / (2 * area[:, None])
    return Phantom("box", vertices, cells, (a + b + c) / 3, normal, area, none, region, ("box",), {}, {}, DEEP_MM)


def beam(degrees: float, side_mm: float, skin_mm: float, layers: tuple[Layer, ...]) -> Beams:
    """One beam onto the middle of the skin, turned about the table's long axis."""
    angle = np.radians(degrees)
    axis, v = np.array([np.sin(angle), -np.cos(angle), 0.0]), np.array([0.0, 0.0, 1.0])
    half = side_mm / 2 * REFERENCE_MM / FOCUS_MM
    slabs = [[-450.0, 450.0, layer.top_mm, layer.top_mm + layer.thickness_mm, -450.0, 450.0] for layer in layers]
    return Beams(
        event=np.zeros(1, dtype=np.int32),
        weight=np.ones(1),
        source_mm=(np.array([0.0, skin_mm, 0.0]) - axis * FOCUS_MM)[None],
        axis=axis[None],
        u=np.cross(v, axis)[None],
        v=v[None],
        field_mm=np.array([[-half, half, -half, half]]),
        circular=np.zeros(1, dtype=np.bool_),
        reference_distance_mm=np.array([REFERENCE_MM]),
        air_kerma_rp_mgy=np.ones(1),
        table_rotation=np.eye(3)[None],
        table_origin_mm=np.zeros((1, 3)),
        support_mm=np.array(slabs, dtype=float).reshape(-1, 6),
        support=layers,
    )


def dose(case: tuple[float, float, float, float, str], layers: tuple[Layer, ...], photons: int) -> FloatArray:
    """Mean dose in the middle of the field and its standard uncertainty."""
    kvp, cu, side, degrees, name = case
    skin_mm = min(layer.top_mm for layer in support(name))
    phantom, table_of = body(skin_mm), quality.tables()
    beams = quality.quality(np.array([kvp]), np.array([2.5]), np.array([cu]))
    fluence = beams.kerma / (table_of.energy_kev * table_of.kerma_rho)
    scene = Scene(beam(degrees, side, skin_mm, layers), phantom, Spectra(table_of.energy_kev, fluence))
    truth = simulate(scene, Budget(photons), seed=len(layers))
    x, y, z = phantom.centroid_mm.T
    inside = (abs(y - skin_mm) < 1e-6) & (abs(x) < side / 4 / np.cos(np.radians(degrees))) & (abs(z) < side / 4)
    cells = np.flatnonzero(inside).astype(np.int32)
    return np.array(truth.patch(cells, phantom.area_mm2[cells]))


def ours(case: tuple[float, float, float, float, str]) -> tuple[float, float]:
    """T for a narrow beam, and T."""
    kvp, cu, side, degrees, name = case
    layers = support(name)
    described = Machine("", "assumed", True, *(True,) * 3, "patient", "primary-secondary", 2.5, 11.0, 400.0, layers, "")
    beams = quality.quality(np.array([kvp]), np.array([2.5]), np.array([cu]))
    stack = table.support(described, beams, layers)
    cosine = np.cos(np.radians(np.array([degrees])))
    path = np.array([[layer.thickness_mm for layer in layers]]) / cosine[:, None]
    event = np.zeros(1, dtype=np.int32)
    found = [table.transmission(stack, event, path, cosine, np.array([width])) for width in (0.0, side)]
    return float(found[0][0]), float(found[1][0])


def main() -> None:
    """Every case as a row."""
    photons = int(sys.argv[1]) if len(sys.argv) > 1 else 700_000
    print("| kV, mm Cu | side mm | angle | support | narrow beam | Monte Carlo | ours | |\n" + "|---" * 8 + "|")
    for case in CASES:
        with_it, without = dose(case, support(case[4]), photons), dose(case, (), photons)
        truth = with_it[0] / without[0]
        error = truth * np.hypot(with_it[1] / with_it[0], without[1] / without[0])
        narrow, found = ours(case)
        head = f"| {case[0]}, {case[1]} | {case[2]} | {case[3]} | {case[4]} | {narrow:.3f}"
        print(f"{head} | {truth:.3f} +- {error:.3f} | {found:.3f} | {100 * (found / truth - 1):+.1f} % |", flush=True)


if __name__ == "__main__":
    main()
