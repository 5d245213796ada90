"""Studies whose current result is not of all the reports that count, and which must be joined."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from skindose import __version__, dependence
from skindose.dependence import Task
from skindose.registry import Registry


class Owed:
    """What a program that takes reports in owes: procedures that it touched, and those that a former one left.

    The whole registry is gone through once, at the first `all`. What failed is owed again when something changed:
    another report, another configuration or version. That it was tried is kept in the registry.
    """

    def __init__(self, how: Task, asked: bool = False) -> None:
        """asked   what failed is tried again although nothing changed"""
        site = dependence.files_as_they_are(how.settings)
        self._with = [__version__, dependence.shown(how.settings), how.rules.digest, repr(site)]
        self._asked = asked
        self._procedures: set[int] | None = None

    def add(self, procedure: int) -> None:
        """A report came to this procedure, and its result is not the procedure's."""
        if self._procedures is not None:  # else it is found when all are gone through
            self._procedures.add(procedure)

    def all(self) -> Iterator[int]:
        """Those owed, by their numbers; each stays owed until `paid` or `failed`."""
        from skindose.registry import reading

        found = reading.outdated(None, self._procedures)
        first = self._procedures is None and not self._asked
        self._procedures = {one for one in found if not (first and reading.was_tried(self._key(one)))}
        yield from sorted(self._procedures)

    def paid(self, procedure: int) -> None:
        """It has the result of all its reports."""
        if self._procedures is not None:
            self._procedures.discard(procedure)

    def failed(self, registry: Registry, procedure: int, reason: str, of: str | None = None) -> None:
        """It was tried, and no result came of it.

        of       one report that was tried by itself, by its digest; where others count too, their sum is still owed
        raises   RegistryError
        """
        from skindose.registry import reading, store

        if of is None:
            store.quarantine(registry, self._key(procedure), reading.case_number(procedure), reason)
        elif self._inputs(procedure) == [of]:  # the file itself stands in the list
            store.note_tried(registry, self._key(procedure), reason)
        else:
            return
        self.paid(procedure)

    @staticmethod
    def _inputs(procedure: int) -> list[str]:
        """The reports that count, by their digests."""
        from skindose.registry import reading

        return sorted(report["sha256"] for report in reading.reports(procedure) if not report["retracted"])

    def _key(self, procedure: int) -> str:
        """Of what decides whether it would come out otherwise."""
        from skindose.registry import audit, corrections

        hold = [one.key for one in corrections.active(procedure)]
        known = ["tried", self._inputs(procedure), hold, self._with]
        return hashlib.sha256(audit.canonical(known).encode()).hexdigest()
