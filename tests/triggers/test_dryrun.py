"""`skindose triggers test`: what a rule set would have fired over stored results, and how far the summary tells it."""

import json
from functools import cache

import numpy as np
import pytest
from typer.testing import CliRunner

from skindose import cli, pipeline, rdsr
from skindose.dryrun import Past, dry_run, judge, quantities
from skindose.folder import write_result
from skindose.report.summary import summary
from skindose.triggers import load
from tests.close import close
from tests.registry import made

RULES = """
id = "ours"
title = "Ours"
[[rule]]
id = "ours.a"
title = "A"
kind = "trigger"
severity = 2
provenance = "site"
source = "us"
recipients = ["operator"]
what_follows = "Something."
{extra}
[rule.levels]
psd = {{ level = {level}, step = 0.5, unit = "Gy" }}
kap = {{ level = 500.0, unit = "Gy.cm2" }}
"""


@cache
def result():
    """Two events of 1.5 Gy, with the uncertainty's draws."""
    return pipeline.compute(rdsr.read_bytes(made.report(), "report.dcm"), made.SETTINGS)


@cache
def facts():
    return summary(result())


def rules(tmp_path, level=2.0, extra=""):
    path = tmp_path / "ours.toml"
    path.write_text(RULES.format(level=level, extra=extra))
    return str(path)


def shifted(date, factor=1.0):
    """The same case with another date and peak."""
    peak = facts()["peak"]
    return facts() | {"peak": peak | {"skin_dose_mgy": factor * peak["skin_dose_mgy"]}, "date": date}


def test_values_and_verdicts_are_those_of_the_result():
    for name in ("ncrp-168", "acc2018", "icrp-85"):
        exact = pipeline.judged(result(), load(name)).findings
        from_summary = judge(load(name), facts())
        assert [one.fired for one in from_summary] == [one.fired for one in exact]
        for a, b in zip(from_summary, exact, strict=True):
            if b.value is not None:
                close(a.value, b.value, rtol=1e-5, because="six significant digits in result.json")


def test_the_stored_interval_gives_the_probability_of_the_draws_within_seven_points():
    """The display's rectangle times a log-normal; here half of the rest is a guess at the beam's quality."""
    drawn = quantities(facts())["psd"].draws
    peak_gy = facts()["peak"]["skin_dose_mgy"] / 1000
    for level in np.linspace(0.5, 1.6, 12) * peak_gy:
        kept = (drawn >= level).mean()
        real = (result().uncertainty.ratio * peak_gy >= level).mean()
        close(kept, real, atol=0.07, because="the shape of one wide source is not kept: 6 points here, 2 in a file")


def test_counts_by_level_step_and_month(tmp_path):
    tried = load(rules(tmp_path))
    past = [
        Past("a", "2025-12-30", shifted("", 0.2)),
        Past("b", "2026-02-01", shifted("")),
        Past("c", "2026-02-03", shifted("")),
        Past("d", "", shifted("")),
    ]
    said = dry_run(tried, load("ncrp-168"), past)
    assert (said["cases"], said["undated"], said["months"], said["exact"]) == (4, 1, 3, False)
    assert (said["from"], said["to"]) == ("2025-12-30", "2026-02-03")
    psd, kap = said["tried"]["levels"]
    assert psd["cases"] == ["b", "c", "d"]
    assert psd["per_month"] == {"2025-12": 0, "2026-01": 0, "2026-02": 2}
    assert sum(psd["steps"].values()) == psd["fired"] == 3
    assert (kap["fired"], kap["not_evaluable"]) == (0, 0)
    assert said["tried"]["cases_with_follow_up"] == 3
    assert said["in_force"]["id"] == "ncrp-168"


def test_the_probability_makes_it_fire_earlier(tmp_path):
    level = 1.1 * facts()["peak"]["skin_dose_mgy"] / 1000
    past = [Past("a", "2026-01-01", facts())]
    on_value = dry_run(load(rules(tmp_path, level)), load("ncrp-168"), past)["tried"]["levels"][0]
    on_chance = dry_run(load(rules(tmp_path, level, "probability = 0.2")), load("ncrp-168"), past)["tried"]["levels"][0]
    assert (on_value["fired"], on_chance["fired"], on_chance["on_probability"]) == (0, 1, 1)


def test_a_total_that_was_a_lower_bound_then_is_one_now():
    changed = json.loads(json.dumps(facts()))
    for one in changed["triggers"]:
        if one["quantity"] == "kar":
            one["note"] = "a lower bound: the air kerma of 3 of 9 events is not known and no total covers it"
    kar = [one for one in judge(load("acc2018"), changed) if one.quantity == "kar"]
    assert [one.fired for one in kar] == [None, None]


def run(*arguments, code=0):
    done = CliRunner().invoke(cli.app, ["triggers", "test", *arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def test_on_folders(tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("one", "two"):
        write_result(result(), tmp_path / "out" / name)
    ours = rules(tmp_path)
    said = json.loads(run(ours, "--on", str(tmp_path / "out"), "--json").stdout)
    assert said["tried"]["levels"][0]["cases"] == ["one", "two"]
    again = json.loads(run(ours, "--on", str(tmp_path / "out/one"), str(tmp_path / "out/two"), "--json").stdout)
    assert again == said, "the shell's out/* gives the same"
    exact = json.loads(run(ours, "--on", str(tmp_path / "out"), "--exact", "--json").stdout)
    assert exact["exact"]
    assert exact["tried"]["levels"] == said["tried"]["levels"]
    assert "ours.a" in run(ours, "--on", str(tmp_path / "out")).stdout


def test_one_that_cannot_be_read_stops_no_other(tmp_path):
    write_result(result(), tmp_path / "one")
    done = run(rules(tmp_path), "--on", str(tmp_path / "one"), "--on", str(tmp_path / "none"), "--json", code=1)
    assert "none" in done.stderr
    assert json.loads(done.stdout)["cases"] == 1


@pytest.mark.parametrize("arguments", [(), ("--registry", "--on", "x"), ("--on", "x", "--since", "soon")])
def test_a_call_that_says_too_little_or_too_much_is_refused(tmp_path, arguments):
    done = CliRunner().invoke(cli.app, ["triggers", "test", rules(tmp_path), *arguments])
    assert isinstance(done.exception, cli.SettingsError)


def test_on_the_registry_by_case_number_without_identifiers(tmp_path, monkeypatch):
    from skindose.registry import computed, open_registry

    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with open_registry() as registry:
        from skindose.registry import store

        data = made.report()
        stored = computed(result(), facts(), {})
        number = store.receive(registry, made.incoming(data), stored).case_number
    done = run(rules(tmp_path), "--registry", "--json")
    assert json.loads(done.stdout)["tried"]["levels"][0]["cases"] == [number]
    assert made.NUMBER not in done.stdout
    assert json.loads(run(rules(tmp_path), "--registry", "--exact", "--json").stdout)["exact"]
    assert json.loads(run(rules(tmp_path), "--registry", "--since", "2030-01-01", "--json").stdout)["cases"] == 0
