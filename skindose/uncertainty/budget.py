"""What is uncertain, by how much, and what goes together: the sources of uncertainty of one procedure's doses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skindose.dose import hit_dose_mgy
from skindose.model import BoolArray, Events, FloatArray, Status
from skindose.uncertainty.display import KERMA_TOLERANCE
from skindose.uncertainty.recast import Scene

BACKSCATTER = 0.04  # relative standard uncertainties [physics.md]
MEDIUM = 0.01
# Of Ka,r reckoned as KAP / area: reported areas agree with KAP / Ka,r within 20 % (0.79 to 1.21 in three makers'
# files), the fields of one procedure mostly within a factor of 2 of their median (95 % within 0.26 to 2.2 in five).
RECKONED = {Status.DERIVED: 0.12, Status.ASSUMED: 0.40}
_STANDIN = "what stands in for voltage and filters, the same error in all events that lack them"


@dataclass(frozen=True)
class Reading:
    """The display of one machine's plane, or one calibration record: one draw for all its events.

    events       (events,) which
    tolerance    true = shown / (1 + e), e rectangular within +-tolerance; 0 where it is calibrated
    standard     relative standard uncertainty of the calibration; 0 where there is none
    """

    name: str
    events: BoolArray
    tolerance: float
    standard: float

    def multiplier(self, uniform: FloatArray, normal: FloatArray) -> FloatArray:
        """What the dose is multiplied by, from uniform and standard normal numbers of the same draws."""
        if self.tolerance:
            return 1.0 / (1.0 + self.tolerance * (2.0 * uniform - 1.0))
        return np.exp(self.standard * normal)


@dataclass(frozen=True)
class Source:
    """Something that changes doses by exp(z r), z standard normal, one draw for all events.

    group     the line of the budget that it belongs to, and
    basis     what its size rests on, in words
    relative  (events,) r; of the table: per unit of ln T
    by_table  r is multiplied by ln T of the ray
    """

    group: str
    basis: str
    relative: FloatArray
    by_table: bool = False


@dataclass(frozen=True)
class Budget:
    """All that is drawn but what moves beams."""

    readings: tuple[Reading, ...]
    sources: tuple[Source, ...]

    @property
    def display(self) -> tuple[str, str]:
        """The line of the budget that the readings make, and what it rests on."""
        shown = [one for one in self.readings if one.tolerance]
        words = [f"{_percent(one.standard)}, {one.name}" for one in self.readings if not one.tolerance]
        if shown:
            several = f", one error for each of {len(shown)} planes" if len(shown) > 1 else ""
            words.append(f"uncalibrated: within {_percent(KERMA_TOLERANCE)} of the truth, rectangular{several}")
        return "air kerma calibration" if not shown else "air kerma display", "; ".join(words)


def readings(events: Events, calibrations: Any) -> tuple[Reading, ...]:
    """One for each calibration record, and one for each plane's display where there is none.

    calibrations   `skindose.calibration.Calibrations`, or None
    """
    record = calibrations.record if calibrations is not None else ("",) * len(events)
    found = []
    for name in sorted(set(record) - {""}):
        own = np.array([one == name for one in record], dtype=np.bool_)
        standard = float(np.nanmax(calibrations.standard_uncertainty[own]))
        found.append(Reading(f"calibration {name}", own, 0.0, standard))
    for plane in sorted(set(events.plane)):
        own = np.array([p == plane and not r for p, r in zip(events.plane, record, strict=True)], dtype=np.bool_)
        if own.any():
            found.append(Reading(f"display of plane {plane}", own, KERMA_TOLERANCE, 0.0))
    return tuple(found)


def budget(scene: Scene, calibrations: Any) -> Budget:
    """Everything that is drawn for this procedure but what moves beams."""
    events, chosen = scene.events, scene.settings.corrections
    everywhere = np.ones(len(events))
    sources = [
        *([_alike("backscatter", BACKSCATTER, everywhere)] if "backscatter" in chosen else []),
        *([_alike("dose medium", MEDIUM, everywhere)] if "medium" in chosen else []),
        *(_table(scene, calibrations) if "table" in chosen else ()),
        *(_heel(scene) if "heel" in chosen else ()),
        *_reckoned(events),
        *_spectrum(scene),
    ]
    return Budget(readings(events, calibrations), tuple(one for one in sources if one.relative.any()))


def _alike(group: str, relative: float, everywhere: FloatArray) -> Source:
    return Source(group, f"{_percent(relative)} of the factor, all events alike", relative * everywhere)


def _table(scene: Scene, calibrations: Any) -> list[Source]:
    """T^(1 + e): a ray that misses the table has no error, one through more of it has more.

    The budget's figure holds at the mean ln T of the rays through it, weighted with their dose.
    """
    from skindose.physics import table

    log_t = np.log(scene.factors.transmission)
    dose = np.where(log_t < 0, hit_dose_mgy(scene.beams, scene.hits, scene.factors), 0.0)
    if not dose.sum() > 0:
        return []
    typical = float((dose * log_t).sum() / dose.sum())
    relative = table.standard_uncertainty(scene.events.machine, len(scene.events), calibrations)
    used = relative[scene.beams.event]
    measured = calibrations is not None and any(calibrations.transmission_record)
    basis = "this site's measurement" if measured else "this machine's was not measured"
    words = f"{_percent(used.min(), used.max())} of the transmission: {basis}; none for rays that miss the table"
    return [Source("table and pad", words, relative / -typical, by_table=True)]


def _heel(scene: Scene) -> list[Source]:
    """The heel effect where it is not applied: its root mean square over each field, one sign for each plane's tube."""
    from skindose.physics import heel

    size = heel.relative_sd(scene.events, scene.beams)
    words = "its size over the field; on which side the anode lies is not known"
    return [Source("heel effect", words, size * own) for own in _planes(scene.events)]


