"""A procedure computed twice: by the fast engine and by Monte Carlo, on the same body, beams and table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skindose import montecarlo, pipeline
from skindose.agreement import Patches, agree, patches
from skindose.config import Settings
from skindose.dose import find_peak, patch_area_mm2
from skindose.errors import InputError, SettingsError
from skindose.model import BoolArray, Events, FloatArray, Peak, Procedure, Result
from skindose.physics import beam, quality, table
from skindose.units import mm2_to_cm2

BODIES = ("water", "soft-tissue")


@dataclass(frozen=True)
class Verification:
    """What the fast engine says beside the Monte Carlo.

    peak               the fast engine's, with its patch
    peak_truth_mgy     Monte Carlo at that very patch, and its standard uncertainty
    truth              the result with the Monte Carlo's dose and its standard uncertainty in every cell
    patches            about 1 cm2 each, on the whole skin
    fast_mgy, truth_mgy, uncertainty_mgy     (patches,)
    high               (patches,) above half the peak in the fast map, or surely (two sigma) in the truth: those judged
    agree              (patches,) within 8 % (and two standard uncertainties of the truth, in quadrature) or 3 mm
    """

    result: Result
    peak: Peak
    peak_truth_mgy: tuple[float, float]
    truth: Result
    patches: Patches
    fast_mgy: FloatArray
    truth_mgy: FloatArray
    uncertainty_mgy: FloatArray
    high: BoolArray
    agree: BoolArray
    photons: int
    seconds: float
    lost: int
    notes: tuple[str, ...]

    @property
    def peak_ratio(self) -> float:
        """Fast over truth at the fast engine's peak."""
        return self.peak.skin_dose_mgy / self.peak_truth_mgy[0]

    @property
    def agreeing_fraction(self) -> float:
        """Share, by area, of the skin above half the peak that is within 8 % or 3 mm."""
        area = self.patches.area_mm2
        return float(area[self.high & self.agree].sum() / area[self.high].sum())

    def to_dict(self) -> dict[str, Any]:
        """For programs: everything, patches above half the peak one by one."""
        rows = np.flatnonzero(self.high)
        return {
            "file": self.result.procedure.inputs[0].name if self.result.procedure.inputs else "",
            "events": len(self.result.events),
            "phantom": self.result.phantom.name,
            "cells": len(self.result.phantom.area_mm2),
            "peak": {
                "fast_mgy": self.peak.skin_dose_mgy,
                "truth_mgy": self.peak_truth_mgy[0],
                "standard_uncertainty_mgy": self.peak_truth_mgy[1],
                "fast_over_truth": self.peak_ratio,
                "position_mm": list(self.peak.position_mm),
                "region": self.peak.region,
            },
            "above_half_peak": {
                "area_cm2": mm2_to_cm2(float(self.patches.area_mm2[self.high].sum())),
                "within_8_percent_or_3_mm_fraction": self.agreeing_fraction,
                "patches": [
                    {
                        "centre_mm": [round(float(x), 1) for x in self.patches.centre_mm[k]],
                        "area_mm2": float(self.patches.area_mm2[k]),
                        "fast_mgy": float(self.fast_mgy[k]),
                        "truth_mgy": float(self.truth_mgy[k]),
                        "standard_uncertainty_mgy": float(self.uncertainty_mgy[k]),
                        "agrees": bool(self.agree[k]),
                    }
                    for k in rows
                ],
            },
            "photons": self.photons,
            "seconds": self.seconds,
            "photons_per_s": self.photons / max(self.seconds, 1e-9),
            "lost_photons": self.lost,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Effort:
    """How long to simulate: until the peak's patch is known well enough, or the time or the photons are spent.

    relative   standard uncertainty of the patch wanted, over its dose
    body       what the body is made of: water or soft-tissue
    """

    relative: float = 0.01
    seconds: float = 180.0
    photons: int = 200_000_000
    seed: int = 0
    body: str = "water"


def verify(procedure: Procedure, settings: Settings, effort: Effort) -> Verification:
    """One procedure by both ways: dose to water, uncalibrated, without table and pad where that correction is left out.

    A measured transmission cannot be simulated: then both ways go through the layers that the profile describes.

    raises   InputError where there is no map to compare; SettingsError for an unknown body; as `pipeline.compute`
    """
    if effort.body not in BODIES:
        raise SettingsError(f"a body of {effort.body!r} is not possible", "--body", f"Use one of: {', '.join(BODIES)}.")
    chosen = ("backscatter", "medium", *(("table",) if "table" in settings.corrections else ()))
    forced = {"corrections": chosen, "medium": "water", "calibration_folder": None}
    result = pipeline.compute(procedure, settings.model_copy(update=forced), sampled=False)
    result, events, notes = _without_measurements(result)
    if result.beams is None or result.dosemap is None or (peak := result.dosemap.peak) is None:
        raise InputError(f"nothing to verify, for {result.no_map_reason}", remedy="See `skindose check`.")
    if "table" not in chosen:
        result = replace(result, beams=replace(result.beams, support=(), support_mm=np.zeros((0, 6))))
    notes = (f"Monte Carlo in {effort.body}, air as vacuum; dose to water, uncalibrated.", *notes)
    budget = montecarlo.Budget(
        effort.photons, effort.seconds, effort.relative, peak.patch, patch_area_mm2(peak, result.phantom)
    )
    truth = montecarlo.simulate(_scene(result, events, effort), budget, effort.seed)
    found = _compared(result, peak, truth, notes)
    reached = found.peak_truth_mgy[1] / found.peak_truth_mgy[0]
    if reached <= effort.relative:
        return found
    missed = f"The peak is known to {100 * reached:.1f} % only: give more --seconds or --photons for less."
    return replace(found, notes=(*found.notes, missed))


def _without_measurements(result: Result) -> tuple[Result, Events, tuple[str, ...]]:
    """The result with its map through the described layers where it had a measured curve, and the events of that."""
    events, beams = result.events, result.beams
    if beams is None or not (events.machine.transmission and len(beams.support_mm)):
        return result, events, ()
    events = replace(events, machine=replace(events.machine, transmission=""))
    note = "Table and pad: the described layers in both, not the measured curve, which cannot be simulated."
    return replace(result, dosemap=pipeline.recast(result, events)), events, (note,)


def _scene(result: Result, events: Events, effort: Effort) -> montecarlo.Scene:
    beams = result.beams
    assert beams is not None
    used = np.zeros(len(events), dtype=np.bool_)
    used[beams.event] = True
    kerma = beam.of_events(events, used).quality.kerma
    known = quality.tables()
    return montecarlo.Scene(
        beams,
        montecarlo.solid(result.phantom),
        montecarlo.Spectra(known.energy_kev, kerma / (known.energy_kev * known.kerma_rho)),
        tuple((montecarlo.material(layer.material), table.DENSITY_GCM3[layer.material]) for layer in beams.support),
        montecarlo.material(effort.body),
    )


def _compared(result: Result, peak: Peak, truth: montecarlo.Truth, notes: tuple[str, ...]) -> Verification:
    assert result.dosemap is not None
    body, fast = result.phantom, result.dosemap.dose_mgy
    found = patches(body)
    of_cell = np.concatenate([found.of_cell, np.full(truth.slot_dose_mgy.shape[1] - len(fast), -1, dtype=np.int32)])
    at_peak = truth.patch(peak.patch, patch_area_mm2(peak, body))
    if not at_peak[0] > 0.0:
        raise SettingsError("no photon reached the peak", "--photons", "Give more photons, or more seconds.")
    area = np.concatenate([body.area_mm2, np.ones(len(of_cell) - len(fast))])
    mean, uncertainty = truth.groups(of_cell, area)
    used = found.of_cell >= 0
    weighted = np.bincount(found.of_cell[used], weights=(fast * body.area_mm2)[used], minlength=len(found.area_mm2))
    fast_mean: FloatArray = weighted / found.area_mm2
    return Verification(
        result=result,
        peak=peak,
        peak_truth_mgy=at_peak,
        truth=_with_dose(result, truth.dose_mgy[: len(fast)], truth.uncertainty_mgy[: len(fast)]),
        patches=found,
        fast_mgy=fast_mean,
        truth_mgy=mean,
        uncertainty_mgy=uncertainty,
        high=np.maximum(fast_mean, mean - 2.0 * uncertainty) > peak.skin_dose_mgy / 2,
        agree=agree(found, fast_mean, mean, uncertainty),
        photons=truth.photons,
        seconds=truth.seconds,
        lost=truth.lost,
        notes=notes,
    )


def _with_dose(result: Result, dose_mgy: FloatArray, uncertainty_mgy: FloatArray) -> Result:
    """The result with another map of the same body; who added what to it is not known."""
    assert result.dosemap is not None
    peak = find_peak(dose_mgy, result.phantom)
    dosemap = replace(result.dosemap, dose_mgy=dose_mgy, uncertainty_mgy=uncertainty_mgy, peak=peak)
    return replace(result, dosemap=dosemap)
