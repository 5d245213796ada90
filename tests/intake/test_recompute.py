"""What a site changed makes outdated the results that used it, and no others; they are made of the stored case."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skindose import cli, dependence, recompute, unattended
from skindose.config import Settings
from skindose.registry import open_registry
from skindose.site import Site
from tests.calibration import records
from tests.intake.test_batch import batch, config, feed, listed
from tests.registry import made

__all__ = ["config", "feed"]

PROFILE = """
name = "{name}"
title = "Room of the tests"
status = "assumed"
evidence = "made up for the tests"
date = 2026-01-01
sources = ["none"]
{more}
[match]
{match}
"""


@pytest.fixture
def site(tmp_path, config):
    """The site's folders, in its configuration; `profile(name, ...)` writes one."""

    class Site:
        profiles, records = tmp_path / "profiles", tmp_path / "records"

        def profile(self, name, match='station = "none"', more=""):
            (self.profiles / f"{name}.toml").write_text(PROFILE.format(name=name, match=match, more=more))

    Site.profiles.mkdir(), Site.records.mkdir()
    text = f'profile_folder = "{Site.profiles}"\ncalibration_folder = "{Site.records}"\n'
    config.write_text(config.read_text() + text)
    return Site()


@pytest.fixture
def no_reading(monkeypatch):
    """From now on no report is read."""

    def stop():
        for name in ("opened",):
            monkeypatch.setattr(sys.modules["skindose.rdsr.read"], name, lambda *_: pytest.fail("a report was read"))

    return stop


def run(*arguments):
    return CliRunner().invoke(cli.app, [*map(str, arguments)], catch_exceptions=False)


def current(number=0):
    """The current result of the newest procedure: version, result.json and what it was made with."""
    with open_registry():
        from skindose.registry import reading

        one = list(reading.current())[number]
        return one, json.loads(reading.content(one.result))


def of_config(config):
    return dependence.task(Settings.load(config, {}), Site())


def test_a_profile_that_no_report_gets_makes_nothing_outdated(sqlite_home, feed, config, site):
    feed.put("a.dcm", made.report("a"))
    batch(feed.folder, "--config", config)
    site.profile("elsewhere")
    assert batch(feed.folder, "--config", config) == {"known": 1, "unsettled": 0}


def test_a_new_profile_that_now_fits_and_then_its_change_compute_again(sqlite_home, feed, config, site):
    feed.put("a.dcm", made.report("a"))
    batch(feed.folder, "--config", config)
    one, _ = current()
    machine = one.configuration["device"]
    site.profile("room", f'manufacturer = "{machine["manufacturer"]}"')
    assert batch(feed.folder, "--config", config) == {"known": 1, "recomputed": 1, "unsettled": 0}
    assert current()[0].configuration["profile"]["name"] == "room"
    site.profile("room", f'manufacturer = "{machine["manufacturer"]}"', "primary_sign = -1")
    done = run("batch", feed.folder, "--config", config)
    assert "1 result is outdated (1 with another machine profile than now): computed again now." in done.stderr
    site.profile("room", f'manufacturer = "{machine["manufacturer"]}" # a comment', "primary_sign = -1")
    assert batch(feed.folder, "--config", config) == {"known": 1, "unsettled": 0}, "it says the same"
    assert current()[0].version == 3


def test_a_new_calibration_record_counts_for_its_machine_from_its_day_on(sqlite_home, feed, config, site, no_reading):
    feed.put("a.dcm", made.report("a"))
    batch(feed.folder, "--config", config)
    one, _ = current()
    other, own = (
        '[machine]\nstation = "ANOTHER ROOM"\n',
        f'[machine]\nstation = "{one.configuration["device"]["station"]}"\n',
    )
    late = {"date": "2026-01-04", "machine": own}  # after the procedure
    records.put(site.records, records.air_kerma(machine=other), records.air_kerma(name="lab-2", **late))
    assert batch(feed.folder, "--config", config) == {"known": 1, "unsettled": 0}
    records.put(site.records, *[records.air_kerma(name=f"lab-{n}", machine=own) for n in "1"])
    no_reading()
    done = run("batch", feed.folder, "--config", config)
    assert "1 result is outdated (1 with another calibration record than now): computed again now." in done.stderr
    again, facts = current()
    assert (again.version, facts["calibration"]["status"]) == (2, "calibrated")
    with open_registry() as registry:
        from skindose.registry import check
        from skindose.registry.models import Calibration

        (kept,) = Calibration.objects.all()
        assert [[kept.name, kept.blob_id]] == again.configuration["records"], "as it was, for good"
        assert check.verify(registry) == []


