"""report.html as text: whole, self-contained, escaped, honest."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from skindose.case import Revision
from skindose.model import Finding
from skindose.report import render
from skindose.report.page import html, map_payload
from skindose.report.scene import DISCLAIMER
from tests.report.factory import (
    make_events,
    make_findings,
    make_machine,
    make_mapless,
    make_phantom,
    make_procedure,
    make_result,
)

HOSTILE = """<script>alert(1)</script><img src=x onerror=alert(2)>"'&{{7*7}}</title></style>"""
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Balanced elements, texts outside scripts, scripts, and every address that a browser would fetch."""

    def __init__(self, data):
        super().__init__()
        self.open, self.tags, self.texts, self.scripts, self.fetched, self.handlers = [], [], [], [], [], []
        self.policy = ""
        self.feed(data.decode())
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append((tag, values))
        addresses = [values[key] for key in ("src", "href", "srcset", "data", "action") if key in values]
        self.fetched += [address for address in addresses if not address.startswith(("#", "data:image/png;"))]
        self.handlers += [key for key in values if key.startswith("on")]
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tag, values = self.open[-1] if self.open else ("", {})
        if tag == "script":
            self.scripts.append((values, data))
        elif tag != "style":
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def page():
    return Page(html(make_result()))


def test_says_the_number_its_interval_and_place(page):
    for text in ("Peak skin dose 4.", "2.60 to 5.50 Gy", "posterior thorax, left", "band A2", DISCLAIMER):
        assert text in page.text


def test_what_is_not_commissioned_or_signed_shows_it(page):
    assert "Not commissioned." in page.text
    assert "levels not yet signed by this site's physicist" in page.text
    calm = Page(html(make_result(events=make_events(machine=make_machine("commissioned")))))
    assert "Not commissioned." not in calm.text


def test_what_fired_stands_first(page):
    assert page.text.index("▲ exceeded") < page.text.index("? not evaluable") < page.text.index("not reached")
    assert "the file has no fluoroscopy time" in page.text


def test_fetches_nothing(page):
    assert page.fetched == ["data:,"]
    assert "default-src 'none'" in page.policy
    style = re.search(rb"<style>(.*?)</style>", html(make_result()), re.DOTALL).group(1)
    assert b"url(" not in style
    assert b"@import" not in style


def test_only_the_scripts_of_the_program_may_run(page):
    run = [code for values, code in page.scripts if "type" not in values]
    digests = {base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in run}
    assert len(run) == 2
    assert set(re.findall(r"'sha256-([^']+)'", page.policy)) == digests
    script_rule = re.search("script-src ([^;]*);", page.policy).group(1)
    assert "unsafe" not in script_rule


def hostile_result():
    """Every text that can come out of a file, hostile."""
    procedure = make_procedure(description=HOSTILE)
    header = replace(procedure.header, station=HOSTILE, manufacturer=HOSTILE, model=HOSTILE, software=HOSTILE)
    inputs = (replace(procedure.inputs[0], name=HOSTILE, sop_instance_uid=HOSTILE),)
    events = make_events(
        machine=replace(make_machine(), profile=HOSTILE),
        started=(f"2020-01-01T{HOSTILE}",) * 3,
        plane=(HOSTILE,) * 3,
        event_type=(HOSTILE,) * 3,
        unmapped_reason=("", "", HOSTILE),
    )
    finding = Finding(
        HOSTILE, HOSTILE, HOSTILE, 1.0, 1.0, HOSTILE, True, 0.5, HOSTILE, 0, HOSTILE, HOSTILE, HOSTILE, HOSTILE
    )
    phantom = replace(make_phantom(), name=HOSTILE, region_names=(HOSTILE,) * 3, parameters={HOSTILE: HOSTILE})
    return make_result(
        phantom=phantom,
        procedure=replace(procedure, header=header, inputs=inputs),
        events=events,
        findings=replace(make_findings(), preset=HOSTILE, signed_by=HOSTILE, findings=(finding,)),
        assumptions=(HOSTILE,),
        warnings=(HOSTILE,),
        excluded={0: HOSTILE},
    )


@pytest.mark.parametrize("result", [hostile_result(), replace(hostile_result(), dosemap=None, no_map_reason=HOSTILE)])
def test_hostile_text_stays_text(result):
    page = Page(html(result))
    assert page.tags.count("script") == (3 if result.dosemap else 0)
    assert "img" not in page.tags
    assert page.handlers == []
    assert all("alert(1)" not in code or values.get("type") == "application/json" for values, code in page.scripts)
    assert "<" not in map_payload(result)
    assert "<script>alert(1)</script>" in page.text  # shown, not lost
    assert "{{7*7}}" in page.text


def test_without_a_map_says_why_and_draws_nothing():
    data = html(make_mapless())
    page = Page(data)
    assert "No dose map: no event has air kerma" in page.text
    assert "9.00 Gy (upper bound" in page.text
    assert "▲ exceeded" in page.text
    assert page.tags.count("script") == 0
    assert len(data) < 50_000


def test_a_map_that_no_beam_meets_is_drawn_and_says_so():
    dosemap = make_result().dosemap
    empty = replace(dosemap, dose_mgy=np.zeros_like(dosemap.dose_mgy), peak=None)
    result = make_result(dosemap=empty)
    page = Page(html(result))
    assert "No dose on the skin: no X-ray beam meets the body" in page.text
    assert "not known" in page.text
    assert json.loads(map_payload(result))["peak_mark_mm"] is None


def test_shows_the_makers_own_estimate_beside_ours():
    assert "4.10 Gy (from the file)" in Page(html(make_result(events=make_events(vendor_peak_mgy=4100.0)))).text


def test_a_corrected_result_says_which_one_it_corrects_who_and_why():
    result = make_result()
    revision = Revision("case1", "ab" * 32, HOSTILE, "lay 5 cm lower")
    page = Page(html(replace(result, case=replace(result.case, revises=revision))))
    assert "Corrects" in page.text
    assert f"case1, result.json sha256 {'ab' * 32}, by <script>" in page.text
    assert "lay 5 cm lower" in page.text
    assert "Corrects" not in Page(html(result)).text


def test_the_head_says_what_is_exceeded_and_what_follows(page):
    head = page.text[: page.text.index("ncrp-168, levels")]
    assert "1 of 3 exceeded: peak skin dose over 3.00 Gy" in head
    assert "What follows follow-up of the patient" in head
    assert "Not evaluable 1 of 3 triggers" in head


def test_figures_need_no_script(page):
    mapless = Page(html(make_mapless()))
    assert page.tags.count("svg") == 3
    assert mapless.tags.count("svg") == 2
    assert "Air kerma at the reference point, cumulated" in mapless.text


def test_events_have_letters_for_where_a_value_comes_from(page):
    assert "81.2 R 0.1 Cu + 1 Al" in page.text
    assert "LAO 30, CAU 12.5" in page.text
    assert "not in the map: no geometry" in page.text


def test_the_same_result_gives_the_same_bytes():
    assert html(make_result()) == html(make_result())


def test_the_folder_has_a_mesh_only_with_a_map():
    assert set(render(make_result())) == {"result.json", "events.csv", "report.html", "case.npz", "dosemap.vtp"}
    assert set(render(make_mapless())) == {"result.json", "events.csv", "report.html", "case.npz"}
    assert all(b"NaN" not in content for name, content in render(make_mapless()).items() if name != "report.html")


def test_stays_under_8_mb_with_50_000_cells():
    result = make_result(phantom=make_phantom(steps=(90, 60, 110)))
    assert len(result.phantom.triangles) > 50_000
    assert len(html(result)) < 8e6
