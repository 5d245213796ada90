"""What a moved slider costs in `skindose view`, beside computing the map wholly in the same minute.

    python benchmarks/view.py [FILE] [--phantom NAME] [--moves N] [--json]

Opened as `skindose view` opens it: a result folder, whose case is computed again. One move is everything between the
slider and the picture: the patient placed, every beam cast, dose, peak and isodose lines. Drawing, which a graphics
card does in a window, is timed off-screen by itself. The whole map is with the scatter outside the fields, without the
uncertainty. A processor's time stands beside the wall's, since other work on the machine stretches the latter.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "phantoms"))

from skindose import folder, pipeline, rdsr
from skindose.config import Settings
from skindose.report import shapes
from skindose.report.scene import isodose_levels
from skindose.viewer.state import Session

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT.parent / "shared" / "rdsr" / "philips_legacy_316_events_7.7Gy.dcm"
LIMIT_MS = 100.0
MS_PER_S = 1000.0


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor time of one call in ms."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return MS_PER_S * (time.perf_counter() - wall), MS_PER_S * (time.process_time() - processor)


def move(session: Session, by_mm: float) -> None:
    """One step of a slider, to the map, peak and isodose lines that are then drawn."""
    session.move("left", by_mm)
    session.preview()
    dose_mgy, _ = session.dose_mgy(), session.peak()
    vertex_mgy = shapes.vertex_dose_mgy(session.phantom, dose_mgy)
    for level in isodose_levels(float(dose_mgy.max()), session.stored.facts["triggers"]):
        shapes.isodose_lines(session.phantom.vertices_mm, session.phantom.triangles, vertex_mgy, level.mgy)


def whole(session: Session) -> None:
    """The full map of the changes as they are."""
    session.start_full()
    session.take_full(wait=True)


def drawn(session: Session) -> tuple[float, float]:
    """Median time in ms to draw one changed map off-screen."""
    from skindose.viewer.painter import Painter
    from skindose.viewer.stage import Stage, quiet

    with quiet():
        painter = Painter(session, Stage(session.phantom, off_screen=True))
        painter.stage.plotter.render()

        def frame() -> None:
            painter.draw()
            painter.stage.plotter.render()

        return median([timed(frame) for _ in range(5)])


def median(times: list[tuple[float, float]]) -> tuple[float, float]:
    """Of wall and processor time."""
    wall, processor = zip(*times, strict=True)
    return statistics.median(wall), statistics.median(processor)


def measure(path: Path, phantom: str, moves: int) -> dict[str, Any]:
    """Everything, in ms."""
    with tempfile.TemporaryDirectory() as name:
        stored = Path(name) / "result"
        folder.write_result(pipeline.compute(rdsr.read(path), Settings(phantom=phantom), sampled=False), stored)
        sessions: list[Session] = []
        opening = timed(lambda: sessions.append(Session.open(stored)))
        session = sessions[0]
        move(session, 1.0)
        steps = [timed(lambda by=by: move(session, float(by))) for by in range(2, 2 + moves)]  # type: ignore[misc]
        wholes = [timed(lambda: whole(session)) for _ in range(3)]
        return {
            "file": path.name,
            "phantom": phantom,
            "cells": len(session.phantom.area_mm2),
            "events": len(session.started),
            "opening_ms": opening,
            "move_ms": median(steps),
            "fastest_move_ms": min(steps),
            "whole_ms": median(wholes),
            "drawing_ms": drawn(session),
            "ratio": median(steps)[0] / median(wholes)[0],
            "load": os.getloadavg()[0],
        }


def show(found: dict[str, Any]) -> None:
    """A table, and the limit beside what was measured."""
    print(f"{found['file']}: {found['events']} events, {found['cells']} cells ({found['phantom']})")
    print(f"{'':28s} {'wall ms':>9s} {'processor ms':>13s}")
    rows = {
        "opening (case, map anew)": "opening_ms",
        "one move, median": "move_ms",
        "one move, fastest": "fastest_move_ms",
        "the whole map": "whole_ms",
        "drawing, off-screen": "drawing_ms",
    }
    for words, key in rows.items():
        print(f"{words:28s} {found[key][0]:9.0f} {found[key][1]:13.0f}")
    print(f"move / whole map: {found['ratio']:.2f}; a move takes at most {LIMIT_MS:g} ms at 50,000 cells, 300 events")
    print(f"load of the machine: {found['load']:.1f} on {os.cpu_count()} processors")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=SOURCE)
    parser.add_argument("--phantom", default="oval", help="oval has 42,000 cells, male 107,000")
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    options = parser.parse_args()
    if not options.file.is_file():
        print(f"{options.file.name} is not there: nothing measured.")
        return
    found = measure(options.file, options.phantom, options.moves)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        show(found)


if __name__ == "__main__":
    main()