def test_rules_and_settings_are_told_but_wait_until_they_are_asked_for(sqlite_home, feed, config, no_reading):
    feed.put("a.dcm", made.report("a"))
    batch(feed.folder, "--config", config)
    config.write_text('phantom = "plane"\npad_mm = 0\n')
    done = run("batch", feed.folder, "--config", config)
    assert "with other settings" in done.stderr
    assert "skindose batch --recompute" in done.stderr
    assert [row.version for row in listed()] == [1]
    no_reading()
    files = feed.folder / "none"
    files.mkdir()
    assert batch(files, "--config", config, "--recompute") == {"recomputed": 1, "unsettled": 0}


def test_a_changed_height_computes_again_without_reading_a_report_and_as_if_it_had_been_read(
    sqlite_home, feed, config, no_reading
):
    config.write_text('phantom = "cylinder"\n')
    feed.put("a.dcm", made.report("a"))
    batch(feed.folder, "--config", config)
    config.write_text('phantom = "cylinder"\nheight_cm = 150\nweight_kg = 90\n')
    how = of_config(config)
    with open_registry():
        from skindose.registry import reading

        (one,) = reading.current()
        read = recompute.make(recompute.source(one, (), "x", from_case=False), how)
        no_reading()
        stored = recompute.make(recompute.source(one, (), "x", from_case=True), how)
    assert read.error is None
    assert stored.result == read.result, "bit for bit: facts, case, map and configuration"
    assert batch(feed.folder, "--config", config) == {"known": 1, "recomputed": 1, "unsettled": 0}
    _, facts = current()
    assert facts["patient"]["height_cm"] == 150
    config.write_text('phantom = "cylinder"\n')
    assert batch(feed.folder, "--config", config) == {"known": 1, "unsettled": 0}, "no longer given is no wish"


def test_a_recomputation_that_fails_keeps_the_former_result_and_is_tried_once(home, feed, config, monkeypatch):
    feed.put("a.dcm", made.report("a"))
    batch(feed.folder, "--config", config)
    config.write_text('phantom = "plane"\nheight_cm = 150\n')
    with monkeypatch.context() as patch:
        patch.setattr(recompute, "compute_case", lambda *_: 1 / 0)
        assert batch(feed.folder, "--config", config, code=1) == {"failed": 1, "known": 1, "unsettled": 0}
        assert batch(feed.folder, "--config", config) == {"known": 1, "unsettled": 0}, "not tried for ever"
    (row,) = listed()
    assert row.version == 1
    with open_registry():
        from skindose.registry import reading

        (noted,) = reading.quarantined()
    assert noted["path"] == row.case_number
    assert batch(feed.folder, "--config", config, "--recompute") == {"known": 1, "recomputed": 1, "unsettled": 0}
    with open_registry():
        assert reading.quarantined() == []


def test_killed_between_two_it_goes_on_with_the_other(sqlite_home, feed, config, monkeypatch):
    for name in "abc":
        feed.put(f"{name}.dcm", made.report(name, number=name))
    batch(feed.folder, "--config", config)
    config.write_text('phantom = "plane"\nheight_cm = 150\n')
    whole, count = recompute.make, []

    def killed(*arguments):
        count.append(1)
        if len(count) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(recompute, "make", killed)
        run("batch", feed.folder, "--config", config)
    assert batch(feed.folder, "--config", config) == {"known": 3, "recomputed": 2, "unsettled": 0}
    assert [row.version for row in listed()] == [2, 2, 2]


