"""Reading a dose report: our reader against `pydicom.dcmread` and a plain walk over all items, in the same run.

    python benchmarks/read.py [FILE] [--repeats 5] [--json]

The walk touches each content item's concept, type, numbers, units, texts and codes, as any program that uses the
report must. Printed are the best times and their ratio; the file is the longest of ../shared unless one is named.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONGEST = Path(__file__).resolve().parents[2] / "shared" / "rdsr" / "philips_legacy_316_events_7.7Gy.dcm"


def with_pydicom(path: Path) -> int:
    """Read and walk; the number of content items."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sum(_walked(item) for item in pydicom.dcmread(path).ContentSequence)


def _walked(item: Any) -> int:
    _code(item.get("ConceptNameCodeSequence"))
    _code(item.get("ConceptCodeSequence"))
    for keyword in ("ValueType", "TextValue", "DateTime", "UID"):
        item.get(keyword)
    for measured in item.get("MeasuredValueSequence") or ():
        measured.get("NumericValue")
        _code(measured.get("MeasurementUnitsCodeSequence"))
    return 1 + sum(_walked(child) for child in item.get("ContentSequence") or ())


def _code(sequence: Any) -> None:
    for entry in sequence or ():
        for keyword in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"):
            entry.get(keyword)


def with_ours(path: Path) -> int:
    """Read; the number of content items."""
    from skindose.rdsr import read

    found = read(path)
    roots = (*found.context, *found.accumulated, *found.events)
    return sum(1 + sum(1 for _ in item.walk()) for item in roots)


def best_s(reader: Callable[[Path], int], path: Path, repeats: int) -> float:
    """The shortest of several times, after one that is not counted."""
    reader(path)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        reader(path)
        times.append(time.perf_counter() - start)
    return min(times)


def measure(path: Path, repeats: int) -> dict[str, Any]:
    """Both times, their ratio, and what was read."""
    items = with_ours(path)
    if items != with_pydicom(path):
        raise SystemExit("the two readers find different items: the comparison is void")
    ours_s, pydicom_s = best_s(with_ours, path, repeats), best_s(with_pydicom, path, repeats)
    return {"file": path.name, "items": items, "repeats": repeats, "skindose_s": round(ours_s, 4),
            "pydicom_s": round(pydicom_s, 4), "ratio": round(ours_s / pydicom_s, 4)}  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=LONGEST)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    found = measure(arguments.file, arguments.repeats)
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{found['file']}: {found['items']} content items, best of {found['repeats']}")
    print(f"skindose {found['skindose_s']:.3f} s, pydicom {found['pydicom_s']:.3f} s, ratio {found['ratio']:.3f}")


if __name__ == "__main__":
    main()
