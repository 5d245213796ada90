"""Whole scenes: the beams of a procedure through table and pad into the body, and the dose to its skin."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skindose.model import Beams, FloatArray, IntArray, Phantom
from skindose.montecarlo import jit
from skindose.montecarlo.materials import MATERIALS, Material, material, muen_rho_cm2g, tables
from skindose.montecarlo.mesh import tree
from skindose.threads import workers

SLOTS = 64
"""Independent parts of every run; their spread gives each uncertainty (within 9 % of itself)."""
ROUND = 320_000
"""Histories between two looks at clock and precision, in all slots together."""


@dataclass(frozen=True)
class Spectra:
    """Photon spectra, one per irradiation event.

    energy_kev   (lines,) 1 to 160 keV
    fluence      (events, lines) photons per line, any scale
    """

    energy_kev: FloatArray
    fluence: FloatArray


@dataclass(frozen=True)
class Scene:
    """What is simulated; air is taken as vacuum.

    beams      of a procedure; their support's layers are made of `layers`
    phantom    a closed mesh, the body
    spectra    `beams.event` says which belongs to a beam; behind all filters, before table and body
    layers     material and density in g/cm3 of each layer of `beams.support_mm`; None: nominal, by `beams.support`
    body       what the body is made of
    probes_mm  (probes, 6) boxes x_min, x_max, y_min, ... in which the energy left in the body is counted
    """

    beams: Beams
    phantom: Phantom
    spectra: Spectra
    layers: tuple[tuple[Material, float], ...] | None = None
    body: Material = MATERIALS["water"]
    probes_mm: FloatArray = field(default_factory=lambda: np.zeros((0, 6)))


@dataclass(frozen=True)
class Budget:
    """When to stop: after so many photons, after so many seconds, or when a patch is known so well (k = 1).

    patch, patch_mm2   cells of the patch and the area that each gives to it
    """

    photons: int
    seconds: float = float("inf")
    relative: float = 0.0
    patch: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    patch_mm2: FloatArray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Truth:
    """Dose to water at the skin (water kerma), cell by cell, and how it was reached.

    slot_dose_mgy        (slots, cells) of the independent parts, each with an equal share of the photons
    photons, seconds     histories, and the time they took
    lost                 photons that met the mesh inconsistently (rounding at an edge)
    energy_kev           emitted, left in the body, left in the support, gone; weighted
    imbalance_kev        the worst difference of any one photon between what it had and what it left
    probe_kev_per_photon (slots, probes) energy left in each probe per photon
    """

    slot_dose_mgy: FloatArray
    photons: int
    seconds: float
    lost: int
    energy_kev: tuple[float, float, float, float]
    imbalance_kev: float
    probe_kev_per_photon: FloatArray

    @property
    def dose_mgy(self) -> FloatArray:
        """(cells,)."""
        mean: FloatArray = self.slot_dose_mgy.mean(axis=0)
        return mean

    @property
    def uncertainty_mgy(self) -> FloatArray:
        """(cells,) standard uncertainty, statistical."""
        return _standard(self.slot_dose_mgy)

    def patch(self, cells: IntArray, area_mm2: FloatArray) -> tuple[float, float]:
        """Mean dose over some cells by area, and its standard uncertainty, in mGy."""
        means = self.slot_dose_mgy[:, cells] @ (area_mm2 / area_mm2.sum())
        return float(means.mean()), float(_standard(means))

    def groups(self, group: IntArray, area_mm2: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean dose by area over groups of cells, and its standard uncertainty, each (groups,), in mGy.

        group   (cells,) number of each cell's group, -1 for none
        """
        used = group >= 0
        area = np.bincount(group[used], weights=area_mm2[used])
        rows = [np.bincount(group[used], weights=row[used] * area_mm2[used]) / area for row in self.slot_dose_mgy]
        means = np.array(rows)
        return means.mean(axis=0), _standard(means)


def _standard(slots: FloatArray) -> FloatArray:
    spread: FloatArray = slots.std(axis=0, ddof=1) / np.sqrt(len(slots))
    return spread


