"""How far off a dose may be. First version: from the display's tolerance alone.

IEC 60601-2-43 allows the displayed air kerma and kerma-area product to be off by 35 %. Nothing is known about where
in that range a machine lies, so the error is taken as rectangular. Position, backscatter and table are not in it yet:
whoever shows an interval from here says so (`BASIS`).
"""

from __future__ import annotations

import math

KERMA_TOLERANCE = 0.35  # relative, of displayed air kerma and kerma-area product  [IEC 60601-2-43]
BASIS = "from the tolerance of the displayed air kerma alone (rectangular, 35 %); position and physics are not in it"


def interval_95(value: float, tolerance: float = KERMA_TOLERANCE) -> tuple[float, float]:
    """Where the true value lies with 95 % probability when `value` is shown.

        true = value / (1 + e), e rectangular in +-t: 2.5 % lie beyond e = +-0.95 t, so
        low = value / (1 + 0.95 t), high = value / (1 - 0.95 t)

    With t = 0.35 this is 0.75 to 1.50 times the value.

    value        any unit, finite, >= 0
    tolerance    relative, 0 <= t < 1; 0: the value is exact
    returns      (low, high) in the unit of `value`
    raises       ValueError outside these ranges

    >>> tuple(round(end, 2) for end in interval_95(1.0))
    (0.75, 1.5)
    """
    if not (math.isfinite(value) and value >= 0 and 0 <= tolerance < 1):
        raise ValueError(f"no interval of {value} with a tolerance of {tolerance}")
    return value / (1 + 0.95 * tolerance), value / (1 - 0.95 * tolerance)
