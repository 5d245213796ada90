"""`skindose batch`: reports a minute, processor time and memory, and what a procedure takes in the registry.

    python benchmarks/batch.py [--files N] [--jobs N] [--phantom NAME] [--json] [FILE.dcm ...]

Makes N different procedures of the given reports (default: the demonstration's), each with UIDs and a patient of its
own, and takes them into a fresh registry. The first minute's compiling is done before, with one of them.

Processor seconds are those of all processes after the first `WARM` files were taken, without their start; the rate on
two free cores is reckoned from them, for other programs on the machine lengthen the wall's. Memory is that of the
parent and of the largest worker, sampled all the while: what it grows by with each file is fitted to the second half.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydicom
from pydicom.uid import generate_uid

ROOT = Path(__file__).resolve().parents[1]
WARM = 18  # files: until then the processes start, load and keep their first bodies


def variants(sources: list[Path], count: int, folder: Path, seed: str) -> None:
    """`count` files, each a procedure of its own."""
    warnings.filterwarnings("ignore", "Invalid value for VR", UserWarning)  # real files hold odd UIDs
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


class Watched(NamedTuple):
    """A batch at a moment: files taken, processor seconds of all its processes, MB of the parent and largest worker."""

    done: int
    processor_s: float
    parent_mb: float
    worker_mb: float


def watched(parent: int, log: Path) -> Watched:
    """A batch as it is now."""
    own, workers = _process(parent), [_process(one) for one in _children(parent)]
    with log.open("rb") as lines:
        done = sum(1 for _ in lines)
    return Watched(done, own[0] + sum(one[0] for one in workers), own[1], max([0.0, *(one[1] for one in workers)]))


def _process(number: int) -> tuple[float, float]:
    """Processor seconds, with those of children that ended, and MB; zeros where it ended meanwhile."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()
        pages = int(Path(f"/proc/{number}/statm").read_text().split()[1])
    except OSError:
        return 0.0, 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _children(number: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{number}/task/{number}/children").read_text().split()]
    except OSError:
        return []


def take(folder: Path, home: Path, jobs: int, phantom: str) -> dict[str, Any]:
    """One batch in a process of its own."""
    home.mkdir()
    config, log = home / "run.toml", home.with_suffix(".log")
    config.write_text(f'phantom = "{phantom}"\n')
    log.touch()
    paths = os.pathsep.join((str(ROOT), str(ROOT / "phantoms")))
    environment = {**os.environ, "PYTHONPATH": paths, "SKINDOSE_HOME": str(home), "DATABASE_URL": ""}
    options = ["--jobs", str(jobs), "--config", str(config), "--log", str(log), "--json"]
    command = [sys.executable, "-m", "skindose", "batch", str(folder), *options]
    start, seen = time.perf_counter(), []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        while running.poll() is None:
            now = watched(running.pid, log)
            if now.done and now.parent_mb:
                seen.append(now)
            time.sleep(0.2)
        said = running.stdout.read() if running.stdout else b""
    if running.returncode:
        raise SystemExit(f"the batch ended with {running.returncode}")
    return {**json.loads(said)["outcomes"], "wall_s": time.perf_counter() - start, **measured(seen)}


def measured(seen: list[Watched]) -> dict[str, float]:
    """Processor seconds a file, the rate that two free cores would have, and memory."""
    first, last = next((one for one in seen if one.done >= WARM), seen[0]), seen[-1]
    each_s = (last.processor_s - first.processor_s) / max(1, last.done - first.done)
    half = [one for one in seen if one.done >= last.done / 2]
    done = np.array([one.done for one in half], dtype=float)
    slopes = {
        f"{name}_kb_a_file": 1024 * float(np.polyfit(done, [getattr(one, f"{name}_mb") for one in half], 1)[0])
        for name in ("parent", "worker")
        if np.ptp(done) > 0
    }
    peaks = {f"{name}_mb": max(getattr(one, f"{name}_mb") for one in seen) for name in ("parent", "worker")}
    return {"processor_s_a_file": each_s, "a_minute_on_two_cores": 120 / each_s if each_s else 0.0, **peaks, **slopes}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--phantom", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = options.sources or [_demo(folder)]
        variants(sources, len(sources), folder / "first", "first")
        take(folder / "first", folder / "warm", 1, options.phantom)
        variants(sources, options.files, folder / "all", "all")
        row = take(folder / "all", folder / "home", options.jobs, options.phantom)
        row["kb_a_procedure"] = sum(path.stat().st_size for path in (folder / "home").iterdir()) / 1024 / options.files
    if options.json:
        print(json.dumps({"jobs": options.jobs, "files": options.files, **row}, indent=2))
        return
    print(f"{options.files} files, {options.jobs} jobs, phantom {options.phantom}")
    for name, value in row.items():
        print(f"{name.replace('_', ' '):24} {value:10.2f}")


def _demo(folder: Path) -> Path:
    sys.path[:0] = [str(ROOT), str(ROOT / "phantoms")]
    from skindose.rdsr.demo import write_demo

    return write_demo(folder / "demo.dcm")


if __name__ == "__main__":
    main()
