"""Calibration records for the tests: text, files, and a made-up procedure that they are for."""

import datetime

import skindose
from skindose import calibration, rdsr
from skindose.config import Settings
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes
from tests.test_pipeline import EVENT

SIGNED = datetime.date(2026, 1, 5)
HEAD = """kind = "air-kerma"
name = "NAME"
date = 2025-06-01
valid_months = 12
measured_by = "A. Expert"
instrument = "ionisation chamber 1, calibrated 2025-03"
"""
MACHINE = """
[machine]
station = "LAB 1"
manufacturer = "Made-up Medical"
"""
FACTOR = """
[[factor]]
value = 1.1
uncertainty = 0.04
"""
CURVE = """
[[curve]]
at_kvp_kv = [60, 100]
at_cu_mm = [0, 0.3, 0.9]
transmission = [[0.60, 0.70, 0.72], [0.66, 0.76, 0.79]]
pad_mm = 40
scatter_side_mm = 0
uncertainty = 0.05
"""


def air_kerma(factors=FACTOR, name="lab-1", machine=MACHINE, **changes):
    """Text of a record; keyword arguments replace values of its head."""
    lines = [line for line in HEAD.replace("NAME", name).splitlines() if line.split(" ")[0] not in changes]
    lines += [f"{key} = {value}" for key, value in changes.items() if value is not None]
    return "\n".join(lines) + "\n" + machine + factors


def transmission(curves=CURVE, name="lab-1-table", **changes):
    return air_kerma(curves, name, **{"kind": '"transmission"', **changes})


def put(folder, *texts, signed=True):
    """Writes records as 0.toml, 1.toml, ... and signs them; returns the folder."""
    for number, text in enumerate(texts):
        path = folder / f"{number}.toml"
        path.write_text(text, encoding="utf-8")
        if signed:
            calibration.sign(path, "A. Expert", SIGNED)
    return folder


def settings(folder, **changes):
    made_up = {"phantom": "plane", "placement": "table", "height_cm": 170, "weight_kg": 70, "sex": "male", "age": 50}
    return Settings(**{"pad_mm": 40, **made_up, "calibration_folder": folder, **changes})


def computed(folder, *events, date="20260101", station="LAB 1", **changes):
    """A made-up procedure of these events (one usual one by default) under the records of a folder."""
    written = tuple(
        WrittenEvent(**{**EVENT, "started": f"2026010108{minute:02}00", **event})
        for minute, event in enumerate(events or ({},))
    )
    made = WrittenProcedure(events=written, date=date, station=station)
    return skindose.compute(rdsr.read_bytes(to_bytes(made), "case.dcm"), settings(folder, **changes))
