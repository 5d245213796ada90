"""report.html in a real headless Chromium: it draws, answers the pointer, asks for nothing, complains of nothing."""

import io
import re
import time

import numpy as np
import pytest

from skindose.report import MAP, PAGE, render
from skindose.report.page import html
from skindose.report.scene import VIEWS, format_dose_mgy
from tests import chromium
from tests.close import close
from tests.report.factory import make_mapless, make_phantom, make_result

DRAWN = "document.getElementById('map').dataset.drawn === 'yes'"
PLACE = "(q => [q.left, q.top, q.width, q.height])(document.getElementById('map').getBoundingClientRect())"
FRESH = (
    "for (const [id, on] of [['map-lines', true], ['map-boxes', false]]) {"
    " const box = document.getElementById(id); if (box.checked !== on) box.click(); }"
    " document.activeElement.blur(); 1"
)
CELL = "document.getElementById('map').dataset.cell"


@pytest.fixture(scope="module")
def browser():
    chromium.require()
    opened = chromium.Browser()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def result():
    return make_result(phantom=make_phantom(steps=(12, 8, 24)))


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("page")
    for name, content in render(result).items():
        (path / name).write_bytes(content)
    return path


@pytest.fixture(scope="module")
def desk(browser, folder):
    opened(browser, folder / PAGE, 1200, 1000)
    return browser


@pytest.fixture
def drawn(desk):
    """The page as it opens: whatever the last test changed is set back, which is quicker than opening it anew."""
    desk.evaluate(FRESH)
    choose(desk, "map-end", "")
    choose(desk, "map-beams", "none")
    slide(desk, 3)
    click(desk, "[data-view=back]")
    desk.wait("document.getElementById('map').data.length === 2")
    return desk


def opened(browser, path, width, height):
    browser.size(width, height)
    browser.open(path)
    browser.wait(f"document.readyState === 'complete' && {DRAWN}")
    browser.evaluate("document.querySelector('section.map').scrollIntoView(); 1")


def slide(browser, after):
    """Move the slider of events; wait until the map has followed."""
    browser.evaluate(
        f"(s => {{ s.value = {after}; s.dispatchEvent(new Event('input')); }})(document.getElementById('map-after')); 1"
    )
    browser.wait(f"document.getElementById('map').dataset.after === '{after}'")


def click(browser, selector):
    browser.evaluate(f"document.querySelector('{selector}').click(); 1")


def choose(browser, control, value):
    changed = f"c.value = '{value}'; c.dispatchEvent(new Event('change'));"
    browser.evaluate(f"(c => {{ {changed} }})(document.getElementById('{control}')); 1")


def pixels(browser):
    """(height, width, 3) of the map as it is seen, without its frame."""
    from PIL import Image

    left, top, width, height = (round(value) for value in browser.evaluate(PLACE))
    seen = np.asarray(Image.open(io.BytesIO(browser.picture())).convert("RGB")).astype(int)
    return seen[top + 2 : top + height - 2, left + 2 : left + width - 2]


def coloured(seen):
    """(height, width) where there is more than grey: dose."""
    return np.ptp(seen, axis=2) > 60


def read_mgy(words):
    number, unit = re.search(r"([\d.]+) (m?Gy)", words).groups()
    return float(number) * (1 if unit == "mGy" else 1000)


def point_at_the_body(browser, across, down):
    """Point at a share of the map's width and height; the cell that the page says is there, and its words."""
    left, top, width, height = browser.evaluate(PLACE)
    browser.point(left - 5, top - 5)
    browser.wait(f"{CELL} === undefined")
    browser.point(left + across * width, top + down * height)
    cell = int(browser.wait(CELL))
    return cell, browser.evaluate("document.getElementById('pointer').textContent")


def test_asks_for_nothing_and_complains_of_nothing(drawn):
    assert [url for url in drawn.requests() if not url.startswith("file:")] == []
    assert len(drawn.requests()) == 1
    assert drawn.complaints() == []


def test_opens_on_the_side_of_the_peak(drawn):
    assert drawn.evaluate("document.querySelector('[aria-pressed=true]').dataset.view") == "back"


def test_draws_the_body_where_it_is(drawn):
    """The box of 300 by 600 mm, from behind, fills the height; the middle of the map is skin, its rim is not."""
    seen = pixels(drawn)
    height, width = seen.shape[:2]
    background = seen[5, 5]
    np.testing.assert_array_equal(background, (255, 255, 255))
    body = np.abs(seen - background).max(axis=2) > 10
    middle = round(0.45 * width)  # the scale stands to the right of the body
    assert body[round(0.2 * height) : round(0.9 * height), middle - 60 : middle + 60].mean() > 0.999
    assert body[:, : round(0.1 * width)].mean() < 0.001


def test_draws_dose_in_colour(drawn, result):
    """More than the scale: the lit part of the back."""
    lit = coloured(pixels(drawn))[:, : round(0.8 * 1080)]
    assert lit.sum() > 2000
    slide(drawn, 0)
    dark = coloured(pixels(drawn))[:, : round(0.8 * 1080)]
    assert dark.sum() < 0.2 * lit.sum()  # the ring around the peak's place stays


