"""Result -> result.json: the contract with other programs (schema: result.schema.json beside this file).

The same input and settings give the same bytes: fixed key order, six significant digits, no time of computing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from typing import Any

import numpy as np

from skindose import __version__
from skindose.calibration import Calibrations, uncalibrated
from skindose.changes import Change
from skindose.dose import area_above_mm2, highest_by_region_mgy
from skindose.model import Finding, Findings, InputFile, Peak, Result
from skindose.report.scene import AREA_LEVELS_GY, DISCLAIMER
from skindose.uncertainty import Uncertainty
from skindose.units import gy_to_mgy, mm2_to_cm2

SCHEMA_VERSION = "1.1"
_DIGITS = 6  # significant; finer than any input is known, coarser than what order of summing changes


def summary_json(facts: dict[str, Any]) -> bytes:
    """result.json as UTF-8 from `summary` and the files' digests; never NaN or Infinity."""
    return (json.dumps(facts, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def schema() -> dict[str, Any]:
    """The published JSON schema (draft 2020-12) of result.json."""
    text = resources.files("skindose.report").joinpath("result.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def summary(result: Result) -> dict[str, Any]:
    """The content of result.json, but for `files`, as plain dicts, lists, strings, numbers and None."""
    tree = {
        "schema_version": SCHEMA_VERSION,
        "software": {"name": "skindose", "version": __version__},
        **_what_went_in(result),
        **_how_it_was_computed(result),
        "totals": result.totals,
        **_dose(result),
        "vendor_peak_mgy": result.events.vendor_peak_mgy,
        "assumptions": _unique(result.assumptions),
        "warnings": _unique((*result.warnings, *result.findings.warnings)),
        "trigger_set": _trigger_set(result.findings),
        "triggers": [trigger(finding) for finding in result.findings.findings],
        "disclaimer": DISCLAIMER,
    }
    cleaned: dict[str, Any] = clean(tree)
    return cleaned


def clean(value: Any) -> Any:
    """`value` as JSON can hold it: numpy unpacked, floats rounded to six significant digits, NaN and Infinity None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return _rounded(value)
    if isinstance(value, Mapping):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _rounded(value: float) -> float | None:
    """Six significant digits; -0 is 0; None for NaN and Infinity."""
    return float(f"{value:.{_DIGITS}g}") + 0.0 if math.isfinite(value) else None


def _unique(texts: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _input(file: InputFile) -> dict[str, str]:
    return {"file": file.name, "sha256": file.sha256, "sop_instance_uid": file.sop_instance_uid}


def _what_went_in(result: Result) -> dict[str, Any]:
    """`input` is the first file, `inputs` all of them, more than one where files of one study were merged."""
    header, machine = result.procedure.header, result.events.machine
    inputs = [_input(file) for file in result.procedure.inputs]
    return {
        "input": inputs[0],
        "inputs": inputs,
        "procedure": {
            "date": header.study_date or None,
            "description": header.description or None,
            "study_instance_uid": header.study_instance_uid or None,
            "station": header.station or None,
        },
        "patient": _patient(result),
        "device": {
            "manufacturer": header.manufacturer or None,
            "model": header.model or None,
            "software": header.software or None,
        },
        "profile": {"name": machine.profile, "status": machine.profile_status},
        "calibration": _calibration(result),
    }


def _calibration(result: Result) -> dict[str, Any]:
    """What air kerma and transmission were corrected with, and what the report itself says."""
    known = result.calibrations or uncalibrated(len(result.events))
    mapped = np.flatnonzero(result.events.mapped).tolist()
    done = sum(known.record[event] != "" for event in mapped)
    chosen = "calibration" in result.settings.corrections
    status = "uncalibrated" if not done else "calibrated" if done == len(mapped) else "partly calibrated"
    return {
        "status": status if chosen else "switched off",
        "records": [*_records(known, "air-kerma", mapped), *_records(known, "transmission", mapped)],
        "reported": [each._asdict() for each in known.reported],
    }


def _records(known: Calibrations, kind: str, mapped: list[int]) -> list[dict[str, Any]]:
    """Every record of a kind that was applied to a mapped event, with its events and the range of its factor."""
    names, uncertainty = known.record, known.standard_uncertainty
    if kind == "transmission":
        names, uncertainty = known.transmission_record, known.transmission_uncertainty
    found = []
    for name in dict.fromkeys(filter(None, (names[event] for event in mapped))):
        events = [event for event in mapped if names[event] == name]
        factors = known.factor[events] if kind == "air-kerma" else None
        found.append(
            {
                "record": name,
                "kind": kind,
                "events": [event + 1 for event in events],
                "factor": None if factors is None else [factors.min(), factors.max()],
                "standard_uncertainty": uncertainty[events].max(),
            }
        )
    return found


def _patient(result: Result) -> dict[str, Any]:
    """What was known of the patient: an option where one was given, else the file; None is not stated."""
    settings = result.settings
    given = {
        "height_cm": settings.height_cm,
        "weight_kg": settings.weight_kg,
        "sex": settings.sex,
        "age_years": settings.age,
    }
    return asdict(result.procedure.header.patient) | {key: value for key, value in given.items() if value is not None}


def _how_it_was_computed(result: Result) -> dict[str, Any]:
    phantom = result.phantom
    return {
        "phantom": {"name": phantom.name, "parameters": phantom.parameters, "cells": len(phantom.triangles)},
        "placement": _placement(result),
        "orientation": _orientation(result),
        "corrections": list(result.settings.corrections),
        "dose_medium": result.settings.medium,
        "revises": result.case.revises._asdict() if result.case.revises else None,
        "user_changes": [_change(change) for change in result.changes],
        "excluded_events": [
            {"event": index + 1, "reason": reason} for index, reason in sorted(result.excluded.items())
        ],
    }


def _change(change: Change) -> dict[str, Any]:
    """What the user changed; what does not belong to its kind is null."""
    corrected, moved = change.kind == "corrected", change.kind == "moved"
    return {
        "kind": change.kind,
        "events": [index + 1 for index in change.events],
        "field": change.field or None,
        "old": list(change.old) if corrected else None,
        "new": change.new[0] if corrected else None,
        "offset_mm": list(change.new[:3]) if moved else None,
        "turn_deg": change.new[3] if moved else None,
        "note": change.note or None,
    }


def _placement(result: Result) -> dict[str, Any] | None:
    """x_table = rotation @ x_patient + origin_mm; what anatomy moved the isocentre by; how each axis was decided."""
    placement = result.placement
    if placement is None:
        return None
    return {
        "rotation": placement.rotation,
        "origin_mm": placement.origin_mm,
        "isocentre_shift_mm": placement.isocentre_shift_mm,
        "axes": placement.axes,
        "region": placement.region or None,
        "region_status": result.events.region_status.name.lower(),
        "offset_mm": list(result.settings.offset_mm),
    }


def _orientation(result: Result) -> dict[str, Any]:
    """Registered: what the machine was told; actual: how the patient lay, as far as the map goes."""
    if result.placement is None:
        return {"registered": result.events.registered_orientation or None, "actual": None}
    registered, actual = result.placement.orientation_registered, result.placement.orientation_actual
    return {"registered": registered or None, "actual": actual or None}


def _dose(result: Result) -> dict[str, Any]:
    peak = _peak(result)
    return {
        "peak": peak,
        "plane_peaks": {plane: place(found) for plane, found in sorted(result.plane_peaks.items())},
        "no_map_reason": None if peak else no_map_reason(result),
        "peak_upper_bound_mgy": result.peak_upper_bound_mgy,
        "area_above": [{"level_gy": level, "area_cm2": _area_above(result, level)} for level in AREA_LEVELS_GY],
        "regions": _regions(result),
    }


def no_map_reason(result: Result) -> str:
    """Why there is no peak, in words; "" where there is one."""
    if result.dosemap is not None and result.dosemap.peak is not None:
        return ""
    missed = "no X-ray beam meets the body as it is placed" if result.dosemap is not None else "no map was computed"
    return result.no_map_reason or missed


def _peak(result: Result) -> dict[str, Any] | None:
    if result.dosemap is None or result.dosemap.peak is None:
        return None
    return {
        **place(result.dosemap.peak),
        "interval_95_mgy": result.peak_interval_mgy,
        "lower_bound_reason": "; ".join(result.peak_lacks) or None,
        "if_runs_stood_mgy": result.peak_if_runs_stood_mgy,
        "uncertainty": _uncertainty(result.uncertainty, result.dosemap.peak.skin_dose_mgy),
    }


def _uncertainty(found: Uncertainty | None, shown_mgy: float) -> dict[str, Any] | None:
    """How far off the peak may be, and what that is made of."""
    if found is None:
        return None
    return {
        "median_mgy": found.median * shown_mgy,
        "mean_mgy": found.mean * shown_mgy,
        "relative_standard": found.standard,
        "placements": found.placements,
        "draws": found.draws,
        "place_within_mm_95": found.place_mm,
        "regions": [{"region": name, "probability": chance} for name, chance in found.regions],
        "sources": [
            {"source": one.source, "relative_standard": one.standard, "share": one.share, "basis": one.basis}
            for one in found.shares
        ],
    }


def place(peak: Peak) -> dict[str, Any]:
    """How high, and where."""
    return {
        "skin_dose_mgy": peak.skin_dose_mgy,
        "cell_max_mgy": peak.cell_max_mgy,
        "position_mm": peak.position_mm,
        "cell": peak.cell,
        "region": peak.region,
    }


def _area_above(result: Result, level_gy: float) -> float | None:
    """Skin area in cm2 with at least this dose; None without a map."""
    if result.dosemap is None:
        return None
    return mm2_to_cm2(area_above_mm2(result.dosemap.dose_mgy, result.phantom, gy_to_mgy(level_gy)))


def _regions(result: Result) -> dict[str, dict[str, float]]:
    """The highest cell of every region of the body; empty without a map."""
    if result.dosemap is None:
        return {}
    highest = highest_by_region_mgy(result.dosemap.dose_mgy, result.phantom)
    return {name: {"cell_max_mgy": value} for name, value in highest.items()}


def _trigger_set(found: Findings) -> dict[str, Any]:
    """Which rules, and who released them; what is not known is null."""
    named = {"signed_by": found.signed_by, "signed_on": found.signed_on, "digest": found.digest}
    return {"preset": found.preset, **{key: value or None for key, value in named.items()}}


def trigger(finding: Finding) -> dict[str, Any]:
    """A finding; texts that say nothing are null."""
    return {key: None if value == "" else value for key, value in asdict(finding).items()}
