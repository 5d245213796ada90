"""A rule that fired on its probability alone says so in the page, the PDF, the table and the mail."""

import io

from rich.console import Console

from skindose.report import contract, terminal
from skindose.report.findings import fired, trigger_row
from skindose.report.mail_words import allowed
from skindose.report.pages import page_one
from skindose.report.summary import schema, summary
from tests.report.factory import make_phantom, make_result
from tests.report.test_mail import body, parsed


def on_its_probability():
    """2.5 Gy where the rule is told from 3 Gy or 20 % on."""
    found = summary(make_result(make_phantom()))
    changed = {"value": 2.5, "probability": 0.31, "fired": True, "acts_from_probability": 0.2, "steps": 0}
    found["triggers"][0] |= changed
    return found


def test_the_page_and_the_pdf():
    facts = on_its_probability()
    row = trigger_row(facts["triggers"][0])
    assert row["state"] == "▲ may be exceeded"
    assert "3.00 Gy (on its probability)" in dict(fired(facts["triggers"]))["Triggers"]
    assert page_one(facts)["fired"][0]["steps"] == "on its probability"


def test_the_table():
    out = io.StringIO()
    Console(file=out, width=200).print(terminal._triggers_table(on_its_probability()))
    assert "FIRED, on probability" in out.getvalue()


def test_the_mail():
    said = " ".join(body(parsed(allowed(on_its_probability())), "plain").split())
    assert "level 3.00 Gy (below it: the rule acts on the probability), exceeded with a probability of 31 %" in said


def test_a_value_that_reaches_its_level_is_no_matter_of_probability():
    facts = on_its_probability()
    facts["triggers"][0]["value"] = 3.0
    assert trigger_row(facts["triggers"][0])["state"] == "▲ exceeded"


def test_the_schema_knows_the_key_and_former_results_without_it():
    facts = on_its_probability()
    trigger, kind = facts["triggers"][0], schema()["properties"]["triggers"]
    assert not contract.departure([trigger], kind, schema())
    assert contract.departure([trigger | {"acts_from_probability": "0.2"}], kind, schema())
    del trigger["acts_from_probability"]
    assert not contract.departure([trigger], kind, schema())
    assert trigger_row(trigger)["state"] == "▲ exceeded"