def test_the_pointer_reads_the_dose_under_it(drawn, result):
    """The box fills 95 % of the height with its label; from behind its left is left."""
    cell, words = point_at_the_body(drawn, 0.42, 0.55)
    x, y, _ = result.phantom.centroid_mm[cell]
    assert abs(y) < 1e-6  # on the back
    assert 0 < x < 150
    dose_mgy = result.dosemap.dose_mgy[cell]
    assert dose_mgy > 0
    number, unit = re.match(r"([\d.]+) (m?Gy)", words).groups()
    close(float(number) * (1 if unit == "mGy" else 1000), dose_mgy, rtol=0.005, because="three digits are shown")
    assert words.startswith(format_dose_mgy(dose_mgy))
    assert result.phantom.region_names[result.phantom.region[cell]] in words
    assert f"{round(x)} mm left of the middle" in words


def test_further_right_is_further_right(drawn, result):
    cells = [point_at_the_body(drawn, across, 0.7)[0] for across in (0.40, 0.45, 0.50)]
    x, _, z = result.phantom.centroid_mm[cells].T
    assert (np.diff(x) < 0).all()
    assert (z < -300).all()


def test_another_view_shows_another_side(drawn, result):
    drawn.evaluate("document.querySelector('[data-view=front]').click(); 1")
    drawn.wait("document.querySelector('[aria-pressed=true]').dataset.view === 'front'")
    time.sleep(0.5)
    cell, _ = point_at_the_body(drawn, 0.42, 0.55)
    x, y, _ = result.phantom.centroid_mm[cell]
    assert y == -200
    assert x < 0  # the patient's right is on the left
    assert drawn.complaints() == []


def test_the_pointer_agrees_with_the_mesh_file(drawn, folder):
    pyvista = pytest.importorskip("pyvista")
    dose_mgy = np.asarray(pyvista.read(folder / MAP).cell_data["dose_mgy"])
    for across, down in ((0.40, 0.5), (0.42, 0.55), (0.45, 0.6), (0.44, 0.45)):
        cell, words = point_at_the_body(drawn, across, down)
        close(read_mgy(words), dose_mgy[cell], rtol=0.01, because="the issue's limit; three digits are shown")


def test_the_slider_changes_dose_words_and_picture(drawn, result):
    """After the first event its own field alone has dose; the second comes from the left."""
    dosemap, first_hits = result.dosemap, slice(0, result.dosemap.beam_start[1])
    first = np.bincount(dosemap.cell[first_hits], dosemap.hit_dose_mgy[first_hits], len(dosemap.dose_mgy))
    whole = pixels(drawn)
    slide(drawn, 1)
    assert (np.abs(pixels(drawn) - whole).max(axis=2) > 20).sum() > 500
    cell, words = point_at_the_body(drawn, 0.42, 0.55)
    assert 0 < first[cell] < dosemap.dose_mgy[cell]
    close(read_mgy(words), first[cell], rtol=0.01, because="half a percent is kept, and three digits are shown")
    assert "so far" in words
    told = drawn.evaluate("document.getElementById('map-told').textContent")
    assert told.startswith(f"after event 1 of 3: highest cell {format_dose_mgy(first.max())}")
    slide(drawn, 3)
    told = drawn.evaluate("document.getElementById('map-told').textContent")
    assert told.startswith(f"all 3 events: highest cell {format_dose_mgy(dosemap.dose_mgy.max())}")
    _, words = point_at_the_body(drawn, 0.42, 0.55)
    close(read_mgy(words), dosemap.dose_mgy[cell], rtol=0.005, because="three digits are shown")
    assert drawn.complaints() == []


def test_play_runs_through_all_events_and_stops(drawn):
    click(drawn, "#map-play")
    drawn.wait("document.getElementById('map-play').textContent === 'Pause'")
    drawn.wait("document.getElementById('map-play').textContent === 'Play'")
    assert drawn.evaluate("document.getElementById('map').dataset.after") == "3"


def test_a_row_of_the_table_selects_its_event(drawn):
    click(drawn, ".events tbody tr:nth-child(2)")
    drawn.wait("document.getElementById('map').dataset.after === '2'")
    assert "after event 2 of 3" in drawn.evaluate("document.getElementById('map-told').textContent")


@pytest.mark.parametrize("view", ["back", "front", "left", "right", "head", "feet"])
def test_each_view_shows_its_side(drawn, result, view):
    """Pointing at the middle finds a cell that faces the eye."""
    click(drawn, f"[data-view={view}]")
    drawn.wait(f"document.querySelector('.views [aria-pressed=true]').dataset.view === '{view}'")
    cell, _ = point_at_the_body(drawn, 0.45, 0.5)
    eye = next(known.eye for known in VIEWS if known.name == view)
    close(result.phantom.normal[cell] @ eye, 1.0, rtol=1e-6, because="the box's sides face the views")


