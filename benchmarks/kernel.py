"""The ray-casting kernel: time per lit cell, threads, and PySkinDose's calculation on the same body and events.

    python benchmarks/kernel.py [--json] [--repeats N] [--no-peer]

The scene: PySkinDose's `adult_male` (26,756 triangles; its arms are spread) and the same with every triangle divided in
four; beams aimed at the trunk, primary angle within 60 and secondary within 30 degrees, fields of 8 to 20 cm at the
reference point, table top and pad below. Ours does the full shadow test, which the peer lacks, and the table paths;
no factors. The peer runs its own `calculate_dose` in a process of its own, whole. Times are the best of several in
this run; `first` is the first cast on a fresh body, before anything has been learnt of its cells.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import peer

EVENTS = 384
PAD_MM = 40.0
SLABS = ((-225.0, 225.0, 0.0, 1.5, -2815.0, 0.0), (-225.0, 225.0, -PAD_MM, 0.0, -2815.0, 0.0))
SOURCE_TO_ISOCENTRE_MM, SOURCE_TO_REFERENCE_MM, SOURCE_TO_DETECTOR_MM = 750.0, 600.0, 1100.0


def shots(count: int, seed: int = 1) -> dict[str, Any]:
    """Angles in degrees, isocentre in the patient frame and field sides at the reference plane in mm, of each event."""
    rng = np.random.default_rng(seed)
    return {
        "primary": rng.uniform(-60, 60, count),
        "secondary": rng.uniform(-30, 30, count),
        "isocentre": np.stack(
            [rng.uniform(-80, 80, count), rng.uniform(-140, -80, count), rng.uniform(-700, -300, count)], axis=1
        ),
        "sides": rng.uniform(80, 200, (count, 2)),
    }


def beams(count: int) -> Any:
    """`shots` as beams."""
    from skindose.geometry.frames import stand_rotation
    from tests import scenes

    made = shots(count)
    turned = stand_rotation(made["primary"], made["secondary"], "primary-secondary")
    rows = [
        {
            "source": made["isocentre"][k] + SOURCE_TO_ISOCENTRE_MM * turned[k, :, 1],
            "axis": -turned[k, :, 1],
            "u": turned[k, :, 0],
            "v": turned[k, :, 2],
            "field": np.array([-1, 1, -1, 1]) * np.repeat(made["sides"][k], 2) / 2,
            "reference": SOURCE_TO_REFERENCE_MM,
        }
        for k in range(count)
    ]
    return scenes.beams(rows, SLABS, np.eye(3), np.array([0.0, -PAD_MM, 0.0]))


def bodies() -> dict[int, Callable[[], Any]]:
    """Number of cells -> a fresh phantom of the peer's body, as it is and refined."""
    from tests import scenes

    corners, triangles = np.unique(peer.body_mm().reshape(-1, 3).round(4), axis=0, return_inverse=True)
    meshes = [(corners, triangles.reshape(-1, 3))]
    meshes.append(scenes.refined(*meshes[0]))
    return {len(mesh[1]): lambda mesh=mesh: scenes.phantom(*mesh) for mesh in meshes}


