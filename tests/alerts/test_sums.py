"""A rule that counts earlier procedures fires on the sum, once, and its mail says so."""

import json

import pytest

from skindose import outbox
from skindose.notify import Outcome, State
from skindose.registry import open_registry
from skindose.uncertainty import sample
from tests.alerts import made as alerted
from tests.registry import made, sums

THREE = [sums.report(f"m{k}", f"20260{k + 1}01", ((30 + k, 0.0, 1500.0),)) for k in range(3)]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """How sure is tried elsewhere."""
    monkeypatch.setattr(sample, "PLACEMENTS", 4)
    monkeypatch.setattr(sample, "DRAWS", 50)


def mails(registry):
    """Every mail that is due, as text on one line; nothing is sent."""
    taken = []

    def deliver(message, recipients, server):
        taken.append(message)
        return {one: Outcome(State.SENT, 250, "", "") for one in recipients}

    done = outbox.send(registry, alerted.people(port=9), deliver)
    assert done.trouble == []
    return [" ".join(one.get_body(("plain",)).get_content().split()) for one in taken], taken


def test_it_fires_on_the_sum_only_and_once_and_the_mail_says_so(home):
    with open_registry() as registry:
        from skindose.registry import alerts, check, followups

        registry = sums.raising(registry)
        last = [sums.receive(registry, data) for data in THREE][-1]
        assert alerts.listed() == []
        sums.follow(registry)
        (row,) = alerts.listed()
        assert (row["case"], row["rule"], row["level"], row["of_sum"]) == (last.case_number, "site.together", "3", True)
        assert row["unit"] == "Gy"
        assert row["value"] > 3
        assert [one["contact"] for one in followups.listed()][:2] == ["before discharge", "10-14 days"]
        texts, messages = mails(registry)
        sums.follow(registry)
        assert len(alerts.listed()) == 1
        assert check.verify(registry) == []
    assert len(texts) == 2, "operator and physicist"
    for text in texts:
        assert "2 earlier procedures within 60 days counted; peak of the summed map" in text
        assert "air kerma together 4.50 Gy" in text
        assert "This procedure and the earlier ones together passed the level below" in text
        assert "3 procedures within 60 days added up" in text
        assert "by this procedure's dose alone: band" in text
        assert "earlier procedures within 60 days are not counted" not in text
    everything = b"".join(bytes(one) for one in messages)
    assert made.NUMBER.encode() not in everything
    assert b"Quastenflosser" not in everything


def test_a_late_arrival_raises_no_second_alert_and_a_higher_level_is_a_new_one(sqlite_home, monkeypatch):
    stepped = json.loads(json.dumps(sums.RULES.model_dump(mode="json", by_alias=True)))
    stepped["rule"][1]["levels"] = {"kar": {"level": 2.5, "step": 1.0, "unit": "Gy"}}
    monkeypatch.setattr(sums, "RULES", type(sums.RULES)(**stepped))
    with open_registry() as registry:
        from skindose.registry import alerts

        registry = sums.raising(registry)
        for data in (THREE[2], THREE[1]):
            sums.receive(registry, data)
            sums.follow(registry)
        assert [one["level"] for one in alerts.listed()] == ["2.5"]
        sums.receive(registry, THREE[0])
        sums.follow(registry)
        found = {(one["case"], one["level"]) for one in alerts.listed()}
        assert len(found) == len(alerts.listed()) == 3, "3 Gy of the second, 4.5 Gy of the third: one step higher"
        assert sorted(level for _, level in found) == ["2.5", "2.5", "4.5"]


def test_an_alert_of_one_procedure_says_what_is_known_of_earlier_ones(sqlite_home):
    with open_registry() as registry:
        for data in THREE[1:]:
            alerted.receive(registry, data, settings=sums.SETTINGS)
        texts, _ = mails(registry)
        assert sum("none known at any time" in text for text in texts) == 2
        assert sum("not counted: the numbers are those of this procedure alone" in text for text in texts) == 2


def test_with_the_sum_made_first_the_first_mail_has_it(sqlite_home):
    with open_registry() as registry:
        for data in THREE[1:]:
            alerted.receive(registry, data, settings=sums.SETTINGS)
        sums.follow(registry)
        texts, _ = mails(registry)
        assert sum("1 earlier procedure within 365 days counted" in text for text in texts) == 2


def test_of_a_patient_without_number_nothing_is_counted(sqlite_home):
    with open_registry() as registry:
        alerted.receive(registry, sums.report("m9", "20260101", number=""), settings=sums.SETTINGS)
        texts, _ = mails(registry)
    assert all("not counted: the numbers are those of this procedure alone" in text for text in texts)