def test_lines_boxes_and_beams_can_be_shown_and_hidden(drawn):
    """Each changes the picture and gives it back."""
    click(drawn, "[data-view=left]")
    time.sleep(0.3)
    plain = pixels(drawn)
    counts = "document.getElementById('map').data.map(t => t.x.length).join()"
    before = drawn.evaluate(counts)
    for on, off in (
        (lambda: click(drawn, "#map-boxes"), lambda: click(drawn, "#map-boxes")),
        (lambda: choose(drawn, "map-beams", "all"), lambda: choose(drawn, "map-beams", "none")),
        (lambda: choose(drawn, "map-beams", "selected"), lambda: choose(drawn, "map-beams", "none")),
    ):
        slide(drawn, 2)
        now = drawn.evaluate(counts)
        on()
        drawn.wait(f"{counts} !== '{now}'")
        time.sleep(0.3)
        assert (np.abs(pixels(drawn) - plain).max(axis=2) > 20).sum() > 300
        off()
        drawn.wait(f"{counts} === '{now}'")
    slide(drawn, 3)
    drawn.wait(f"{counts} === '{before}'")
    click(drawn, "#map-lines")
    drawn.wait(f"{counts} !== '{before}'")
    assert drawn.complaints() == []


def test_the_scale_can_be_given_an_end(drawn):
    """So that two patients' maps have the same colours."""
    end = "document.getElementById('map').data[0].cmax"
    assert drawn.evaluate(end) == 5
    plain = pixels(drawn)
    choose(drawn, "map-end", "10")
    drawn.wait(f"{end} === 10")
    time.sleep(0.5)
    assert (np.abs(pixels(drawn) - plain).max(axis=2) > 20).sum() > 1000
    choose(drawn, "map-end", "")
    drawn.wait(f"{end} === 5")


def test_keys_turn_read_and_choose_views(drawn, result):
    drawn.evaluate("document.getElementById('map').focus(); 1")
    drawn.press("2")
    drawn.wait("document.querySelector('.views [aria-pressed=true]').dataset.view === 'front'")
    drawn.press("Shift+ArrowLeft")
    cell = int(drawn.wait(CELL))
    assert result.phantom.normal[cell] @ (0, -1, 0) > 0.99
    eye = "document.getElementById('map').layout.scene.camera.eye"
    before = drawn.evaluate(f"{eye}.x")
    drawn.press("ArrowRight")
    drawn.wait(f"Math.abs({eye}.x - {before}) > 1")
    drawn.wait("!document.querySelector('.views [data-view][aria-pressed=true]')")  # turned away from the view
    size = "document.getElementById('map').layout.scene.aspectratio.x"
    small = drawn.evaluate(size)
    drawn.press("+")
    drawn.wait(f"{size} > {small}")


def test_the_pointer_reads_right_after_zooming_and_turning(drawn, result):
    """What lies in the middle stays there when it grows, and half a turn shows the other side, mirrored."""
    drawn.evaluate("document.getElementById('map').focus(); 1")
    before, _ = point_at_the_body(drawn, 0.45, 0.5)
    size = "document.getElementById('map').layout.scene.aspectratio.x"
    small = drawn.evaluate(size)
    for _ in range(4):
        drawn.press("+")
    drawn.wait(f"{size} > 2 * {small}")
    assert point_at_the_body(drawn, 0.45, 0.5)[0] == before
    eye = "document.getElementById('map').layout.scene.camera.eye"
    for _ in range(12):
        drawn.press("ArrowRight")
    drawn.wait(f"{eye}.y < -3.9")
    cell, _ = point_at_the_body(drawn, 0.47, 0.5)
    assert result.phantom.normal[cell] @ (0, -1, 0) > 0.99
    assert result.phantom.centroid_mm[cell, 0] > result.phantom.centroid_mm[before, 0]  # his left is on the right


def test_the_slider_answers_keys(drawn):
    drawn.evaluate("document.getElementById('map-after').focus(); 1")
    drawn.press("ArrowLeft")
    drawn.wait("document.getElementById('map').dataset.after === '2'")
    drawn.press("Home")
    drawn.wait("document.getElementById('map').dataset.after === '0'")


def test_the_close_up_shows_the_peak(drawn, result):
    click(drawn, "#map-close")
    drawn.wait("document.getElementById('map-close').getAttribute('aria-pressed') === 'true'")
    cell, _ = point_at_the_body(drawn, 0.45, 0.5)
    away = result.phantom.centroid_mm[cell] - result.dosemap.peak.position_mm
    assert np.linalg.norm(away) < 30  # cells are 25 mm wide


def test_fits_a_phone(browser, result, folder):
    opened(browser, folder / PAGE, 390, 844)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    cell, words = point_at_the_body(browser, 0.5, 0.5)
    close(read_mgy(words), result.dosemap.dose_mgy[cell], rtol=0.005, because="three digits are shown")
    slide(browser, 1)
    assert browser.complaints() == []


def test_without_a_map_the_page_is_whole(browser, tmp_path):
    (tmp_path / "report.html").write_bytes(html(make_mapless()))
    browser.size(1200, 1000)
    browser.open(tmp_path / "report.html")
    browser.wait("document.readyState === 'complete' && document.querySelector('footer') !== null")
    assert browser.evaluate("document.querySelector('.banner.strong b').textContent") == "No dose map:"
    assert browser.complaints() == []
