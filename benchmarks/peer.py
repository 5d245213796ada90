"""PySkinDose on one dose report, as its user would run it: peak, doses and factors event by event.

    python benchmarks/peer.py [FILE ...]            a table of its events at the cell of its peak
    python benchmarks/peer.py --json [FILE ...]     the same for programs
    python benchmarks/peer.py --shadows [FILE ...]  its peak without the cells that another part of the body hides
    python benchmarks/peer.py --plain FILE          its own run and nothing else: what benchmarks/run.py times
    python benchmarks/peer.py --mesh FILE.stl       its body in mm in our patient frame, for `skindose run --phantom`

Settings: its mesh `adult_male`, an estimated table factor of 0.8, all corrections, no plots; the rest as in its
`settings_example.json` (inherent filtration 3.1 mm Al, pad 4 cm, no offset: crown at the table's head end). It runs in
a temporary folder, for it leaves a `corrections.db` where it runs. Frames are those of docs/conventions.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "rdsr"
FILES = tuple(FOLDER / name for name in ("siemens_axiom_example_procedure.dcm", "siemens_axiom_artis.dcm"))
SETTINGS: dict[str, Any] = {
    "mode": "calculate_dose",
    "rdsr_filename": "",
    "estimate_k_tab": True,
    "k_tab_val": 0.8,
    "inherent_filtration": 3.1,
    "remove_invalid_rows": False,
    "silence_pydicom_warnings": True,
    "plot": {
        "interactivity": False,
        "dark_mode": True,
        "notebook_mode": False,  # else its progress bar needs a notebook's widgets
        "plot_dosemap": False,
        "colorscale": "jet",
        "max_events_for_patient_inclusion": 0,
        "plot_event_index": 0,
    },
    "phantom": {
        "model": "human",
        "human_mesh": "adult_male",
        "patient_offset": {"d_lon": 0, "d_ver": 0, "d_lat": 0},
        "patient_orientation": "head_first_supine",
        "dimension": {
            "plane_length": 120,
            "plane_width": 40,
            "plane_resolution": "sparse",
            "cylinder_length": 150,
            "cylinder_radii_a": 20,
            "cylinder_radii_b": 10,
            "cylinder_resolution": "sparse",
            "table_length": 281.5,
            "table_width": 45,
            "table_thickness": 5,
            "pad_length": 281.5,
            "pad_width": 45,
            "pad_thickness": 4,
        },
    },
    "corrections_db_path": "corrections.db",
}
EVENT_COLUMNS = {
    "kvp_kv": "kVp",
    "hvl_mmal": "HVL",
    "filter_al_mm": "filter_thickness_Al",
    "filter_cu_mm": "filter_thickness_Cu",
    "air_kerma_rp_mgy": "K_IRP",
    "positioner_primary_angle_deg": "Ap1",
    "positioner_secondary_angle_deg": "Ap2",
}
LENGTHS_CM = {
    "distance_source_to_isocenter_mm": "DSI",
    "distance_source_to_detector_mm": "DSD",
    "distance_source_to_reference_point_mm": "DSIRP",
    "field_side_at_detector_mm": "FS_long",
    "field_side_from_kap_at_detector_mm": "field_from_kap",
}


def plain_command(path: Path) -> list[str]:
    """The command of its whole run on one file, in a process of its own; give it an empty working folder."""
    return [sys.executable, str(Path(__file__).resolve()), "--plain", str(Path(path).resolve())]


def details(path: Path, what: str = "--details") -> dict[str, Any]:
    """What it makes of one file, from a process of its own in a temporary folder.

    what      "--details", or "--hidden" for `without_shadowed`
    returns   peak_mgy, peak_position_mm (patient frame), phantom and support, and per event the normalised values, the
              factors at the peak's cell (`at_peak`, null where the beam misses it) and its highest cell (`highest`)
    raises    subprocess.CalledProcessError, with its messages in `stderr`, where it cannot read the file
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).resolve()), what, str(Path(path).resolve())]
        done = subprocess.run(command, cwd=folder, env=quiet(), capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def quiet() -> dict[str, str]:
    """The environment without its progress bar's and its drawing libraries' habits."""
    return {**os.environ, "TQDM_DISABLE": "1", "MPLBACKEND": "agg"}


def body_mm() -> Any:
    """(triangles, 3, 3) corners of its body in mm; its frame is our patient frame: crown, mid-line, most posterior."""
    import pyskindose
    from stl import mesh

    file = Path(pyskindose.__file__).parent / "phantom_data" / f"{SETTINGS['phantom']['human_mesh']}.stl"
    return 10.0 * mesh.Mesh.from_file(str(file)).vectors.astype(np.float64)


def write_mesh(path: Path) -> None:
    """Its body as a binary STL in mm, for `skindose run --phantom FILE.stl --placement table`."""
    from stl import mesh

    if path.exists():  # an input given by mistake is never written over
        raise SystemExit(f"{path} is there already: name a new file")
    corners = body_mm()
    out = mesh.Mesh(np.zeros(len(corners), dtype=mesh.Mesh.dtype))
    out.vectors[:] = corners
    out.save(str(path))


def run_plain(path: Path) -> None:
    """Its whole run in this process, with its result in memory; prints the peak in mGy."""
    from pyskindose.main import main as pyskindose
    from pyskindose.settings import PyskindoseSettings

    output = pyskindose(str(path), PyskindoseSettings(settings=SETTINGS, output_format="dict"))
    print(max(dose for _, dose in output["dose_map"]))


def run_stages(path: Path) -> tuple[Any, Any, Any, dict[str, Any], Any]:
    """Run it stage by stage in this process: normalised data, patient, table, output, settings."""
    from pyskindose import Phantom
    from pyskindose.calculate_dose.calculate_dose import calculate_dose
    from pyskindose.helpers.calculate_rotation_matrices import calculate_rotation_matrices
    from pyskindose.helpers.read_and_normalize_rdsr_data import read_and_normalise_rdsr_data
    from pyskindose.settings import PyskindoseSettings

    settings = PyskindoseSettings(settings=SETTINGS, output_format="dict")
    size = settings.phantom.dimension
    data = calculate_rotation_matrices(read_and_normalise_rdsr_data(str(path), settings))
    data["field_from_kap"] = field_from_kap(path, data)
    table, pad = (Phantom(phantom_model=model, phantom_dim=size) for model in ("table", "pad"))
    patient, output = calculate_dose(normalized_data=data, settings=settings, table=table, pad=pad)
    return data, patient, table, output, settings


def without_shadowed(path: Path) -> dict[str, Any]:
    """Its peak when cells behind another part of the body get nothing, from this process and folder."""
    from pyskindose import Beam

    data, patient, table, output, _ = run_stages(path)
    dose = np.zeros(len(patient.r))
    for i in range(len(data)):
        beam = Beam(data_norm=data, event=i, plot_setup=False)
        patient.position(data_norm=data, event=i)
        table.position(data_norm=data, event=i)
        hit = np.flatnonzero(output["hits"][i])
        columns = hit_numbers(data, i, (beam, patient, table), output, hit)
        triangles = patient.r.reshape(-1, 3, 3)
        lit = [walls(beam.r[0], triangles, patient.r[cell]) == 0 for cell in hit]
        dose[hit] += np.where(lit, columns["dose_mgy"], 0.0)
    peak = int(np.argmax(dose))
    place = 10 * patient.r_ref[peak] + [0, 10 * SETTINGS["phantom"]["dimension"]["pad_thickness"], 0]
    return {
        "file": Path(path).name,
        "peak_mgy": float(np.max(output["dose_map"])),
        "peak_without_shadowed_mgy": float(dose[peak]),
        "position_mm": place.tolist(),
    }


def collect(path: Path) -> dict[str, Any]:
    """Gather its numbers in this process and folder; see `details`."""
    data, patient, table, output, settings = run_stages(path)
    size = settings.phantom.dimension
    dose = output["dose_map"]
    peak = int(np.argmax(dose))
    mesh = 10 * patient.r_ref
    events = [event_numbers(data, i, (patient, table), output, peak) for i in range(len(data))]
    return {
        "file": Path(path).name,
        "peak_mgy": float(dose[peak]),
        "sum_at_peak_mgy": sum(event["at_peak"]["dose_mgy"] for event in events if event["at_peak"]),
        "peak_position_mm": (mesh[peak] + [0, 10 * size.pad_thickness, 0]).tolist(),
        "peak_normal": (patient.n[peak] / np.linalg.norm(patient.n[peak])).astype(float).tolist(),
        "triangle_mean_at_peak_mgy": float(dose[peak // 3 * 3 : peak // 3 * 3 + 3].mean()),
        "phantom_in_table_frame_mm": {"low": mesh.min(axis=0).tolist(), "high": mesh.max(axis=0).tolist()},
        "phantom_triangles": len(mesh) // 3,
        "support_mm": {
            "pad_thickness": 10 * size.pad_thickness,
            "table_thickness": 10 * size.table_thickness,
            "width": 10 * size.table_width,
            "length": 10 * size.table_length,
        },
        "events": events,
    }


def number(value: Any) -> float | None:
    """As JSON can have it: None for NaN."""
    return None if np.isnan(value) else float(value)


def field_from_kap(path: Path, data: Any) -> Any:
    """(events,) side in cm at the detector of the square field that KAP / Ka,r implies; NaN without a KAP.

    Its own field is the root of Collimated Field Area, so the two should agree.
    """
    import pydicom
    from pyskindose import rdsr_parser

    parsed = rdsr_parser(pydicom.dcmread(path), silence_pydicom_warnings=True)
    if "DoseAreaProduct_Gym2" not in parsed:
        return np.full(len(data), np.nan)
    area_at_reference_cm2 = 1e4 * parsed.DoseAreaProduct_Gym2.astype(float) / (data.K_IRP / 1e3)
    return np.sqrt(area_at_reference_cm2) * data.DSD / data.DSIRP


def event_numbers(data: Any, i: int, placed: Any, output: dict[str, Any], peak: int) -> dict[str, Any]:
    """One event: its normalised values, its beam, and its factors at the peak's cell and at its own highest cell."""
    from pyskindose import Beam

    patient, table = placed
    beam = Beam(data_norm=data, event=i, plot_setup=False)
    patient.position(data_norm=data, event=i)
    table.position(data_norm=data, event=i)
    hit = np.flatnonzero(output["hits"][i])
    columns = hit_numbers(data, i, (beam, patient, table), output, hit)
    return {
        "event": i + 1,
        **{name: number(data[column][i]) for name, column in EVENT_COLUMNS.items()},
        **{name: number(10 * data[column][i]) for name, column in LENGTHS_CM.items()},
        "isocentre_in_table_mm": [-10 * float(data[axis][i]) for axis in ("Tx", "Ty", "Tz")],
        "cells_hit": len(hit),
        "at_peak": cell_numbers(columns, np.flatnonzero(hit == peak), beam, patient),
        "highest": cell_numbers(columns, np.argsort(-columns["dose_mgy"])[:1], beam, patient),
    }


def hit_numbers(data: Any, i: int, placed: Any, output: dict[str, Any], hit: Any) -> dict[str, Any]:
    """Its factors for every hit cell; that their product is its dose is what `sum_at_peak_mgy` checks."""
    from pyskindose.geom_calc import check_table_hits

    beam, patient, table = placed
    cells = patient.r[hit]
    distance = np.linalg.norm(cells - beam.r[0], axis=1)
    ones = np.ones(len(hit))
    behind = np.array(check_table_hits(source=beam.r[0], table=table, beam=beam, cells=cells), dtype=bool)
    factors = {
        "k_isq": ones * output["k_isq"][i] if len(hit) else ones,
        "k_bs": ones * output["k_bs"][i] if len(hit) else ones,
        "k_med": ones * output["k_med"][i] if len(hit) else ones,
        "k_tab": np.where(behind, output["k_tab"][i], 1.0) if len(hit) else ones,
    }
    return {
        "cell": hit,
        **factors,
        "distance_source_to_skin_mm": 10 * distance,
        "field_side_at_skin_mm": 10 * np.sqrt(data.FS_long[i] * data.FS_lat[i]) * distance / data.DSD[i],
        "dose_mgy": data.K_IRP[i] * np.prod(list(factors.values()), axis=0),
    }


def cell_numbers(columns: dict[str, Any], rows: Any, beam: Any, patient: Any) -> dict[str, Any] | None:
    """One row of `hit_numbers`, and how many other walls of the body the ray to it crosses; None without a row."""
    if not len(rows):
        return None
    row = {name: column[rows[0]].item() for name, column in columns.items()}
    return {**row, "walls_crossed": walls(beam.r[0], patient.r.reshape(-1, 3, 3), patient.r[row["cell"]])}


def walls(source: Any, triangles: Any, cell: Any) -> int:
    """Triangles between the focal spot and the cell, its own neighbours left out (Moeller and Trumbore 1997).

    It lights every cell that faces the focal spot; where this is above 0, it counts dose through the body.
    """
    ray = np.asarray(cell - source, dtype=np.float64)
    edge1, edge2 = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    across = np.cross(ray, edge2)
    volume = np.einsum("ij,ij->i", edge1, across)
    with np.errstate(divide="ignore", invalid="ignore"):
        start = source - triangles[:, 0]
        u = np.einsum("ij,ij->i", start, across) / volume
        upright = np.cross(start, edge1)
        v = upright @ ray / volume
        along = np.einsum("ij,ij->i", edge2, upright) / volume
        inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (along > 0) & (along < 1 - 0.5 / np.linalg.norm(ray))
    return int(np.count_nonzero(inside))


def show(result: dict[str, Any]) -> None:
    """Print the events at the peak's cell, in the order of what they add."""
    place = ", ".join(f"{value:.0f}" for value in result["peak_position_mm"])
    print(
        f"{result['file']}: peak {result['peak_mgy']:.1f} mGy at ({place}) mm, {result['phantom_triangles']} triangles"
    )
    print("event  Ka,r mGy  kVp  HVL   LAO    CRA    skin mm  field mm  k_isq  k_bs   k_med  k_tab  walls  dose mGy")
    for event in sorted(result["events"], key=lambda e: -(e["at_peak"] or {"dose_mgy": 0})["dose_mgy"]):
        cell = event["at_peak"]
        angles = event["positioner_primary_angle_deg"], event["positioner_secondary_angle_deg"]
        head = f"{event['event']:5d} {event['air_kerma_rp_mgy']:9.2f} {event['kvp_kv']:4.0f} {event['hvl_mmal']:4.2f}"
        head += "{:7.1f}{:7.1f}".format(*angles)
        tail = "  misses the cell"
        if cell:
            tail = f"{cell['distance_source_to_skin_mm']:9.0f}{cell['field_side_at_skin_mm']:10.0f}"
            tail += "".join(f"{cell[key]:7.3f}" for key in ("k_isq", "k_bs", "k_med", "k_tab"))
            tail += f"{cell['walls_crossed']:7d}{cell['dose_mgy']:10.2f}"
        print(head + tail)


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--plain", action="store_true", help="its own run and nothing else, in this folder and process")
    parser.add_argument("--mesh", type=Path, metavar="STL", help="write its body in mm, patient frame, to a new file")
    parser.add_argument("--shadows", action="store_true", help="its peak without the cells that the body hides")
    parser.add_argument("--hidden", action="store_true", help="the same, from this folder and process")
    parser.add_argument("--details", action="store_true", help="its numbers as JSON, from this folder and process")
    options = parser.parse_args()
    files = options.files or [path for path in FILES if path.exists()]
    if options.plain:
        run_plain(files[0])
    elif options.mesh:
        write_mesh(options.mesh)
    elif options.shadows:
        print(json.dumps([details(path, "--hidden") for path in files], indent=1))
    elif options.hidden:
        print(json.dumps(without_shadowed(files[0])))
    elif options.details:
        print(json.dumps(collect(files[0])))
    elif options.json:
        print(json.dumps([details(path) for path in files], indent=1))
    else:
        for path in files:
            show(details(path))


if __name__ == "__main__":
    main()
