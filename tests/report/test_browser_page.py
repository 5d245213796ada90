"""report.html around the map, in a real Chromium: on a phone, on paper, by keyboard, for eyes that see less."""

import re
from itertools import pairwise

import pytest

from skindose.report.page import html
from tests import chromium
from tests.report.factory import make_phantom, make_result

# Every visible text that stands outside the map's own drawing with less contrast than WCAG 2.1 AA asks for: 4.5, or 3
# from 24 px (18.66 px if bold) up. A background with any transparency counts as what is behind it.
CONTRAST = """() => {
  const numbers = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  let seen = 0;
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('#map, script, noscript, title, .skip, option') || !element.getClientRects().length) continue;
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    const style = getComputedStyle(element), svg = element.namespaceURI.endsWith('svg');
    const [high, low] = [light(numbers(svg ? style.fill : style.color)), light(behind(element))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    seen += 1;
    if (ratio < (large ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)}: ${element.textContent.slice(0, 40)}`);
  }
  return [seen, bad];
}"""
WIDE = """() => [...document.querySelectorAll('figure svg, .headline, .banner, dl, h2')]
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 80))"""
CUT_OFF = """() => [...document.querySelectorAll('.scroll')]
  .filter(e => e.scrollHeight > e.clientHeight + 1 && getComputedStyle(e).overflowY !== 'visible').length"""
UNNAMED = """() => [...document.querySelectorAll('svg[role=img], [role=region]')]
  .filter(e => !e.getAttribute('aria-label')).length"""
FOCUSED = "() => document.activeElement.className || document.activeElement.id"
STOP = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const label = e.labels && e.labels.length && e.labels[0].textContent;
  const name = e.getAttribute('aria-label') || label || e.textContent;
  return e === document.body ? null : [e.className, name.trim(), style.outlineStyle, parseFloat(style.outlineWidth)];
}"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    chromium.require()
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_bytes(html(make_result(phantom=make_phantom(steps=(12, 8, 24)))))
    browser = chromium.Browser()
    browser.size(1200, 900)
    browser.open(path)
    browser.wait("document.readyState === 'complete'")
    yield browser
    browser.close()


@pytest.fixture
def page(opened):
    """The page as on a desktop, whatever the test before did to it."""
    opened.page.emulate_media(media="screen")
    opened.size(1200, 900)
    return opened


def test_by_keys_every_stop_has_a_name_and_a_ring(page):
    """From the top, which no other test has left yet: the way past the head first, then stop by stop to the end."""
    page.press("Tab")
    assert page.evaluate(FOCUSED) == "skip"
    left, top = page.evaluate("() => (q => [q.left, q.top])(document.activeElement.getBoundingClientRect())")
    assert left >= 0
    assert top >= 0
    page.press("Enter")
    assert page.evaluate(FOCUSED) == "main"
    stops = list(further_stops(page))
    assert [stop for stop in stops if not stop[1] or stop[2] == "none" or stop[3] < 2] == []
    regions = [name for kind, name, *_ in stops if kind.startswith("scroll")]
    figures = ["Unrolled map", "Dose over the procedure", "What the radiation was for"]
    assert regions == ["Triggers", *figures, "Totals", "Table of events"]


def further_stops(page):
    """Class, name and ring of each element that the tabulator key comes to, to the page's end."""
    for _ in range(60):
        page.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None:
            return
        yield stop
    raise AssertionError("the page does not end")


def test_on_a_phone_nothing_stands_over_the_edge(page):
    page.size(390, 844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(WIDE) == []
    sizes = page.evaluate(
        "() => [...document.querySelectorAll('figure svg text')].map(e => e.getBoundingClientRect().height)"
    )
    assert len(sizes) > 30
    assert min(sizes) > 6  # of letters 7 px high upwards; the drawing is sharp at any zoom


def test_on_paper_everything_fits_and_nothing_scrolls(page):
    page.page.emulate_media(media="print")
    page.size(695, 1000)  # A4 without margins of 13 mm, in CSS pixels
    assert page.evaluate(WIDE) == []
    assert page.evaluate(CUT_OFF) == 0
    assert page.evaluate("() => getComputedStyle(document.querySelector('.skip')).display") == "none"
    assert page.evaluate("() => document.querySelectorAll('figure svg').length") == 3
    pdf = page.page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) <= 6


def test_tables_scroll_by_keys(page):
    page.size(390, 844)
    page.evaluate("() => document.querySelector('.events .scroll').focus()")
    for _ in range(3):
        page.press("ArrowRight")
    page.wait("document.querySelector('.events .scroll').scrollLeft > 0")


def test_headings_and_landmarks_are_in_order(page):
    levels = page.evaluate("() => [...document.querySelectorAll('h1, h2, h3, h4')].map(e => Number(e.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for tag in ("header", "main", "footer"):
        assert page.evaluate(f"document.querySelectorAll('body > {tag}').length") == 1
    assert page.evaluate("() => [...document.querySelectorAll('th')].every(e => e.scope === 'col')")
    assert page.evaluate(UNNAMED) == 0


@pytest.mark.parametrize("media", ["screen", "print"])
def test_texts_have_contrast(page, media):
    page.page.emulate_media(media=media)
    seen, bad = page.evaluate(CONTRAST)
    assert seen > 100
    assert bad == []
