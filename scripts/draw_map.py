"""docs/map.png, the README's picture: the skin-dose map of a real procedure, back and right side.

Runs the program on the 316-event file of ../shared (7.7 Gy at the reference point), renders dosemap.vtp off-screen.
"""

import json
import tempfile
from pathlib import Path

import pyvista

from skindose.batch import run_files
from skindose.config import Settings
from skindose.report.scene import colour_scale, dose_scale

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT.parent / "shared" / "rdsr" / "philips_legacy_316_events_7.7Gy.dcm"
VIEWS = {"back": (0, 1, 0), "right side": (-1, 0, 0)}
MGY_PER_GY = 1000


def main() -> None:
    """Run, render, write."""
    with tempfile.TemporaryDirectory() as folder:
        (outcome,) = run_files([SOURCE], Path(folder), Settings())
        assert outcome.folder is not None, outcome.error
        mesh = pyvista.read(outcome.folder / "dosemap.vtp")
        peak = json.loads((outcome.folder / "result.json").read_text())["peak"]
    mesh.cell_data["Skin dose in Gy"] = mesh.cell_data["dose_mgy"] / MGY_PER_GY
    top_gy = dose_scale(peak["cell_max_mgy"]).end
    plotter = pyvista.Plotter(off_screen=True, shape=(1, 2), window_size=(1080, 720), border=False)
    for column, (name, towards) in enumerate(VIEWS.items()):
        plotter.subplot(0, column)
        plotter.set_background("white")
        plotter.add_mesh(
            mesh,
            scalars="Skin dose in Gy",
            cmap=list(colour_scale(256)),
            clim=(0, top_gy),
            show_scalar_bar=column == 1,
            scalar_bar_args={
                "vertical": True,
                "color": "black",
                "fmt": "%.0f",
                "position_x": 0.8,
                "n_labels": 5,
                "title_font_size": 18,
            },
        )
        plotter.add_text(name, position="upper_left", color="black", font_size=11)
        centre = (0.0, -110.0, -470.0)
        plotter.camera.position = tuple(c + 2600 * t for c, t in zip(centre, towards, strict=True))
        plotter.camera.focal_point = centre
        plotter.camera.up = (0, 0, 1)
        plotter.camera.view_angle = 24
    plotter.screenshot(ROOT / "docs" / "map.png")


if __name__ == "__main__":
    main()
