"""The picture of a map: what stands where, argued from the body and its doses; never whole pictures by pixels."""

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from skindose.errors import OutputError
from skindose.report import scene
from skindose.report.bodyview import cell_colours, lowest_shown_mm
from skindose.report.picture import draw, picture_png
from skindose.report.summary import summary
from tests.report.factory import make_mapless, make_phantom, make_result

BACK, FRONT, LEFT, RIGHT = range(4)


@pytest.fixture(scope="module")
def result():
    return make_result()


@pytest.fixture(scope="module")
def facts(result):
    return summary(result)


@pytest.fixture(scope="module")
def drawn(result, facts):
    image, panels = draw(facts, result.phantom, result.dosemap.dose_mgy)
    return np.asarray(image).astype(int), panels


def colour_at(drawn, panel, point_mm):
    pixels, panels = drawn
    column, row = panels[panel].pixel(point_mm)
    return pixels[row, column]


def colourful(drawn, panel):
    """How many pixels of a view are neither grey nor nearly so: dose, on a body that has no other colour."""
    pixels, panels = drawn
    left, top = panels[panel].left_px, panels[panel].top_px
    camera = panels[panel].camera
    view = pixels[top : top + camera.height_px, left : left + camera.width_px]
    return int((np.ptp(view, axis=2) > 60).sum())


def test_is_a_png_1600_px_wide(result, facts):
    image = Image.open(io.BytesIO(picture_png(facts, result.phantom, result.dosemap.dose_mgy)))
    assert (image.format, image.width, image.mode) == ("PNG", 1600, "RGB")
    assert image.info.keys() <= {"dpi"}  # no date, no text


@pytest.mark.parametrize("width_px", [400, 601, 2000])
def test_other_widths_have_the_same_views(result, facts, width_px):
    image, panels = draw(facts, result.phantom, result.dosemap.dose_mgy, width_px)
    assert image.width == width_px
    assert [panel.camera.view.name for panel in panels] == ["back", "front", "left", "right"]
    assert all(panel.left_px + panel.camera.width_px <= width_px + 1 for panel in panels)


def test_the_same_result_gives_the_same_bytes(result, facts):
    first, second = (picture_png(facts, result.phantom, result.dosemap.dose_mgy) for _ in range(2))
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


def test_a_beam_from_behind_marks_the_back_alone(drawn):
    assert colourful(drawn, BACK) > 500
    assert colourful(drawn, FRONT) == 0
    assert colourful(drawn, LEFT) == colourful(drawn, RIGHT) == 0


def test_a_cells_pixel_has_the_scales_colour_of_its_dose(result, drawn):
    dose = result.dosemap.dose_mgy
    scale = scene.dose_scale(dose.max())
    wanted = cell_colours(dose, 1000 * scale.end)
    lines = [level.mgy for level in scene.isodose_levels(dose.max(), summary(result)["triggers"])]
    peak = np.array(result.dosemap.peak.position_mm)
    far = np.linalg.norm(result.phantom.centroid_mm - peak, axis=1) > 45  # from ring and lines
    tried = 0
    for cell in np.flatnonzero((dose > 0.05 * dose.max()) & far & (result.phantom.normal[:, 1] > 0.9)):
        neighbours = dose[result.phantom.neighbours[cell]]
        if any(min(dose[cell], *neighbours) <= level <= max(dose[cell], *neighbours) for level in lines):
            continue
        np.testing.assert_array_equal(colour_at(drawn, BACK, result.phantom.centroid_mm[cell]), wanted[cell])
        tried += 1
    assert tried >= 3


def test_skin_without_dose_is_pale_grey_and_outside_is_white(result, drawn):
    front = result.phantom.centroid_mm[np.argmin(result.phantom.centroid_mm[:, 1])]
    at_front = colour_at(drawn, FRONT, front)
    assert np.ptp(at_front) < 20
    assert at_front.min() > 200
    pixels, panels = drawn
    assert (pixels[panels[BACK].top_px + 3, panels[BACK].left_px + 3] == 255).all()


