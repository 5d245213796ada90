"""The unrolled map as its reader sees it: places read off the axes, lines at their levels, texts."""

import base64
import io
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from skindose.config import Settings
from skindose.dose import find_peak
from skindose.model import Patient
from skindose.phantom import make
from skindose.report.scene import LEVEL_COLOURS
from skindose.report.summary import summary
from skindose.report.svg import plain, png
from skindose.report.unrolled import joined, unrolled, unrolled_svg
from tests.close import close
from tests.report.factory import make_phantom, make_result

HOSTILE = """<script>alert(1)</script>"'&\x00\x0b]]>"""
SVG = "{http://www.w3.org/2000/svg}"


class Reading:
    """A drawing as XML, and its axes: drawing units -> cm as the printed numbers say."""

    def __init__(self, text):
        self.root = ElementTree.fromstring(text)
        self.texts = [(e.text, float(e.get("x")), float(e.get("y")), e) for e in self.root.iter(f"{SVG}text")]
        below = max(y for text, _, y, _ in self.texts if re.fullmatch(r"\d+", text))
        marks = sorted((x, float(text)) for text, x, y, _ in self.texts if y == below and re.fullmatch(r"\d+", text))
        middle = min(marks, key=lambda mark: mark[1])
        self.zero = middle[0]
        self.cm = (marks[-1][0] - marks[0][0]) / (marks[-1][1] + marks[0][1])  # drawing units for a cm
        beside = [
            (y - 4, float(text)) for text, _, y, e in self.texts if e.get("text-anchor") == "end" and text.isdigit()
        ]
        (self.y0, self.z0), *_ = beside

    def place_cm(self, x, y):
        """cm to the patient's left of the middle of the back (the axis counts from there), and cm below the crown."""
        return (self.zero - np.asarray(x)) / self.cm, self.z0 + (np.asarray(y) - self.y0) / self.cm

    def peak_cm(self):
        circle = next(self.root.iter(f"{SVG}circle"))
        return self.place_cm(float(circle.get("cx")), float(circle.get("cy")))

    def lines(self, colour):
        paths = [e for e in self.root.iter(f"{SVG}path") if e.get("stroke") == colour]
        return [np.array([float(v) for v in re.findall(r"-?[\d.]+", e.get("d"))]).reshape(-1, 2) for e in paths]

    @property
    def words(self):
        return [text for text, *_ in self.texts]


def drawn(phantom, dose_mgy, **changes):
    """The reading and caption of a map; facts as the program makes them."""
    result = make_result()
    peak = find_peak(dose_mgy, phantom)
    result = replace(result, phantom=phantom, dosemap=replace(result.dosemap, dose_mgy=dose_mgy, peak=peak), **changes)
    drawing = unrolled(summary(result), phantom, dose_mgy)
    return Reading(drawing.svg), drawing.caption


def cone_on(phantom, middle_mm, height_mgy=4000.0, radius_mm=100.0):
    """Dose that falls evenly with the distance from a point."""
    distance = np.linalg.norm(phantom.centroid_mm - middle_mm, axis=1)
    return height_mgy * np.clip(1 - distance / radius_mm, 0, None)


@pytest.fixture(scope="module")
def plane():
    return make(Settings(phantom="plane"), Patient())


@pytest.fixture(scope="module")
def body():
    return make(Settings(phantom="male"), Patient())


@pytest.mark.parametrize("side", [+1, -1])
def test_the_peak_stands_where_the_axes_say(plane, side):
    reading, caption = drawn(plane, cone_on(plane, [side * 60.0, 0.0, -450.0]))
    left_cm, below_cm = reading.peak_cm()
    close([left_cm, below_cm], [side * 6.0, 45.0], atol=0.5, because="the peak is at a cell's middle, cells have 7 mm")
    assert "drawn as 1.00 to 1.00 cm²" in caption


def test_the_patients_left_is_written_on_the_side_where_his_left_is(body):
    x, y, z = body.centroid_mm.T
    near = (x > 60) & (x < 90) & (np.abs(z + 500) < 20) & (y > -60)
    reading, _ = drawn(body, np.where(near, 3000.0, 0.0))
    left_cm, below_cm = reading.peak_cm()
    assert 5 < left_cm < 11
    assert 47 < below_cm < 53
    place = {text: x for text, x, _, _ in reading.texts}
    x_of_peak = reading.zero - left_cm * reading.cm
    assert place["◀ patient's LEFT"] < x_of_peak < place["BACK"] < place["patient's RIGHT ▶"]
    assert place["left side"] < place["BACK"] < place["right side"]


def test_isodose_lines_are_circles_of_the_right_size(plane):
    """A cone of 4 Gy over 10 cm: 2 Gy at 5 cm, 3 Gy at 2.5 cm from its middle."""
    reading, _ = drawn(plane, cone_on(plane, [0.0, 0.0, -450.0]))
    for colour, radius_cm in zip(LEVEL_COLOURS, (5.0, 2.5), strict=False):
        rings = reading.lines(colour)[:1]  # the next is the legend's
        across, below = reading.place_cm(*rings[0].T)
        np.testing.assert_array_equal(rings[0][0], rings[0][-1])  # closed
        distance = np.hypot(across, below - 45.0)
        close(distance, radius_cm, atol=0.2, because="dose is averaged over the cells round a vertex, 7 mm apart")
    assert {"2 Gy", "3 Gy"} <= set(reading.words)
    assert "5 Gy" not in reading.words


