"""One file from start to finished result, beside PySkinDose on the same file in the same minute.

    python benchmarks/run.py [FILE] [--repeats N] [--json]

Both run as their users run them: a process of their own, imports included. Ours writes its whole result folder; the
peer keeps its result in memory and writes nothing. Cold is the first run, ours with an empty numba cache; warm is the
median of the runs after it, ours and the peer's in turn. Memory is the peak resident size of the process.
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

sys.path.insert(0, str(Path(__file__).resolve().parent))
import peer

ROOT = Path(__file__).resolve().parents[1]
LIMIT_RATIO = 0.5
LIMIT_MIB = 400
GOAL_S = 1.0


def our_command(path: Path, out: Path) -> list[str]:
    """The command line as a user types it, by the interpreter that runs this script."""
    program = [sys.executable, "-c", "from skindose.cli import main; main()"]
    return [*program, "run", str(path), "--out", str(out), "--phantom", "male", "--json"]


def measure(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Wall time in s and peak resident size in MiB of one process; its messages where it fails."""
    log = folder / "log.txt"
    with log.open("wb") as stream:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=stream)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\nended with {process.returncode}:\n{log.read_text()[-2000:]}")
    per_mib = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return elapsed, usage.ru_maxrss / per_mib


def compare(path: Path, repeats: int) -> dict[str, Any]:
    """Both programs on one file, in turn; times in s, memory in MiB."""
    with tempfile.TemporaryDirectory() as name:
        folders = {program: Path(name) / program for program in ("skindose", "peer")}
        for folder in folders.values():
            folder.mkdir()
        ours = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "phantoms"))),
            "NUMBA_CACHE_DIR": str(Path(name) / "numba"),
        }
        runs = {
            "skindose": (our_command(path, folders["skindose"] / "out"), folders["skindose"], ours),
            "peer": (peer.plain_command(path), folders["peer"], peer.quiet()),
        }
        measured = {program: [measure(*run)] for program, run in runs.items()}
        for _ in range(repeats):
            for program, run in runs.items():
                measured[program].append(measure(*run))
    programs = {program: summary(values) for program, values in measured.items()}
    ratio = programs["skindose"]["warm_s"] / programs["peer"]["warm_s"]
    return {"file": path.name, **programs, "ratio": ratio}


def summary(values: list[tuple[float, float]]) -> dict[str, float]:
    """First run, median and fastest of the others, and the largest memory of all."""
    cold, *warm = [seconds for seconds, _ in values]
    return {
        "cold_s": cold,
        "warm_s": statistics.median(warm),
        "fastest_s": min(warm),
        "memory_mib": max(size for _, size in values),
    }


def show(result: dict[str, Any]) -> None:
    """A table, and the limits beside what was measured."""
    print(f"{result['file']}: start to finish, imports included")
    print(f"{'':10s} {'cold s':>8s} {'warm s':>8s} {'fastest s':>10s} {'memory MiB':>11s}")
    for program in ("skindose", "peer"):
        row = result[program]
        times = "".join(f" {row[key]:{width}.2f}" for key, width in (("cold_s", 8), ("warm_s", 8), ("fastest_s", 10)))
        print(f"{program:10s}{times} {row['memory_mib']:11.0f}")
    ours = result["skindose"]
    print(f"skindose / peer: {result['ratio']:.2f} (at most {LIMIT_RATIO})")
    print(f"skindose, warm:  {ours['warm_s']:.2f} s (goal {GOAL_S}), {ours['memory_mib']:.0f} MiB (below {LIMIT_MIB})")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=peer.FILES[0])
    parser.add_argument("--repeats", type=int, default=5, help="warm runs of each program")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    options = parser.parse_args()
    if not options.file.is_file():
        print(f"{options.file.name} is not there: nothing measured.")
        return
    result = compare(options.file.resolve(), options.repeats)
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        show(result)


if __name__ == "__main__":
    main()