def test_watch_sees_a_profile_that_comes_while_it_runs_and_survives_a_mistake_in_one(
    sqlite_home, feed, config, site, monkeypatch
):
    feed.put("a.dcm", made.report("a"))
    rounds = iter(
        (
            lambda: site.profile("room", "mistake = 1"),
            lambda: site.profile("room", f'manufacturer = "{current()[0].configuration["device"]["manufacturer"]}"'),
        )
    )

    def sleep(_):
        write = next(rounds, None)
        if write is None:
            raise KeyboardInterrupt
        write()

    monkeypatch.setattr(unattended.time, "sleep", sleep)
    done = CliRunner().invoke(cli.app, ["watch", str(feed.folder), "--config", str(config)])
    assert "there is no such key" in done.stderr
    assert "another machine profile than now): computed again now" in done.stderr
    one, _ = current()
    assert (one.version, one.configuration["profile"]["name"]) == (2, "room")


def test_watch_makes_up_for_what_a_mistake_in_a_profile_failed(sqlite_home, feed, config, site, monkeypatch):
    def mistake():
        site.profile("room", "mistake = 1")
        feed.put("b.dcm", made.report("b"))

    def mended():
        assert [row.version for row in listed()] == [None, 1] or [row.version for row in listed()] == [1, None]
        site.profile("room", 'manufacturer = "nobody"')

    rounds = iter((mistake, mended))

    def sleep(_):
        if (act := next(rounds, None)) is None:
            raise KeyboardInterrupt
        act()

    feed.put("a.dcm", made.report("a"))
    monkeypatch.setattr(unattended.time, "sleep", sleep)
    CliRunner().invoke(cli.app, ["watch", str(feed.folder), "--config", str(config)])
    assert next(rounds, None) is None
    assert [row.version for row in listed()] == [1, 1]


def test_what_differs_is_told_apart():
    settings = {"pad_mm": None, "height_cm": None}
    base = {
        "software": "1", "settings": settings, "folders": ["profile_folder"], "rules": "r", "records": [], "body": "",
        "profile": {"name": "p", "sha256": "1", "own": False}, "corrections": [], "read": {"reader": "x"}, "device": {},
    }  # fmt: skip

    def found(**changed):
        return dependence.differences(base, base | changed)

    other = {"name": "q", "sha256": "2", "own": False}
    assert found() == set()
    assert found(software="2", profile=other) == {"software"}, "shipped profiles come with the program"
    assert found(software="2", profile=other | {"own": True}) == {"software", "profile"}
    assert found(settings=settings | {"height_cm": 170}) == {"height"}
    assert not dependence.by_itself(found(settings=settings | {"pad_mm": 0}, records=[["a", "b"]]))
    assert not dependence.by_itself(found(folders=[], records=[["a", "b"]])), "started without its configuration"
    assert dependence.by_itself(found(records=[["a", "b"]], rules="s"))
    assert dependence.differences({"software": "0"}, base) == {"software"}, "of a version that kept less"


def test_outdated_results_are_told_in_one_line():
    some = [recompute.Outdated(n, "K", frozenset(("calibration",)), "") for n in range(12)]
    others = [recompute.Outdated(20, "K", frozenset(("rules", "software")), "")]
    said = recompute.told(some + others, some)
    assert said == (
        "13 results are outdated (12 with another calibration record; 1 with other rules, another version of the "
        "program than now): 12 computed again now, 1 with `skindose batch --recompute`."
    )
    assert recompute.told([], []) == ""


def test_paths_of_the_site_are_not_kept(sqlite_home, feed, config, site):
    feed.put("a.dcm", made.report("a"))
    batch(feed.folder, "--config", config)
    one, _ = current()
    assert str(Path(site.profiles).parent) not in json.dumps(one.configuration)
