"""Alerts are tried on registries of SQLite and PostgreSQL."""

from tests.registry.conftest import home, postgres, sqlite_home

__all__ = ["home", "postgres", "sqlite_home"]
