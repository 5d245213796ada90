"""The dose report: two pages whatever the content, nobody named unless asked, hostile texts shown as text."""

import io
import json
import re
import time

import numpy as np
import pytest
from pypdf import PdfReader

from skindose.errors import OutputError
from skindose.rdsr import Identity
from skindose.report import pdf
from skindose.report.pages import contacts, page_one, page_two
from skindose.report.picture import picture_png
from skindose.report.summary import clean, summary
from skindose.report.unrolled import unrolled_svg
from tests.report.factory import make_mapless, make_result

JANE = Identity(("Doe, Jane",), "4711-XY", "Hospital", "1950-02-03", "0" * 64)
DIGEST = f"{0:064x}"


def facts_of(result, **changes):
    return json.loads(json.dumps(clean(summary(result)))) | changes


@pytest.fixture(scope="module")
def facts():
    return facts_of(make_result())


@pytest.fixture(scope="module")
def pictures():
    result = make_result()
    whole, dose_mgy = facts_of(result), result.dosemap.dose_mgy
    chart = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 458"><text y="20" font-size="12">D</text></svg>'
    return pdf.Pictures(
        picture_png(whole, result.phantom, dose_mgy, legend=False),
        unrolled_svg(whole, result.phantom, dose_mgy).encode(),
        chart,
    )


def texts(content):
    pages = PdfReader(io.BytesIO(content)).pages
    return [re.sub(r"\s+", " ", page.extract_text().replace("\u200b", "")) for page in pages]


def run_over(content):
    """Texts that stand below the body of their page (21 mm from its lower edge), but for the four lines of the foot."""
    found = []

    def visit(text, cm, tm, *_):
        place_pt = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
        if text.strip() and place_pt < 59.0 and not re.search("^(skindose 0|physicist together|Page|Estimate)", text):
            found.append(text)

    for page in PdfReader(io.BytesIO(content)).pages:
        page.extract_text(visitor_text=visit)
    return found


def test_page_one_says_what_clinicians_ask(facts, pictures):
    content = pdf.pdf(facts, pictures)
    first, second = texts(content)
    assert run_over(content) == []
    assert facts["peak"]["region"] == "posterior thorax, left"
    for said in (
        "Skin dose report", "4.25 Gy", "2.60 to 5.50 Gy", "posterior thorax, left", "Coronary angiography",
        "Air kerma Ka,r 4.60 Gy", "KAP 320 Gy·cm²", "Fluoroscopy 20.0 min",  # reported; where it is not, summed
        "ncrp-168.substantial", "3.00 Gy", "97 %",  # the trigger, its level, its probability
        "band A2", "transient erythema", "before 2 weeks", "it would be band B",  # 5.50 Gy
        "before discharge", "13 Feb 2020 to 17 Feb 2020",  # 10 to 14 days after 3 Feb 2020
        "Not commissioned.", "Unsigned.", "Not a measurement, not a diagnosis", "Page 1 of 2",
        "Earlier procedures of this patient are not counted.",
    ):  # fmt: skip
        assert said in first, said
    for said in (
        "4.60 Gy", "4.50 Gy", "2.1 %", "weight from the file", "reported and summed air kerma differ by 2 %", DIGEST,
        "Medical physicist (name)", "Signature", "generic, assumed", "Page 2 of 2",
    ):  # fmt: skip
        assert said in second, said


def test_it_is_tagged_pdf_a_with_its_fonts_in_it(facts, pictures):
    content = pdf.pdf(facts, pictures)
    reader = PdfReader(io.BytesIO(content))
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in reader.trailer["/Root"]
    assert reader.metadata.title == "Skin dose report"
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            assert "/FontFile3" in font["/DescendantFonts"][0]["/FontDescriptor"]
    assert [round(float(side)) for side in reader.pages[0].mediabox[2:]] == [595, 842]  # A4, in points


def test_the_same_content_gives_the_same_bytes(facts, pictures):
    first = pdf.pdf(facts, pictures)
    time.sleep(1.1)  # a time of making, in seconds, would show
    assert pdf.pdf(facts, pictures) == first
    assert b"D:20200203000000" in first  # the procedure's day, not today


