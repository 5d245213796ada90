"""What every command does alike: JSON for programs."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="print JSON for programs")]


def print_json(document: Any) -> None:
    """Print a document on standard output; ASCII, whatever the terminal's encoding."""
    typer.echo(json.dumps(document, indent=2, allow_nan=False))
