"""The registry's fixtures."""

from tests.registry.conftest import home, postgres, sqlite_home

__all__ = ["home", "postgres", "sqlite_home"]
