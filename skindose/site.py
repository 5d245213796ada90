"""What a site decides once, for its registry: site.toml in the registry's folder, every default visible."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skindose.config import first_mistake, read_toml

FILE = "site.toml"


class Site(BaseModel):
    """Keys of site.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plain_identifiers: bool = Field(False, description="keep patients' numbers in the registry, in their own table")
    test_numbers: tuple[str, ...] = Field(
        ("PHANTOM", "QA", "QC"), description="words in a patient's number that mark a test exposure"
    )
    nobodys_numbers: tuple[str, ...] = Field(
        ("UNKNOWN", "ANONYMOUS", "ANONYMIZED", "ANONYMISED", "ANON", "NONE", "NULL"),
        description="patient's numbers that belong to nobody, whole; so do those of one sign only, as 000",
    )
    silent_after_days: Annotated[float, Field(gt=0, le=3650)] | None = Field(
        None, description="`doctor` tells of a machine that is silent for longer; default by its own rhythm"
    )
    test_descriptions: tuple[str, ...] = Field((), description="words in a study's description that mark one")
    cumulative_window_days: Annotated[int, Field(ge=1, le=36500, strict=True)] = Field(
        365, description="a patient's procedures within so many days are added up, beside the windows that rules name"
    )
    cumulative_lifetime: bool = Field(
        False, description="add up all procedures too; else only where one before gave a place 3 Gy or more"
    )

    def purpose(self, number: str, description: str) -> str:
        """ "test" for an exposure of a phantom, else "patient"; a mark counts as a whole word, in any case.

        >>> Site().purpose("QA-2026-01", "Coronary angiography")
        'test'
        """
        marked = _has_word(self.test_numbers, number) or _has_word(self.test_descriptions, description)
        return "test" if marked else "patient"

    def names_somebody(self, number: str) -> bool:
        """Whether a patient's number is one: strangers who share a stand-in for it must not be added up.

        >>> Site().names_somebody("4711"), Site().names_somebody("unknown "), Site().names_somebody("000-000")
        (True, False, False)
        """
        signs = "".join(filter(str.isalnum, number)).upper()
        nobody = {"".join(filter(str.isalnum, word)).upper() for word in self.nobodys_numbers}
        return len(set(signs)) > 1 and signs not in nobody


def _has_word(words: tuple[str, ...], text: str) -> bool:
    parts = "|".join(re.escape(word.strip()) for word in words if word.strip())
    return bool(parts) and re.search(rf"(?<![^\W_])(?:{parts})(?![^\W_])", text, re.IGNORECASE) is not None


def load(folder: Path) -> Site:
    """The site's decisions; the defaults where the folder has no site.toml.

    raises   SettingsError
    """
    given = read_toml(folder / FILE, FILE, optional=True)
    try:
        return Site(**given)
    except ValidationError as error:
        raise first_mistake(error, Site, FILE) from None
