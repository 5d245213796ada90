"""Beams x Phantom -> Hits: the compiled ray caster."""

from skindose.kernel.cast import cast, thickness_mm

__all__ = ["cast", "thickness_mm"]
