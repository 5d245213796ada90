"""The sum of several procedures as the rules see it: peak of the sum, plain sums of Ka,r, KAP and fluoroscopy time."""

from __future__ import annotations

import math
from collections.abc import Mapping

from skindose import triggers, units
from skindose.cumulative.adding import Cumulative, Procedure, sums
from skindose.model import Findings, Quantity
from skindose.quantities import quantities
from skindose.triggers import Context, RuleSet
from skindose.uncertainty import KERMA_TOLERANCE

_NONE = Quantity(None, "Gy")


def judged(found: Cumulative, rules: RuleSet, context: Context) -> Findings:
    """What the rules say of a sum.

    context   of the procedure with which the window ends; it says how many days are counted
    """
    return triggers.evaluate(rules, judged_quantities(found), context)


def judged_quantities(found: Cumulative) -> dict[str, Quantity]:
    """psd, kar, kap, ft and the field's area; each a lower bound where one of the procedures lacks some of it.

    The display's tolerance holds for plain sums: that of one machine is off alike in all its procedures.
    """
    kerma_mgy, kap, time_s = sums(found.procedures).values()
    kerma_gy = units.mgy_to_gy(kerma_mgy) if kerma_mgy else None
    own = {one.part.name: _own(one) for one in found.procedures}
    return {
        "psd": _peak(found),
        "kar": _total(kerma_gy, "kar", "Gy", KERMA_TOLERANCE, own),
        "kap": _total(kap, "kap", "Gy.cm2", KERMA_TOLERANCE, own),
        "ft": _total(units.s_to_min(time_s) if time_s else None, "ft", "min", 0.0, own),
        **({"field_area_cm2": Quantity(kap / kerma_gy, "cm2")} if kap and kerma_gy else {}),
    }


def _peak(found: Cumulative) -> Quantity:
    if found.peak is None:
        return Quantity(None, "Gy", reason="no procedure has dose on the map")
    shown, lacks = found.peak.skin_dose_mgy, list(found.lacks)
    most = None if not lacks else math.inf if found.at_most_mgy is None else found.at_most_mgy
    for one in found.procedures:
        stood = one.result.peak_if_runs_stood_mgy if one.result else None
        if stood is not None and one.peak is not None:
            most = (shown if most is None else most) + stood - one.peak.skin_dose_mgy
            lacks.append(f"{one.part.name}: where rotational runs turned is assumed")
    own = found.uncertainty
    return Quantity(
        units.mgy_to_gy(shown),
        "Gy",
        tolerance=KERMA_TOLERANCE if own is None else 0.0,
        at_most=None if most is None else units.mgy_to_gy(most),
        lacks="; ".join(lacks),
        draws=None if own is None else units.mgy_to_gy(shown) * own.ratio,
    )


def _own(one: Procedure) -> Mapping[str, Quantity]:
    """What the rules would see of one procedure; nothing of one without a case."""
    return quantities(one.result.events, one.result.totals, _NONE) if one.result else {}


def _total(
    value: float | None, name: str, unit: str, tolerance: float, own: Mapping[str, Mapping[str, Quantity]]
) -> Quantity:
    lacks = []
    for who, known in own.items():
        one = known.get(name)
        if one is not None and (one.value is None or one.lacks):
            lacks.append(f"{who}: {one.lacks or one.reason}")
    if value is None:
        return Quantity(None, unit, reason="no procedure reports a usable number")
    at_most = math.inf if lacks else None
    return Quantity(value, unit, tolerance=tolerance, at_most=at_most, lacks="; ".join(lacks))
