"""What a site decides once, for its registry: site.toml in the registry's folder, every default visible."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skindose.config import plain_words
from skindose.errors import SettingsError

FILE = "site.toml"


class Site(BaseModel):
    """Keys of site.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plain_identifiers: bool = Field(False, description="keep patients' numbers in the registry, in their own table")
    test_numbers: tuple[str, ...] = Field(
        ("PHANTOM", "QA", "QC"), description="words in a patient's number that mark a test exposure"
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


def _has_word(words: tuple[str, ...], text: str) -> bool:
    parts = "|".join(re.escape(word.strip()) for word in words if word.strip())
    return bool(parts) and re.search(rf"(?<![^\W_])(?:{parts})(?![^\W_])", text, re.IGNORECASE) is not None


def load(folder: Path) -> Site:
    """The site's decisions; the defaults where the folder has no site.toml.

    raises   SettingsError
    """
    try:
        given = tomllib.loads((folder / FILE).read_bytes().decode("utf-8-sig"))
        return Site(**given)
    except FileNotFoundError:
        return Site()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        known = f"Known: {', '.join(Site.model_fields)}."
        raise SettingsError(f"{'.'.join(map(str, first['loc']))}: {plain_words(first)}", FILE, known) from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read it ({str(error)[:150]})", FILE, "Mend it.") from None
