"""Procedure -> Events: makers' items and habits become columns in one set of units, signs and names."""

from skindose.normalise.check import Check, inspect
from skindose.normalise.columns import normalise
from skindose.normalise.profiles import Profile, shipped
from skindose.normalise.region import REGIONS

__all__ = ["REGIONS", "Check", "Profile", "inspect", "normalise", "shipped"]
