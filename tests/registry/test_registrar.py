"""`skindose registry` as a user has it."""

import json

import pytest
from typer.testing import CliRunner

from skindose import cli
from skindose.errors import RegistryError, SettingsError
from skindose.registry import open_registry
from tests.registry import made


def run(*arguments, code=0):
    done = CliRunner().invoke(cli.app, ["registry", *arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture
def case(sqlite_home):
    data = made.report()
    with open_registry() as registry:
        from skindose.registry import store

        return store.receive(registry, made.incoming(data), made.stored(data)).case_number


def test_init_says_what_to_keep(sqlite_home):
    assert "site.key" in run("init")
    assert "site.key" in run("init"), "again it is no mistake"


def test_list_show_and_status(case):
    (row,) = json.loads(run("list", "--json"))
    assert row["case_number"] == case
    assert "psd" in " ".join(row["fired"])
    assert case in run("list")
    shown = json.loads(run("show", case, "--json"))
    assert [one["version"] for one in shown["results"]] == [1]
    assert shown["same_patient"] == []
    status = json.loads(run("status", "--json"))
    assert (status["procedures"], status["reports"]) == (1, 1)
    assert json.loads(run("list", "--quarantine", "--json")) == []


def test_verify_exits_with_what_it_found(case):
    assert json.loads(run("verify", "--json"))["intact"]
    with open_registry():
        from skindose.registry.models import Machine

        Machine.objects.update(station="X")
    assert not json.loads(run("verify", "--json", code=1))["intact"]


def test_export_writes_the_report_and_the_folder_of_run(case, tmp_path):
    run("export", case, str(tmp_path / "out"))
    (report,) = (tmp_path / "out").glob("*.dcm")
    assert report.read_bytes() == made.report()
    facts = json.loads((tmp_path / "out" / case / "result.json").read_bytes())
    assert facts["peak"]["cell"] == made.result(made.report()).dosemap.peak.cell
    assert (tmp_path / "out" / case / "dosemap.vtp").is_file()


def test_no_identifier_is_shown(case):
    shown = "".join(
        run(*arguments)
        for arguments in (("list",), ("list", "--json"), ("show", case, "--json"), ("status", "--json"), ("verify",))
    )
    for identifier in (made.NUMBER, "Quasten", "Egbert"):
        assert identifier not in shown


def test_a_file_that_somebody_looked_at_leaves_the_list_until_it_fails_otherwise(sqlite_home):
    def fails(reason):
        with open_registry() as registry:
            from skindose.registry import store

            store.quarantine(registry, "ab" * 32, "a/b.dcm", reason, "Export it again.")
            store.quarantine(registry, "ac" * 32, "c.dcm", reason, "Export it again.")

    fails("the file is empty")
    assert "abababababab  " in run("list", "--quarantine")
    with pytest.raises(RegistryError, match="several files"):
        run("settle", "a", "--by", "Anna")
    with pytest.raises(SettingsError, match="name is needed"):
        run("settle", "abab", "--by", " ")
    assert "Settled." in run("settle", "ABAB", "--by", "Anna")
    assert "already" in run("settle", "abab", "--by", "Anna")
    for reason, left in (("the file is empty", ["ac" * 32]), ("the file is damaged", ["ab" * 32, "ac" * 32])):
        fails(reason)
        assert [row["key"] for row in json.loads(run("list", "--quarantine", "--json"))] == left
    assert "Intact" in run("verify")