def simulate(scene: Scene, budget: Budget, seed: int = 0, threads: int | None = None) -> Truth:
    """The dose to the skin of a scene by Monte Carlo.

    Normalised so that the air kerma at each beam's reference point, free in air and without table, is
    `air_kerma_rp_mgy`. Photons are shared among the beams by kerma times field, so that each stands for the same dose.

    seed      with equal seeds and numbers of photons equal results, for any number of threads
    raises    PhantomError for a mesh that is not closed; SettingsError for an unknown material
    """
    run = _Run.of(scene, seed)
    per_slot = -(-min(budget.photons, ROUND) // SLOTS)
    rounds = max(1, -(-budget.photons // (per_slot * SLOTS)))
    began, done = time.monotonic(), 0
    with workers(threads, SLOTS) as work:
        for number in range(rounds):
            list(work(lambda slot, first=number * SLOTS: run.batch(slot, first + slot, per_slot), range(SLOTS)))
            done += 1
            truth = run.truth(done * per_slot, time.monotonic() - began)
            if truth.seconds > budget.seconds or _precise(truth, budget):
                break
    return truth


def _precise(truth: Truth, budget: Budget) -> bool:
    if not budget.relative or not len(budget.patch):
        return False
    dose, uncertainty = truth.patch(budget.patch, budget.patch_mm2)
    return dose > 0 and uncertainty < budget.relative * dose


@dataclass(frozen=True)
class _Run:
    """Everything the compiled code wants, and the sums of each slot."""

    seed: int
    beams: FloatArray
    share: FloatArray  # (beams,) of the photons
    mgy_mm2: float  # dose times area that a photon's keV cm2/g stands for, times the number of photons
    fixed: tuple[Any, ...]
    area_mm2: FloatArray
    dose: FloatArray
    probed: FloatArray
    counts: FloatArray

    @classmethod
    def of(cls, scene: Scene, seed: int) -> _Run:
        layers = scene.layers
        if layers is None:
            layers = tuple(
                (material(layer.material), material(layer.material).density_gcm3) for layer in scene.beams.support
            )
        table = tables([(scene.body, scene.body.density_gcm3), *layers])
        energies, fluence = scene.spectra.energy_kev, scene.spectra.fluence
        cumulative = np.ascontiguousarray(fluence.cumsum(axis=1))
        per_photon = fluence @ (energies * muen_rho_cm2g(MATERIALS["air"], energies)) / cumulative[:, -1]
        packed, field_mm2 = _pack(scene.beams)
        emitted = scene.beams.air_kerma_rp_mgy * field_mm2 / per_photon[scene.beams.event]
        slabs, probes = (
            np.ascontiguousarray(boxes, dtype=np.float64).reshape(-1, 6)
            for boxes in (scene.beams.support_mm, scene.probes_mm)
        )
        fixed = (packed, energies, cumulative, tuple(tree(scene.phantom)), slabs, probes)
        return cls(
            seed,
            packed,
            emitted / emitted.sum(),
            float(emitted.sum()),
            (*fixed, table.interaction, table.scattering, table.form, table.kerma),
            scene.phantom.area_mm2,
            np.zeros((SLOTS, len(scene.phantom.area_mm2))),
            np.zeros((SLOTS, len(probes))),
            np.zeros((SLOTS, jit.COUNTS)),
        )

    def batch(self, slot: int, number: int, photons: int) -> None:
        """Add a batch to a slot; the fraction of a photon that a beam is owed is drawn."""
        draw = np.random.default_rng((self.seed, number)).random(len(self.share))
        counts = np.floor(self.share * photons + draw).astype(np.int64)
        tallies = (self.dose[slot], self.probed[slot], self.counts[slot])
        arguments: list[Any] = [self.seed, number, counts, *self.fixed, *tallies]
        jit.scene(*arguments)

    def truth(self, per_slot: int, seconds: float) -> Truth:
        """What the slots say after `per_slot` photons each."""
        total = self.counts.sum(axis=0)
        return Truth(
            self.dose * (self.mgy_mm2 / per_slot / np.maximum(self.area_mm2, 1e-300)),
            per_slot * SLOTS,
            seconds,
            int(total[jit.LOST]),
            (total[jit.EMITTED], total[jit.IN_BODY], total[jit.IN_SUPPORT], total[jit.GONE]),
            float(self.counts[:, jit.IMBALANCE].max()),
            self.probed / per_slot,
        )


def _pack(beams: Beams) -> tuple[FloatArray, FloatArray]:
    """(beams, BEAM) rows as the compiled code wants them, and (beams,) the fields' areas in mm2."""
    count = len(beams)
    columns = (
        beams.source_mm,
        beams.axis,
        beams.u,
        beams.v,
        beams.field_mm,
        beams.reference_distance_mm[:, None],
        beams.circular[:, None],
        beams.table_rotation.reshape(count, 9),
        beams.table_origin_mm,
        beams.event[:, None],
    )
    packed = np.ascontiguousarray(np.concatenate(columns, axis=1), dtype=np.float64).reshape(count, jit.BEAM)
    sides = (beams.field_mm[:, 1] - beams.field_mm[:, 0]) * (beams.field_mm[:, 3] - beams.field_mm[:, 2])
    return packed, np.where(beams.circular, sides * np.pi / 4, sides)