def best(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least time in s of several, and what came out."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return min(times), result


def ours(repeats: int) -> list[dict[str, Any]]:
    """Times of the kernel for several numbers of events, cells and threads."""
    from skindose import kernel
    from skindose.kernel.cast import hierarchy

    kernel.cast(beams(2), next(iter(bodies().values()))())  # compiles
    rows = []
    for cells, body in bodies().items():
        built = min(best(lambda one=one: hierarchy(one), 1)[0] for one in [body() for _ in range(5)])
        for events in (64, EVENTS, 1000):
            aimed = beams(events)
            known = body()
            hierarchy(known)
            first, hits = best(lambda known=known, aimed=aimed: kernel.cast(aimed, known, threads=1), 1)
            for threads in (1, 2):
                seconds, _ = best(lambda t=threads, k=known, a=aimed: kernel.cast(a, k, threads=t), repeats)
                rows.append(
                    {
                        "cells": cells,
                        "events": events,
                        "threads": threads,
                        "lit_per_event": len(hits.cell) / events,
                        "us_per_event": 1e6 * seconds / events,
                        "ns_per_lit_cell": 1e9 * seconds / len(hits.cell),
                        "first_ns_per_lit_cell": 1e9 * first / len(hits.cell),
                        "hierarchy_ms": 1e3 * built,
                    }
                )
    return rows


def twin_us_per_event() -> float:
    """The plain twin of the tests on the smaller body, one event."""
    from tests import naive

    body = next(iter(bodies().values()))()
    aimed = beams(1)
    beam = {"source": aimed.source_mm[0], "axis": aimed.axis[0], "u": aimed.u[0], "v": aimed.v[0], "circular": False}
    beam |= {"field": aimed.field_mm[0], "reference": SOURCE_TO_REFERENCE_MM, "rotation": np.eye(3)}
    beam |= {"origin": aimed.table_origin_mm[0]}
    return 1e6 * best(lambda: naive.hits(beam, body.vertices_mm, body.triangles, SLABS), 1)[0]


def theirs() -> dict[str, Any]:
    """The peer's time for `EVENTS` of the same events, from a process of its own in a temporary folder."""
    command = [sys.executable, str(Path(__file__).resolve()), "--peer"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=peer.quiet(), capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_peer() -> dict[str, Any]:
    """The peer's `calculate_dose` on the same events, in this process and folder."""
    import pandas as pd
    import pyskindose
    from pyskindose import Phantom
    from pyskindose.calculate_dose.calculate_dose import calculate_dose
    from pyskindose.helpers.calculate_rotation_matrices import calculate_rotation_matrices
    from pyskindose.helpers.read_and_normalize_rdsr_data import read_and_normalise_rdsr_data
    from pyskindose.settings import PyskindoseSettings

    sys.setrecursionlimit(20 * EVENTS)  # it calls itself for the next event
    settings = PyskindoseSettings(settings=peer.SETTINGS, output_format="dict")
    example = Path(pyskindose.__file__).parent / "example_data" / "RDSR" / "siemens_axiom_example_procedure.dcm"
    data = read_and_normalise_rdsr_data(str(example), settings)
    data = pd.concat([data.iloc[:1]] * EVENTS, ignore_index=True)
    made = shots(EVENTS)
    data["Ap1"], data["Ap2"] = made["primary"], -made["secondary"]  # its secondary angle has the other sign
    data["DSI"], data["DSD"], data["DSIRP"] = (
        distance / 10 for distance in (SOURCE_TO_ISOCENTRE_MM, SOURCE_TO_DETECTOR_MM, SOURCE_TO_REFERENCE_MM)
    )
    for axis, name in enumerate(("Tx", "Ty", "Tz")):
        data[name] = -(made["isocentre"][:, axis] - (PAD_MM if axis == 1 else 0.0)) / 10
    for k, name in enumerate(("FS_lat", "FS_long")):
        data[name] = made["sides"][:, k] / 10 * SOURCE_TO_DETECTOR_MM / SOURCE_TO_REFERENCE_MM
    data = calculate_rotation_matrices(data)
    size = settings.phantom.dimension
    table, pad = (Phantom(phantom_model=model, phantom_dim=size) for model in ("table", "pad"))
    start = time.perf_counter()
    _, output = calculate_dose(normalized_data=data, settings=settings, table=table, pad=pad)
    seconds = time.perf_counter() - start
    hit = [int(np.count_nonzero(hits)) for hits in output["hits"]]
    return {
        "seconds": seconds,
        "events": EVENTS,
        "points_hit_per_event": float(np.mean(hit)),
        "points": len(output["hits"][0]),
    }


def show(report: dict[str, Any]) -> None:
    """Print tables."""
    print("  cells events threads  lit/event  us/event  ns/lit cell  first  hierarchy ms")
    for row in report["ours"]:
        print(
            f"{row['cells']:7d}{row['events']:7d}{row['threads']:8d}{row['lit_per_event']:11.0f}{row['us_per_event']:10.1f}"
            f"{row['ns_per_lit_cell']:13.0f}{row['first_ns_per_lit_cell']:7.0f}{row['hierarchy_ms']:14.1f}"
        )
    print(f"plain twin: {report['twin_us_per_event']:.0f} us/event, ratio {report['ratio_to_twin']:.0f}")
    if report["peer"]:
        found = report["peer"]
        print(
            f"PySkinDose: {found['seconds']:.2f} s for {found['events']} events, {found['points']} points, "
            f"{found['points_hit_per_event']:.0f} hit an event; ours on two threads "
            f"{report['ours_two_threads_s'] * 1e3:.1f} ms: ratio {report['ratio_to_pyskindose']:.0f}"
        )


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--no-peer", action="store_true", help="without PySkinDose")
    parser.add_argument("--peer", action="store_true", help="PySkinDose's time as JSON, from this folder and process")
    options = parser.parse_args()
    if options.peer:
        print(json.dumps(run_peer()))
        return
    rows = ours(options.repeats)
    small = min(row["cells"] for row in rows)
    alone, two = (
        next(r for r in rows if r["cells"] == small and r["events"] == EVENTS and r["threads"] == threads)
        for threads in (1, 2)
    )
    twin = twin_us_per_event()
    found = None if options.no_peer else theirs()
    seconds = two["us_per_event"] * EVENTS / 1e6
    report = {
        "ratio_to_pyskindose": found["seconds"] / seconds if found else None,
        "ratio_to_twin": twin / alone["us_per_event"],
        "speed_up_of_two_threads": alone["us_per_event"] / two["us_per_event"],
        "ours_two_threads_s": seconds,
        "twin_us_per_event": twin,
        "peer": found,
        "ours": rows,
        "processors": len(os.sched_getaffinity(0)),
    }
    print(json.dumps(report, indent=1)) if options.json else show(report)


if __name__ == "__main__":
    main()
