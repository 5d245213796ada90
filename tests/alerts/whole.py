"""From report to mail with whole programs: `skindose` as a process, alerts.toml, a mail server with STARTTLS."""

import email
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from email.policy import default
from pathlib import Path

import pytest

from skindose.registry import open_registry
from tests import mailserver
from tests.alerts import made
from tests.registry import made as registered

ROOT = Path(__file__).resolve().parents[2]
NURSE = "nurse@example.org"
SECRET = "SKINDOSE_TEST_MAIL_PASSWORD"  # the variable's name


@pytest.fixture
def crew(tmp_path, monkeypatch):
    """`crew(port, keys)` writes alerts.toml: three roles, STARTTLS, log-in."""
    monkeypatch.setenv(SECRET, mailserver.PASSWORD)

    def write(port, keys, **changes):
        mail = {
            "host": "127.0.0.1", "port": port, "security": "starttls", "sender": "alerts@example.org",
            "user": mailserver.USER, "password_env": SECRET, "ca_file": str(keys.ca_file), "timeout_s": 5,
        } | changes  # fmt: skip
        people = (("operator", made.A), ("physicist", made.B), ("followup_nurse", NURSE))
        lines = ['administrators = ["admin@example.org"]', "picture = false", "mail_procedures_within_days = 0"]
        lines += [f'[[recipient]]\nrole = "{role}"\nto = ["{to}"]' for role, to in people]
        lines += ["[mail]", *(f"{key} = {json.dumps(value)}" for key, value in mail.items())]
        home = Path(os.environ["SKINDOSE_HOME"])
        home.mkdir(exist_ok=True)
        (home / "alerts.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write


def feed(folder, count):
    """Reports of 6 Gy air kerma, of one study each; returns (folder, configuration)."""
    (folder / "feed").mkdir()
    for number in range(count):
        path = folder / "feed" / f"{number}.dcm"
        path.write_bytes(registered.report(f"study {number}", events=(1, 2, 3, 4), number=f"PAT-47110815-{number}"))
        os.utime(path, (time.time() - 60,) * 2)
    (folder / "config.toml").write_text('phantom = "plane"\n', encoding="utf-8")
    return folder / "feed", folder / "config.toml"


def start(*arguments, changed="pass"):
    """skindose, in a process group of its own; `changed` runs before it, to shorten a patience."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "phantoms")))
    code = f"{changed}\nif __name__ == '__main__':\n from skindose.cli import main\n main()"
    whole = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(whole, env={**os.environ, "PYTHONPATH": paths}, start_new_session=True, **pipes)


def run(*arguments, code=0, changed="pass"):
    done = start(*arguments, changed=changed)
    out, said = done.communicate(timeout=300)
    assert done.returncode == code, said
    return out, said


def kill(victim):
    """The whole group, workers too; returns what it had said."""
    if victim.poll() is None:
        os.killpg(victim.pid, signal.SIGKILL)
    return "".join(victim.communicate(timeout=60))


def sign():
    with open_registry() as registry:
        from skindose.registry import signing

        signing.sign(registry, made.RULES, made.SIGNER, "medical physicist")


def tomorrow():
    """Let the time until the next try pass."""
    with open_registry() as registry:
        from skindose.registry import audit
        from skindose.registry.models import Outgoing

        with audit.writing(registry.key_of("audit"), "test", "time passes") as entry:
            for row in Outgoing.objects.exclude(next_at=None):
                row.next_at -= timedelta(days=2)
                entry.change(row)


def everything_once(handler, files):
    """Check registry, mails and trail; returns how many copies came."""
    with open_registry() as registry:
        from skindose.registry import alerts, check, reading

        rows, told = reading.procedures(), alerts.listed()
        assert check.verify(registry) == []
        assert [(row.reports, row.version) for row in rows] == [(1, 1)] * files
        assert reading.outdated(None) == []
    assert len({row["case"] for row in told}) == files
    assert {row["state"] for row in told} == {"sent"}
    wanted = {(mail["recipient"], mail["message_id"]) for row in told for mail in row["mails"]}
    for row in told:
        assert {mail["recipient"] for mail in row["mails"]} >= {made.A}, "the operator is told of every alert"
    came = Counter(
        (to[0], email.message_from_bytes(data, policy=default)["Message-ID"]) for _, to, data in handler.mails
    )
    assert set(came) == wanted
    return sum(came.values()) - len(came)
