"""Events that are not in the map: left out by the user, or set aside because their geometry cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from skindose.model import Events

_SHOWN = 10


def set_aside(events: Events, reasons: Mapping[int, str]) -> Events:
    """Take events out of the map, each with its reason; a warning names them and their share of the air kerma."""
    if not reasons:
        return events
    mapped, unmapped = events.mapped.copy(), list(events.unmapped_reason)
    for index, reason in reasons.items():
        mapped[index], unmapped[index] = False, reason
    kerma = np.nan_to_num(events.air_kerma_rp_mgy)
    warnings = []
    for reason in dict.fromkeys(reasons.values()):
        own = sorted(index for index, other in reasons.items() if other == reason)
        share = f", {kerma[own].sum() / kerma.sum():.1%} of the air kerma".replace("%", " %") if kerma.any() else ""
        what = f"{named(own)} {'is' if len(own) == 1 else 'are'} set aside{share}: {reason}."
        warnings.append(what[0].upper() + what[1:])
    return replace(events, mapped=mapped, unmapped_reason=tuple(unmapped), warnings=(*events.warnings, *warnings))


def named(indices: Iterable[int]) -> str:
    """Events as people count them, from 1: "event 3", "events 3, 7, 8"; of many only the first ten.

    >>> named([2, 6])
    'events 3, 7'
    """
    numbers = [str(index + 1) for index in indices]
    shown = ", ".join(numbers[:_SHOWN]) + (f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else "")
    return f"event {shown}" if len(numbers) == 1 else f"events {shown}"
