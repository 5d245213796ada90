"""The shipped bodies: one mesh, moved by sex, age, build and pose. Half a body is kept; the other half is its image.

A body of 1 m stature is mean + coefficients . components; the coefficients stand on a grid of sex, age and build and
are interpolated in between. Raising an arm adds a second sum of that kind to its half. scripts/make_bodies.py makes the
file, docs/phantoms.md says how.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skindose.errors import PhantomError
from skindose.model import ByteArray, FloatArray, IntArray
from skindose.phantom import mesh, regions
from skindose.units import m_to_cm

PACKAGE, FILE = "skindose_phantoms", "bodies.npz"
SEXES = ("male", "female")
UNIT_MM = 1000.0
"""Stature of the bodies in the file."""
USUAL = 1
"""Which of the grid's builds is the usual one for the age."""
BEYOND = 0.6
"""How far beyond the leanest and the stoutest body of the grid shapes are continued, in steps of the grid."""


class Modes(NamedTuple):
    """A sum of shapes: mean (values,), components (count, values) in one or two bytes, coefficients on the grid."""

    mean: NDArray[np.float32]
    wide: NDArray[np.int16]
    narrow: NDArray[np.int8]
    coefficients: NDArray[np.float32]

    def at(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """(vertices, 3) the shape; weights (count,)."""
        wide = len(self.wide)
        moved = weights[:wide] @ self.wide.astype(np.float32) + weights[wide:] @ self.narrow.astype(np.float32)
        return np.asarray((self.mean + moved).reshape(-1, 3))


class Basis(NamedTuple):
    """The file: the left half's mesh, the grid, and the modes of both poses.

    triangles, neighbours (cells, 3) with -1 at the seam, region (cells,) labels of the left side
    seam                  number of vertices on the mid-line; they come first
    age_years (ages,)     of the grid
    height_cm             (sexes, ages) usual height
    weight_kg             (sexes, ages, builds) of the bodies at 1 m stature
    raised (moved,)       vertices that raising the arm moves
    landmarks             (landmarks, 2, n) vertices at back and front
    places                (landmarks, 2) side (1 left, -1 right, 0 mid-line) and depth
    """

    triangles: IntArray
    neighbours: IntArray
    region: ByteArray
    seam: int
    age_years: FloatArray
    height_cm: FloatArray
    weight_kg: FloatArray
    down: Modes
    up: Modes
    raised: NDArray[np.intp]
    landmarks: NDArray[np.intp]
    places: FloatArray


@lru_cache(maxsize=1)
def basis() -> Basis:
    """The bodies, read once.

    raises   PhantomError when the package of bodies is not installed
    """
    try:
        with resources.files(PACKAGE).joinpath(FILE).open("rb") as file, np.load(file) as data:
            kept = {name: data[name] for name in data.files}
    except (ModuleNotFoundError, FileNotFoundError):
        raise PhantomError("the bodies are not installed", FILE, "Install skindose again.") from None
    return Basis(
        triangles=kept["triangles"].astype(np.int32),
        neighbours=kept["neighbours"],
        region=kept["region"],
        seam=int(kept["seam"]),
        age_years=kept["ages"],
        height_cm=kept["height_cm"],
        weight_kg=kept["weight_kg"],
        down=_modes(kept, "down"),
        up=_modes(kept, "up"),
        raised=kept["up_vertices"].astype(np.intp),
        landmarks=kept["landmark_vertices"].astype(np.intp),
        places=kept["landmark_places"].astype(np.float64),
    )


def _modes(kept: dict[str, NDArray[Any]], pose: str) -> Modes:
    return Modes(*(kept[f"{pose}_{name}"] for name in Modes._fields))


class Topology(NamedTuple):
    """The whole body's triangles, neighbours and region, as in `Phantom`; the same for every body."""

    triangles: IntArray
    neighbours: IntArray
    region: ByteArray


@lru_cache(maxsize=1)
def topology() -> Topology:
    """Left half, then its image with the corners of each cell in the other sense."""
    left = basis()
    cells, count = len(left.triangles), int(left.triangles.max()) + 1
    image = np.arange(count, dtype=np.int32)
    image[left.seam :] += count - left.seam
    own = np.arange(cells, dtype=np.int32)[:, None]
    across = np.where(left.neighbours < 0, own + cells, left.neighbours)
    beside = np.where(left.neighbours < 0, own, left.neighbours + cells)[:, (2, 1, 0)]
    whole = Topology(
        np.ascontiguousarray(np.concatenate([left.triangles, image[left.triangles][:, (0, 2, 1)]])),
        np.ascontiguousarray(np.concatenate([across, beside]), np.int32),
        np.concatenate([left.region, left.region + 1]),
    )
    for array in whole:
        array.flags.writeable = False
    return whole


class Halves(NamedTuple):
    """Vertices of the left half and of the right one's image, (vertices, 3) each; one and the same array if alike."""

    left: FloatArray
    right: FloatArray

    @property
    def alike(self) -> bool:
        """Whether the body is symmetric."""
        return self.left is self.right

    def each(self, change: Any) -> Halves:
        """The same change made to both."""
        left = change(self.left)
        return Halves(left, left if self.alike else change(self.right))

    def whole(self) -> FloatArray:
        """(vertices, 3) of the body, in the order of `topology`."""
        return np.concatenate([self.left, self.right[basis().seam :] * (-1.0, 1.0, 1.0)])

    def volume_mm3(self) -> float:
        """The mid-line's plane closes each half and adds nothing to the sum of tetrahedra from the origin on it."""
        left = mesh.volume_mm3(self.left, basis().triangles)
        return left + (left if self.alike else mesh.volume_mm3(self.right, basis().triangles))

    def measure(self) -> mesh.Measures:
        """Of the cells of the whole body."""
        left = mesh.measure(self.left, basis().triangles)
        right = left if self.alike else mesh.measure(self.right, basis().triangles)
        over = np.array([-1.0, 1.0, 1.0])
        return mesh.Measures(
            np.concatenate([left.centroid_mm, right.centroid_mm * over]),
            np.concatenate([left.normal, right.normal * over]),
            np.concatenate([left.area_mm2, right.area_mm2]),
        )

    def landmarks_mm(self) -> dict[str, tuple[float, float, float]]:
        """Points inside the body that move with it, by the names of `regions.LANDMARKS`."""
        groups, places = basis().landmarks, basis().places
        sides = [half[groups].mean(axis=2) for half in self]
        points = {}
        for name, (side, depth), *ends in zip(regions.LANDMARKS, places, *sides, strict=True):
            left, right = (end[0] + depth * (end[1] - end[0]) for end in ends)
            x, y, z = (left + right) / 2 if side == 0 else left if side > 0 else right
            points[name] = (float(side * x), float(y), float(z))
        return points


class Shape(NamedTuple):
    """Where a person stands on the grid: interpolated coefficients, and how far beyond its end the build lies."""

    down: NDArray[np.float32]
    up: NDArray[np.float32]
    beyond: float


def locate(sex: str, age_years: float, weight_kg_at_1_m: float) -> Shape:
    """The body of that sex and age whose weight, at 1 m stature, is the one asked for."""
    kept, row = basis(), SEXES.index(sex)
    upper = int(np.clip(np.searchsorted(kept.age_years, age_years), 1, len(kept.age_years) - 1))
    first, last = kept.age_years[upper - 1], kept.age_years[upper]
    share = float(np.clip((age_years - first) / (last - first), 0.0, 1.0))
    weights = _mix(kept.weight_kg[row], upper, share)
    place = int(np.clip(np.searchsorted(weights, weight_kg_at_1_m), 1, len(weights) - 1))
    wanted = (weight_kg_at_1_m - weights[place - 1]) / (weights[place] - weights[place - 1])
    part = float(np.clip(wanted, -BEYOND, 1.0 + BEYOND))
    down, up = (_mix(_mix(modes.coefficients[row], upper, share), place, part) for modes in (kept.down, kept.up))
    return Shape(down, up, max(-part, part - 1.0, 0.0))


def _mix(values: NDArray[Any], upper: int, share: float) -> NDArray[Any]:
    mixed = values[upper - 1] + share * (values[upper] - values[upper - 1])
    return np.asarray(mixed.astype(values.dtype))


def usual_height_cm(sex: str, age_years: float) -> float:
    """Median height for the age."""
    kept = basis()
    return float(np.interp(age_years, kept.age_years, kept.height_cm[SEXES.index(sex)]))


def usual_weight_kg(sex: str, age_years: float, height_cm: float) -> float:
    """Weight of a body of the usual build for the age at that height."""
    kept = basis()
    at_1_m = np.interp(age_years, kept.age_years, kept.weight_kg[SEXES.index(sex), :, USUAL])
    return float(at_1_m) * (height_cm / m_to_cm(1.0)) ** 3


def age_of_height(sex: str, height_cm: float) -> float:
    """The age, in years, of a child of usual height."""
    kept = basis()
    growing = kept.age_years <= 18.0
    return float(np.interp(height_cm, kept.height_cm[SEXES.index(sex)][growing], kept.age_years[growing]))


def standing(shape: Shape, raised: tuple[bool, bool]) -> Halves:
    """The body at 1 m from crown to soles, in mm; raised: the left arm, the right arm."""
    kept = basis()
    down = kept.down.at(shape.down)
    down[: kept.seam, 0] = 0.0
    high, low = float(down[:, 2].max()), float(down[:, 2].min())
    up = down
    if any(raised):
        up = down.copy()
        up[kept.raised] += kept.up.at(shape.up)
        up[: kept.seam, 0] = 0.0
    halves = [(half.astype(np.float64) - (0.0, 0.0, high)) * (UNIT_MM / (high - low)) for half in (down, up)]
    return Halves(halves[raised[0]], halves[raised[1]])