def test_nobody_is_named_unless_asked(facts, pictures):
    named = pdf.pdf(facts, pictures, JANE)
    for page in texts(named):
        assert all(said in page for said in ("Doe, Jane", "4711-XY (Hospital)", "1950-02-03"))
    metadata = PdfReader(io.BytesIO(named))
    shown = f"{metadata.metadata} {metadata.trailer['/Root']['/Metadata'].get_data().decode()}"
    assert not any(secret in shown for secret in ("Doe", "4711", "1950"))
    assert all("pseudonymous" in page for page in texts(pdf.pdf(facts, pictures)))


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("Жуковский, Анна",), "Жуковский, Анна"),
        (("Wałęsa, Łucja", "Παπαδόπουλος, Ελένη"), "Παπαδόπουλος, Ελένη"),
        (("Doe, \U000f0000",), "in letters that no font on this machine has"),
        ((), "Patient not stated"),
    ],
)
def test_names_in_other_letters(facts, names, shown):
    first, _ = texts(pdf.pdf(facts, pdf.Pictures(), Identity(names, "1", "", "", "")))
    assert shown in first


HOSTILE = (
    '#read("/etc/passwd")',
    '#eval("1+1") #sys.inputs #panic()',
    "$ x^2 $ *bold* _it_ `raw` @ref <label> // comment /* \\ ] } ) = Heading",
    "<script>alert(1)</script>",
    '"}],"title":"owned',
)


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_a_file_are_never_read_as_markup(facts, text):
    procedure = facts["procedure"] | {"description": text}
    first, second = texts(pdf.pdf(facts | {"procedure": procedure, "warnings": [text]}, pdf.Pictures()))
    plain = re.sub(r"\s+", " ", text)
    assert plain in first
    assert plain in second


def test_letters_that_no_font_has_and_control_signs_are_replaced(facts):
    odd = "a\x00b\x1b[31m\u202ec \U000f1234 心 d\ud800"
    procedure = facts["procedure"] | {"description": odd}
    first, _ = texts(pdf.pdf(facts | {"procedure": procedure}, pdf.Pictures()))
    assert "a?b?[31m?c ? ? d?" in first


def worst(facts, sign="W"):
    """Every list long and every text of a file long, in words and without a blank."""
    long, wide = f"{sign * 7} " * 60, sign * 500
    trigger = facts["triggers"][0]
    triggers = [trigger | {"rule": f"{wide}.{k}", "source": long, "what_follows": long + str(k)} for k in range(40)]
    return facts | {
        "procedure": facts["procedure"] | {"description": long, "station": wide},
        "device": dict.fromkeys(facts["device"], wide),
        "profile": {"name": wide, "status": "assumed"},
        "inputs": [{"file": f"{wide}{k}.dcm", "sha256": DIGEST, "sop_instance_uid": "1"} for k in range(30)],
        "trigger_set": {"preset": wide, "signed_by": None},
        "triggers": triggers,
        "warnings": [f"{k} {long}" for k in range(200)],
        "assumptions": [f"{k}{wide}" for k in range(200)],
        "placement": facts["placement"] | {"axes": dict.fromkeys(("left", "head", "up"), f"anatomy: {long}")},
        "excluded_events": [{"event": k, "reason": long} for k in range(50)],
    }


@pytest.mark.parametrize("sign", ["W", "i", "\u0416"])
def test_the_worst_content_stays_on_two_pages_with_all_that_must_be_there(facts, pictures, sign):
    who = Identity((sign * 200,) * 3, sign * 200, sign * 200, "", "")
    content = pdf.pdf(worst(facts, sign), pictures, who)
    first, second = texts(content)
    assert run_over(content) == []
    for said in ("4.25 Gy", "band A2", "before discharge", "Not commissioned.", "Unsigned.", "Not a measurement"):
        assert said in first, said
    assert re.search(r"\d+ more exceeded: see report\.html", first)
    assert re.search(r"\d+ more: see report\.html", second)
    for said in ("Totals", "Provenance", DIGEST, "and 26 more", "Signature", "Not valid without a signature", "Page 2"):
        assert said in second, said


