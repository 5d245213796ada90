"""What every picture and page shares: numbers as a physicist writes them, the colour scale, the standard views."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from skindose.model import FloatArray
from skindose.units import gy_to_mgy, mgy_to_gy

DISCLAIMER = (
    "Estimate from data reported by the X-ray system and assumptions about patient position. Not a measurement, not "
    "a diagnosis. For use by a qualified medical physicist together with clinical judgement. Absence of an alert "
    "does not mean absence of risk."
)

AREA_LEVELS_GY = (1, 2, 3, 5, 10, 15)  # what result.json lists under area_above
NO_VALUE = "\u2013"

# --- Numbers


def three_digits(value: float) -> str:
    """`value` with three significant digits, never in exponent form.

    >>> three_digits(1234.5), three_digits(0.12345), three_digits(99.96), three_digits(0)
    ('1230', '0.123', '100', '0')
    """
    if value == 0:
        return "0"
    rounded = float(f"{value:.2e}")
    decimals = 2 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:.{min(max(decimals, 0), 12)}f}"


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def format_quantity(value: float | None, unit: str) -> str:
    """A number with its unit, or a dash where there is none.

    >>> format_quantity(468.83, "Gy.cm2"), format_quantity(None, "min")
    ('469 Gy·cm²', '–')
    """
    if value is None or not _known(value):
        return NO_VALUE
    shown = unit.replace("cm2", "cm²").replace(".", "·")
    return f"{three_digits(value)} {shown}".rstrip()


def format_dose_mgy(value_mgy: float | None) -> str:
    """A dose in Gy from 1 Gy up, in mGy below.

    >>> format_dose_mgy(1234.5), format_dose_mgy(999.7), format_dose_mgy(12.345), format_dose_mgy(2e-5)
    ('1.23 Gy', '1.00 Gy', '12.3 mGy', '< 0.001 mGy')
    """
    if value_mgy is None or not _known(value_mgy):
        return NO_VALUE
    if 0 < value_mgy < 1e-3:
        return "< 0.001 mGy"
    unit = dose_unit(value_mgy)
    return f"{three_digits(in_dose_unit(value_mgy, unit))} {unit}"


def format_interval_mgy(low_mgy: float, high_mgy: float) -> str:
    """An interval of doses in one unit, that of its upper end.

    >>> format_interval_mgy(812.0, 1500.0)
    '0.812 to 1.50 Gy'
    """
    unit = dose_unit(high_mgy)
    low, high = (three_digits(in_dose_unit(value, unit)) for value in (low_mgy, high_mgy))
    return f"{low} to {high} {unit}"


def dose_unit(value_mgy: float) -> str:
    """The unit in which this dose is written: "Gy" from 1 Gy (as rounded) up, else "mGy"."""
    return "Gy" if math.isfinite(value_mgy) and float(f"{value_mgy:.2e}") >= 1000 else "mGy"


def in_dose_unit(value_mgy: float, unit: str) -> float:
    """`value_mgy` in "Gy" or "mGy"."""
    return mgy_to_gy(value_mgy) if unit == "Gy" else value_mgy


def words(name: str) -> str:
    """A name of the program as words: "trunk_back" -> "trunk back"."""
    return name.replace("_", " ").strip()


# --- Colour

# Lightness, chroma and hue (degrees) in the OKLCh colour space (Ottosson 2020), from skin without dose to the scale's
# end: pale grey, yellow, orange, red, purple, near black. Lightness falls all the way, so the scale survives
# colour-blindness and a black-and-white printer.
_CONTROL_LCH = (
    (0.93, 0.012, 90.0),
    (0.87, 0.100, 88.0),
    (0.78, 0.145, 70.0),
    (0.68, 0.175, 48.0),
    (0.58, 0.195, 28.0),
    (0.48, 0.180, 5.0),
    (0.385, 0.145, -25.0),
    (0.29, 0.110, -50.0),
    (0.20, 0.080, -70.0),
)


def _oklab_to_srgb(lab: FloatArray) -> FloatArray:
    """(n, 3) OKLab -> (n, 3) sRGB in 0..1; matrices of Ottosson, "A perceptual color space", 2020."""
    cone = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
    )
    linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    rgb = np.clip((lab @ cone.T) ** 3 @ linear.T, 0.0, 1.0)
    encoded: FloatArray = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return encoded


def _oklab_path(steps: int) -> FloatArray:
    """(steps, 3) OKLab colours at equal distances along the line through the control colours."""
    lightness, chroma, hue = np.array(_CONTROL_LCH).T
    control = np.column_stack([lightness, chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))])
    length = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(control, axis=0), axis=1)))
    at = np.linspace(0.0, length[-1], steps)
    return np.column_stack([np.interp(at, length, column) for column in control.T])


@lru_cache
def colour_scale(steps: int = 33) -> tuple[str, ...]:
    """`steps` colours "#rrggbb" from no dose to the scale's end; equal steps look equally far apart (OKLab)."""
    levels = np.rint(255 * _oklab_to_srgb(_oklab_path(steps))).astype(int)
    return tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in levels.tolist())


