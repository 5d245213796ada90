"""What sampling the uncertainty costs: 64 recast placements crossed with 1,000 draws, beside the map itself."""

import time
from pathlib import Path

import skindose
from skindose import rdsr
from skindose.config import Settings
from skindose.rdsr.demo import demo_procedure
from skindose.rdsr.write import to_bytes
from skindose.uncertainty.sample import sample

RDSR = Path(__file__).resolve().parents[2] / "shared" / "rdsr"
FILES = ("siemens_axiom_example_procedure.dcm", "philips_legacy_316_events_7.7Gy.dcm")


def procedures():
    """The demonstration, and the real files where they are."""
    yield "demo", rdsr.read_bytes(to_bytes(demo_procedure()), "demo.dcm")
    yield from ((name, skindose.read(RDSR / name)) for name in FILES if (RDSR / name).exists())


def main():
    """Print seconds on the clock and of all processors, the best of three."""
    print(f"{'file':42s} {'events':>6s} {'sampling s':>10s} {'processors s':>12s} {'whole s':>8s}")
    for name, procedure in procedures():
        result = skindose.compute(procedure, Settings())
        best = min(timed(lambda made=result: sample(made, made.dosemap.peak)) for _ in range(3))
        whole, _ = timed(lambda given=procedure: skindose.compute(given, Settings()))
        print(f"{name:42s} {len(result.events):6d} {best[0]:10.2f} {best[1]:12.2f} {whole:8.2f}")


def timed(work):
    """Seconds on the clock and of the processors."""
    clock, processors = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processors


if __name__ == "__main__":
    main()
