"""Whom the phantom stands for: height, weight, sex and age, each from the options, the file, or the stated default."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from skindose.units import m_to_cm

if TYPE_CHECKING:
    from skindose.config import Settings
    from skindose.model import Patient

REFERENCE_HEIGHT_CM = 178.6
REFERENCE_WEIGHT_KG = 73.2
"""The adult whom the phantoms are drawn after, and the patient of whom nothing is known."""
HEIGHT_CM = (20.0, 260.0)
WEIGHT_KG = (0.3, 500.0)
AGE_YEARS = (0.0, 130.0)
"""What a file's value must lie within to be believed."""
ADULT_AGE_YEARS = 18.0
"""From here on the defaults are an adult's."""
CHILD_HEIGHT_CM = 140.0
"""Who is shorter and of unknown age is taken for a child."""
ODD_BMI = (8.0, 80.0)
"""Body mass index, kg/m2, outside of which height and weight hardly belong together."""


class Person(NamedTuple):
    """Height, weight, sex and age in use, what was assumed about them, and what is odd; age None: not known."""

    height_cm: float
    weight_kg: float
    sex: str
    age_years: float | None
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def girth(self) -> float:
        """Scale of a cross-section against the reference adult: sqrt of the ratio of weight per height."""
        return math.sqrt((self.weight_kg / self.height_cm) / (REFERENCE_WEIGHT_KG / REFERENCE_HEIGHT_CM))

    @property
    def parameters(self) -> dict[str, Any]:
        """As `Phantom.parameters` has them."""
        return {
            "height_cm": self.height_cm,
            "weight_kg": self.weight_kg,
            "sex": self.sex,
            "age_years": self.age_years,
        }


def person(settings: Settings, patient: Patient, body_sex: str | None = None) -> Person:
    """The person of these options and this file; `body_sex` is that of a body chosen by name, else None.

    A value that is missing, not finite, 0 or beyond belief is the default's, and `assumptions` says so: a child's is
    what is usual for the age. Where only one of an adult's height and weight is known and the default does not go with
    it, the default's body mass index is kept instead.
    """
    notes: list[str] = []
    odd: list[str] = []
    height = _known(settings.height_cm, patient.height_cm, HEIGHT_CM, "height", "cm", notes)
    weight = _known(settings.weight_kg, patient.weight_kg, WEIGHT_KG, "weight", "kg", notes)
    age = _known(settings.age, patient.age_years, AGE_YEARS, "age", "years", notes)
    sex = settings.sex or patient.sex or body_sex
    if sex not in ("male", "female"):
        sex = "male"
        notes.append("sex male assumed: neither the file nor an option states it")
    looks = apparent_age_years(age, height, sex)
    if age is None:
        kind = "adult" if looks is None else "child"
        notes.append(f"{kind} assumed: neither the file nor an option states the age")
    if looks is not None and looks < ADULT_AGE_YEARS:
        height_cm, weight_kg = _fill_child(height, weight, sex, looks, notes)
    else:
        height_cm, weight_kg = _fill(height, weight, notes)
    bmi = body_mass_index(height_cm, weight_kg)
    if not ODD_BMI[0] <= bmi <= ODD_BMI[1]:
        pair = f"height {height_cm:.4g} cm and weight {weight_kg:.4g} kg"
        odd.append(f"The {pair} hardly belong together (body mass index {bmi:.3g} kg/m2): check both.")
    return Person(height_cm, weight_kg, sex, age, tuple(notes), tuple(odd))


def apparent_age_years(age_years: float | None, height_cm: float | None, sex: str) -> float | None:
    """The age, else that of a child of this height, None for an adult of unknown age."""
    if age_years is not None or height_cm is None or height_cm >= CHILD_HEIGHT_CM:
        return age_years
    from skindose.phantom import basis

    return basis.age_of_height(sex, height_cm)


def body_mass_index(height_cm: float, weight_kg: float) -> float:
    """kg/m2."""
    return weight_kg * m_to_cm(1.0) ** 2 / height_cm**2


def _known(
    option: float | None, stated: float | None, limits: tuple[float, float], name: str, unit: str, notes: list[str]
) -> float | None:
    """The option, else the file's value if it can be believed, else None."""
    if option is not None:
        return float(option)
    if stated is None or not math.isfinite(stated) or stated == 0:
        return None
    if limits[0] <= stated <= limits[1]:
        return float(stated)
    notes.append(f"{name} of {stated:.4g} {unit} in the file is beyond belief and set aside")
    return None


def _fill(height_cm: float | None, weight_kg: float | None, notes: list[str]) -> tuple[float, float]:
    """Defaults for what is missing."""
    reference = body_mass_index(REFERENCE_HEIGHT_CM, REFERENCE_WEIGHT_KG)
    silent = "neither the file nor an option states it"
    if height_cm is None:
        height_cm = REFERENCE_HEIGHT_CM
        if weight_kg is not None and not _goes_together(height_cm, weight_kg):
            height_cm = round(m_to_cm(math.sqrt(weight_kg / reference)), 1)
        notes.append(f"height {height_cm} cm assumed: {silent}")
    if weight_kg is None:
        weight_kg = REFERENCE_WEIGHT_KG
        if not _goes_together(height_cm, weight_kg):
            weight_kg = round(reference * height_cm**2 / m_to_cm(1.0) ** 2, 1)
        notes.append(f"weight {weight_kg} kg assumed: {silent}")
    return height_cm, weight_kg


def _fill_child(
    height_cm: float | None, weight_kg: float | None, sex: str, age_years: float, notes: list[str]
) -> tuple[float, float]:
    """What is usual for the age, for what is missing."""
    from skindose.phantom import basis

    why = f"usual at {age_years:.3g} years; neither the file nor an option states it"
    if height_cm is None:
        height_cm = round(basis.usual_height_cm(sex, age_years), 1)
        notes.append(f"height {height_cm} cm assumed: {why}")
    if weight_kg is None:
        weight_kg = round(basis.usual_weight_kg(sex, age_years, height_cm), 1)
        notes.append(f"weight {weight_kg} kg assumed: {why}")
    return height_cm, weight_kg


def _goes_together(height_cm: float, weight_kg: float) -> bool:
    """Adults' body mass indices, beyond which a default does not go with the stated value."""
    return 12.0 <= body_mass_index(height_cm, weight_kg) <= 50.0
