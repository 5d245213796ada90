"""Numbers as a physicist writes them, the colour scale, the views."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skindose.report import scene
from tests.close import close


def test_examples_in_the_docstrings():
    failed, tried = doctest.testmod(scene)
    assert tried >= 6
    assert failed == 0


@given(st.floats(1e-9, 1e9))
def test_three_digits_are_three_and_right(value):
    text = scene.three_digits(value)
    assert "e" not in text
    digits = text.replace(".", "").lstrip("0")
    assert len(digits) == 3 or (value >= 999.5 and len(digits) > 3 and set(digits[3:]) == {"0"})
    close(float(text), value, rtol=0.00501, because="half of the third digit, at worst of 100")


@pytest.mark.parametrize(
    ("dose_mgy", "text"),
    [
        (0.0, "0 mGy"),
        (0.07, "0.0700 mGy"),
        (999.4, "999 mGy"),
        (999.6, "1.00 Gy"),
        (12345.0, "12.3 Gy"),
        (9e-4, "< 0.001 mGy"),
    ],
)
def test_doses_change_their_unit_at_one_gray(dose_mgy, text):
    assert scene.format_dose_mgy(dose_mgy) == text


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf")])
def test_nothing_is_a_dash(nothing):
    assert scene.format_dose_mgy(nothing) == scene.format_quantity(nothing, "min") == scene.NO_VALUE


@given(st.floats(0, 1e5))
def test_the_scale_holds_the_highest_dose_in_few_round_steps(max_mgy):
    scale = scene.dose_scale(max_mgy)
    top = scene.in_dose_unit(max_mgy, scale.unit)
    assert scale.ticks[0] == 0
    assert scale.ticks[-1] == scale.end
    assert scale.end >= top * 0.9998
    assert 3 <= len(scale.ticks) <= 6
    assert scale.end <= max(2.0 * top, 1e-2)
    steps = np.diff(scale.ticks)
    close(steps, steps[0], rtol=1e-5, because="ticks are rounded to six digits")


TO_CONE = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def to_oklab(colours):
    """sRGB hex -> OKLab, the way in (Ottosson 2020): the inverse of what scene.py does, written for itself."""
    rgb = np.array([[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in colours]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ np.transpose(TO_CONE)) @ np.transpose(TO_LAB)


def test_equal_dose_steps_look_equally_far_apart():
    lab = to_oklab(scene.colour_scale(33))
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    close(
        steps,
        steps.mean(),
        rtol=0.12,
        because="chords of the bends, and colours rounded to 8 bits, on equal path lengths",
    )


def test_more_dose_is_always_darker():
    lightness = to_oklab(scene.colour_scale(257))[:, 0]
    assert (np.diff(lightness) < 0.002).all()  # 8-bit rounding
    assert (np.diff(lightness[::8]) < 0).all()
    assert lightness[0] > 0.9
    assert lightness[-1] < 0.25


@pytest.mark.parametrize(
    ("normal", "name"),
    [
        ((0, 1, 0), "back"),
        ((0, -0.9, 0.3), "front"),
        ((0.8, 0.5, 0), "left"),
        ((-1, 0, 0), "right"),
        ((0, 0.1, 0.9), "head"),
    ],
)
def test_the_first_view_faces_the_peak(normal, name):
    assert scene.view_facing(np.array(normal, dtype=float)).name == name


def test_in_the_picture_the_patient_stands_as_the_viewer_expects():
    """Right of a picture is (looking direction) x up: from behind the patient's left is left, from the front right."""
    right = {view.name: np.cross(np.negative(view.eye), view.up) for view in scene.VIEWS}
    assert right["back"].tolist() == [-1, 0, 0]
    assert right["front"].tolist() == [1, 0, 0]
    assert right["left"].tolist() == [0, 1, 0]
    assert right["right"].tolist() == [0, -1, 0]
    assert right["head"].tolist() == [-1, 0, 0]
    assert right["feet"].tolist() == [1, 0, 0]