def test_left_is_the_patients_left(result, facts):
    """Dose on his left: at the left edge of the back view, at the right edge of the front view, on the left side."""
    dose = np.where(result.phantom.normal[:, 0] > 0.9, 3000.0, 0.0)
    pixels, panels = draw({**facts, "peak": None}, result.phantom, dose, end_mgy=6000.0)
    drawn = np.asarray(pixels).astype(int), panels
    assert colourful(drawn, LEFT) > 10_000
    assert colourful(drawn, RIGHT) == 0
    left_mm, right_mm = [150.0, -100, -300], [-150.0, -100, -300]
    assert panels[BACK].pixel(left_mm)[0] < panels[BACK].pixel(right_mm)[0]
    assert panels[FRONT].pixel(left_mm)[0] > panels[FRONT].pixel(right_mm)[0]
    back_mm, front_mm = [0.0, 0, -300], [0.0, -200, -300]
    assert panels[LEFT].pixel(back_mm)[0] > panels[LEFT].pixel(front_mm)[0]
    assert panels[RIGHT].pixel(back_mm)[0] < panels[RIGHT].pixel(front_mm)[0]


def test_the_head_is_up_and_all_views_have_one_scale(drawn):
    _, panels = drawn
    for panel in panels:
        assert panel.pixel([0.0, -100, -10])[1] < panel.pixel([0.0, -100, -590])[1]
    assert len({(panel.camera.px_per_mm, panel.top_px) for panel in panels}) == 1


def blue(pixels, panel, point_mm):
    """Whether the ring's blue stands around the pixel of a point."""
    column, row = panel.pixel(point_mm)
    near = pixels[row - 22 : row + 23, column - 22 : column + 23]
    return (np.abs(near - [0x0B, 0x5F, 0xC4]).max(axis=2) < 12).sum()


def test_the_ring_marks_the_peak_where_it_is_in_sight(result, drawn):
    pixels, panels = drawn
    counts = [blue(pixels, panel, result.dosemap.peak.position_mm) for panel in panels]
    assert counts[BACK] > 100
    assert counts[FRONT] == counts[LEFT] == counts[RIGHT] == 0


def test_a_hidden_peak_is_marked_by_a_broken_ring_in_one_view(result, facts, drawn):
    soles = int(np.argmin(result.phantom.normal[:, 2]))  # in sight in none of the four
    hidden = {**facts["peak"], "cell": soles, "position_mm": result.phantom.centroid_mm[soles].tolist()}
    image, panels = draw({**facts, "peak": hidden}, result.phantom, np.full(len(result.phantom.normal), 10.0))
    pixels = np.asarray(image).astype(int)
    counts = [blue(pixels, panel, hidden["position_mm"]) for panel in panels]
    whole = blue(drawn[0], drawn[1][BACK], result.dosemap.peak.position_mm)
    assert sum(count > 0 for count in counts) == 1
    assert 0 < max(counts) < 0.8 * whole


def test_a_fixed_scale_gives_two_patients_one_colour_for_one_dose(result, facts):
    dose = result.dosemap.dose_mgy
    for share in (1.0, 0.5):
        picture, panels = draw(facts, result.phantom, share * dose, end_mgy=5000.0)
        place = result.phantom.centroid_mm[np.argmax(dose)] + [0.0, 0, 30]
        cell = int(np.argmin(np.linalg.norm(result.phantom.centroid_mm - place, axis=1)))
        found = colour_at((np.asarray(picture), panels), BACK, result.phantom.centroid_mm[cell])
        np.testing.assert_array_equal(found, cell_colours(share * dose[[cell]], 5000.0)[0])


def test_doses_beyond_a_fixed_scale_have_its_last_colour():
    last = tuple(bytes.fromhex(scene.colour_scale(256)[-1][1:]))
    assert tuple(cell_colours(np.array([7000.0]), 5000.0)[0]) == last


