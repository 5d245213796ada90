"""Django, configured in code: an app without a project folder, used from the command line."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings
from django.db import connections


def use(database: dict[str, Any]) -> None:
    """Make this the database of the process; a former one is closed."""
    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=["skindose.registry.apps.RegistryConfig"],
            DATABASES={"default": database},
            USE_TZ=True,
            TIME_ZONE="UTC",
            LOGGING_CONFIG=None,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
        return
    close()
    connections.databases.update(connections.configure_settings({"default": database}))
    if hasattr(connections._connections, "default"):
        del connections["default"]


def connect() -> None:
    """Open this thread's connection, which happens by itself at the first question."""
    connections["default"].ensure_connection()


def close() -> None:
    """Close this thread's connection."""
    connections.close_all()
