"""The charts' numbers sum to the totals, with one event and with thousands, with values missing, zero and hostile."""

import re
from dataclasses import fields, replace
from xml.etree import ElementTree

import numpy as np
import pytest

from skindose.model import Events, Finding
from skindose.quantities import totals_of
from skindose.report.charts import KINDS, MOST_BARS, dose_chart_svg, minutes
from skindose.report.events import peak_contribution_mgy
from skindose.report.figures import figures
from skindose.report.shares import share_bars, shares_svg
from skindose.report.summary import summary
from tests.close import close
from tests.report.factory import make_events, make_findings, make_mapless, make_result

HOSTILE = """<script>alert(1)</script>"'&\x00\x0b]]>"""
SVG = "{http://www.w3.org/2000/svg}"
NUMBER = r"([\d.]+) (m?Gy)"


def many(count, **changes):
    """`count` events: the factory's first, again and again, a minute apart."""
    first = make_events()
    columns = {}
    for field in fields(Events):
        value = getattr(first, field.name)
        if isinstance(value, np.ndarray):
            columns[field.name] = np.repeat(value[:1], count)
        elif isinstance(value, tuple) and len(value) == 3:
            columns[field.name] = value[:1] * count
    columns["status"] = {name: np.repeat(value[:1], count) for name, value in first.status.items()}
    columns["started"] = tuple(f"2020-02-{3 + k // 1440:02d}T{k // 60 % 24:02d}:{k % 60:02d}:00" for k in range(count))
    return replace(first, **{**columns, **changes})


def facts_of(peak_mgy=4000.0, excluded=(), levels=(2.0, 3.0)):
    finding = replace(make_findings().findings[0], quantity="psd", unit="Gy")
    found = tuple(replace(finding, level=level) for level in levels)
    facts = summary(replace(make_result(), findings=replace(make_findings(), findings=found)))
    facts["excluded_events"] = [{"event": number, "reason": "test"} for number in excluded]
    return facts | {"peak": facts["peak"] | {"skin_dose_mgy": peak_mgy} if peak_mgy else None}


def elements(text, tag):
    return list(ElementTree.fromstring(text).iter(SVG + tag))


def texts(text):
    return [element.text for element in elements(text, "text")]


def titles(text):
    return [element.text for element in elements(text, "title")]


def in_mgy(words):
    number, unit = re.search(NUMBER, words).groups()
    return float(number) * (1000 if unit == "Gy" else 1)


def bars(text):
    """Height in mGy of every bar, read off the lower chart's own scale."""
    colours = {kind.colour for kind in KINDS}
    lower = next(e for e in elements(text, "text") if "of each" in e.text)
    unit = 1000.0 if lower.text.endswith(", Gy") else 1.0
    top = float(lower.get("y"))
    ticks = [
        e for e in elements(text, "text") if e.get("text-anchor") == "end" and re.fullmatch(r"[\d.]+", e.text or "")
    ]
    scale = [(float(e.get("y")), float(e.text)) for e in ticks if float(e.get("y")) > top]
    (y0, v0), (y1, v1) = scale[0], scale[-1]
    mgy = unit * (v1 - v0) / (y0 - y1)
    found = [
        e
        for e in elements(text, "rect")
        if e.get("fill") in colours and float(e.get("y")) + float(e.get("height")) < y0
    ]
    return np.array([float(e.get("height")) for e in found]) * mgy


def test_bars_and_titles_add_up_to_the_peak():
    result = make_result()
    own = peak_contribution_mgy(result)
    chart = dose_chart_svg(summary(result), result.events, own)
    peak = result.dosemap.peak.skin_dose_mgy
    close(bars(chart).sum(), peak, rtol=0.005, because="heights are written to 0.01 of 120 units")
    said = [in_mgy(title) for title in titles(chart) if "not known" not in title]
    close(sum(said), peak, rtol=0.005, because="three digits are shown")
    assert titles(chart)[0].startswith("event 1: ")
    assert "fluoroscopy, plane A, 10:11:12" in titles(chart)[0]
    assert "event 3: not known" in titles(chart)[2]  # it is not in the map


