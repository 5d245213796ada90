"""How long a room may be silent before somebody should ask why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

_GAPS = 100  # the last so many: a room's rhythm changes
_FEWEST = 5  # below, no rhythm is known
_UNKNOWN = timedelta(days=30)


def allowed(days: Iterable[date]) -> timedelta:
    """The longest silence that fits a machine's own rhythm.

    days   on which it had procedures, in any order

    One and a half times the gap that only 1 in 20 of its last 100 exceeds, and a day: a room that works from Monday to
    Friday has gaps of 1 and 3 days and may be silent for 5.5 (a long weekend), a weekly one for 11.5. With fewer than
    5 gaps 30 days.

    >>> week = [date(2026, 1, 5) + timedelta(days=i) for i in range(100) if i % 7 < 5]
    >>> allowed(week) / timedelta(days=1)
    5.5
    """
    sorted_days = sorted(set(days))
    gaps = [(later - earlier).days for earlier, later in pairwise(sorted_days)][-_GAPS:]
    if len(gaps) < _FEWEST:
        return _UNKNOWN
    usual = float(np.quantile(gaps, 0.95, method="higher"))
    return timedelta(days=1.5 * usual + 1)


def usual_days(days: Iterable[date]) -> float | None:
    """Days between two days with procedures, on average over the last 100; None where no rhythm is known."""
    sorted_days = sorted(set(days))[-_GAPS - 1 :]
    return (sorted_days[-1] - sorted_days[0]).days / (len(sorted_days) - 1) if len(sorted_days) > _FEWEST else None
