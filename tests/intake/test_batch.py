"""`skindose batch`: everything there once, whatever the order, the number of programs, and when they are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skindose import cli
from skindose.registry import open_registry
from tests.registry import made

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('phantom = "plane"\n')
    return file


@pytest.fixture
def feed(tmp_path):
    """A folder into which reports come; `put(name, data)` as if it had been there for a while."""

    class Feed:
        folder = tmp_path / "feed"

        def put(self, name, data, age_s=60):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path, (time.time() - age_s,) * 2)
            return path

    return Feed()


def batch(*arguments, code=0):
    done = CliRunner().invoke(cli.app, ["batch", "--json", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    found = json.loads(done.stdout)["outcomes"]
    found.pop("summed", None)  # the reports here are one patient's; sums have tests of their own
    return found


def start(*arguments, command="batch"):
    paths = os.pathsep.join((str(ROOT), str(ROOT / "phantoms")))
    whole = [sys.executable, "-m", "skindose", command, *map(str, arguments)]
    return subprocess.Popen(
        whole, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def listed():
    with open_registry() as registry:
        from skindose.registry import check, reading

        assert check.verify(registry) == []
        return reading.procedures()


def test_all_reports_below_a_folder_are_stored_once(home, feed, config):
    feed.put("a.dcm", made.report("a"))
    feed.put("deep/er/b", made.report("b"))
    feed.put("deep/copy-of-b", made.report("b"))
    feed.put(".hidden.dcm", made.report("c"))
    feed.put("d.dcm.part", made.report("d"))
    assert batch(feed.folder, "--config", config) == {"stored": 2, "unsettled": 0}
    assert batch(feed.folder, "--config", config) == {"known": 2, "unsettled": 0}
    rows = listed()
    assert [row.version for row in rows] == [1, 1]
    assert all(row.peak_skin_dose_mgy for row in rows)


def test_what_cannot_be_used_is_listed_with_its_reason_and_stops_nothing(sqlite_home, feed, config):
    feed.put("a.dcm", made.report("a"))
    cut = feed.put("b.dcm", made.report("b")[:2000])
    feed.put("c.txt", b"hello")
    assert batch(feed.folder, "--config", config, code=1) == {"quarantined": 2, "stored": 1, "unsettled": 0}
    with open_registry():
        from skindose.registry import reading

        reasons = {Path(row["path"]).name: row["reason"] for row in reading.quarantined()}
    assert "cut short" in reasons["b.dcm"]
    assert "not a DICOM file" in reasons["c.txt"]
    feed.put(cut.name, made.report("b"))
    assert batch(cut, "--config", config) == {"stored": 1, "unsettled": 0}
    with open_registry():
        assert {Path(row["path"]).name for row in reading.quarantined()} == {"c.txt"}, "b.dcm came whole after all"


def test_reports_of_one_study_are_joined(sqlite_home, feed, config):
    feed.put("1.dcm", made.report(events=(1, 2)))
    assert batch(feed.folder, "--config", config) == {"stored": 1, "unsettled": 0}
    feed.put("2.dcm", made.report(events=(2, 3), instance="2"))
    assert batch(feed.folder, "--config", config) == {"joined": 1, "known": 1, "stored": 1, "unsettled": 0}
    (row,) = listed()
    assert (row.reports, row.version, row.air_kerma_mgy) == (2, 2, pytest.approx(4500.0, rel=1e-6)), (
        "three events of 1500 mGy; six digits in result.json"
    )
    assert batch(feed.folder, "--config", config) == {"known": 2, "unsettled": 0}


def test_a_batch_killed_before_joining_joins_next_time(sqlite_home, feed, config, monkeypatch):
    feed.put("1.dcm", made.report(events=(1, 2)))
    feed.put("2.dcm", made.report(events=(3,), instance="2"))
    with monkeypatch.context() as patch:
        patch.setattr("skindose.intake._join", lambda *_: pytest.exit)
        CliRunner().invoke(cli.app, ["batch", str(feed.folder), "--config", str(config)])
    assert batch(feed.folder, "--config", config) == {"joined": 1, "known": 2, "unsettled": 0}


def test_a_file_that_grows_is_left_until_it_is_settled(sqlite_home, feed, config, monkeypatch):
    monkeypatch.setattr("skindose.intake.SETTLED_S", 0.3)
    feed.put("a.dcm", made.report("a"), age_s=0)
    assert batch(feed.folder, "--config", config) == {"stored": 1, "unsettled": 0}
    feed.put("b.dcm", made.report("b"), age_s=-60)
    assert batch(feed.folder, "--config", config, code=1) == {"known": 1, "unsettled": 1}


def test_another_configuration_computes_again_where_that_is_asked_for(sqlite_home, feed, config):
    feed.put("a.dcm", made.report("a"))
    batch(feed.folder, "--config", config)
    config.write_text('phantom = "plane"\npad_mm = 0\n')
    assert batch(feed.folder, "--config", config) == {"known": 1, "unsettled": 0}
    assert batch(feed.folder, "--config", config, "--recompute") == {"known": 1, "recomputed": 1, "unsettled": 0}
    assert [row.version for row in listed()] == [2]


def test_rules_put_in_force_judge_again_where_that_is_asked_for(sqlite_home, feed, config):
    feed.put("a.dcm", made.report("a"))
    batch(feed.folder, "--config", config)
    assert CliRunner().invoke(cli.app, ["triggers", "use", "acc2018"]).exit_code == 0
    assert batch(feed.folder, "--config", config, "--recompute") == {"known": 1, "recomputed": 1, "unsettled": 0}
    (row,) = listed()
    assert row.version == 2
    with open_registry():
        from skindose.registry import reading

        facts = reading.open_kept(row.procedure).facts
    assert (facts["trigger_set"]["preset"], facts["trigger_set"]["signed_by"]) == ("acc2018", None)


def test_a_signature_of_another_machine_is_known_here(sqlite_home, feed, config):
    signing = ["triggers", "sign", "ncrp-168", "--by", "Dr A. Physicist"]
    assert CliRunner().invoke(cli.app, signing).exit_code == 0
    (sqlite_home / "signatures.json").unlink()
    feed.put("a.dcm", made.report("a"))
    batch(feed.folder, "--config", config)
    (row,) = listed()
    with open_registry():
        from skindose.registry import reading

        assert reading.open_kept(row.procedure).facts["trigger_set"]["signed_by"].startswith("Dr A. Physicist")


def test_phantom_exposures_are_kept_apart(sqlite_home, feed, config):
    feed.put("a.dcm", made.report("a", number="QA-7"))
    feed.put("b.dcm", made.report("b", number="AQUA7"))
    batch(feed.folder, "--config", config)
    assert sorted(row.purpose for row in listed()) == ["patient", "test"]


def test_a_number_that_stands_for_nobody_adds_no_strangers_up(sqlite_home, feed, config):
    feed.put("a.dcm", made.report("a", number="Unknown"))
    feed.put("b.dcm", made.report("b", number="Unknown"))
    assert batch(feed.folder, "--config", config)["stored"] == 2
    with open_registry():
        from skindose.registry import reading

        status = reading.status()
    assert (status["procedures"], status["patients"]) == (2, 0)


def test_no_identifier_is_in_log_or_output(sqlite_home, feed, config, tmp_path):
    feed.put(f"{made.NUMBER}.dcm", made.report("a"))
    feed.put("b.dcm", made.report("b")[:3000])
    log = tmp_path / "log.jsonl"
    done = CliRunner().invoke(cli.app, ["batch", str(feed.folder), "--config", str(config), "--log", str(log)])
    said = done.stdout + done.stderr + log.read_text() + "".join(map(str, sqlite_home.iterdir()))
    assert len(log.read_text().splitlines()) == 2
    for identifier in (made.NUMBER, "Quasten", "Egbert"):
        assert identifier not in said


def test_a_program_error_in_one_file_is_told_and_its_report_kept(sqlite_home, feed, config, monkeypatch):
    feed.put("a.dcm", made.report("a"))
    with monkeypatch.context() as patch:
        patch.setattr("skindose.intake.compute_case", lambda *_: 1 / 0)
        assert batch(feed.folder, "--config", config, code=1)["failed"]
        (row,) = listed()
        assert (row.reports, row.version) == (1, None)
    assert batch(feed.folder, "--config", config) == {"known": 1, "unsettled": 0}, "nothing changed: it fails again"
    assert batch(feed.folder, "--config", config, "--recompute") == {"joined": 1, "known": 1, "unsettled": 0}
    assert listed()[0].version == 1


def test_what_failed_is_tried_again_when_something_changed(sqlite_home, feed, config, monkeypatch):
    feed.put("a.dcm", made.report("a", events=(1,)))
    tried = []

    def fails(case):
        tried.append(len(case.events))
        return 1 / 0

    with monkeypatch.context() as patch:
        patch.setattr("skindose.intake.compute_case", fails)
        patch.setattr("skindose.recompute.compute_case", fails)
        batch(feed.folder, "--config", config, code=1)
        batch(feed.folder, "--config", config)
        assert tried == [1]
        feed.put("b.dcm", made.report("a", events=(2,), instance="2"))
        batch(feed.folder, "--config", config, code=1)
        assert tried == [1, 1, 2], "the other report by itself, and both"
        batch(feed.folder, "--config", config)
        assert tried == [1, 1, 2]
    config.write_text('phantom = "plane"\npad_mm = 0\n')
    assert batch(feed.folder, "--config", config) == {"joined": 1, "known": 2, "unsettled": 0}


@pytest.mark.parametrize("wrong", ['phantom = "no"', 'triggers = "no"', "nonsense = 1"])
def test_a_wrong_configuration_is_told_before_anything_is_done(sqlite_home, feed, config, wrong):
    from skindose.errors import SettingsError

    feed.put("a.dcm", made.report("a"))
    config.write_text(wrong)
    with pytest.raises(SettingsError):
        batch(feed.folder, "--config", config, code=2)


def test_two_programs_at_once_do_each_file_once(home, feed, config):
    for study in "abcdefgh":
        feed.put(f"{study}.dcm", made.report(study))
    running = [start(feed.folder, "--config", config, "--json") for _ in range(2)]
    done = [one.communicate() for one in running]
    assert [one.returncode for one in running] == [0, 0], done
    outcomes = [json.loads(out)["outcomes"] for out, _ in done]
    assert sum(one.get("stored", 0) for one in outcomes) == 8
    assert [row.version for row in listed()] == [1] * 8


def test_killed_and_started_again_everything_is_there_once(sqlite_home, feed, config, tmp_path):
    """A short form of the slow one: five kills, at moments spread over the work."""
    for study in "abcdef":
        feed.put(f"{study}.dcm", made.report(study))
    feed.put("g.dcm", made.report("a", events=(9,), instance="2"))
    for delay_s in (0.9, 1.6, 1.9, 2.2, 2.5):
        victim = start(feed.folder, "--config", config)
        time.sleep(delay_s)
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
    batch(feed.folder, "--config", config)
    rows = listed()
    assert sorted(row.reports for row in rows) == [1, 1, 1, 1, 1, 2]
    with open_registry():
        from skindose.registry import reading

        assert reading.outdated(None) == []


def test_watch_takes_what_appears_until_it_is_stopped(sqlite_home, feed, config):
    feed.put("a.dcm", made.report("a"))
    watching = start(feed.folder, "--config", config, "--every", "0.2", command="watch")
    try:
        wait_for(1)
        feed.put("later/b.dcm", made.report("b"))
        wait_for(2)
    finally:
        watching.send_signal(signal.SIGTERM)
        _, said = watching.communicate(timeout=30)
    assert watching.returncode == 130, said
    assert "Traceback" not in said


def wait_for(count):
    deadline = time.monotonic() + 60
    while len(listed()) < count:
        assert time.monotonic() < deadline, "never stored"
        time.sleep(0.2)


def test_watch_goes_on_when_the_disk_has_space_again(sqlite_home, feed, config, monkeypatch):
    """The first two writes find the disk full."""
    from skindose import unattended
    from skindose.errors import RegistryError
    from skindose.registry import open_registry as opened

    feed.put("a.dcm", made.report("a"))
    with opened():
        from skindose.registry import store
    receive, refused = store.receive, []

    def full(*arguments):
        if len(refused) < 2:
            refused.append(1)
            raise RegistryError("no space left on the disk of the registry", "registry", "Free space.")
        return receive(*arguments)

    def stop(_):
        if listed():
            raise KeyboardInterrupt

    monkeypatch.setattr(store, "receive", full)
    monkeypatch.setattr(unattended.time, "sleep", stop)
    done = CliRunner().invoke(cli.app, ["watch", str(feed.folder), "--config", str(config)])
    assert len(refused) == 2
    assert done.stderr.count("no space left") == 1
    assert [row.version for row in listed()] == [1]
