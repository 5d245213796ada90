"""Procedure -> Events: makers' items and habits become columns in one set of units, signs and names."""

from typing import TYPE_CHECKING, Any

from skindose.normalise.columns import normalise
from skindose.normalise.profiles import Profile, shipped
from skindose.normalise.region import REGIONS

if TYPE_CHECKING:
    from skindose.normalise.check import Check, inspect

__all__ = ["REGIONS", "Check", "Profile", "inspect", "normalise", "shipped"]


def __getattr__(name: str) -> Any:
    """`Check` and `inspect` are loaded when they are asked for: a run needs neither."""
    if name in ("Check", "inspect"):
        from skindose.normalise import check

        return getattr(check, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
