"""`skindose batch`: reports a minute, processor time and memory, and what a procedure takes in the registry.

    python benchmarks/batch.py [--files N] [--jobs N] [--json] [FILE.dcm ...]

Makes N different procedures of the given reports (default: the demonstration's), each with UIDs and a patient of its
own, and takes them into a fresh registry. The first minute's compiling is done before, with one of them. Peak memory is
the largest of any process of the batch, over the first tenth and over all files: a leak would show between the two.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import generate_uid

ROOT = Path(__file__).resolve().parents[1]


def variants(sources: list[Path], count: int, folder: Path, seed: str) -> None:
    """`count` files, each a procedure of its own."""
    made = [pydicom.dcmread(path) for path in sources]
    folder.mkdir()
    for number in range(count):
        found = made[number % len(made)]
        _renew(found, f"{seed} {number}")
        out = io.BytesIO()
        found.save_as(out, enforce_file_format=True)
        path = folder / f"{number:05}.dcm"
        path.write_bytes(out.getvalue())
        os.utime(path, (time.time() - 60,) * 2)


def _renew(report: Any, seed: str) -> None:
    """UIDs and patient of the report, from the seed."""
    report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[seed, "instance"])
    report.StudyInstanceUID = generate_uid(entropy_srcs=[seed, "study"])
    report.PatientID = f"P {seed}"
    events = 0
    for item in report.iterall():
        if item.keyword == "UID":
            item.value = generate_uid(entropy_srcs=[seed, str(events)])
            events += 1


def take(folder: Path, home: Path, jobs: int) -> dict[str, Any]:
    """One batch in a process of its own."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "phantoms")))
    environment = {**os.environ, "PYTHONPATH": paths, "SKINDOSE_HOME": str(home), "DATABASE_URL": ""}
    command = [sys.executable, "-m", "skindose", "batch", str(folder), "--jobs", str(jobs), "--json"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        **json.loads(done.stdout)["outcomes"],
        "wall_s": seconds,
        "processor_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mb": after.ru_maxrss / 1024,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = options.sources or [_demo(folder)]
        variants(sources, len(sources), folder / "first", "first")
        take(folder / "first", folder / "warm", 1)
        few, files = max(options.jobs, options.files // 10), options.files
        variants(sources, few, folder / "few", "few")
        variants(sources, files, folder / "all", "all")
        rows = {few: take(folder / "few", folder / "home-few", options.jobs)}
        rows[files] = take(folder / "all", folder / "home", options.jobs)
        size_kb = sum(path.stat().st_size for path in (folder / "home").iterdir()) / 1024 / files
    if options.json:
        print(json.dumps({"rows": rows, "kb_per_procedure": size_kb, "jobs": options.jobs}, indent=2))
        return
    print(f"{'files':>6} {'a minute':>9} {'processor s/file':>17} {'peak MB':>8}")
    for count, row in rows.items():
        rate, each = 60 * count / row["wall_s"], row["processor_s"] / count
        print(f"{count:6} {rate:9.0f} {each:17.2f} {row['peak_mb']:8.0f}")
    print(f"{options.jobs} jobs; {size_kb:.0f} kB a procedure in the registry")


def _demo(folder: Path) -> Path:
    sys.path[:0] = [str(ROOT), str(ROOT / "phantoms")]
    from skindose.rdsr.demo import write_demo

    return write_demo(folder / "demo.dcm")


if __name__ == "__main__":
    main()
