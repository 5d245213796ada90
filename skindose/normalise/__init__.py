"""Procedure -> Events: makers' items and habits become columns in one set of units, signs and names."""

from typing import TYPE_CHECKING, Any

from skindose.normalise.columns import normalise
from skindose.normalise.profiles import Profile, shipped
from skindose.normalise.region import REGIONS

if TYPE_CHECKING:
    from skindose.normalise.check import Check, inspect, to_dict

__all__ = ["REGIONS", "Check", "Profile", "inspect", "normalise", "shipped", "to_dict"]


def __getattr__(name: str) -> Any:
    """What `skindose check` needs is loaded when it is asked for: a run needs nothing of it."""
    if name in ("Check", "inspect", "to_dict"):
        from skindose.normalise import check

        return getattr(check, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
