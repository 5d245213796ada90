"""Skin dose maps, peak skin dose and follow-up alerts from X-ray radiation dose structured reports.

    >>> import skindose
    >>> result = skindose.compute(skindose.read("procedure.dcm"), skindose.Settings())  # doctest: +SKIP
    >>> result.dosemap.peak.skin_dose_mgy  # doctest: +SKIP
    3120.0

The names below load what they need when they are first used. The stages between are rooms of the same name:
`skindose.normalise.normalise(procedure, settings)` gives the `Events`, and so on.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_TYPES = "Procedure Events Phantom Placement Beams Hits Factors DoseMap Findings Result"
_NAMES = {
    "read": "skindose.rdsr",
    "compute": "skindose.pipeline",
    "evaluate": "skindose.triggers",
    "Settings": "skindose.config",
    **dict.fromkeys(_TYPES.split(), "skindose.model"),
}

__all__ = ["__version__", *sorted(_NAMES)]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'skindose' has no attribute {name!r}")
    return getattr(import_module(_NAMES[name]), name)
