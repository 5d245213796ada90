"""A report as it arrives for good: what it says, whose it is, and which reports it takes the place of; read once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from skindose.model import InputFile, Procedure
from skindose.rdsr.content import Content
from skindose.rdsr.identity import Identity, identity_of
from skindose.rdsr.read import opened, procedure_of
from skindose.rdsr.walk import DataSet

# Predecessor Documents Sequence, and in it study, series and SOP references [PS3.3 C.17.2]
_PREDECESSORS, _SERIES, _REFERENCES, _INSTANCE = 0x0040A360, 0x00081115, 0x00081199, 0x00081155


@dataclass(frozen=True, repr=False)
class Arrival:
    """What came in. No `repr`: logs are no place for an identity.

    predecessors   SOP Instance UIDs of the reports whose content this one takes over, as it says itself
    """

    procedure: Procedure
    identity: Identity
    predecessors: tuple[str, ...]


def arrival(data: bytes, name: str) -> Arrival:
    """The dose report in the bytes of a DICOM file; `name` is what errors and results call it.

    raises   InputError, with no identifier in it
    """
    root, content = opened(data, name)
    sha256 = hashlib.sha256(data).hexdigest()
    source = InputFile(name, sha256, content.text(root, 0x00080018))
    found = procedure_of(root, content, source)
    return Arrival(found, identity_of(root, content, sha256), _predecessors(root, content))


def _predecessors(root: DataSet, content: Content) -> tuple[str, ...]:
    references = [
        reference
        for study in _items(root, _PREDECESSORS)
        for series in _items(study, _SERIES)
        for reference in _items(series, _REFERENCES)
    ]
    named = (content.text(reference, _INSTANCE) for reference in references)
    return tuple(dict.fromkeys(filter(None, named)))


def _items(item: DataSet, tag: int) -> list[DataSet]:
    found = item.get(tag)
    return found if isinstance(found, list) else []