def test_every_warning_is_there_or_counted(facts):
    lines = [f"warning number {k:03d} of this long list of warnings" for k in range(150)]
    _, second = texts(pdf.pdf(facts | {"warnings": lines, "assumptions": []}, pdf.Pictures()))
    shown = sum(line in second for line in lines)
    assert shown > 20
    assert f"{150 - shown} more: see report.html" in second


def test_without_a_map_it_says_so_and_plans_the_follow_up(facts):
    bare = facts_of(make_mapless())
    first, second = texts(pdf.pdf(bare, pdf.Pictures()))
    for said in ("No dose map:", "no event has air kerma", "not known", "9.00 Gy", "3 months", "from 5 Gy"):
        assert said in first, said
    assert "4.60 Gy" in second


def test_the_plan_follows_the_dose_and_has_dates(facts):
    assert [row[0] for row in contacts(facts)][-1] == "30 days"  # below 5 Gy
    bound = facts | {"peak": facts["peak"] | {"lower_bound_reason": "half is missing"}}
    assert [row[0] for row in contacts(bound)][-1] == "3 months"
    high = facts | {"peak": facts["peak"] | {"skin_dose_mgy": 12_000.0}}
    assert contacts(high)[-1][:2] == ("12 months", "18 Jan 2021 to 17 Feb 2021")  # 350 and 380 days after 3 Feb 2020
    undated = facts | {"procedure": facts["procedure"] | {"date": None}}
    assert contacts(undated)[1][1] == "day 10 to 14"
    calm = facts | {"triggers": [one | {"fired": False} for one in facts["triggers"]]}
    assert contacts(calm) == []
    assert page_one(calm)["asked"] == [
        "No follow-up is asked for by these rules. Any finding on the skin is to be reported all the same."
    ]


def test_a_signed_commissioned_result_has_no_banner(facts):
    signed = facts | {
        "trigger_set": {"preset": "house", "signed_by": "A. Physicist"},
        "profile": {"name": "lab 2", "status": "commissioned"},
    }
    assert page_one(signed)["banners"] == []
    assert page_one(signed)["signed"] == "house, levels signed by A. Physicist"


def test_it_says_who_reviewed_this_version_or_that_nobody_did(facts):
    who = {"by": "A. Physicist", "role": "medical physicist", "on": "2026-11-25", "note": None}

    def said(**review):
        banners = page_one(facts | {"review": {"version": 2, "signed": [], "former": None} | review})["banners"]
        assert not any("nor is this estimate signed" in text for _, _, text in banners), "said once"
        return [text for _, name, text in banners if "eviewed" in name]

    assert said(signed=[who]) == [
        "The map (version 2 of this case) was reviewed by A. Physicist, medical physicist on 2026-11-25."
    ]
    assert said() == ["Nobody has reviewed the map (version 2 of this case): it is an unsigned estimate."]
    (text,) = said(former={"version": 1, **who})
    assert text.endswith(
        "Version 1, which is not this one, was reviewed by A. Physicist, medical physicist on 2026-11-25."
    )


def test_lists_are_short_of_nothing_that_is_small(facts):
    content = page_two(facts)
    assert len(content["texts"]) == len(facts["warnings"]) + len(facts["assumptions"])
    assert content["texts_left"] == 0


def test_typst_missing_is_one_clear_line(facts, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "typst", None)
    with pytest.raises(OutputError, match=r"pip install 'skindose\[pdf\]'"):
        pdf.pdf(facts, pdf.Pictures())


def test_it_does_not_take_long(facts, pictures):
    start = time.perf_counter()
    pdf.pdf(facts, pictures)
    assert time.perf_counter() - start < 10.0  # 0.3 s here; a search that does not end would show
    assert np.isfinite(facts["peak"]["skin_dose_mgy"])