def long_body(dose_at_feet):
    """A box that is stretched to a man's length, with dose on its upper back and perhaps at its lower end."""
    short = make_phantom()
    phantom = replace(short, vertices_mm=short.vertices_mm * [1, 1, 3], centroid_mm=short.centroid_mm * [1, 1, 3])
    dose = np.where((phantom.normal[:, 1] > 0.9) & (phantom.centroid_mm[:, 2] > -600), 1000.0, 0.0)
    dose[phantom.centroid_mm[:, 2] < -1700] = dose_at_feet
    return phantom, dose


@pytest.mark.parametrize(("dose_at_feet", "bottom_mm"), [(0.0, -1080.0), (9.0, -1080.0), (11.0, -1800.0)])
def test_legs_without_dose_are_cut_off(facts, dose_at_feet, bottom_mm):
    phantom, dose = long_body(dose_at_feet)
    assert lowest_shown_mm(phantom, dose) == pytest.approx(bottom_mm)  # 60 % of 1800 mm; rounding of one product
    _, panels = draw({**facts, "peak": None}, phantom, dose)
    camera = panels[BACK].camera
    lowest = panels[BACK].pixel([0.0, 0.0, bottom_mm])[1] - panels[BACK].top_px
    assert abs(lowest - camera.height_px) <= 1


def test_a_plane_has_no_other_side(result, facts):
    back = np.flatnonzero(result.phantom.normal[:, 1] > 0.9)
    plane = replace(
        result.phantom,
        triangles=result.phantom.triangles[back],
        centroid_mm=result.phantom.centroid_mm[back],
        normal=result.phantom.normal[back],
        area_mm2=result.phantom.area_mm2[back],
    )
    image, panels = draw({**facts, "peak": None}, plane, result.dosemap.dose_mgy[back])
    drawn = np.asarray(image).astype(int), panels
    assert colourful(drawn, BACK) > 500
    assert colourful(drawn, FRONT) == 0


def test_a_map_without_dose_is_a_pale_body(result, facts):
    nothing = np.zeros(len(result.dosemap.dose_mgy))
    image, panels = draw({**facts, "peak": None, "no_map_reason": "no beam meets the body"}, result.phantom, nothing)
    assert colourful((np.asarray(image).astype(int), panels), BACK) == 0


def test_without_a_map_there_is_no_picture():
    result = make_mapless()
    with pytest.raises(OutputError, match=r"no dose map to draw: no event has air kerma\. Its totals") as raised:
        picture_png({**summary(result), "regions": None}, result.phantom, None)
    assert "\n" not in str(raised.value)


def test_too_narrow_a_picture_is_refused(result, facts):
    with pytest.raises(OutputError, match="300 px wide cannot be read"):
        picture_png(facts, result.phantom, result.dosemap.dose_mgy, width_px=300)


def test_texts_are_those_of_the_facts(result, facts, monkeypatch):
    written = []
    from skindose.report import typeset

    original = typeset.Sheet.write
    monkeypatch.setattr(typeset.Sheet, "write", lambda *a, **k: (written.append(a[1]), original(*a, **k))[1])
    draw(facts, result.phantom, result.dosemap.dose_mgy)
    text = " ".join(written)
    shown = ("Peak skin dose 4.25 Gy", "95 % interval 2.60 to 5.50 Gy", "posterior thorax, left", "2020-02-03", "LAB2")
    for part in shown:
        assert part in text
    for part in ("Not commissioned.", "levels not yet signed", "Not a measurement", "2 Gy (", "Skin dose in Gy"):
        assert part in text
    assert [written.count(title) for title in ("Back", "Front", "Left side", "Right side")] == [1] * 4
    assert (written.count("L"), written.count("R"), written.count("front"), written.count("back")) == (3, 3, 2, 2)
    bare = len(written)
    draw(facts, result.phantom, result.dosemap.dose_mgy, legend=False)
    assert not any("Peak skin dose" in line for line in written[bare:])
