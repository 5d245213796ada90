"""The rule set in force, and who signed it: bound to what the rules say, and to the site's key."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from skindose import cli, pipeline, rdsr, release
from skindose.config import Settings
from skindose.errors import SettingsError
from skindose.report.findings import signed
from skindose.report.summary import summary
from skindose.triggers import load
from tests.registry import made
from tests.triggers.test_dryrun import rules

NAME = "Dr A. Physicist"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path / "home"


def run(*arguments, code=0):
    done = CliRunner().invoke(cli.app, ["triggers", *arguments])
    assert done.exit_code == code, done.output
    return done


def result_of(settings=made.SETTINGS):
    return pipeline.compute(rdsr.read_bytes(made.report(), "report.dcm"), settings, sampled=False)


def test_nothing_is_in_force_or_signed_without_a_folder(home):
    assert release.in_force() is None
    assert release.rules(Settings()).id == "ncrp-168"
    found = result_of().findings
    assert (found.preset, found.signed_by) == ("ncrp-168", "")
    assert not home.exists(), "a run makes no folder"


def test_the_rule_set_in_force_holds_where_no_other_is_named(home, tmp_path):
    run("use", rules(tmp_path))
    assert release.rules(Settings()).id == "ours"
    assert release.rules(Settings(triggers="icrp-85")).id == "icrp-85"
    assert result_of().findings.preset == "ours"


def test_a_mistake_is_refused_with_its_line_and_the_old_one_stays_in_force(home, tmp_path):
    run("use", rules(tmp_path))
    before = (home / release.IN_FORCE).read_bytes()
    wrong = rules(tmp_path, level=3000)
    done = CliRunner().invoke(cli.app, ["triggers", "use", wrong])
    assert isinstance(done.exception, SettingsError)
    assert f"{wrong}:15: a level of 3000 Gy" in str(done.exception)
    assert (home / release.IN_FORCE).read_bytes() == before
    assert [path.name for path in home.iterdir()] == [release.IN_FORCE], "nothing half-written stays"


def test_the_audit_trail_says_what_was_put_in_force(home, tmp_path):
    run("sign", "ncrp-168", "--by", NAME)
    run("use", rules(tmp_path))
    run("use", "ncrp-168")
    CliRunner().invoke(cli.app, ["triggers", "use", rules(tmp_path, level=3000)])
    assert release.rules(Settings()).id == "ncrp-168"
    from skindose.registry import open_registry

    with open_registry() as registry:
        from skindose.registry import check
        from skindose.registry.models import Audit

        used = [json.loads(row.details) for row in Audit.objects.filter(what="rules put in force").order_by("seq")]
        assert [one["rules"] for one in used] == ["ours", "ncrp-168"]
        assert check.verify(registry) == []


def test_an_edit_of_the_sites_file_changes_nothing_before_it_is_used(home, tmp_path):
    run("use", rules(tmp_path, level=2.0))
    rules(tmp_path, level=9.0)
    assert release.rules(Settings()).rules[0].levels["psd"].level == 2.0
    run("use", rules(tmp_path, level=9.0))
    assert release.rules(Settings()).rules[0].levels["psd"].level == 9.0


def test_a_signature_shows_in_results_lists_and_the_registry(home, tmp_path):
    run("use", rules(tmp_path))
    said = json.loads(run("sign", "--by", NAME, "--json").stdout)
    assert (said["id"], said["signed_by"], said["in_force"]) == ("ours", f"{NAME}, medical physicist", True)
    facts = summary(result_of())
    assert facts["trigger_set"] == {
        "preset": "ours",
        "signed_by": f"{NAME}, medical physicist",
        "signed_on": said["signed_on"],
        "digest": load(rules(tmp_path)).digest,
    }
    assert signed(facts["trigger_set"]) == f"ours, levels signed by {NAME}, medical physicist on {said['signed_on']}"
    assert not any("not yet signed" in warning for warning in facts["warnings"])
    assert f"signed by {NAME}" in " ".join(run("show", rules(tmp_path)).stdout.split())
    first = json.loads(run("list", "--json").stdout)[0]
    assert (first["id"], first["in_force"], first["signed_by"]) == ("ours", True, f"{NAME}, medical physicist")
    from skindose.registry import open_registry

    with open_registry() as registry:
        from skindose.registry import check, store
        from skindose.registry.models import Audit

        assert store.signed(said["digest"]) == f"{NAME}, medical physicist"
        assert store.signed("0" * 64) == ""
        assert Audit.objects.filter(what="rules signed").count() == 1
        assert check.verify(registry) == []


def test_a_changed_rule_is_unsigned_again_and_a_changed_comment_is_not(home, tmp_path):
    path = rules(tmp_path)
    run("sign", path, "--by", NAME)
    assert release.signature(load(path).digest)
    text = (tmp_path / "ours.toml").read_text()
    (tmp_path / "ours.toml").write_text("# in force since May\n" + text)
    assert release.signature(load(path).digest), "a comment is no rule"
    (tmp_path / "ours.toml").write_text(text.replace("level = 2.0", "level = 2.5"))
    assert release.signature(load(path).digest) is None
    findings = result_of(Settings(phantom="cylinder", triggers=path)).findings
    assert (findings.signed_by, findings.digest) == ("", load(path).digest)
    assert "not yet signed" in findings.warnings[0]


def test_signing_again_adds_nothing_and_another_physicist_does(home):
    for by in (NAME, NAME, "Dr B. Physicist"):
        run("sign", "ncrp-168", "--by", by)
    document = json.loads((home / release.SIGNATURES).read_bytes())
    assert [one["signed_by"] for one in document["signatures"]] == [
        f"{NAME}, medical physicist",
        "Dr B. Physicist, medical physicist",
    ]
    assert release.signature(load("ncrp-168").digest).signed_by.startswith("Dr B")


def test_what_is_changed_by_hand_signs_nothing(home, tmp_path):
    run("sign", "ncrp-168", "--by", NAME)
    digest, file = load("ncrp-168").digest, home / release.SIGNATURES
    good = file.read_text()
    for wrong in (good.replace("Dr A", "Dr C"), good.replace(digest, load("icrp-85").digest), "", "[]", "{}", "\0"):
        file.write_text(wrong)
        assert release.signature(digest) is None
        assert release.signature(load("icrp-85").digest) is None
    file.write_text(good)
    assert release.signature(digest)
    (home / release.KEY).write_text("00" * 32)
    assert release.signature(digest) is None, "another site's signatures"


@pytest.mark.parametrize("name", ["", "  ", "1", "x" * 91, "A\x07B"])
def test_nobody_signs_nothing(home, name):
    done = CliRunner().invoke(cli.app, ["triggers", "sign", "ncrp-168", "--by", name])
    assert isinstance(done.exception, SettingsError)
    assert not (home / release.SIGNATURES).exists()


def test_reading_a_signature_loads_no_database(home):
    run("sign", "ncrp-168", "--by", NAME)
    code = (
        "import sys; from skindose import release, triggers, pipeline;"
        "print(release.signature(triggers.load('ncrp-168').digest).signed_by, 'django' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{NAME}, medical physicist False"