def _percent(low: float, high: float | None = None) -> str:
    text = f"{low:.1%}" if high is None or high - low < 1e-9 else f"{low:.1%} to {high:.1%}"
    return text.replace(".0%", "%").replace("%", " %")


def _reckoned(events: Events) -> list[Source]:
    """Air kerma that was not displayed but reckoned from KAP and an area."""
    status = events.status["air_kerma_rp_mgy"]
    return [
        Source("air kerma not displayed", f"reckoned from KAP and an area: {_percent(own)}", own * (status == kind))
        for kind, own in RECKONED.items()
    ]


def _spectrum(scene: Scene) -> list[Source]:
    """What stands in for voltage and filters, and the tube's own filter, by their effect on the other factors."""
    events, machine = scene.events, scene.events.machine
    found = []
    for name, spread in events.spread.items():
        if name.startswith(("kvp_", "filter_")) and np.nan_to_num(spread * events.mapped).any():
            effect = _effect(scene, _with(events, name, np.nan_to_num(spread)))
            found += [Source("beam quality not in the file", _STANDIN, effect * own) for own in _planes(events)]
    own_mm = machine.inherent_filtration_mmal + machine.inherent_filtration_uncertainty_mmal
    other = replace(events, machine=replace(machine, inherent_filtration_mmal=own_mm))
    words = f"{machine.inherent_filtration_uncertainty_mmal:g} mm Al of inherent filtration"
    return [*found, Source("tube's own filter", words, _effect(scene, other))]


def _with(events: Events, name: str, more: FloatArray) -> Events:
    """The events with a column of voltage or a filter higher by `more`."""
    if hasattr(events, name):
        return replace(events, **{name: getattr(events, name) + more})
    material = next(one for one in events.filter_other_mm if f"filter_{one.lower()}_mm" == name)
    return replace(
        events, filter_other_mm={**events.filter_other_mm, material: events.filter_other_mm[material] + more}
    )


def _planes(events: Events) -> list[FloatArray]:
    """(events,) ones for the events of each plane in turn."""
    plane = np.array(events.plane)
    return [(plane == name).astype(np.float64) for name in np.unique(plane)]


def _effect(scene: Scene, other: Events) -> FloatArray:
    """(events,) ln of the doses with the other events' quality over those as they are, in the sample's mean."""
    from skindose.physics import factors

    hits, event = scene.hits, scene.beams.event[scene.hits.beam()]
    changed = factors(other, scene.beams, hits, scene.settings, scene.calibrations, scene.lit)
    before, after = (
        np.bincount(event, weights=hit_dose_mgy(scene.beams, hits, found), minlength=len(other))
        for found in (scene.factors, changed)
    )
    known = before > 0
    return np.log(np.where(known, after, 1.0) / np.where(known, before, 1.0))
