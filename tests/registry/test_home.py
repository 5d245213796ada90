"""Where the registry lies, the site's key, and what is said when it cannot be opened."""

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skindose.errors import RegistryError, SettingsError, SkindoseError
from skindose.registry import home as homes
from skindose.registry import open_registry

ROOT = Path(__file__).resolve().parents[2]


def child(code, **environment):
    """A process of its own, as another user of the same registry."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "phantoms")))
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("url", "engine", "name"),
    [
        ("", "sqlite3", "registry.sqlite3"),
        ("sqlite:///some.db", "sqlite3", "some.db"),
        ("sqlite:////var/lib/a%20b.db", "sqlite3", "/var/lib/a b.db"),
        ("postgres://u:p%40w@db.example:5433/dose", "postgresql", "dose"),
        ("postgresql://u@/dose?host=%2Frun%2Fpg&sslmode=require", "postgresql", "dose"),
    ],
)
def test_database_url(monkeypatch, tmp_path, url, engine, name):
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", url)
    found = homes.place()
    assert found.database["ENGINE"].endswith(engine)
    assert found.database["NAME"].endswith(name)
    assert "p@w" not in found.named


def test_a_url_of_postgres_is_read_whole(monkeypatch, tmp_path):
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p%40w@db.example:5433/dose?sslmode=require")
    found = homes.place().database
    assert [found[key] for key in ("USER", "PASSWORD", "HOST", "PORT")] == ["u", "p@w", "db.example", "5433"]
    assert found["OPTIONS"]["sslmode"] == "require"


@pytest.mark.parametrize(
    "url",
    ["mysql://u:secret@h/d", "sqlite://file.db", "postgres://u:secret@h", "postgres://h:port/d",
     "postgres://u:secret@h/d?sslmoed=x", "secret", "postgres://[::1/d"],
)  # fmt: skip
def test_a_wrong_url_is_told_without_its_password(monkeypatch, tmp_path, url):
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(SettingsError) as caught:
        homes.place()
    assert "DATABASE_URL" in str(caught.value)
    assert "u:secret" not in str(caught.value)


def test_without_a_home_it_is_the_platforms_folder(monkeypatch):
    monkeypatch.delenv("SKINDOSE_HOME", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert homes.place().folder.name.lower() == "skindose"


def test_the_key_is_for_its_owner_alone_and_never_overwritten(home):
    with open_registry() as registry:
        first = registry.key
    if os.name == "posix":
        assert {stat.S_IMODE(path.stat().st_mode) for path in home.glob("[rs]*")} == {0o600}
    assert homes.make_key(home) == first
    with open_registry() as registry:
        assert registry.key == first
    assert len(first) == 32
    assert [path.name for path in home.iterdir() if path.name.startswith(".")] == []


def test_first_uses_at_once_agree_on_key_and_tables(home):
    code = "from skindose.registry import open_registry\nwith open_registry() as r: print(r.key.hex())"
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: child(code), range(3)))
    assert [one.stderr for one in done] == [""] * 3
    assert len({one.stdout for one in done}) == 1


def test_a_lost_key_is_not_made_anew(home):
    with open_registry():
        pass
    (home / homes.KEY).unlink()
    with pytest.raises(RegistryError, match="key is missing"), open_registry():
        pass
    assert not (home / homes.KEY).exists()


@pytest.mark.parametrize("text", ["0" * 64, "x", ""])
def test_another_sites_key_is_refused(home, text):
    with open_registry():
        pass
    (home / homes.KEY).write_text(text)
    with pytest.raises(RegistryError, match=r"not the one|damaged"), open_registry():
        pass


def test_a_registry_of_a_newer_program_is_refused(home):
    with open_registry():
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('skindose', '0999_x', '2030-01-01')"
            )
    with pytest.raises(RegistryError, match="newer version"), open_registry():
        pass


def test_a_locked_registry_is_waited_for_then_told(sqlite_home, monkeypatch):
    monkeypatch.setattr(homes, "WAIT_S", 0.2)
    with open_registry() as registry:
        from skindose.registry import store

        other = sqlite3.connect(registry.place.file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RegistryError, match="locked by another program"):
            store.quarantine(registry, "a" * 64, "a.dcm", "empty")
        other.execute("ROLLBACK")
        other.close()
        assert store.quarantine(registry, "a" * 64, "a.dcm", "empty")


def test_a_full_disk_is_told_and_nothing_is_half_there(sqlite_home):
    from tests.registry import made

    data = made.report()
    with open_registry() as registry:
        from django.db import connection

        from skindose.registry import check, store

        with connection.cursor() as cursor:
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + 2}")
        with pytest.raises(RegistryError, match="no space left"):
            store.receive(registry, made.incoming(data), made.stored(data))
        assert check.verify(registry) == []
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1000000")
        assert store.receive(registry, made.incoming(data), made.stored(data)).new


def test_a_file_in_the_way_of_the_folder_is_told(monkeypatch, tmp_path):
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(RegistryError, match="cannot make the registry's folder"), open_registry():
        pass


def test_a_file_that_is_no_database_is_told(sqlite_home):
    sqlite_home.mkdir()
    (sqlite_home / homes.FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(RegistryError, match="no database"), open_registry():
        pass


@pytest.mark.parametrize(
    ("url", "words"),
    [("postgres://u:secret@127.0.0.1:1/d", "does not answer"), ("postgres://u:secret@/d?host=/nowhere", "reached")],
)
def test_a_server_that_does_not_answer_is_told(monkeypatch, tmp_path, url, words):
    pytest.importorskip("psycopg")
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(RegistryError) as caught, open_registry():
        pass
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_database_that_does_not_exist_is_told(monkeypatch, tmp_path, postgres):
    monkeypatch.setenv("SKINDOSE_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", postgres.format("nowhere"))
    with pytest.raises(RegistryError, match="no such database"), open_registry():
        pass


@pytest.mark.parametrize("module", ["django", "psycopg"])
def test_a_missing_package_is_told_with_its_remedy(tmp_path, module):
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from skindose.errors import SkindoseError\nfrom skindose.registry import open_registry\n"
        "try:\n    with open_registry(): pass\nexcept SkindoseError as error: print(error)"
    )
    done = child(code, SKINDOSE_HOME=str(tmp_path), DATABASE_URL="postgres://u@127.0.0.1:1/d")
    assert "pip install 'skindose[registry]'" in done.stdout, done.stderr


def test_neither_the_import_nor_a_run_loads_django(tmp_path):
    from tests.registry import made

    file = tmp_path / "a.dcm"
    file.write_bytes(made.report())
    code = (
        "import sys\nfrom skindose import cli\n"
        f"sys.argv = ['skindose', 'run', {str(file)!r}, '--phantom', 'cylinder', '--out', {str(tmp_path / 'out')!r}]\n"
        "try:\n    cli.main()\nexcept SystemExit: pass\nprint('django' in sys.modules)"
    )
    assert child(code).stdout.splitlines()[-1] == "False"


def test_a_pseudonym_needs_issuer_key_and_number():
    one = homes.pseudonym(b"k" * 32, "A", "12")
    assert one == homes.pseudonym(b"k" * 32, " A ", "12")
    others = [(b"l" * 32, "A", "12"), (b"k" * 32, "B", "12"), (b"k" * 32, "A", "13"), (b"k" * 32, "", "A\x0012")]
    assert one not in {homes.pseudonym(*other) for other in others}
    assert homes.pseudonym(b"k" * 32, "A1", "2") != homes.pseudonym(b"k" * 32, "A", "12")
    assert issubclass(RegistryError, SkindoseError)
