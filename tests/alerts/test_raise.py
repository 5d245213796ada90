"""A finding that fired becomes one alert and one mail for each recipient, in the transaction of its result."""

import json

import pytest
from typer.testing import CliRunner

from skindose import cli
from skindose.errors import RegistryError
from skindose.registry import open_registry
from tests.alerts import made
from tests.registry import made as registered

SUBSTANTIAL = ("ncrp-168.substantial", "psd", 0)
FIRST = "ncrp-168.first"


def levels(rows):
    return [(row["rule"], row["quantity"], row["level"], row["state"]) for row in rows]


def mails(rows):
    return [(mail["recipient"], mail["role"], mail["purpose"], mail["state"]) for row in rows for mail in row["mails"]]


def test_an_alert_and_a_mail_per_recipient(home):
    with open_registry() as registry:
        from skindose.registry import alerts, check

        case = made.receive(registry)
        rows = alerts.listed()
        assert levels(rows) == [("ncrp-168.substantial", "psd", "3", "waiting")]
        assert mails(rows) == [(made.A, "operator", "alert", "queued"), (made.B, "physicist", "alert", "queued")], (
            "who holds two roles gets one mail"
        )
        assert rows[0]["roles_without_address"] == ["followup_nurse"]
        assert (rows[0]["case"], rows[0]["not_mailed"]) == (case, None)
        assert check.verify(registry) == []


def test_the_same_again_raises_nothing(home):
    with open_registry() as registry:
        from skindose.registry import alerts

        case = made.receive(registry)
        before = alerts.listed()
        assert made.receive(registry) == case
        for number in range(3):
            made.put(registry, case, configuration={"run": number})
        assert alerts.listed() == before


def test_a_higher_level_later_is_a_new_alert_and_a_lower_one_is_none(home):
    with open_registry() as registry:
        from skindose.registry import alerts

        case = made.receive(registry, fired=[(FIRST, "psd", 2)])
        for number, steps in enumerate((0, 1, 4, 3, 4)):
            made.put(registry, case, fired=[(FIRST, "psd", steps)], configuration={"run": number})
        assert levels(alerts.listed()) == [(FIRST, "psd", "3", "waiting"), (FIRST, "psd", "4", "waiting")], (
            "2 Gy and two or four steps of 0.5 Gy"
        )


def test_every_rule_and_quantity_fires_alone(home):
    with open_registry() as registry:
        from skindose.registry import alerts

        made.receive(registry, fired=[(FIRST, "kap", 0), ("ncrp-168.substantial", "kar", 0), SUBSTANTIAL])
        assert sorted(row[:3] for row in levels(alerts.listed())) == [
            (FIRST, "kap", "300"),
            ("ncrp-168.substantial", "kar", "5"),
            ("ncrp-168.substantial", "psd", "3"),
        ]


def test_unsigned_rules_are_never_mailed_not_even_after_signing(home):
    with open_registry() as registry:
        from skindose.registry import alerts, followups

        case = made.receive(registry, who="")
        (row,) = alerts.listed()
        assert (row["state"], row["not_mailed"], row["mails"]) == ("unsigned", "not mailed: rules unsigned", [])
        assert followups.listed() == []
        made.put(registry, case, configuration={"run": 2})
        (row,) = alerts.listed()
        assert (row["state"], row["mails"]) == ("unsigned", []), "signed meanwhile; the old alert is not mailed"
        higher = [SUBSTANTIAL, (FIRST, "psd", 3)]
        made.put(registry, case, fired=higher, configuration={"run": 3})
        assert mails(alerts.listed()) == [(made.A, "operator", "alert", "queued")], "a new level under signed rules"


def test_a_backlog_is_listed_and_not_mailed(home, monkeypatch):
    """The report is of 1 January; today it is 20 days later, and 40."""
    from datetime import UTC, datetime

    crew = made.people(mail_procedures_within_days=30)
    with open_registry() as registry:
        from skindose.registry import alerts, escalation, followups

        at(monkeypatch, datetime(2026, 1, 31, 12, tzinfo=UTC))
        made.receive(registry, registered.report("a"), crew=crew)
        at(monkeypatch, datetime(2026, 2, 1, 12, tzinfo=UTC))
        old = made.receive(registry, registered.report("b"), crew=crew)
        new, late = alerts.listed()
        assert (new["state"], len(new["mails"])) == ("waiting", 2), "30 days"
        assert (late["state"], late["mails"]) == ("old", [])
        assert late["not_mailed"] == "not mailed: procedure older than 30 days"
        at(monkeypatch, datetime(2026, 4, 1, 12, tzinfo=UTC))
        escalation.escalate(registry, crew)
        assert alerts.listed(old)[0]["mails"] == [], "nor escalated"
        with pytest.raises(RegistryError, match="older than 30 days"):
            alerts.resend(registry, old, crew)
        assert [row["contact"] for row in followups.listed(old)] == ["30 days"], "what is still ahead on 1 February"


