"""Calibration records: what a site's medical physics expert measured on a machine, signed, and applied by date.

A record is a TOML file in the folder that `Settings.calibration_folder` names: the factor by which the displayed air
kerma is multiplied ("air-kerma"), or the measured transmission of table and pad ("transmission"). Below the stages:
it knows the header's and the events' columns, no physics.
"""

from typing import TYPE_CHECKING, Any

from skindose.calibration.applied import Calibrations, Curve, uncalibrated

if TYPE_CHECKING:
    from skindose.calibration.container import Reported, reported
    from skindose.calibration.match import Why, apply, concerned, contradictions, explain, needs_hvl, without
    from skindose.calibration.record import Loaded, Record, load, load_folder, repeated_names, sign

__all__ = [
    "Calibrations",
    "Curve",
    "Loaded",
    "Record",
    "Reported",
    "Why",
    "apply",
    "concerned",
    "contradictions",
    "explain",
    "load",
    "load_folder",
    "needs_hvl",
    "repeated_names",
    "reported",
    "sign",
    "uncalibrated",
    "without",
]

_WHERE = {
    **dict.fromkeys(("Why", "apply", "concerned", "contradictions", "explain", "needs_hvl", "without"), "match"),
    **dict.fromkeys(("Loaded", "Record", "load", "load_folder", "repeated_names", "sign"), "record"),
    **dict.fromkeys(("Reported", "reported"), "container"),
}


def __getattr__(name: str) -> Any:
    """Records and their models are loaded when a site has any."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"skindose.calibration.{_WHERE[name]}"), name)
