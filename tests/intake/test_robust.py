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


def test_a_damaged_object_stops_neither_the_others_nor_the_mails(sqlite_home, feed, config, monkeypatch):
    """Of two patients with two procedures each, and a study that is to be joined, one object each is lost."""
    for name in "abcd":
        feed.put(f"{name}.dcm", made.report(name, number="one" if name < "c" else "two"))
    with monkeypatch.context() as patch:
        patch.setattr("skindose.intake.add_up", lambda *_: iter(()))
        batch(feed.folder, "--config", config)
    with open_registry():
        from skindose.registry import reading
        from skindose.registry.models import Blob

        lost = [list(reading.current())[2].case, sha256(made.report("a", number="one")).hexdigest()]
        Blob.objects.filter(pk__in=lost).update(content=b"bit rot")
    feed.put("more.dcm", made.report("a", events=(7,), instance="2", number="one"))
    feed.put("z.dcm", made.report("z"))
    config.write_text('phantom = "plane"\nheight_cm = 150\n')
    mailed = []
    monkeypatch.setattr(unattended._Mails, "now_and_then", lambda *_: None)
    send = unattended._Mails.__call__
    monkeypatch.setattr(unattended._Mails, "__call__", lambda *given: mailed.append(1) or send(*given))
    done = CliRunner().invoke(cli.app, ["batch", "--json", str(feed.folder), "--config", str(config)])
    told = json.loads(done.stdout)["outcomes"]
    assert (told["stored"], told["recomputed"], told["summed"]) == (2, 2, 2), "all that is not broken"
    assert told["failed"] == 4, "the study, the case of one, and both sums with that"
    assert mailed == [1]
    with open_registry():
        assert {row["reason"] for row in reading.quarantined()} == {"stored bytes are damaged"}


def test_a_program_error_in_reading_one_file_stops_no_other(sqlite_home, feed, config, monkeypatch):
    from skindose import rdsr

    feed.put("a.dcm", made.report("a"))
    feed.put("b.dcm", made.report("b"))
    arrival = rdsr.arrival
    bad = f"{sha256(made.report('a')).hexdigest()[:16]}.dcm"
    monkeypatch.setattr(rdsr, "arrival", lambda data, name: 1 / 0 if name == bad else arrival(data, name))
    assert batch(feed.folder, "--config", config, code=1) == {"quarantined": 1, "stored": 1, "unsettled": 0}


def test_watch_survives_a_log_that_cannot_be_written(sqlite_home, feed, config, monkeypatch):
    from skindose.errors import OutputError

    whole, refused = unattended._Told._write, []

    def full(*given):
        if len(refused) < 2:
            refused.append(1)
            raise OutputError("cannot write the log: no space left", "log", "Free space.")
        whole(*given)

    feed.put("a.dcm", made.report("a"))
    feed.put("b.dcm", made.report("b"))
    monkeypatch.setattr(unattended._Told, "_write", full)
    done = watch(feed.folder, config, [lambda: None, lambda: None], monkeypatch)
    assert done.stderr.count("cannot write the log") == 1
    assert [row.version for row in listed()] == [1, 1]