def at(monkeypatch, moment):
    """Let it be this moment."""
    from skindose.registry import alerts, escalation, followups

    for module in (alerts, escalation, followups):
        monkeypatch.setattr(module, "now", lambda: moment)


def test_a_report_without_its_day_counts_as_new():
    from datetime import UTC, datetime

    crew, moment = made.people(mail_procedures_within_days=30), datetime(2026, 3, 1, tzinfo=UTC)
    assert crew.not_mailed("", moment) == ""
    assert crew.not_mailed("2026-01-01", moment) == "not mailed: procedure older than 30 days"
    assert made.people(mail_procedures_within_days=0).not_mailed("1990-01-01", moment) == ""


def test_who_signed_is_what_the_registry_says(home):
    with open_registry() as registry:
        from skindose.registry import alerts, signing, store

        made.receive(registry, registered.report("a"), who=None)
        signing.sign(registry, made.RULES, made.SIGNER, "medical physicist")
        made.receive(registry, registered.report("b"), who=None)
        assert [row["state"] for row in alerts.listed()] == ["unsigned", "waiting"]
        assert store.signed(made.RULES.digest) == f"{made.SIGNER}, medical physicist"


def test_no_alert_for_a_phantom(home):
    with open_registry() as registry:
        from skindose.registry import alerts

        made.receive(registry, purpose="test")
        assert alerts.listed() == []


def test_a_map_that_failed_alerts_too_once(home):
    with open_registry() as registry:
        from skindose.registry import alerts

        case = made.receive(registry, fired=(), mapless=True)
        made.put(registry, case, fired=(), mapless=True, configuration={"run": 2})
        (row,) = alerts.listed()
        assert (row["rule"], row["level"], len(row["mails"])) == (None, "no map", 2)


def test_what_fails_in_the_hook_takes_the_result_with_it(home):
    """One transaction: a result without its alerts is never there."""
    with open_registry() as registry:
        from skindose.registry import reading

        class Broken:
            def addresses(self, role, station):
                raise RuntimeError("in the middle")

            def until(self, severity, moment):
                return moment

            def not_mailed(self, study_date, moment):
                return ""

        with pytest.raises(RuntimeError, match="in the middle"):
            made.receive(registry, crew=Broken())
        found = reading.status()
        assert (found["reports"], found["alerts"], found["mails"]) == (0, 0, {})
        made.receive(registry)
        assert reading.status()["alerts"] == 1


def test_rooms(home):
    station = registered.incoming(registered.report()).header.station
    rows = [
        {"role": "operator", "to": ["here@example.org"], "rooms": [station]},
        {"role": "operator", "to": ["there@example.org"], "rooms": ["elsewhere"]},
        {"role": "operator", "to": ["HERE@example.org", "all@example.org"]},
    ]
    with open_registry() as registry:
        from skindose.registry import alerts

        made.receive(registry, crew=made.people(recipient=rows))
        told = [mail[0].lower() for mail in mails(alerts.listed())]
        assert told == ["here@example.org", "all@example.org"]


def test_the_list_of_the_command_line(sqlite_home):
    with open_registry() as registry:
        case = made.receive(registry)
    done = CliRunner().invoke(cli.app, ["alerts", "list", "--json"], catch_exceptions=False)
    (row,) = json.loads(done.stdout)
    assert row["case"] == case
    assert not {"raised_at", "due_at", "next_at", "delivered_at"} & {*row, *row["mails"][0]}
    text = CliRunner().invoke(cli.app, ["alerts", "list"], catch_exceptions=False).stdout
    assert f"{case}  level 2  ncrp-168.substantial: psd from 3 Gy, is 2.66  waiting" in text
    assert "nobody holds: followup_nurse" in text
    assert registered.NUMBER not in text + done.stdout
