"""Draws docs/phantoms.png: bodies of several ages and builds, and the poses, from the front and from the side.

    python scripts/draw_phantoms.py

Needs pyvista (the extra `dev`); renders without a display.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyvista as pv

from skindose.config import Settings
from skindose.model import Patient
from skindose.phantom import make

PATH = Path(__file__).resolve().parents[1] / "docs" / "phantoms.png"
PEOPLE = (
    ("newborn\n50 cm, 3.5 kg", "male", 0.0, 50.0, 3.5, "arms-down"),
    ("2 years\n87 cm, 12 kg", "female", 2.0, 87.0, 12.0, "arms-down"),
    ("7 years\n122 cm, 23 kg", "male", 7.0, 122.0, 23.0, "arms-down"),
    ("40 years\n163 cm, 60 kg", "female", 40.0, 163.0, 60.0, "arms-down"),
    ("40 years\n178.6 cm, 73.2 kg", "male", 40.0, 178.6, 73.2, "arms-down"),
    ("85 years\n190 cm, 150 kg", "male", 85.0, 190.0, 150.0, "arms-down"),
    ("arms-up\n178.6 cm, 73.2 kg", "male", 40.0, 178.6, 73.2, "arms-up"),
    ("left-arm-up\n163 cm, 60 kg", "female", 40.0, 163.0, 60.0, "left-arm-up"),
)
VIEWS = ((0.0, -1.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
TALLEST_MM, WIDTH_PX, HEIGHT_PX = 2700.0, 120, 310
COLOURS = ("#e8cdb5", "#b9c9d6", "#cfe0c3", "#e6dca8", "#d8bfd8", "#c9c2b8", "#b8d4cf", "#d2b8a0", "#c4cbe0", "#dcd3c4")


def colours(phantom):
    """(cells,) a colour's number: sections of the trunk and limbs differ, left and right do not."""
    trunk = phantom.region < 30
    return np.where(trunk, phantom.region // 6, 5 + (phantom.region - 30) // 2)


def draw():
    """Each person in a column: front, back, left side; all to one scale."""
    plotter = pv.Plotter(
        off_screen=True,
        shape=(len(VIEWS), len(PEOPLE)),
        window_size=(WIDTH_PX * len(PEOPLE), HEIGHT_PX * len(VIEWS)),
        border=False,
    )
    for column, (text, sex, age, height_cm, weight_kg, pose) in enumerate(PEOPLE):
        chosen = Settings(phantom=sex, sex=sex, age=age, height_cm=height_cm, weight_kg=weight_kg, pose=pose)
        phantom = make(chosen, Patient())
        faces = np.column_stack([np.full(len(phantom.triangles), 3), phantom.triangles]).ravel()
        body = pv.PolyData(phantom.vertices_mm, faces)
        body.cell_data["part"] = colours(phantom)
        for row, towards in enumerate(VIEWS):
            plotter.subplot(row, column)
            plotter.add_mesh(body, scalars="part", cmap=list(COLOURS), clim=(0, 9), show_scalar_bar=False)
            if row == 0:
                plotter.add_text(text, font_size=6, color="black", position="upper_edge")
            middle = np.array([0.0, -120.0, -590.0])
            plotter.camera.position = middle + 4000.0 * np.array(towards)
            plotter.camera.focal_point = middle
            plotter.camera.up = (0.0, 0.0, 1.0)
            plotter.enable_parallel_projection()
            plotter.camera.parallel_scale = TALLEST_MM / 2
    plotter.screenshot(PATH)
    print(f"{PATH.name}: {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    draw()
