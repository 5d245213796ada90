"""How far off a displayed quantity may be, by the display's tolerance alone.

IEC 60601-2-43 allows the displayed air kerma and kerma-area product to be off by 35 %. Nothing is known about where
in that range a machine lies, so the error is taken as rectangular.
"""

from __future__ import annotations

import math

import numpy as np

from skindose.model import Events, Status

KERMA_TOLERANCE = 0.35  # relative, of displayed air kerma and kerma-area product  [IEC 60601-2-43]
# Relative error of an area that stands in for Ka,r in KAP / area, by the status of that Ka,r. Derived: reported areas
# agree with KAP / Ka,r within 20 % (0.79 to 1.21 in three makers' files). Assumed: the fields of one procedure lie
# mostly within a factor of 2 of their median (five files of 20 and more events: 95 % within 0.26 to 2.2).
AREA_ERROR = {Status.DERIVED: 0.2, Status.ASSUMED: 1.0}


def kerma_tolerance(events: Events) -> float:
    """The tolerance of the mapped air kerma: the display's, wider by the share that was not displayed but reckoned.

        1 - t = (1 - 0.35) / (1 + x), x the kerma-weighted mean of `AREA_ERROR`: the upper limit grows by 1 + x

    returns   relative, 0.35 where all air kerma is reported
    """
    kerma = np.where(events.mapped, np.nan_to_num(events.air_kerma_rp_mgy), 0.0)
    status = events.status["air_kerma_rp_mgy"]
    error = sum(own * float(kerma[status == kind].sum()) for kind, own in AREA_ERROR.items())
    return 1.0 - (1.0 - KERMA_TOLERANCE) / (1.0 + error / max(float(kerma.sum()), 1e-300)) if error else KERMA_TOLERANCE


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