def test_lines_differ_by_more_than_colour(plane):
    reading, _ = drawn(plane, cone_on(plane, [0.0, 0.0, -450.0], height_mgy=16_000.0))
    dashes = {
        e.get("stroke"): e.get("stroke-dasharray") for e in reading.root.iter(f"{SVG}path") if e.get("stroke-dasharray")
    }
    used = [dashes[colour] for colour in LEVEL_COLOURS[:5]]  # 2, 3, 5, 10, 15 Gy
    assert len(set(used)) == 5


def test_a_peak_on_an_arm_is_not_on_the_map_and_the_map_says_so(body):
    arm = body.region == body.region_names.index("right arm")
    reading, caption = drawn(body, np.where(arm, 2500.0, 0.0))
    assert list(reading.root.iter(f"{SVG}circle")) == []
    assert "The peak is not on this map: right arm, peak 2.50 Gy" in reading.words
    assert "The peak is not on this map. Not shown: the rest of the body, with at most 2.50 Gy (right arm)." in caption


@pytest.mark.parametrize("side", [+1, -1])
def test_a_peak_on_the_head_has_the_head_unrolled(body, side):
    x, _, z = body.centroid_mm.T
    temple = (side * x > 55) & (np.abs(z + 60) < 15)
    reading, caption = drawn(body, np.where(temple, 2500.0, 0.0))
    left_cm, below_cm = reading.peak_cm()
    assert 10 < side * left_cm < 20  # a quarter of a head's girth of 55 cm from the middle of the back
    assert 4.5 < below_cm < 7.5
    assert caption.startswith("The skin of head and neck, cut open")
    assert "arm" not in reading.words
    assert "Not shown" not in caption  # the rest of the body has no dose


def test_says_by_how_much_areas_are_distorted(body):
    _, caption = drawn(body, cone_on(body, [0.0, 0.0, -500.0]))
    low, high, peak = map(
        float, re.search(r"as ([\d.]+) to ([\d.]+) cm² .* as ([\d.]+) cm² at the peak", caption).groups()
    )
    assert 0.3 < low < peak < high < 1.3
    close(peak, 1.0, atol=0.1, because="the middle of the back is nearly upright")


def test_no_dose_is_a_map_without_lines(body):
    reading, _ = drawn(body, np.zeros(len(body.triangles)))
    assert "No dose" in reading.words
    assert not any(reading.lines(colour) for colour in LEVEL_COLOURS)


def test_a_lower_bound_has_its_sign(plane):
    reading, _ = drawn(plane, cone_on(plane, [0.0, 0.0, -450.0]), peak_lacks=("one event has no geometry",))
    assert any(text.startswith("peak ≥ ") for text in reading.words)


def test_a_phantom_without_trunk_is_shown_whole():
    phantom = replace(make_phantom(steps=(12, 8, 24)), region_names=("a", "b", "c"))
    dose = cone_on(phantom, [0.0, 0.0, -300.0])
    _, caption = drawn(phantom, dose)
    assert caption.startswith("The surface of the phantom, cut open along the middle of the front")
    assert "faces up or down and cannot be drawn" in caption


def test_hostile_names_stay_text():
    phantom = replace(make_phantom(steps=(12, 8, 24)), name=HOSTILE, region_names=(HOSTILE,) * 3)
    dose = np.where(phantom.normal[:, 2] > 0.5, 2500.0, 0.0)  # the peak is on the top, which is not shown
    result = make_result(phantom=phantom)
    dosemap = replace(result.dosemap, dose_mgy=dose, peak=find_peak(dose, phantom))
    drawing = unrolled(summary(replace(result, dosemap=dosemap)), phantom, dose)
    root = ElementTree.fromstring(drawing.svg)
    assert not list(root.iter(f"{SVG}script"))
    assert "<script" not in drawing.svg
    assert any("<script>alert(1)</script>" in (e.text or "") for e in root.iter(f"{SVG}text"))


def test_stands_alone_and_is_small(body):
    text = unrolled_svg(summary(make_result()), body, cone_on(body, [0.0, 0.0, -500.0]))
    assert re.findall(r'(?:href|src)="(?!data:image/png;base64,)', text) == []
    assert not re.search(r"\bid=|<style|class=|url\(", text)
    assert len(text) < 100_000


def test_joins_pieces_to_lines():
    turn = np.linspace(0, 2 * np.pi, 13)
    circle = np.column_stack([np.cos(turn), np.sin(turn)]) * 100
    straight = np.column_stack([np.arange(6.0), np.full(6, 500.0)])
    pieces = [*pairwise(circle), *pairwise(straight)]
    order = np.random.default_rng(5).permutation(len(pieces))
    mixed = np.array([pieces[k] if k % 2 else pieces[k][::-1] for k in order])
    lines = sorted(joined(mixed), key=len)
    assert [len(line) for line in lines] == [6, 13]
    np.testing.assert_array_equal(lines[1][0], lines[1][-1])
    assert sorted((lines[0][0, 0], lines[0][-1, 0])) == [0, 5]


def test_a_picture_is_read_back_by_another_library(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    index = np.array([[0, 1], [2, 1], [0, 2]], dtype=np.uint8)
    data = base64.b64decode(png(index, ("#010203", "#fefdfc")).partition(",")[2])
    pixels = np.array(pillow.open(io.BytesIO(data)).convert("RGBA"))
    assert pixels.shape == (3, 2, 4)
    np.testing.assert_array_equal(pixels[..., 3], np.where(index, 255, 0))
    np.testing.assert_array_equal(pixels[1], [[254, 253, 252, 255], [1, 2, 3, 255]])


def test_texts_have_only_characters_that_xml_has():
    assert ElementTree.fromstring(f"<a>{plain(''.join(map(chr, range(0x300))) + chr(0xFFFE) + chr(0xD800))}</a>").text
