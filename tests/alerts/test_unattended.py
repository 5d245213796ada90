"""`skindose batch` from report to mail: raised with the result, sent once, whatever is run again."""

import json
import os
import time

import pytest
from typer.testing import CliRunner

from skindose import cli
from skindose.registry import open_registry
from tests import mailserver
from tests.alerts import made
from tests.alerts.test_people import configured
from tests.mailserver import Received
from tests.registry import made as registered


@pytest.fixture
def feed(tmp_path):
    """A report whose air kerma (6 Gy) passes the substantial level, in a folder."""
    folder = tmp_path / "feed"
    folder.mkdir()
    (folder / "a.dcm").write_bytes(registered.report(events=(1, 2, 3, 4)))
    os.utime(folder / "a.dcm", (time.time() - 60,) * 2)
    (tmp_path / "config.toml").write_text('phantom = "plane"\n', encoding="utf-8")
    return folder


def batch(feed, code=0):
    config = str(feed.parent / "config.toml")
    done = CliRunner().invoke(cli.app, ["batch", "--json", "--config", config, str(feed)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)["mails"], done.stderr


def sign(registry):
    """The rule set is released."""
    from skindose.registry import signing

    signing.sign(registry, made.RULES, made.SIGNER, "medical physicist")


def test_from_report_to_mail_once(sqlite_home, feed):
    handler = Received()
    with mailserver.plain(handler) as port:
        configured(sqlite_home, port)
        with (sqlite_home / "alerts.toml").open("a", encoding="utf-8") as file:
            file.writelines(
                f'[[recipient]]\nrole = "{role}"\nto = ["{made.B}"]\n' for role in ("physicist", "followup_nurse")
            )
        with open_registry() as registry:
            sign(registry)
        mails, _ = batch(feed)
        arrived = len(handler.mails)
        assert arrived == mails["sent"] > 0
        assert batch(feed) == ({}, "")
        assert len(handler.mails) == arrived
        everything = b"".join(data for _, _, data in handler.mails)
        assert registered.NUMBER.encode() not in everything
        assert b"Quastenflosser" not in everything


def test_a_long_backlog_keeps_no_mail_waiting(sqlite_home, feed, monkeypatch):
    from skindose import unattended
    from skindose.registry import store

    monkeypatch.setattr(unattended, "_MAILED_EVERY_S", -1.0)  # now and then is: after each file
    (feed / "b.dcm").write_bytes(registered.report("b", events=(5, 6, 7, 8), number="another"))
    os.utime(feed / "b.dcm", (time.time() - 60,) * 2)
    handler, arrived, receive = Received(), [], store.receive

    def counted(*arguments):
        arrived.append(len(handler.mails))
        return receive(*arguments)

    monkeypatch.setattr(store, "receive", counted)
    with mailserver.plain(handler) as port:
        configured(sqlite_home, port)
        with open_registry() as registry:
            sign(registry)
        mails, _ = batch(feed)
    assert arrived[0] == 0
    assert arrived[1] > 0, "the first file's mails went out before the second was stored"
    assert mails["sent"] == len(handler.mails) > arrived[1], "the second's mail too, and all are counted"


def test_a_mail_server_that_is_down_is_an_exit_code_and_the_report_is_stored(sqlite_home, feed):
    configured(sqlite_home, mailserver.free_port())
    with open_registry() as registry:
        sign(registry)
    mails, said = batch(feed, code=1)
    assert mails == {"queued": 1}
    assert "mail server" in said
    with open_registry():
        from skindose.registry import reading

        assert reading.status()["results"] == 1


def test_unsigned_rules_raise_and_mail_nobody(sqlite_home, feed):
    assert batch(feed) == ({}, "")
    with open_registry():
        from skindose.registry import alerts

        assert {row["not_mailed"] for row in alerts.listed()} == {"not mailed: rules unsigned"}


def test_watch_heeds_alerts_toml_as_it_is_now(sqlite_home, feed, monkeypatch):
    """First nobody is told; then there is a mistake in it; then a server that takes mails; then a report comes."""
    from skindose import unattended

    with open_registry() as registry:
        sign(registry)
    file, handler = sqlite_home / "alerts.toml", Received()
    with mailserver.plain(handler) as port:
        (feed / "a.dcm").rename(feed / ".a.dcm")
        mend = (lambda: configured(sqlite_home, port), lambda: (feed / ".a.dcm").rename(feed / "a.dcm"))
        rounds = iter((lambda: file.write_text("mistake = 1", encoding="utf-8"), *mend))

        def sleep(_):
            if (act := next(rounds, None)) is None:
                raise KeyboardInterrupt
            act()

        monkeypatch.setattr(unattended.time, "sleep", sleep)
        config = str(feed.parent / "config.toml")
        done = CliRunner().invoke(cli.app, ["watch", str(feed), "--config", config])
    assert done.stderr.count("What it said before stays in force") == 1
    assert handler.mails
