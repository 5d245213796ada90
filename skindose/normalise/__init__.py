"""Procedure -> Events: makers' items and habits become columns in one set of units, signs and names."""

from typing import TYPE_CHECKING, Any

from skindose.normalise.columns import normalise
from skindose.normalise.profiles import Profile, shipped
from skindose.normalise.region import REGIONS

if TYPE_CHECKING:
    from skindose.normalise.check import Check, inspect, to_dict
    from skindose.normalise.reported import Readings, readings

__all__ = ["REGIONS", "Check", "Profile", "Readings", "inspect", "normalise", "readings", "shipped", "to_dict"]


def __getattr__(name: str) -> Any:
    """What `skindose check` and `commission` need is loaded when it is asked for: a run needs nothing of it."""
    if name in ("Check", "inspect", "to_dict"):
        from skindose.normalise import check

        return getattr(check, name)
    if name in ("Readings", "readings"):
        from skindose.normalise import reported

        return getattr(reported, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