def test_the_curve_ends_at_the_sum():
    dose = np.linspace(1.0, 30.0, 100)
    chart = dose_chart_svg(facts_of(), many(100), dose)
    curve = max(elements(chart, "path"), key=lambda e: len(e.get("d")))
    points = np.array([float(v) for v in re.findall(r"-?[\d.]+", curve.get("d"))]).reshape(-1, 2)
    assert (np.diff(points[:, 1]) <= 0).all()  # never down
    assert (np.diff(points[:, 0]) >= 0).all()
    assert "1.55 Gy" in texts(chart)  # 100 x 15.5 mGy
    levels = {e.text: float(e.get("y")) - 4 for e in elements(chart, "text") if (e.text or "").startswith("level")}
    share = (points[0, 1] - points[-1, 1]) / (points[0, 1] - levels["level 2 Gy"])
    close(share, 1.55 / 2, rtol=0.002, because="coordinates have two decimals")


@pytest.mark.parametrize(("total_mgy", "shown"), [(5000.0, [2, 3]), (2500.0, [2, 3]), (1000.0, [2]), (100.0, [])])
def test_levels_passed_and_the_next_one_are_lines(total_mgy, shown):
    chart = dose_chart_svg(facts_of(), many(4), np.full(4, total_mgy / 4))
    assert [text for text in texts(chart) if text.startswith("level")] == [f"level {level} Gy" for level in shown]


def test_labels_of_near_levels_do_not_lie_on_each_other():
    chart = dose_chart_svg(facts_of(levels=(2.0, 2.1, 3.0)), many(4), np.full(4, 4000.0))
    heights = [float(e.get("y")) for e in elements(chart, "text") if e.text.startswith("level")]
    assert (np.diff(heights) <= -13.0).all()  # from low to high, a line's height apart


