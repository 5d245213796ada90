"""Events -> Beams: where the patient lies and where each beam stands, in his frame."""

from skindose.geometry.beams import beams, support
from skindose.geometry.place import place
from skindose.geometry.sound import faults, misplaced, only, without

__all__ = ["beams", "faults", "misplaced", "only", "place", "support", "without"]
