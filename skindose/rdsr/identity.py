"""Who the patient of a dose report is: read only where a report for his own record asks for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from skindose.rdsr.content import Content, one_line
from skindose.rdsr.header import iso_date
from skindose.rdsr.read import file_bytes, opened
from skindose.rdsr.walk import DataSet

_NAME, _NUMBER, _ISSUER, _BORN = 0x00100010, 0x00100020, 0x00100021, 0x00100030
_LONGEST = 200  # letters; DICOM allows 64 in each group of a name


@dataclass(frozen=True, repr=False)
class Identity:
    """Name, number and birth date as the file has them; "" where it is silent. No `repr`: logs are no place for them.

    names        the groups of the person's name that are there, each as people write it: alphabetic, ideographic,
                 phonetic  [PS3.5 6.2]
    number       Patient ID
    issuer       who gave the number
    birth_date   ISO 8601
    sha256       of the file, by which a result says what it was made from
    """

    names: tuple[str, ...]
    number: str
    issuer: str
    birth_date: str
    sha256: str


def identity(path: Path | str) -> Identity:
    """The patient that a dose report names.

    raises   InputError, with no identifier in it
    """
    path = Path(path)
    data = file_bytes(path)
    return identity_of(*opened(data, path.name), hashlib.sha256(data).hexdigest())


def identity_of(root: DataSet, content: Content, sha256: str) -> Identity:
    """The patient that an opened report names; `sha256` is the file's."""
    name, number, issuer, born = (
        one_line(content.text(root, tag))[:_LONGEST] for tag in (_NAME, _NUMBER, _ISSUER, _BORN)
    )
    names = tuple(filter(None, map(_as_written, name.split("=")[:3])))
    return Identity(names, number, issuer, iso_date(born), sha256)


def _as_written(group: str) -> str:
    """FAMILY^GIVEN^MIDDLE^PREFIX^SUFFIX as "FAMILY, GIVEN MIDDLE (PREFIX SUFFIX)"."""
    family, given, middle, prefix, suffix = ([part.strip() for part in group.split("^")] + [""] * 5)[:5]
    name = ", ".join(filter(None, (family, " ".join(filter(None, (given, middle))))))
    titles = " ".join(filter(None, (prefix, suffix)))
    return f"{name} ({titles})" if name and titles else name
