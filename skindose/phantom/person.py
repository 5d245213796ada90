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
ODD_BMI = (8.0, 80.0)
"""Body mass index, kg/m2, outside of which height and weight hardly belong together."""


class Person(NamedTuple):
    """Height, weight, sex and age in use, and what was assumed about them; age None: adult, not known."""

    height_cm: float
    weight_kg: float
    sex: str
    age_years: float | None
    assumptions: tuple[str, ...]

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

    A value that is missing, not finite, 0 or beyond belief is the default's, and `assumptions` says so. Where only one
    of height and weight is known and the default does not go with it, the default's body mass index is kept instead.
    """
    notes: list[str] = []
    height = _known(settings.height_cm, patient.height_cm, HEIGHT_CM, "height", "cm", notes)
    weight = _known(settings.weight_kg, patient.weight_kg, WEIGHT_KG, "weight", "kg", notes)
    age = _known(settings.age, patient.age_years, AGE_YEARS, "age", "years", notes)
    sex = settings.sex or patient.sex or body_sex
    if sex not in ("male", "female"):
        sex = "male"
        notes.append("sex male assumed: neither the file nor an option states it")
    if age is None:
        notes.append("adult assumed: neither the file nor an option states the age")
    height_cm, weight_kg = _fill(height, weight, notes)
    bmi = body_mass_index(height_cm, weight_kg)
    if not ODD_BMI[0] <= bmi <= ODD_BMI[1]:
        pair = f"height {height_cm:.4g} cm and weight {weight_kg:.4g} kg"
        notes.append(f"{pair} hardly belong together (body mass index {bmi:.3g} kg/m2)")
    return Person(height_cm, weight_kg, sex, age, tuple(notes))


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


def _goes_together(height_cm: float, weight_kg: float) -> bool:
    """Adults' body mass indices, beyond which a default does not go with the stated value."""
    return 12.0 <= body_mass_index(height_cm, weight_kg) <= 50.0
