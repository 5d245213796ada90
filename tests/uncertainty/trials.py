"""Trials of the interval: a procedure is drawn, its truth and its report made, the program run on the report."""

import datetime
from dataclasses import dataclass, replace

import numpy as np

import skindose
from skindose import calibration, rdsr
from skindose.config import Settings
from skindose.geometry import support
from skindose.physics import beam, table
from skindose.rdsr.write import to_bytes
from tests.uncertainty.forward import Errors, Shot, report, true_peak_mgy

DISPLAY = 0.35  # rectangular; the numbers of ../shared/physics.md, and of docs/uncertainty.md for a documented table
CALIBRATED, SCATTER, MEDIUM, LOSS = 0.04, 0.04, 0.01, 0.12
PLACEMENT_MM = {"table": (10.0, 10.0, 30.0), "anatomy": (15.0, 15.0, 30.0)}  # left, down, head
FACTOR = 1.12
RECORD = f"""kind = "air-kerma"
name = "lab-1"
date = 2025-06-01
valid_months = 12
measured_by = "A. Expert"
instrument = "ionisation chamber 1"

[machine]
station = "LAB 1"
model = "AXIOM-Artis"

[[factor]]
value = {FACTOR}
uncertainty = {CALIBRATED}
"""


@dataclass(frozen=True)
class Trial:
    """One procedure: the true peak, and what the program said."""

    kind: str
    true_mgy: float
    shown_mgy: float
    interval_mgy: tuple
    rank: float  # share of the program's draws below the truth: uniform where the budget is right

    @property
    def held(self):
        low, high = self.interval_mgy
        return low <= self.true_mgy <= high


def shots(rng, angles, planes=("single",), side=(70.0, 140.0)):
    """One shot for each (primary, secondary), somewhat beside it, with a quality and a table position of its own."""
    return [
        Shot(
            primary=primary + rng.uniform(-4, 4),
            secondary=secondary + rng.uniform(-4, 4),
            kvp=rng.uniform(65, 115),
            copper=float(rng.choice([0.1, 0.3, 0.6])),
            side=rng.uniform(*side),
            kerma=rng.uniform(200, 2000),
            plane=planes[index % len(planes)],
            longitudinal=rng.uniform(-20, 20),
            lateral=400.0 + rng.uniform(-20, 20),
            height=150.0 + rng.uniform(-10, 10),
        )
        for index, (primary, secondary) in enumerate(angles)
    ]


SEVERAL = ((0, 0), (28, 5), (-25, 15), (12, -20))
# name -> phantom, where the patient lies, whether the display is calibrated, angles, planes
KINDS = {
    "one projection": ("plane", "table", False, ((0, 0),), ("single",)),
    "one, calibrated": ("oval", "anatomy", True, ((0, 0),), ("single",)),
    "several": ("oval", "table", False, SEVERAL, ("single",)),
    "several, calibrated": ("oval", "table", True, SEVERAL, ("single",)),
    "two planes": ("oval", "anatomy", False, ((0, 0), (90, 0), (5, 10), (85, -5)), ("A", "B")),
    "on a body": ("male", "table", False, ((0, 5), (-28, 0), (25, -10)), ("A", "B")),
}


def trial(number, folder):
    """The trial of this number, of one kind after the other.

    folder   with the signed record of the calibration
    """
    rng = np.random.default_rng([2026, number])
    kind = list(KINDS)[number % len(KINDS)]
    phantom, placed, calibrated, angles, planes = KINDS[kind]
    procedure = shots(rng, angles, planes)
    errors = drawn(rng, procedure, placed, calibrated)
    settings = Settings(
        phantom=phantom,
        placement="auto" if placed == "table" else "anatomy",
        calibration_folder=folder if calibrated else None,
        seed=number,
    )
    result = skindose.compute(rdsr.read_bytes(to_bytes(report(procedure, errors, number)), "trial.dcm"), settings)
    procedure = [replace(shot, table=t) for shot, t in zip(procedure, transmissions(result, procedure), strict=True)]
    errors = replace(errors, loss=max(0.0, 1.0 + LOSS / -np.log(procedure[0].table) * rng.standard_normal()))
    true = true_peak_mgy(procedure, errors, result.phantom, placed)
    shown = result.dosemap.peak.skin_dose_mgy
    rank = float((result.uncertainty.ratio * shown < true).mean())
    return Trial(kind, true, shown, result.peak_interval_mgy, rank)


def transmissions(result, procedure):
    """(shots,) the one factor that is the program's own: T of a perpendicular ray, at the field's size on the skin."""
    events = result.events
    layers, _ = support(events, result.settings)
    stack = table.support(events.machine, beam.of_events(events, np.ones(len(events), dtype=bool)).quality, layers)
    path = np.tile([layer.thickness_mm for layer in layers], (len(events), 1))
    side = np.array([shot.side for shot in procedure])
    return table.transmission(stack, np.arange(len(events)), path, np.ones(len(events)), side)


def drawn(rng, procedure, placed, calibrated):
    """Errors from the budget's distributions."""
    display = {}
    for plane in sorted({shot.plane for shot in procedure}):
        error = 1.0 + rng.uniform(-DISPLAY, DISPLAY)
        display[plane] = error
    if calibrated:  # one record, one error for all
        display = dict.fromkeys(display, 1.0 / (FACTOR * np.exp(CALIBRATED * rng.standard_normal())))
    return Errors(
        display=display,
        scatter=np.exp(SCATTER * rng.standard_normal()),
        medium=np.exp(MEDIUM * rng.standard_normal()),
        isocentre=tuple(np.array(PLACEMENT_MM[placed]) * rng.standard_normal(3)),
    )


def signed_record(folder):
    """The folder, with the calibration that the trials use."""
    path = folder / "lab-1.toml"
    path.write_text(RECORD, encoding="utf-8")
    calibration.sign(path, "A. Expert", datetime.date(2026, 1, 5))
    return folder
