"""Photons followed one by one: the judge of the fast engine, and the maker of its scatter data.

docs/montecarlo.md says how, and what it was held against.
"""

from skindose.montecarlo.materials import MATERIALS, Material, material
from skindose.montecarlo.mesh import solid
from skindose.montecarlo.scene import Budget, Scene, Spectra, Truth, simulate
from skindose.montecarlo.slab import Pencil, PointSpread, point_spread

__all__ = [
    "MATERIALS",
    "Budget",
    "Material",
    "Pencil",
    "PointSpread",
    "Scene",
    "Spectra",
    "Truth",
    "material",
    "point_spread",
    "simulate",
    "solid",
]
