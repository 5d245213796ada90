"""Procedure -> Case: everything that is decided before the first beam is placed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skindose import calibration, normalise, phantom, release
from skindose.calibration import Calibrations
from skindose.case import Case
from skindose.changes import corrections
from skindose.config import Settings
from skindose.model import BoolArray, Events, FloatArray, Procedure
from skindose.triggers import RuleSet


def prepare(procedure: Procedure, settings: Settings, rules: RuleSet | None = None) -> Case:
    """The procedure normalised, with rules, calibration records and body.

    rules    that hold whatever is in force; None: those that the settings name, else those in force
    raises   SettingsError for an unknown profile, phantom or rule set; InputError for an unusable file
    """
    rules = rules or release.rules(settings)
    events = normalise.normalise(procedure, settings)
    before = events
    if settings.correct:
        before = normalise.normalise(procedure, settings.model_copy(update={"correct": ()}))
    return Case(
        procedure=procedure,
        events=events,
        settings=settings,
        corrected=corrections(before, settings),
        calibrations=calibrations(procedure, events, settings),
        rules=rules,
        body=phantom.make(settings, procedure.header.patient),
    )


def again(case: Case, settings: Settings, rules: RuleSet) -> Case:
    """A case with other settings, calibration records and rules, its events as they are: no report is read.

    settings   of which those that decide how a report is read (profile, region, correct) must be the case's own
    raises     as `prepare`
    """
    found = _calibrations(case.calibrations.reported, case.procedure, case.events, settings)
    body = phantom.make(settings, case.procedure.header.patient)
    return replace(case, settings=settings, calibrations=found, rules=rules, body=body)


def calibrations(procedure: Procedure, events: Events, settings: Settings) -> Calibrations:
    """What the site's signed records come to for the events; nothing of a correction that is switched off.

    raises   SettingsError for a mistake in the folder's records
    """
    return _calibrations(calibration.reported(procedure), procedure, events, settings)


def _calibrations(
    told: tuple[calibration.Reported, ...], procedure: Procedure, events: Events, settings: Settings
) -> Calibrations:
    if settings.calibration_folder is None:
        return replace(calibration.uncalibrated(len(events)), reported=told)
    records = calibration.load_folder(settings.calibration_folder)
    found = calibration.apply(records, procedure.header, events, half_value_layers(records, events))
    kerma, support = (name not in settings.corrections for name in ("calibration", "table"))
    return replace(calibration.without(found, kerma, support), reported=told)


def half_value_layers(records: tuple[calibration.Loaded, ...], events: Events) -> FloatArray | None:
    """(events,) mm Al, where a record asks for it; NaN for events without dose that say nothing of their beam."""
    if not calibration.needs_hvl(records):
        return None
    from skindose.physics import beam

    columns = (events.kvp_kv, events.filter_al_mm, events.filter_cu_mm, *events.filter_other_mm.values())
    known: BoolArray = np.logical_and.reduce([np.isfinite(column) for column in columns])
    return np.where(known, beam.of_events(events, known).quality.hvl_mmal, np.nan)
