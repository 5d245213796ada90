"""What must not be lost: a report that another had in work, a correction, a run in which one thing is broken."""

import json
import os
from hashlib import sha256

from typer.testing import CliRunner

from skindose import cli, unattended
from skindose.registry import open_registry
from tests.intake.test_batch import batch, config, feed, listed
from tests.registry import made

__all__ = ["config", "feed"]


def watch(folder, config, rounds, monkeypatch):
    """`watch`, which finds after each of its rounds what one of these does; stopped after the last."""
    left = iter(rounds)

    def sleep(_):
        act = next(left, None)
        if act is None:
            raise KeyboardInterrupt
        act()

    monkeypatch.setattr(unattended.time, "sleep", sleep)
    return CliRunner().invoke(cli.app, ["watch", str(folder), "--config", str(config)])


def test_a_file_name_in_another_encoding_stops_nothing(home, feed, config):
    feed.put(os.fsdecode(b"M\xfcller.dcm"), made.report("a"))
    feed.put(os.fsdecode(b"M\xfcll.dcm"), b"no report")
    assert batch(feed.folder, "--config", config, code=1) == {"quarantined": 1, "stored": 1, "unsettled": 0}
    with open_registry():
        from skindose.registry import reading

        assert [row["path"][-8:] for row in reading.quarantined()] == ["M?ll.dcm"]


def test_a_report_that_takes_the_place_of_all_others_keeps_the_case_s_corrections(home, feed, config):
    feed.put("a.dcm", made.report())
    batch(feed.folder, "--config", config)
    case = listed()[0].case_number
    who = ("--by", "Ada", "--reason", "typed wrong", "--height-cm", "160")
    CliRunner().invoke(cli.app, ["registry", "correct", case, *who], catch_exceptions=False)
    feed.put("b.dcm", made.report(events=(1, 2, 3), instance="2", replaces=("1",)))
    assert batch(feed.folder, "--config", config) == {"joined": 1, "known": 1, "stored": 1, "unsettled": 0}
    with open_registry():
        from skindose.registry import reading

        (one,) = reading.current()
        assert json.loads(reading.content(one.result))["patient"]["height_cm"] == 160


def test_watch_takes_what_another_program_had_in_work_when_it_was_killed(sqlite_home, feed, config, monkeypatch):
    feed.put("a.dcm", made.report("a"))
    with open_registry() as registry, monkeypatch.context() as patch:
        from skindose.registry import claims

        patch.setattr(claims, "_own", lambda: "another-machine 1")
        claims.claim(registry, [sha256(made.report("a")).hexdigest()])

    def killed():
        claims.Claim.objects.all().delete()

    watch(feed.folder, config, [killed, lambda: None], monkeypatch)
    assert [row.version for row in listed()] == [1]
