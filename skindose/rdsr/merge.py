"""Several dose reports of one study -> one procedure, joined by Irradiation Event UID."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from skindose.model import Item, Procedure
from skindose.rdsr.collect import event_key, once_each


def merge(procedures: Sequence[Procedure]) -> tuple[Procedure, ...]:
    """One procedure per study: a later file may repeat, extend or continue an earlier one.

    Every event counts once; of two versions the one with the larger air kerma, then the one that says more. Totals are
    kept of each file whose events no other file contains: of a report and its superset only the superset's, of a
    continued procedure both. Events without UID are the same only where everything they say is the same, the start
    included. The order of the files does not matter.
    """
    studies: dict[str, list[Procedure]] = {}
    for procedure in procedures:
        key = procedure.header.study_instance_uid or procedure.inputs[0].sha256
        studies.setdefault(key, []).append(procedure)
    return tuple(_joined(group) for group in studies.values())


def _joined(group: list[Procedure]) -> Procedure:
    different = {procedure.inputs[0].sha256: procedure for procedure in group}
    ordered = sorted(different.values(), key=lambda one: (len(one.events), one.inputs[0].sha256))
    if len(ordered) == 1:
        return ordered[0]
    leading = ordered[-1]
    kept = [one for index, one in enumerate(ordered) if not _contained(one, ordered[index + 1 :])]
    told: list[str] = []
    events = once_each(_without_copies(ordered), told)
    # That files of one study repeat events is their nature; that they contradict each other is not.
    contradicting = [warning for warning in told if "different air kerma" in warning]
    own = [warning for one in ordered for warning in one.warnings]
    warnings = dict.fromkeys([*own, *contradicting, *_unlike(ordered)])
    return replace(
        leading,
        inputs=tuple(source for one in ordered[::-1] for source in one.inputs),
        accumulated=tuple(item for one in kept for item in one.accumulated),
        events=events,
        warnings=(*warnings, f"{len(ordered)} files of one study are joined; {len(events)} different events."),
    )


def _unlike(ordered: Sequence[Procedure]) -> list[str]:
    """Whether files of one study say that they are of another day, machine or patient: a study's UID can be wrong."""
    heads = [one.header for one in ordered]
    facts = {
        "date": {head.study_date for head in heads},
        "machine": {" ".join((head.manufacturer, head.model, head.device_serial_number)).strip() for head in heads},
        "patient's sex": {head.patient.sex or "" for head in heads},
    }
    names = [name for name, values in facts.items() if len(values - {""}) > 1]
    if not names:
        return []
    return [
        f"The joined files of this study differ in {' and '.join(names)}: are they of one procedure? All events are "
        "read as those of the file with the most events."
    ]


def _without_copies(ordered: Sequence[Procedure]) -> list[Item]:
    """All events; of those without UID none that an earlier file has word for word."""
    earlier: set[Item] = set()
    events: list[Item] = []
    for one in ordered:
        nameless = {event for event in one.events if not event_key(event) and _is_dated(event)}
        events += (event for event in one.events if event not in earlier)
        earlier |= nameless
    return events


def _is_dated(event: Item) -> bool:
    return any(item.name == "date_time_started" and item.text for item in event.walk())


def _contained(one: Procedure, larger: Sequence[Procedure]) -> bool:
    """Whether one other file of at least as many events has all of this one's, or says the same totals without any."""
    own = _identities(one)
    if not own:
        return any(one.accumulated == other.accumulated or other.events for other in larger)
    return any(own <= _identities(other) for other in larger)


def _identities(one: Procedure) -> set[object]:
    return {event_key(event) or event for event in one.events}
