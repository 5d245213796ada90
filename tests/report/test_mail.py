"""An alert's mail, parsed as a mail program would: what it says, what it never says, and how it looks."""

import base64
import email
import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.policy import default
from html.parser import HTMLParser

import pydicom
import pytest
from PIL import Image

from skindose.errors import OutputError
from skindose.report.mail import Envelope, compose, picture, subject
from skindose.report.mail_words import ASKED, Alert, Earlier, allowed, headline, plain, planned, sections
from skindose.report.scene import DISCLAIMER
from skindose.report.summary import summary
from skindose.triggers.rules import Role
from tests import chromium
from tests.report.factory import make_mapless, make_result
from tests.report.test_ics import read

CET = timezone(timedelta(hours=1))
ENVELOPE = Envelope(
    "skindose@example.org",
    "anna@example.org",
    "<a1.r2@skindose.example.org>",
    datetime(2026, 11, 25, 12, 0, tzinfo=CET),
)
SITE_RULE = "our-lab.first"


def make_facts(result=None):
    """A result's facts in which the first finding has fired and starts a follow-up."""
    facts = summary(result or make_result())
    facts["triggers"][0] |= {"fired": True, "kind": "trigger", "what_follows": "The patient is informed."}
    return facts


def make_alert(facts, **changes):
    finding = facts["triggers"][0]
    until = datetime(2026, 11, 25, 16, 0, tzinfo=CET)
    made = Alert(
        "K-2026-0147", 2, finding["rule"], finding["quantity"], until, "physicist", ("operator",), "Cath lab 2"
    )
    return replace(made, **({"contacts": planned(facts)} | changes))


def parsed(facts, envelope=ENVELOPE, png=None, **changes):
    """The mail as a mail program gets it."""
    return email.message_from_bytes(
        compose(make_alert(facts, **changes), facts, envelope, png).as_bytes(), policy=default
    )


def body(mail, kind):
    return mail.get_body((kind,)).get_content()


