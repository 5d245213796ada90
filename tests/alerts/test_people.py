"""What people do with alerts: take them on, send them again, note contacts. And who they are: alerts.toml."""

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skindose import cli, recipients
from skindose.errors import RegistryError, SettingsError
from skindose.registry import open_registry
from skindose.triggers import followup
from tests import mailserver
from tests.alerts import made
from tests.mailserver import Received
from tests.registry import made as registered

FIRST = "ncrp-168.first"


def run(*arguments, code=0):
    done = CliRunner().invoke(cli.app, [str(one) for one in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


def test_acknowledged_once_and_kept_so(sqlite_home):
    with open_registry() as registry:
        case = made.receive(registry, fired=[("ncrp-168.substantial", "psd", 0), (FIRST, "psd", 4)])
    asked = ("alerts", "ack", case, "--by", "B. Nurse", "--json")
    assert json.loads(run(*asked, "--rule", FIRST).stdout)["acknowledged"] == 1
    (left,) = json.loads(run("alerts", "list", "--open", "--json").stdout)
    assert left["rule"] == "ncrp-168.substantial"
    assert json.loads(run(*asked, "--note", "patient told").stdout)["acknowledged"] == 1
    assert json.loads(run(*asked).stdout)["acknowledged"] == 0
    with open_registry() as registry:
        from skindose.registry import alerts, check

        made.put(registry, case, configuration={"run": 2})
        assert [(row["state"], row["acknowledged_by"]) for row in alerts.listed()] == [
            ("acknowledged", "B. Nurse"),
            ("acknowledged", "B. Nurse"),
        ]
        assert check.verify(registry) == []


def test_who_acknowledges_gives_a_name_and_a_case(sqlite_home):
    with open_registry():
        pass
    with pytest.raises(SettingsError, match="a name is needed"):
        run("alerts", "ack", "K-2026-000001")
    with pytest.raises(RegistryError, match="there is no such case"):
        run("alerts", "ack", "K-2026-000001", "--by", "B")


def configured(home, port, **mail):
    """alerts.toml of a site with an operator and a mail server."""
    home.mkdir(exist_ok=True)
    more = "".join(f"{key} = {json.dumps(value)}\n" for key, value in mail.items())
    (home / "alerts.toml").write_text(
        f'administrators = ["admin@example.org"]\npicture = false\nmail_procedures_within_days = 0\n'
        f'[[recipient]]\nrole = "operator"\nto = ["{made.A}"]\n'
        f'[mail]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nsender = "alerts@example.org"\n{more}',
        encoding="utf-8",
    )


def test_sent_failed_and_sent_again_on_the_command_line(sqlite_home):
    handler = Received({made.A: ["550 5.1.1 no such user"]})
    with mailserver.plain(handler) as port:
        configured(sqlite_home, port)
        with open_registry() as registry:
            case = made.receive(registry, fired=[(FIRST, "psd", 0)])
        refused = run("alerts", "send", code=1)
        assert "the mail server answered 550 5.1.1" in refused.stderr
        assert "failed: the mail server answered 550 5.1.1" in run("alerts", "list").stdout
        assert json.loads(run("alerts", "resend", case, "--json").stdout)["queued"] == 1
        assert "1 sent" in run("alerts", "send").stdout
        (first,) = json.loads(run("alerts", "list", "--json").stdout)[0]["mails"]
        assert (first["state"], first["error"]) == ("sent", None)
        assert json.loads(run("alerts", "resend", case, "--json").stdout)["queued"] == 0
        assert json.loads(run("alerts", "resend", case, "--again", "--json").stdout)["queued"] == 1
        run("alerts", "send")
        both = json.loads(run("alerts", "list", "--json").stdout)[0]["mails"]
    assert [mail["purpose"] for mail in both] == ["alert", "resend 1"]
    assert both[0]["message_id"] != both[1]["message_id"], "a mail program may hide a second one of the same identifier"
    assert [to for _, to, _ in handler.mails if to == (made.A,)] == [(made.A,), (made.A,)]


def test_unsigned_alerts_cannot_be_sent_again(sqlite_home):
    with open_registry() as registry:
        case = made.receive(registry, who="")
    with pytest.raises(RegistryError, match="rules unsigned"):
        run("alerts", "resend", case, "--again")


def test_no_mail_server_is_a_visible_line_and_an_exit_code(sqlite_home):
    with open_registry() as registry:
        made.receive(registry)
    assert "no mail server is configured" in run("alerts", "send", code=1).stderr


# --- Contacts


def test_contacts_are_planned_once_and_grow_with_the_dose(home):
    with open_registry() as registry:
        from skindose.registry import followups

        case = made.receive(registry)
        names = [row["contact"] for row in followups.listed(case)]
        assert names == ["before discharge", "10-14 days", "2-4 weeks", "30 days"]
        made.put(registry, case, peak_mgy=6000.0)
        made.put(registry, case, peak_mgy=2500.0)
        assert [row["contact"] for row in followups.listed(case)] == [*names, "3 months"]
        ten_days = followups.listed(case)[1]
        assert (ten_days["from"], ten_days["to"]) == ("2026-01-11", "2026-01-15")


def test_a_peak_that_is_only_a_lower_bound_plans_what_report_and_mail_say(sqlite_home):
    with open_registry() as registry:
        from skindose.registry import followups

        lacks = made.stored(registered.report(), lacks="half of the dose is not in the map")
        case = made.receive(registry, lacks="half of the dose is not in the map")
        names = [row["contact"] for row in followups.listed(case)]
    assert names == [one.name for one in followup.of_facts(lacks.facts)]
    assert "3 months" in names, "4.1 Gy alone would plan none"


def test_a_contact_is_done_and_what_it_found_asks_for_more(sqlite_home):
    with open_registry() as registry:
        made.receive(registry)
    number = json.loads(run("followup", "list", "--json").stdout)[1]["number"]
    noted = ("followup", "done", number, "--by", "B. Nurse", "--outcome", "redness on the back", "--finding")
    with pytest.raises(SettingsError, match="what came of it"):
        run(*noted[:5])
    assert json.loads(run(*noted, "--json").stdout) == {"number": number, "noted": True}
    assert "done already" in run(*noted).stdout
    contacts = [row["contact"] for row in json.loads(run("followup", "list", "--json").stdout)]
    assert contacts == ["before discharge", "2-4 weeks", "30 days", "3 months", "6 months", "12 months"]
    assert "done by B. Nurse: redness on the back" in run("followup", "list", "--all").stdout
    with pytest.raises(RegistryError, match="no such contact"):
        run("followup", "done", 999, *noted[3:])


def test_what_is_found_after_a_contact_is_kept_too(sqlite_home):
    with open_registry() as registry:
        made.receive(registry)
    first = ("followup", "done", 2, "--by", "B. Nurse", "--outcome", "no finding")
    assert "Noted" in run(*first).stdout
    later = ("followup", "done", 2, "--by", "Dr C", "--outcome", "ulcer", "--finding")
    assert "Noted" in run(*later).stdout
    assert "done by Dr C: no finding (B. Nurse); later: ulcer" in run("followup", "list", "--all").stdout
    assert "12 months" in run("followup", "list").stdout


def test_a_mistyped_case_is_no_all_clear(sqlite_home):
    with open_registry() as registry:
        case = made.receive(registry)
    for command in ("alerts", "followup"):
        assert f"{case}" in run(command, "list", "--case", f" {case.lower()}").stdout
        with pytest.raises(RegistryError, match="no such case"):
            run(command, "list", "--case", "K-1")


@pytest.mark.parametrize(
    "command",
    [("alerts", "list"), ("alerts", "ack", "K-1", "--by", "A"), ("followup", "list"), ("registry", "list"),
     ("registry", "status"), ("registry", "verify"), ("registry", "show", "K-1")],
)  # fmt: skip
def test_where_there_is_no_registry_nobody_reads_that_nothing_is_due(sqlite_home, command):
    with pytest.raises(RegistryError, match="there is no registry"):
        run(*command)
    assert not sqlite_home.exists()


def test_first_notifications_start_no_follow_up(sqlite_home):
    with open_registry() as registry:
        from skindose.registry import followups

        made.receive(registry, fired=[(FIRST, "psd", 0)])
        assert followups.listed() == []


# --- alerts.toml


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"recipient": [{"role": "oprator", "to": ["a@b.de"]}]}, "recipient.1.role"),
        ({"recipient": [{"role": "operator", "to": ["a at b"]}]}, "no.*address|not of the form"),
        ({"recipient": [{"role": "operator", "to": []}]}, "recipient.1.to"),
        ({"administrators": ["x"]}, "administrators"),
        ({"time_zone": "Middle/Earth"}, "there is no such time zone"),
        ({"mail_procedures_within_days": -1}, "mail_procedures_within_days"),
        ({"mail_procedures_within_days": True}, "mail_procedures_within_days"),
        ({"acknowledge_within_hours": [0, 4, 1]}, "acknowledge_within_hours"),
        ({"acknowledge_within_hours": [0, 4, -1, 1]}, "acknowledge_within_hours"),
        ({"mail": {"host": "127.0.0.1", "sender": "a@b.de", "password": "secret"}}, "password"),
        ({"recipients": []}, "recipients"),
    ],
)
def test_a_mistake_is_told_with_its_key(given, words):
    with pytest.raises(SettingsError, match=words) as told:
        recipients.parse(given)
    assert "alerts.toml" in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("raised", "severity", "until"),
    [
        ("2026-11-25T12:00", 1, "2026-11-26T12:00"),
        ("2026-11-27T12:00", 1, "2026-11-30T12:00"),  # Friday -> Monday
        ("2026-11-28T12:00", 1, "2026-11-30T12:00"),  # Saturday -> Monday
        ("2026-11-27T12:00", 2, "2026-11-27T16:00"),
        ("2026-11-27T12:00", 3, "2026-11-27T13:00"),
        ("2026-11-27T12:00", 4, "2026-11-27T13:00"),
    ],
)
def test_by_when(raised, severity, until):
    moment = datetime.fromisoformat(raised).replace(tzinfo=UTC)
    assert made.people().until(severity, moment) == datetime.fromisoformat(until).replace(tzinfo=UTC)


def test_without_a_file_nobody_is_told(tmp_path):
    assert recipients.load(tmp_path) == recipients.People()
    (tmp_path / "alerts.toml").write_text("administrators = [", encoding="utf-8")
    with pytest.raises(SettingsError, match="not TOML"):
        recipients.load(tmp_path)


def test_reports_of_other_patients_are_other_cases(sqlite_home):
    """Two studies with the same finding are two alerts."""
    with open_registry() as registry:
        from skindose.registry import alerts

        cases = {made.receive(registry, registered.report(study)) for study in "ab"}
        assert {row["case"] for row in alerts.listed()} == cases
        assert len(cases) == 2


def test_the_example_of_the_documentation_is_valid():
    text = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
    found = recipients.parse(tomllib.loads(text.split("```toml\n")[1].split("```")[0]))
    assert found.addresses("operator", "CATHLAB1") == ("lab1@example.org",)
    assert found.addresses("operator", "elsewhere") == ()
    assert found.mail.port == 587
