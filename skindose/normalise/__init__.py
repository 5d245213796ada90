"""Procedure -> Events: makers' items and habits become columns in one set of units, signs and names."""

from skindose.normalise.columns import normalise

__all__ = ["normalise"]
