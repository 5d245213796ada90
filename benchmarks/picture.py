"""A result's picture, start to finish, and the same four views by VTK off-screen, in the same minute.

    python benchmarks/picture.py [FILE] [--repeats 3] [--json]

Both in a process of their own, imports and opening of the result included. Ours is `skindose picture`: 1600 px with
scale, isodose lines and legend. VTK's is pyvista's plainest: the mesh four times in one window, nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT.parent / "shared" / "rdsr" / "philips_legacy_316_events_7.7Gy.dcm"
GOAL_S = 3.0
OURS = "from skindose.cli import main; main()"
VTK = """
import sys, pyvista
mesh = pyvista.read(sys.argv[1])
plotter = pyvista.Plotter(off_screen=True, shape=(1, 4), window_size=(1600, 900), border=False)
for column, towards in enumerate(((0, 1, 0), (0, -1, 0), (1, 0, 0), (-1, 0, 0))):
    plotter.subplot(0, column)
    plotter.add_mesh(mesh, scalars="dose_mgy", show_scalar_bar=False)
    plotter.view_vector(towards, viewup=(0, 0, 1))
plotter.screenshot(sys.argv[2])
"""


def timed(code: str, *arguments: str) -> float:
    """Wall time in s of one process without a display."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "phantoms")))}
    environment.pop("DISPLAY", None)
    start = time.perf_counter()
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    return elapsed


def compare(path: Path, repeats: int) -> dict[str, Any]:
    """Medians of both, in turn, in s."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        timed(OURS, "run", str(path), "--out", str(out))
        folder = out / path.name.removesuffix(".dcm")
        times: dict[str, list[float]] = {"skindose": [], "vtk": []}
        for _ in range(repeats):
            times["skindose"].append(timed(OURS, "picture", str(folder), "--out", str(out / "ours.png")))
            times["vtk"].append(timed(VTK, str(folder / "dosemap.vtp"), str(out / "vtk.png")))
        ours, vtk = (statistics.median(row) for row in times.values())
        return {"skindose_s": ours, "vtk_s": vtk, "ratio": ours / vtk, "bytes": (out / "ours.png").stat().st_size}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The picture of a result, beside VTK's.")
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    found = compare(wanted.file, wanted.repeats)
    if wanted.json:
        print(json.dumps(found))
        return
    print(f"skindose picture {found['skindose_s']:.2f} s (goal {GOAL_S:g} s), {found['bytes']} bytes")
    print(f"four bare views by VTK {found['vtk_s']:.2f} s; ours takes {found['ratio']:.2f} of that")


if __name__ == "__main__":
    main()
