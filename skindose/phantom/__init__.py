"""Parameters -> Phantom: the body whose skin the dose is mapped on.

`make` chooses: bodies in closed form (shapes.py), a human body (body.py, basis.py), or a mesh file (load.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from skindose.errors import SettingsError
from skindose.phantom import regions
from skindose.phantom.build import build
from skindose.phantom.person import Person, person
from skindose.units import cm_to_mm

if TYPE_CHECKING:
    from skindose.config import Settings
    from skindose.model import Patient, Phantom

NAMES = ("plane", "cylinder", "oval", "male", "female", "auto")
"""What `--phantom` takes besides a mesh file."""
MESH_SUFFIXES = (".stl", ".obj", ".ply")
POSES = ("arms-down", "arms-up", "left-arm-up", "right-arm-up")
"""What `--pose` takes."""
REGIONS = tuple(regions.LANDMARKS)
"""What `--region` takes."""

__all__ = ["MESH_SUFFIXES", "NAMES", "POSES", "REGIONS", "make"]


def make(settings: Settings, patient: Patient) -> Phantom:
    """The phantom that the options ask for, in the size of the patient.

    settings   phantom (a name of `NAMES` or a mesh file), height_cm, weight_kg, sex, age, pose
    patient    what the file says; used where the settings are silent
    raises     SettingsError for a name, pose or file that does not exist, PhantomError for a mesh that cannot serve
    """
    name = settings.phantom.strip()
    if settings.pose not in POSES:
        raise SettingsError(f"there is no pose {settings.pose!r}", "pose", f"Choose from: {', '.join(POSES)}.")
    who = person(settings, patient, name.lower() if name.lower() in ("male", "female") else None)
    if name.lower() in _BODIES:
        from skindose.phantom.body import body

        return body(_BODIES[name.lower()] or who.sex, who, settings.pose)
    phantom = _other(name, who)
    if settings.pose != POSES[0]:
        note = f"the pose {settings.pose} changes nothing: this phantom has no arms that could be raised"
        phantom = replace(phantom, assumptions=(*phantom.assumptions, note))
    return phantom


def _other(name: str, who: Person) -> Phantom:
    """A body in closed form, or a mesh file."""
    if name.lower() in _SHAPES:
        return _SHAPES[name.lower()](who)
    path = Path(name).expanduser()
    if path.suffix.lower() in MESH_SUFFIXES or path.is_file():
        from skindose.phantom.load import load

        return load(path, who)
    known = f"Choose from: {', '.join(NAMES)}, or a mesh file ({', '.join(MESH_SUFFIXES)})."
    raise SettingsError(f"there is no phantom {name!r}", "phantom", known)


def _plane(who: Person) -> Phantom:
    from skindose.phantom import shapes

    note = "a flat plane stands for the patient's back: no curvature, no body behind it"
    return build("plane", shapes.plane(), who, (note,))


def _cylinder(who: Person) -> Phantom:
    from skindose.phantom import shapes

    length = round(0.6 * cm_to_mm(who.height_cm), 1)
    shape = shapes.cylinder(172.0 * who.girth, 100.0 * who.girth, length)
    note = f"an elliptic cylinder of {2 * 172 * who.girth:.0f} x {2 * 100 * who.girth:.0f} mm stands for head and trunk"
    return build("cylinder", shape, who, (note,), lower_edge=regions.WITHOUT_LEGS)


def _oval(who: Person) -> Phantom:
    from skindose.phantom import shapes

    radius = 100.0 * who.girth
    size = f"{144 + 2 * radius:.0f} x {2 * radius:.0f} mm"
    note = f"an oval trunk of {size} with a head, without limbs, stands for the patient"
    small = cm_to_mm(who.height_cm) < 940.0
    extra = ("trunk and head of the oval phantom keep an adult's length of 940 mm, more than this patient's height",)
    head = 240.0 / cm_to_mm(who.height_cm)
    edges = {**regions.WITHOUT_LEGS, "head": head, "neck": head}
    return build("oval", shapes.oval(radius), who, (note, *(extra if small else ())), lower_edge=edges)


_SHAPES: dict[str, Callable[[Person], Phantom]] = {"plane": _plane, "cylinder": _cylinder, "oval": _oval}
_BODIES = {"male": "male", "female": "female", "auto": None}
"""Name -> sex of the body, None: the patient's."""
