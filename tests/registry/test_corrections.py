"""A case is corrected, keeps its correction, and is signed off by version."""

import json

import pytest
from typer.testing import CliRunner

from skindose import cli, corrected, folder
from skindose.config import Settings
from skindose.corrected import Correction
from skindose.errors import RegistryError, SettingsError
from skindose.registry import open_registry
from tests.intake.test_batch import batch, config, feed, listed
from tests.registry import made

__all__ = ["config", "feed"]
WHO = ("--by", "Dr. Ada Byron", "--reason", "lay further down")


def run(*arguments, code=0):
    done = CliRunner().invoke(cli.app, ["registry", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def refused(*arguments):
    with pytest.raises(SettingsError) as error:
        run(*arguments)
    return str(error.value)


def correct(case, *arguments):
    return json.loads(run("correct", case, *arguments, "--json"))


def show(case):
    return json.loads(run("show", case, "--json"))


@pytest.fixture
def case(sqlite_home, feed, config):
    """A case of two events on a cylinder, from a batch."""
    return stored(feed, config)


def stored(feed, config):
    config.write_text('phantom = "cylinder"\n')
    feed.put("a.dcm", made.report())
    batch(feed.folder, "--config", config)
    return listed()[0].case_number


def test_a_correction_is_a_new_version_with_name_and_reason_and_can_be_taken_back(home, feed, config):
    case = stored(feed, config)
    done = correct(case, *WHO, "--weight", 120, "--exclude", "2=test shot")
    assert (done["version"], done["former_version"]) == (2, 1)
    assert done["peak_skin_dose_mgy"] < 0.6 * done["former_peak_skin_dose_mgy"], "one of two equal events"
    text = run("show", case)
    assert "corrected by Dr. Ada Byron: lay further down (exclude 2=test shot; weight_kg 120.0)" in text
    assert "corrected: lay further down, peak" in text
    assert batch(feed.folder, "--config", config) == {"known": 1, "unsettled": 0}, "nothing is outdated"
    again = correct(case, "--by", "B", "--reason", "was right", "--undo")
    assert (again["version"], again["peak_skin_dose_mgy"]) == (3, done["former_peak_skin_dose_mgy"])
    assert "taken back by B: was right" in run("show", case)
    with open_registry() as registry:
        from skindose.registry import check

        assert check.verify(registry) == []


def test_a_correction_is_part_of_every_later_result_and_stays_with_its_event(case, feed, config):
    correct(case, *WHO, "--move", "2:0,60,0=slid", "--height-cm", 160)
    feed.put("b.dcm", made.report(events=(0, 3), instance="2"))
    assert batch(feed.folder, "--config", config)["joined"] == 1
    with open_registry():
        from skindose.registry import reading

        (one,) = reading.current()
        facts = json.loads(reading.content(one.result))
    assert facts["patient"]["height_cm"] == 160
    (moved,) = facts["user_changes"]
    assert moved["events"] == [3], "the second of two events is now the third of four"
    assert facts["revises"]["by"] == "Dr. Ada Byron"


def test_a_corrected_value_reads_the_report_again_and_a_mistake_stores_nothing(case):
    assert "no field" in refused("correct", case, *WHO, "--correct", "1:kvp=80")
    assert "not within" in refused("correct", case, *WHO, "--exclude", "9")
    assert "name and a reason" in refused("correct", case, "--weight", 80)
    assert "nothing is corrected" in refused("correct", case, *WHO)
    assert "a name, not a file" in refused("correct", case, *WHO, "--phantom", "me.stl")
    assert len(show(case)["results"]) == 1
    assert show(case)["corrections"] == []
    done = correct(case, *WHO, "--correct", "1:air_kerma_rp_mgy=3000", "--correct", "1:kap_gycm2=100")
    assert done["peak_skin_dose_mgy"] == pytest.approx(1.5 * done["former_peak_skin_dose_mgy"], rel=1e-4), (
        "3000 and 1500 mGy instead of twice 1500 in the same place and field; six digits"
    )


def test_two_corrections_add_up_and_a_batch_makes_the_same_of_them(case, feed, config):
    correct(case, *WHO, "--exclude", "1")
    correct(case, "--by", "B", "--reason", "both", "--move", "all:0,10,0")
    with open_registry() as registry:
        from skindose import dependence, recompute
        from skindose.registry import corrections, reading
        from skindose.site import Site

        (one,) = reading.current()
        how = dependence.task(Settings.load(config, {}), Site())
        own = corrections.active(one.procedure)
        stored = json.loads(reading.content(one.result))
        for from_case in (True, False):
            again = recompute.make(recompute.source(one, own, "x", from_case), how).result
            assert again.facts == stored, "as the correction made it, from the case and from the report"
            assert again.configuration == one.configuration
        assert registry


def test_a_result_saved_from_the_window_is_brought_back(case, tmp_path):
    from skindose.viewer.edits import Edits
    from skindose.viewer.state import Session

    run("export", case, tmp_path)
    session = Session(folder.open_result(tmp_path / case))
    session.edits = Edits().moved(0, "head", 40.0).without(1, "test shot")
    saved = session.save("Dr. Ada Byron", "seen in the window")
    done = correct(case, "--from", saved)
    assert (done["by"], done["reason"]) == ("Dr. Ada Byron", "seen in the window")
    facts = folder.read_facts(saved)
    assert done["peak_skin_dose_mgy"] == facts["peak"]["skin_dose_mgy"]
    assert "nothing is corrected" in refused("correct", case, "--from", saved, *WHO), "it is what the case is now"


def test_a_result_of_other_reports_is_not_taken_over(case, tmp_path):
    from skindose.pipeline import compute_case

    folder.write_result(compute_case(made.result(made.report("b")).case), tmp_path / "other")
    assert "of other reports" in refused("correct", case, "--from", tmp_path / "other", *WHO)


def test_an_alert_is_raised_by_a_correction_and_never_taken_back(case):
    def levels():
        with open_registry():
            from skindose.registry import alerts

            return {(row["rule"], row["quantity"], row["level"]) for row in alerts.listed(case)}

    before = levels()
    correct(case, *WHO, "--correct", "all:air_kerma_rp_mgy=5000")
    more = levels()
    assert more > before
    correct(case, *WHO, "--undo")
    assert levels() == more


def test_a_sign_off_holds_for_its_version_only(case, tmp_path):
    assert "NOT REVIEWED" in run("list")
    run("signoff", case, "--by", "Ada Byron", "--note", "placement looked at")
    assert json.loads(run("signoff", case, "--by", "Ada Byron", "--json"))["noted"] is False
    assert "reviewed by Ada Byron, medical physicist on" in run("show", case)
    assert "  reviewed" in run("list")
    assert json.loads(run("list", "--unsigned", "--json")) == []
    run("export", case, tmp_path / "1")
    page = (tmp_path / "1" / case / "report.html").read_text()
    assert "was reviewed by Ada Byron, medical physicist on" in page
    correct(case, *WHO, "--weight", 100)
    assert "NOT REVIEWED" in run("list")
    (row,) = json.loads(run("list", "--unsigned", "--json"))
    assert (row["case"], row["version"], row["reviewed_version"]) == (case, 2, 1)
    assert set(row) == {"case", "version", "peak_skin_dose_mgy", "reviewed_version", "since"}, "nothing of the clock"
    assert "waits for 0 working days, version 1 was reviewed" in run("list", "--unsigned")
    run("export", case, tmp_path / "2")
    page = (tmp_path / "2" / case / "report.html").read_text()
    assert "Nobody has reviewed the map (version 2 of this case): it is an unsigned estimate." in page
    assert "Version 1, which is not this one, was reviewed by Ada Byron" in page
    assert "letters" in refused("signoff", case, "--by", "7")


def test_events_are_told_again_by_their_uid():
    former, now = ("a", "b", "c"), ("x", "a", "c", "y", "b")
    given = {"exclude": "1,3=why; 2-", "correct": ["2:kvp_kv=80=log"], "move": ["10:15-10:40:0,1,0", "all:0,2,0"]}
    one = Correction("k", given, False, former, "", "A", "r")
    found = corrected.applied(Settings(), [one], now)
    assert found.exclude == "2,3=why; 3-", "from the second on: c stands before b now"
    assert found.correct == ("5:kvp_kv=80=log",)
    assert found.move == ("10:15-10:40:0,1,0", "all:0,2,0")
    gone = corrected.applied(Settings(), [one], ("x", "a", "c"))
    assert (gone.exclude, gone.correct) == ("2,3=why; 3-", ())
    with pytest.raises(SettingsError, match="not found again"):
        corrected.applied(Settings(), [one], ("a", "a", "b"))


def test_a_correction_whose_events_are_not_found_again_can_be_taken_back(case, feed, config, monkeypatch):
    correct(case, *WHO, "--exclude", "2")
    feed.put("b.dcm", made.report(events=(3,), instance="2"))
    with monkeypatch.context() as patch:
        patch.setattr(corrected, "event_keys", lambda events: ("",) * len(events))  # of events without UID and start
        assert batch(feed.folder, "--config", config, code=1)["failed"] == 1
    (row,) = listed()
    assert row.version == 2, "the former result stays"
    correct(case, "--by", "B", "--reason", "does not fit any more", "--undo")
    (row,) = listed()
    assert (row.version, row.reports) == (3, 2)
    assert batch(feed.folder, "--config", config) == {"known": 2, "unsettled": 0}


def test_a_correction_and_its_result_are_stored_together_or_not_at_all(case):
    from dataclasses import replace

    from skindose import correcting

    def killed(*_):
        raise KeyboardInterrupt

    with open_registry() as registry:
        from skindose.registry import check, corrections

        done = correcting.correct(correcting.opened(case), {"weight_kg": 90.0}, "A", "weighed")
        with pytest.raises(KeyboardInterrupt):
            correcting.keep(replace(registry, hook=killed), done)
        assert corrections.history(done.current.procedure) == []
        assert correcting.keep(registry, done) == 2
        late = replace(done, correction=replace(done.correction, key="another"))
        with pytest.raises(RegistryError, match="came in meanwhile"):
            correcting.keep(registry, late)
        assert len(corrections.history(done.current.procedure)) == 1
        assert check.verify(registry) == []