class Scale(NamedTuple):
    """A linear dose scale from 0: its unit, its end and its ticks, both in that unit."""

    unit: str
    end: float
    ticks: tuple[float, ...]

    @property
    def end_mgy(self) -> float:
        """The end in mGy."""
        return gy_to_mgy(self.end) if self.unit == "Gy" else self.end


def dose_scale(max_mgy: float) -> Scale:
    """The scale that holds `max_mgy`: 0 to a round end in 3 to 6 round steps.

    >>> dose_scale(4321.0)
    Scale(unit='Gy', end=5.0, ticks=(0.0, 1.0, 2.0, 3.0, 4.0, 5.0))
    """
    unit = dose_unit(max_mgy)
    top = max(in_dose_unit(max_mgy, unit), 1e-3)
    decade = 10.0 ** math.floor(math.log10(top / 5))
    step = next(nice * decade for nice in (1, 2, 2.5, 5, 10) if nice * decade * 5.0001 >= top)
    count = math.ceil(top / step - 1e-4)
    return Scale(unit, float(f"{count * step:.6g}"), tuple(float(f"{k * step:.6g}") for k in range(count + 1)))


# --- Isodose levels

_REACTION_LEVELS_GY = (2, 5, 10, 15)  # where a tissue-reaction band begins [Balter et al. 2010]
_SHARES = (0.9, 0.5, 0.1)
# Dark on the scale's pale half, light on its dark half; told apart by their dashes as well as by lightness.
LEVEL_COLOURS = ("#1d3557", "#00695c", "#0b7fab", "#5e35b1", "#3e2723", "#455a64")


class Level(NamedTuple):
    """An isodose line: its dose, its label, and what it is: "trigger", "reaction" or "share"."""

    mgy: float
    label: str
    kind: str


def isodose_levels(max_mgy: float, triggers: Iterable[Mapping[str, Any]]) -> tuple[Level, ...]:
    """The lines that a map of this highest dose has, from low to high.

    Where the dose reaches 2 Gy: the trigger levels of the peak skin dose and where the bands of tissue reaction begin.
    Below it, a tenth, a half and nine tenths of the highest dose.

    triggers   those of result.json

    >>> [level.label for level in isodose_levels(5500.0, [{"quantity": "psd", "level": 3.0, "unit": "Gy"}])]
    ['2 Gy', '3 Gy', '5 Gy']
    """
    wanted = {gy_to_mgy(level): "reaction" for level in _REACTION_LEVELS_GY}
    for trigger in triggers:
        if trigger["quantity"] == "psd" and trigger["unit"] == "Gy":
            wanted[gy_to_mgy(trigger["level"])] = "trigger"
    levels = [Level(mgy, f"{mgy_to_gy(mgy):g} Gy", kind) for mgy, kind in sorted(wanted.items()) if mgy < max_mgy]
    if levels or not max_mgy > 0:
        return tuple(levels)
    return tuple(Level(share * max_mgy, f"{percent(share)} of the highest", "share") for share in sorted(_SHARES))


# --- Views


class View(NamedTuple):
    """A standard view in the patient frame: from where the camera looks, and what is up in the picture."""

    name: str
    eye: tuple[float, float, float]
    up: tuple[float, float, float]


VIEWS = (
    View("back", (0, 1, 0), (0, 0, 1)),
    View("front", (0, -1, 0), (0, 0, 1)),
    View("left", (1, 0, 0), (0, 0, 1)),
    View("right", (-1, 0, 0), (0, 0, 1)),
    View("head", (0, 0, 1), (0, -1, 0)),
    View("feet", (0, 0, -1), (0, -1, 0)),
)


def view_facing(normal: FloatArray) -> View:
    """The view that looks most squarely at skin with this outward normal; ties go to the first, the back."""
    return max(VIEWS, key=lambda view: float(np.dot(view.eye, normal)))


def percent(share: float) -> str:
    """A probability in whole percent; certain only where it is."""
    if 0 < share < 0.01 or 0.99 < share < 1:
        return "< 1 %" if share < 0.5 else "> 99 %"
    return f"{100 * share:.0f} %"
