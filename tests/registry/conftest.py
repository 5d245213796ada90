"""A registry in a folder of its own, on SQLite and on a PostgreSQL that the tests start."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

CI = os.environ.get("CI", "").lower() == "true"


def _program(name):
    """PostgreSQL's own programs are not in Debian's path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(found[-1]) if found else None)


def _nobody():
    """PostgreSQL refuses to run as root: then somebody without rights runs it."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return None


@pytest.fixture(scope="session")
def postgres():
    """URL of a server on a socket of its own, without network, without durability; skipped where it is missing."""
    with own_postgres() as (url, _):
        yield url


@contextlib.contextmanager
def own_postgres():
    """(URL, down) of a server; within `with down():` it is stopped."""
    initdb, server, nobody = _program("initdb"), _program("postgres"), _nobody()
    if not initdb or not server or nobody is None:
        assert not CI, "no PostgreSQL: in CI the registry is tried on a real one (make system-packages)"
        pytest.skip("no PostgreSQL on this machine")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o777)
        run = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **nobody}
        make = [initdb, "-D", f"{folder}/data", "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(make, check=True, **run)
        serve = [server, "-D", f"{folder}/data", "-F", "-h", "", "-k", folder, "-c", "full_page_writes=off"]
        running = [_serve(serve, folder, run)]

        @contextlib.contextmanager
        def down():
            _stop(running.pop(), signal.SIGINT)
            yield
            running.append(_serve(serve, folder, run))

        try:
            yield f"postgres://tester@/{{}}?host={folder}", down
        finally:
            for one in running:
                _stop(one, signal.SIGQUIT)  # at once, without saving anything


def _serve(command, folder, how):
    running = subprocess.Popen(command, **how)
    _wait(f"{folder}/.s.PGSQL.5432", running)
    return running


def _stop(running, how):
    running.send_signal(how)
    running.wait(30)


def _wait(socket, running):
    """Until the server answers: it listens before it does."""
    import psycopg

    for _ in range(300):
        assert running.poll() is None, "PostgreSQL did not start"
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"postgres://tester@/postgres?host={Path(socket).parent}").close()
            return
        time.sleep(0.1)
    raise AssertionError("PostgreSQL does not listen")


@pytest.fixture(params=["sqlite", "postgres"])
def home(request, tmp_path, monkeypatch):
    """A fresh registry's folder, in the environment; once for each database."""
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
        _empty(url)
        monkeypatch.setenv("DATABASE_URL", url.format("postgres"))
    return tmp_path / "home"


@pytest.fixture
def sqlite_home(tmp_path, monkeypatch):
    """A fresh registry's folder, on SQLite."""
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path / "home"


def _empty(url):
    """All of a former test away: faster than a database for each."""
    import psycopg

    with psycopg.connect(url.format("postgres"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