@pytest.mark.parametrize("count", [1, 2, 316, 1000, 2503])
def test_any_number_of_events_is_readable(count):
    chart = dose_chart_svg(facts_of(), many(count), np.full(count, 4000.0 / count))
    assert len(titles(chart)) <= MOST_BARS
    assert sum(1 for _ in titles(chart)) == -(-count // -(-count // MOST_BARS))
    close(bars(chart).sum(), 4000.0, rtol=0.01, because="heights are written to 0.01 units")
    numbers = [int(e.text) for e in elements(chart, "text") if e.get("text-anchor") == "middle" and e.text.isdigit()]
    assert max(numbers) <= max(count, 2 * 1440)
    assert len(numbers) <= 30
    assert len(chart) < 300_000


def test_all_figures_of_316_events_cost_little():
    own = many(316)
    total = sum(len(text) for text in (dose_chart_svg(facts_of(), own, np.full(316, 12.0)), shares_svg(own)))
    assert total < 150_000


def test_without_dose_or_values_there_is_still_a_chart():
    for value in (0.0, np.nan):
        chart = dose_chart_svg(facts_of(), many(3), np.full(3, value))
        assert len(bars(chart)) == 0
    assert "of 3 events 3 have no known dose" in texts(chart)
    assert "of 3 events 3 add nothing" in texts(dose_chart_svg(facts_of(), many(3), np.zeros(3)))
    assert dose_chart_svg(facts_of(), many(0), np.zeros(0)) == ""
    assert shares_svg(many(0)) == ""


def test_an_excluded_event_is_not_in_the_map():
    chart = dose_chart_svg(facts_of(excluded=[2]), many(3), np.array([1.0, 0.0, 1.0]))
    assert "not in the map" in texts(chart)
    assert titles(chart)[1].startswith("event 2: not known")


def test_without_a_peak_air_kerma_stands_in_its_place():
    result = make_mapless()
    chart = dose_chart_svg(summary(result), result.events, peak_contribution_mgy(result))
    assert any(text.startswith("Air kerma at the reference point, cumulated") for text in texts(chart))
    close(bars(chart).sum(), 4502.0, rtol=0.005, because="the sum of the events' air kerma; 0.01 units")


def test_time_is_an_axis_only_where_it_is_known():
    close(minutes(many(4)), [0, 1, 2, 3], atol=1e-9, because="a minute apart")
    assert minutes(make_events()) is None  # the third has none
    assert minutes(many(2, started=("2020-01-01T10:00:00", "2020-01-01T09:00:00"))) is None
    assert minutes(many(2, started=(HOSTILE, HOSTILE))) is None
    assert minutes(many(1)) is None
    zoned = many(2, started=("2020-01-01T10:00:00", "2020-01-01T10:30:00+02:00"))
    close(minutes(zoned), [0, 30], atol=1e-9, because="local times; a stated zone does not make them uncomparable")
    assert "minutes since the first event" in texts(dose_chart_svg(facts_of(), many(4), np.ones(4)))
    assert "minutes since the first event" not in texts(dose_chart_svg(facts_of(), make_events(), np.ones(3)))


def test_shares_add_up_to_the_totals():
    events = make_events()
    totals = totals_of(events)
    names = {"Air kerma": "air_kerma_mgy", "KAP": "kap_gycm2"}
    found = {bar.name: bar for bar in share_bars(events)}
    for name, key in names.items():
        close(found[name].total, totals[key]["together"]["summed"], rtol=1e-12, because="the same sum")
    assert found["KAP"].missing == 1
    kinds = {part.name: part.value for part in found["Air kerma"].parts}
    assert kinds == {"fluoroscopy": 3000.0, "acquisition": 1502.0}
    planes = {part.name: part.value for part in found["Air kerma by plane"].parts}
    assert planes["plane A"] == totals["air_kerma_mgy"]["A"]["summed"]
    assert planes["plane B"] == totals["air_kerma_mgy"]["B"]["summed"]


def test_shares_are_drawn_in_proportion():
    drawing = shares_svg(make_events())
    widths = [(float(e.get("width")), e.find(f"{SVG}title")) for e in elements(drawing, "rect")]
    parts = {title.text: width for width, title in widths if title is not None}
    fluoroscopy = next(width for text, width in parts.items() if text.startswith("Air kerma, fluoroscopy"))
    close(fluoroscopy / 744.0, 3000 / 4502, rtol=1e-3, because="coordinates have two decimals")
    assert "fluoroscopy 3.00 Gy (67 %)" in texts(drawing)
    assert "KAP: 315 Gy·cm²; 1 event without" in texts(drawing)


def test_planes_have_colours_of_their_own_and_differ_without_them():
    bars = {bar.name: bar for bar in share_bars(make_events(plane=("A", "B", "A")))}
    one, other = (part.colour for part in bars["Air kerma by plane"].parts)
    assert not {one, other} & {kind.colour for kind in KINDS}
    assert contrast(one, other) > 1.9
    assert min(contrast(one, "#ffffff"), contrast(other, "#ffffff")) > 3


def test_one_plane_is_not_split():
    assert [bar.name for bar in share_bars(many(3, plane=("single",) * 3))] == ["Air kerma", "KAP"]


def test_hostile_texts_stay_text():
    events = many(2, started=(f"2020-01-01T{HOSTILE}",) * 2, plane=(HOSTILE, "B"), event_type=(HOSTILE,) * 2)
    facts = facts_of() | {"triggers": [{**facts_of()["triggers"][0], "rule": HOSTILE}]}
    for drawing in (dose_chart_svg(facts, events, np.ones(2)), shares_svg(events)):
        assert "<script" not in drawing
        assert not elements(drawing, "script")
    assert any("<script>alert(1)</script>" in title for title in titles(shares_svg(events)))


def luminance(colour):
    """Relative luminance of "#rrggbb" [WCAG 2.1]."""
    channel = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_kinds_differ_without_colour():
    colours = [kind.colour for kind in KINDS]
    assert min(contrast(colour, "#ffffff") for colour in colours) > 3  # WCAG 1.4.11, and ink enough on paper
    assert min(contrast(a, b) for k, a in enumerate(colours) for b in colours[:k]) > 1.9


def test_every_figure_of_a_result_is_there():
    result = make_result()
    assert [figure.name for figure in figures(result, summary(result))] == [
        "Unrolled map", "Dose over the procedure", "What the radiation was for",
    ]  # fmt: skip
    mapless = make_mapless()
    assert figures(mapless, summary(mapless))[0].name == "Dose over the procedure"


def test_a_finding_of_another_quantity_is_no_level():
    other = Finding("r", "trigger", "kap", 1.0, 2.0, "Gy.cm2", False, 0.0)
    result = replace(make_result(), findings=replace(make_findings(), findings=(other,)))
    facts = facts_of() | {"triggers": summary(result)["triggers"]}
    chart = dose_chart_svg(facts, many(2), np.full(2, 5000.0))
    assert not any(text.startswith("level") for text in texts(chart))
