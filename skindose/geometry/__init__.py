"""Events -> Beams: where the patient lies and where each beam stands, in his frame."""

from skindose.geometry.beams import beams, support
from skindose.geometry.place import place

__all__ = ["beams", "place", "support"]
