"""Bodies: man, woman or child, of any age, height and weight, lying supine, arms at the sides or over the head.

The shapes come from basis.py; here they are brought to the exact stature and weight (volume x 1.01 g/cm3).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from skindose.model import Phantom
from skindose.phantom import basis, regions
from skindose.phantom.person import Person, apparent_age_years
from skindose.units import cm_to_mm

DENSITY_KG_PER_MM3 = 1.01e-6
POSES = {
    "arms-down": (False, False),
    "arms-up": (True, True),
    "left-arm-up": (True, False),
    "right-arm-up": (False, True),
}
"""What `--pose` takes -> whether the left and the right arm lie over the head."""
ADULT_AGE_YEARS = 40.0
"""Of an adult of whom no age is known."""
_KEPT = 4  # bodies, each with its hierarchy some 30 MB: most reports that lack height or weight share one
ODD_HEIGHT = (0.75, 1.25)
"""Height over the usual one for the age, beyond which a warning is due."""
ODD_GIRTH = 0.08
"""Scale of widths and depths, less 1, beyond which a warning is due."""


@lru_cache(maxsize=_KEPT)
def body(sex: str, who: Person, pose: str = "arms-down") -> Phantom:
    """The body of that sex in the patient's age, height, weight and pose.

    sex      "male" or "female"
    raises   PhantomError when the package of bodies is not installed
    """
    known = apparent_age_years(who.age_years, who.height_cm, sex)
    age = ADULT_AGE_YEARS if known is None else known
    stature = cm_to_mm(who.height_cm)
    metre = stature / basis.UNIT_MM
    shape = basis.locate(sex, age, who.weight_kg / metre**3)
    halves = basis.standing(shape, POSES[pose])
    across = float(np.sqrt(who.weight_kg / (halves.volume_mm3() * DENSITY_KG_PER_MM3 * metre**3)))
    scale = metre * np.array([across, across, 1.0])
    back = across * metre * max(float(half[:, 1].max()) for half in halves)
    halves = halves.each(lambda half: half * scale - (0.0, back, 0.0))
    measures, whole = halves.measure(), basis.topology()
    return Phantom(
        name=sex,
        vertices_mm=halves.whole(),
        triangles=whole.triangles,
        centroid_mm=measures.centroid_mm,
        normal=measures.normal,
        area_mm2=measures.area_mm2,
        neighbours=whole.neighbours,
        region=whole.region,
        region_names=regions.NAMES,
        landmarks_mm=halves.landmarks_mm(),
        parameters={**who.parameters, "pose": pose},
        stature_mm=stature,
        assumptions=(*who.assumptions, *_notes(sex, who, age, pose)),
        warnings=(*who.warnings, *_warnings(sex, who, age, across)),
    )


_ARMS = {
    "arms-down": "with the arms at the sides",
    "arms-up": "with both arms over the head",
    "left-arm-up": "with the left arm over the head and the right one at the side",
    "right-arm-up": "with the right arm over the head and the left one at the side",
}


def _notes(sex: str, who: Person, age: float, pose: str) -> tuple[str, ...]:
    """What this body assumes, in words."""
    notes = [f"a {sex} body of {_size(who)} lies supine on the pad {_ARMS[pose]} and with straight legs"]
    if who.age_years is None:
        child = f"of a child of {age:.2g} years, whose usual height it is"
        notes.append(f"its proportions are those {'of an adult' if age == ADULT_AGE_YEARS else child}")
    if sex != who.sex:
        notes.append(f"the {sex} body was chosen for a {who.sex} patient")
    return tuple(notes)


def _size(who: Person) -> str:
    age = "" if who.age_years is None else f"{who.age_years:.3g} years, "
    return f"{age}{who.height_cm:.4g} cm and {who.weight_kg:.4g} kg"


def _warnings(sex: str, who: Person, age: float, across: float) -> tuple[str, ...]:
    """Sizes that no body of the basis has, so that the map is less certain."""
    notes = []
    usual = basis.usual_height_cm(sex, age)
    if not ODD_HEIGHT[0] <= who.height_cm / usual <= ODD_HEIGHT[1]:
        notes.append(
            f"A height of {who.height_cm:.4g} cm is far from the {usual:.0f} cm usual at {age:.3g} years: "
            "check height and age; the body has the proportions of the age."
        )
    if abs(across - 1.0) > ODD_GIRTH:
        notes.append(
            f"No body of {who.height_cm:.4g} cm weighs {who.weight_kg:.4g} kg: widths and depths of the "
            f"{'leanest' if across < 1 else 'stoutest'} one were scaled by {across:.2f}; check height and weight."
        )
    return tuple(notes)
