"""Several dose reports of one study -> one procedure, joined by Irradiation Event UID."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from skindose.model import Procedure
from skindose.rdsr.read import event_uid, once_each


def merge(procedures: Sequence[Procedure]) -> tuple[Procedure, ...]:
    """One procedure per study: a later file may repeat, extend or continue an earlier one.

    Every event counts once; of two versions the one that says more. Totals are kept of each file whose events no other
    file contains: of a report and its superset only the superset's, of a continued procedure both. The order of the
    files does not matter.
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
    repeated: list[str] = []
    events = once_each(tuple(event for one in ordered for event in one.events), repeated)
    warnings = dict.fromkeys(warning for one in ordered for warning in one.warnings)
    return replace(
        leading,
        inputs=tuple(source for one in ordered[::-1] for source in one.inputs),
        accumulated=tuple(item for one in kept for item in one.accumulated),
        events=events,
        warnings=(*warnings, f"{len(ordered)} files of one study are joined; {len(events)} different events."),
    )


def _contained(one: Procedure, larger: Sequence[Procedure]) -> bool:
    """Whether another file of at least as many events has all of this one's."""
    own = {event_uid(event) for event in one.events}
    return any(own <= {event_uid(event) for event in other.events} for other in larger)
