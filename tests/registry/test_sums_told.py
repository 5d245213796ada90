"""Sums in `registry show` and `export`, the pages, `triggers test --registry`, and through `skindose batch`."""

import json
import os
import time

import jsonschema
import pytest
from typer.testing import CliRunner

from skindose import cli, earlier
from skindose.registry import open_registry
from skindose.report import cumulative as report
from skindose.report import schema
from skindose.uncertainty import sample
from tests.registry import made, sums

TWO = [sums.report(f"x{k}", f"20260{k + 1}01", ((50 + k, 0.0, 2500.0),)) for k in range(2)]
SECRETS = (made.NUMBER, "Quastenflosser", "HOSPITAL")


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """How sure is tried elsewhere."""
    monkeypatch.setattr(sample, "PLACEMENTS", 4)
    monkeypatch.setattr(sample, "DRAWS", 50)


@pytest.fixture
def cases(sqlite_home):
    """Two procedures and their sums, in the registry; their case numbers."""
    with open_registry() as registry:
        found = [sums.receive(sums.raising(registry), data).case_number for data in TWO]
        sums.follow(sums.raising(registry))
    return found


def run(*arguments):
    done = CliRunner().invoke(cli.app, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_show_says_which_procedures_who_drives_it_and_what_fired(cases):
    text = " ".join(run("registry", "show", cases[1]).split())
    assert "Sum within 60 days: 2 procedures: peak of the sum" in text
    assert f"driven by {cases[0]}" in text or f"driven by {cases[1]}" in text
    assert "plain sums: Ka,r 5.00 Gy" in text
    assert "site.together: peak skin dose" in text
    assert "exceeded" in text
    document = json.loads(run("registry", "show", cases[1], "--json"))
    assert [(one["window_days"], one["holds"]) for one in document["sums"]] == [(60, True), (365, True)]
    assert json.loads(run("registry", "show", cases[0], "--json"))["sums"] == [], "nothing before it"


def test_export_writes_the_sum_and_the_page_has_a_section_of_it(cases, tmp_path):
    out = tmp_path / "out"
    run("registry", "export", cases[1], out)
    facts = json.loads((out / cases[1] / "result.json").read_text())
    jsonschema.validate(facts, schema())
    assert [one["name"] for one in facts["earlier"]["sums"][0]["procedures"]] == cases
    own = next(one for one in facts["triggers"] if (one["rule"], one["quantity"]) == ("site.together", "psd"))
    assert own["fired"]
    assert "2 procedures within 60 days added up" in own["note"]
    assert "not counted" not in own["note"]
    page = (out / cases[1] / "report.html").read_text()
    assert "<h2>Earlier procedures" in page
    document = json.loads((out / f"{cases[1]}-sum" / "cumulative.json").read_text())
    jsonschema.validate(document, report.schema())
    assert (out / f"{cases[1]}-sum" / "cumulative.png").read_bytes().startswith(b"\x89PNG")
    for secret in SECRETS:
        assert secret not in page + json.dumps(document)


def test_the_pages_say_it_too(cases, tmp_path):
    from skindose.report.pages import page_one, page_two

    run("registry", "export", cases[1], tmp_path)
    facts = json.loads((tmp_path / cases[1] / "result.json").read_text())
    first = page_one(facts)
    assert any("earlier procedures included: 2 procedures" in text for text in first["flags"])
    assert ("With 1 earlier procedure" in dict(first["headline"])) is True
    assert "site.together" in {row["rule"] for row in first["fired"]}
    assert first["plan"], "the sum starts the follow-up"
    assert "Sum within 60 days" in dict(page_two(facts)["placement"])
    del facts["earlier"]
    assert "Earlier procedures of this patient are not counted." in page_one(facts)["flags"]


def test_a_dry_run_judges_rules_that_count_earlier_procedures_on_the_sums(cases, tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text(sums.TEXT, encoding="utf-8")
    document = json.loads(run("triggers", "test", file, "--registry", "--json"))
    (level,) = [
        one for one in document["tried"]["levels"] if (one["rule"], one["quantity"]) == ("site.together", "psd")
    ]
    assert level["cases"] == [cases[1]]
    assert any("registry's sums" in line for line in document["approximations"])


def test_batch_adds_up_what_it_stored_and_what_a_killed_one_left(sqlite_home, tmp_path, monkeypatch):
    feed = tmp_path / "feed"
    feed.mkdir()
    for number, data in enumerate(TWO):
        (feed / f"{number}.dcm").write_bytes(data)
        os.utime(feed / f"{number}.dcm", (time.time() - 60,) * 2)
    config = tmp_path / "config.toml"
    config.write_text('phantom = "cylinder"\nplacement = "table"\n', encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("skindose.intake.add_up", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        CliRunner().invoke(cli.app, ["batch", str(feed), "--config", str(config)])
    log = tmp_path / "log"
    found = json.loads(run("batch", feed, "--config", config, "--json", "--log", log))["outcomes"]
    assert found == {"known": 2, "summed": 1, "unsettled": 0}
    assert json.loads(run("batch", feed, "--config", config, "--json"))["outcomes"] == {"known": 2, "unsettled": 0}
    for secret in SECRETS:
        assert secret not in log.read_text()


def test_a_mistake_in_the_site_s_file_keeps_no_mail_waiting(sqlite_home):
    with open_registry():
        assert earlier._without_sum(400).window_days == 365
        (sqlite_home / "site.toml").write_text("mistake = 1", encoding="utf-8")
        assert earlier._without_sum(400) is None, "the mail says that they are not counted"
