"""report.html in a real headless Chromium: it draws, answers the pointer, asks for nothing, complains of nothing."""

import re
import time

import numpy as np
import pytest

from skindose.report.page import html
from skindose.report.scene import format_dose_mgy
from tests import chromium
from tests.close import close
from tests.report.factory import make_mapless, make_phantom, make_result

DRAWN = "document.getElementById('map').dataset.drawn === 'yes'"
PLACE = "(q => [q.left, q.top, q.width, q.height])(document.getElementById('map').getBoundingClientRect())"
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
def drawn(browser, result, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_bytes(html(result))
    browser.size(1200, 1000)
    browser.open(path)
    browser.wait(f"document.readyState === 'complete' && {DRAWN}")
    browser.evaluate("document.getElementById('map').scrollIntoView(); 1")
    return browser


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


def test_fits_a_phone(browser, result, tmp_path):
    (tmp_path / "report.html").write_bytes(html(result))
    browser.size(390, 844)
    browser.open(tmp_path / "report.html")
    browser.wait(f"document.readyState === 'complete' && {DRAWN}")
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    assert browser.complaints() == []


def test_without_a_map_the_page_is_whole(browser, tmp_path):
    (tmp_path / "report.html").write_bytes(html(make_mapless()))
    browser.size(1200, 1000)
    browser.open(tmp_path / "report.html")
    browser.wait("document.readyState === 'complete' && document.querySelector('footer') !== null")
    assert browser.evaluate("document.querySelector('.banner.strong b').textContent") == "No dose map:"
    assert browser.complaints() == []
