"""Beams x Phantom -> Hits: the compiled ray caster."""

from skindose.kernel.cast import cast

__all__ = ["cast"]