class Words(HTMLParser):
    """The words of a page, and its tags with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.words, self.tags = [], []
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


def everything(mail):
    """Headers and every part, decoded and not, pictures as bytes that are letters."""
    shown = [mail.as_string(), *(f"{name}: {value}" for part in mail.walk() for name, value in part.items())]
    for part in mail.walk():
        if not part.is_multipart():
            content = part.get_content()
            shown.append(content if isinstance(content, str) else content.decode("latin-1"))
    return "\n".join(shown)


@pytest.fixture(scope="module")
def facts():
    return make_facts()


@pytest.fixture(scope="module")
def png():
    result = make_result()
    return picture(summary(result), result.phantom, result.dosemap.dose_mgy)


# --- What it says


def test_subject_is_neutral(facts):
    mail = parsed(facts)
    assert mail["Subject"] == "[skindose] level 2 - case K-2026-0147 - acknowledge by 25 Nov 16:00"
    assert mail["Subject"] == subject(make_alert(facts))


def test_headers(facts):
    mail = parsed(facts)
    assert mail["Message-ID"] == "<a1.r2@skindose.example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (mail["From"], mail["To"]) == ("skindose <skindose@example.org>", "anna@example.org")
    assert mail["Date"].datetime == ENVELOPE.date


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_both_bodies_say_what_they_must(facts, kind):
    mail = parsed(
        facts, base_address="https://dose.example.org/", earlier=Earlier(2, 60, 5200.0, (4000.0, 7000.0), 9100.0)
    )
    said = body(mail, kind)
    said = Words(said).text if kind == "html" else " ".join(said.split())
    finding = facts["triggers"][0]
    for words in (
        "substantial radiation dose level",
        "Cath lab 2",
        "Wed 25 Nov 2026, 16:00 (UTC+01:00)",
        ASKED["physicist"],
        "unsigned estimate",
        "95 % interval",
        facts["peak"]["region"],
        finding["rule"],
        finding["source"],
        "band ",
        "2 earlier procedures within 60 days counted; peak of the summed map 5.20 Gy (4.00 to 7.00 Gy)",
        "air kerma together 9.10 Gy",
        "not yet signed by this site's physicist",
        "https://dose.example.org/cases/K-2026-0147",
        "operator",
        DISCLAIMER,
    ):
        assert words.casefold() in said.casefold()


def test_text_can_be_read_in_72_columns(facts):
    address = "https://dose.example.org/" + "x" * 80
    lines = body(parsed(facts, base_address=address, told=tuple(ASKED)), "plain").splitlines()
    assert max(len(line) for line in lines if not line.startswith("https")) <= 72
    assert f"{address}/cases/K-2026-0147" in lines


def test_without_a_base_address_there_is_no_link(facts):
    mail = parsed(facts)
    assert "http" not in body(mail, "plain")
    assert "href" not in body(mail, "html")


@pytest.mark.parametrize(
    ("earlier", "words"),
    [
        (None, "not counted: the numbers are those of this procedure alone"),
        (Earlier(0, 60), "none known within 60 days"),
        (Earlier(1, 60, lower_bound=True), "1 earlier procedure within 60 days counted; a lower bound"),
    ],
)
def test_earlier_procedures(facts, earlier, words):
    assert words in " ".join(body(parsed(facts, earlier=earlier), "plain").split())


def test_a_rule_that_the_result_no_longer_has_is_named(facts):
    assert "old.rule" in body(parsed(facts, rule="old.rule"), "plain")


def test_the_alerts_own_rule_stands_first_and_once(facts):
    said = body(parsed(facts), "plain")
    own = f"{facts['triggers'][0]['rule']}: peak skin dose"
    assert said.count(own) == 1
    assert said.index(own) < said.index("Rule set:")


def test_escalation_says_who_did_not_acknowledge(facts):
    assert "The operator did not acknowledge" in body(parsed(facts, escalated_from="operator"), "plain")


@pytest.mark.parametrize("role", Role.__args__)
def test_every_role_is_asked_something(facts, role):
    assert ASKED[role][:30] in body(parsed(facts, role=role), "plain")


def test_without_a_map_it_says_so():
    facts = make_facts(make_mapless())
    said = " ".join(body(parsed(facts, rule="", quantity=""), "plain").split())
    assert "Peak skin dose: not known" in said
    assert f"No map: {facts['no_map_reason']}" in said
    assert "totals below" not in said
    assert picture(facts, None, None) is None


def test_the_day_but_no_time(facts):
    assert "4 May 2026" in body(parsed(facts | {"procedure": facts["procedure"] | {"date": "2026-05-04"}}), "plain")
    undated = facts | {"procedure": facts["procedure"] | {"date": "2026-05-04T10:11:12"}}
    said = body(parsed(undated | {"procedure": {"date": None}}), "plain")
    assert "plan the contacts from the day of the procedure" in " ".join(said.split())
    assert planned(undated) == ()


# --- Parts


def kinds(mail):
    return [part.get_content_type() for part in mail.walk()]


def test_parts_with_picture_and_dates(facts, png):
    mail = parsed(facts, png=png)
    assert kinds(mail) == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "text/calendar",
    ]  # fmt: skip
    image = next(part for part in mail.walk() if part.get_content_type() == "image/png")
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in body(mail, "html")
    assert (image.get_content_disposition(), image.get_filename()) == ("inline", "K-2026-0147.png")
    assert Image.open(io.BytesIO(image.get_content())).width == 600
    dates = next(mail.iter_attachments())
    assert (dates.get_filename(), dates.get_content_type()) == ("K-2026-0147.ics", "text/calendar")
    assert dates.get_param("method") == "PUBLISH"
    events = read(dates.get_payload(decode=True).decode())
    assert [event["SUMMARY"] for event in events][:2] == [
        "skindose K-2026-0147: follow-up 10-14 days",
        "skindose K-2026-0147: follow-up 2-4 weeks",
    ]


def test_parts_where_the_site_sends_no_picture_and_nothing_follows(facts):
    mail = parsed(facts, contacts=())
    assert kinds(mail) == ["multipart/alternative", "text/plain", "text/html"]
    assert "<img" not in body(mail, "html")


def test_every_server_can_carry_it(facts, png):
    content = compose(make_alert(facts, room="Herzkatheter \u00e4"), facts, ENVELOPE, png).as_bytes()
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998  # [RFC 5322, 2.1.1]
    assert len(content) < 1_000_000


def test_the_same_alert_is_the_same_mail(facts, png):
    first, second = (compose(make_alert(facts), facts, ENVELOPE, png).as_bytes() for _ in range(2))
    assert first == second


def test_html_has_no_script_and_asks_for_nothing(facts, png):
    page = Words(body(parsed(facts, png=png), "html"))
    assert not {"script", "link", "style", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    assert {attributes["src"] for _, attributes in page.tags if "src" in attributes} == {"cid:map@skindose.invalid"}
    assert not any("url(" in (attributes.get("style") or "") for _, attributes in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


# --- What it never says

CANARY = "MUSTER^ANNA"


def poisoned(value, pattern, path=""):
    """`value` with a name in place of every text that is not let through, and as a key beside them."""
    if isinstance(value, dict):
        inner = pattern if isinstance(pattern, dict) else {}
        free = path in FREE
        changed = {key: poisoned(item, inner.get(key), f"{path}.{key}") for key, item in value.items()}
        return changed if free else changed | {"patient_name": CANARY}
    if isinstance(value, list):
        return [poisoned(item, pattern, path) for item in value]
    return value if path in LET_THROUGH or not isinstance(value, str) else CANARY


TRIGGER_TEXTS = (
    "rule", "kind", "quantity", "unit", "reason", "source", "provenance", "what_follows", "note",
)  # fmt: skip
LET_THROUGH = {
    ".procedure.date", ".profile.name", ".profile.status", ".calibration.status", ".placement.region_status",
    ".placement.axes.left", ".placement.axes.head", ".placement.axes.up", ".peak.region", ".peak.lower_bound_reason",
    ".peak.uncertainty.regions.region", ".no_map_reason", ".trigger_set.preset",
    *(f".triggers.{name}" for name in TRIGGER_TEXTS),
}  # fmt: skip
FREE = {
    ".placement.axes",
    ".regions",
    ".totals.air_kerma_mgy.together",
    ".totals.kap_gycm2.together",
    ".peak.uncertainty.regions",
}


def test_what_is_not_let_through_is_nowhere(png):
    result = make_result()
    facts = make_facts(result)
    facts["user_changes"] = [{"kind": "excluded", "events": [1], "note": "operator X"}]
    hostile = poisoned(facts, None)
    assert str(hostile).count(CANARY) > 30
    mail = parsed(hostile, png=picture(hostile, result.phantom, result.dosemap.dose_mgy))
    assert CANARY not in everything(mail)
    for part in mail.walk():
        if part.get_content_type() == "image/png":
            assert part.get_content() == png  # so the picture says none of it either


def test_only_what_is_let_through_is_looked_at(facts):
    assert "station" not in allowed(facts)["procedure"]
    assert "description" not in allowed(facts)["procedure"]
    assert not {"input", "inputs", "patient", "device", "files", "warnings", "assumptions"} & allowed(facts).keys()


@pytest.mark.shared
def test_no_identifier_of_a_real_report_is_in_its_mail(rdsr_folder):
    from skindose import Settings, compute, rdsr

    path = rdsr_folder / "ge_oec_esp_c_arm.dcm"
    result = compute(rdsr.read(path), Settings(phantom="oval"))
    facts = summary(result)
    finding = facts["triggers"][0]
    finding["fired"], finding["kind"] = True, "trigger"
    dose_mgy = result.dosemap.dose_mgy if result.dosemap else None
    said = everything(parsed(facts, png=picture(facts, result.phantom, dose_mgy)))
    known = set(identifiers(pydicom.dcmread(path)))
    assert len(known) > 20
    assert not [text for text in known if text in said]


@pytest.mark.shared
@pytest.mark.parametrize("exclude", ["1-=Mrs Muster moved", "1=Mrs Muster;2-=Mrs Muster moved"])
def test_a_users_note_is_not_in_the_reasons(rdsr_folder, exclude):
    from skindose import Settings, compute, rdsr

    settings = Settings(phantom="oval", exclude=exclude)
    facts = summary(compute(rdsr.read(rdsr_folder / "ge_oec_esp_c_arm.dcm"), settings))
    assert "Muster" in facts["no_map_reason"]
    said = everything(parsed(facts, rule="", quantity=""))
    assert "excluded by the user (" in said
    assert "Muster" not in said


PERSONAL = {"PN", "UI", "TM", "DT"}
PERSONAL_KEYWORDS = {
    "PatientID", "AccessionNumber", "StudyID", "StationName", "InstitutionName", "StudyDescription",
    "DeviceSerialNumber",
}  # fmt: skip


def identifiers(dataset):
    """Names, numbers, UIDs, times and stations of a report, long enough to be told from chance."""
    for element in dataset.iterall():
        if element.VR in PERSONAL or element.keyword in PERSONAL_KEYWORDS:
            several = isinstance(element.value, pydicom.multival.MultiValue)
            texts = (str(value).strip() for value in (element.value if several else [element.value]))
            yield from (text for text in texts if len(text) >= 4)


# --- Hostile texts


def test_hostile_texts_are_shown_as_texts(facts):
    evil = "<script>alert(1)</script>\r\nBcc: x@y \u202e" + "z" * 5000
    hostile = facts | {
        "no_map_reason": evil,
        "triggers": [facts["triggers"][0] | {"source": evil, "what_follows": evil, "note": evil}],
    }
    mail = parsed(hostile, room=evil)
    assert mail["Bcc"] is None
    assert "<script" not in body(mail, "html")
    assert "\u202e" not in body(mail, "html") + body(mail, "plain")
    assert "z" * 400 not in re.sub(r"\s", "", body(mail, "plain"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"case": "K-2026-0147\r\nBcc: x@y.z"}, "case number"),
        ({"case": "MUSTER, ANNA"}, "case number"),
        ({"level": 7}, "level"),
        ({"acknowledge_by": datetime(2026, 11, 25)}, "time to acknowledge"),
        ({"base_address": "javascript:alert(1)"}, "base address"),
        ({"base_address": "https://user:word@example.org"}, "base address"),
        ({"base_address": "https://example.org/?a=b"}, "base address"),
        ({"base_address": 'https://example.org/"><b>'}, "base address"),
    ],
)
def test_an_alert_that_is_not_of_its_form_is_refused(facts, change, words):
    with pytest.raises(OutputError, match=words) as caught:
        parsed(facts, **change)
    assert "MUSTER" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sender": "a@b.c\r\nBcc: x@y.z"}, "sender"),
        ({"recipient": "Anna <a@b.c>, x@y.z"}, "recipient"),
        ({"message_id": "<a@b>\r\nBcc: x@y.z"}, "Message-ID"),
        ({"message_id": "1.2.840.10008.1"}, "Message-ID"),
        ({"date": datetime(2026, 11, 25)}, "date"),
    ],
)
def test_an_envelope_that_is_not_of_its_form_is_refused(facts, change, words):
    with pytest.raises(OutputError, match=words):
        parsed(facts, ENVELOPE._replace(**change))


def test_texts_are_made_plain():
    assert plain("a\tb\r\nc\x00") == "a b c?"


def test_times_in_any_zone(facts):
    until = datetime(2026, 3, 1, 7, 5, tzinfo=UTC)
    assert "1 Mar 07:05" in parsed(facts, acknowledge_by=until)["Subject"]


# --- How it looks


def test_in_a_browser_it_fits_and_asks_for_nothing(facts, png, tmp_path):
    chromium.require()
    page = body(parsed(facts, png=png, base_address="https://dose.example.org"), "html")
    path = tmp_path / "mail.html"
    shown = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    path.write_text(page.replace("cid:map@skindose.invalid", shown), encoding="utf-8")
    browser = chromium.Browser()
    try:
        for width in (900, 390):
            browser.size(width, 900)
            browser.open(path)
            browser.wait("document.readyState === 'complete'")
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            assert browser.evaluate("document.images[0].naturalWidth") == 600
        assert browser.complaints() == []
        assert browser.requests() == [path.as_uri()]
    finally:
        browser.close()


def test_a_number_and_its_unit_stay_on_one_line():
    from skindose.report.mail import _wrapped

    words = "air kerma at the reference point, level 5.00 Gy, exceeded with a probability of 100 % in 47.1 min"
    for length in range(len(words)):
        lines = _wrapped("x" * (length % 70) + " " + words)
        for part in ("5.00 Gy", "100 %", "47.1 min"):
            assert any(part in line for line in lines), lines


def test_without_a_map_no_level_of_dose_is_claimed(facts):
    alert = make_alert(facts, rule="", quantity="")
    assert headline(alert).startswith("Level 2 of 4: no dose map")


def test_of_a_sum_comes_first_what_the_alert_is_about(facts):
    alert = make_alert(facts, of_sum=True)
    rows = [label for label, _ in next(one for one in sections(alert, allowed(facts)) if "Result" in one.title).rows]
    assert rows[:3] == ["Earlier procedures", "This procedure", "Peak skin dose"]
