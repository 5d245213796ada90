"""Numbers and codes out of the items of one irradiation event, whatever their nesting, order and units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from skindose.errors import UnitError
from skindose.model import Code, Item
from skindose.units import convert

FILTERS = "x_ray_filters"


class Record:
    """The items of one container, indexed by what they are.

    A reference to an item is our name of its concept ("table_height_position") or "SCHEME/CODE" for a private one
    ("99PHI-IXR-XPER/021"). Filters are containers of their own and stand in `filters`, each as a Record; what a
    filter holds is not found among the event's items.

    index   position in the file
    """

    def __init__(self, container: Item, index: int = 0) -> None:
        self.index = index
        self.filters: list[Record] = []
        self._items: dict[str, list[Item]] = {}
        self._collect(container.children)

    def _collect(self, children: Iterable[Item]) -> None:
        for item in children:
            if item.name == FILTERS and item.children:
                self.filters.append(Record(item))
                continue
            for key in _keys(item):
                self._items.setdefault(key, []).append(item)
            if item.children:
                self._collect(item.children)

    def all(self, reference: str) -> list[Item]:
        """Every item of that concept, in the file's order."""
        return self._items.get(_fold(reference), [])

    def has(self, reference: str) -> bool:
        """Whether an item of that concept is there, with or without a value."""
        return _fold(reference) in self._items

    def codes(self, reference: str) -> list[Code]:
        """The coded values of that concept, sorted, so that the file's order does not matter."""
        return sorted({item.code for item in self.all(reference) if item.code is not None})

    def texts(self, reference: str) -> list[str]:
        """The texts of that concept that are not blank, sorted."""
        return sorted({item.text.strip() for item in self.all(reference) if item.text.strip()})

    def text(self, reference: str) -> str:
        """The first of `texts`, or ""."""
        return next(iter(self.texts(reference)), "")

    def numbers(self, reference: str, kind: str) -> list[float]:
        """Every finite number of that concept in our unit, sorted.

        raises   UnitError naming unit and item: a unit is never guessed
        """
        inner = sorted(self.all(reference), key=lambda item: (item.unit, item.values))
        return sorted(_converted(inner, kind))


def held(containers: Iterable[Item]) -> frozenset[str]:
    """References of all items in these containers that hold something, but for what a filter holds.

    All that a profile may ask of a file beside its header.
    """
    found: set[str] = set()
    left = [item for container in containers for item in container.children]
    while left:
        item = left.pop()
        if item.name == FILTERS and item.children:
            continue
        if item.values or item.text or item.code or item.kind == "CONTAINER":
            found.update(_keys(item))
        left.extend(item.children)
    return frozenset(found)


def _keys(item: Item) -> Iterator[str]:
    if item.name:
        yield item.name
    else:
        yield _fold(f"{item.concept.scheme}/{item.concept.value}")


def _fold(reference: str) -> str:
    return reference.upper() if "/" in reference else reference


def _converted(items: Sequence[Item], kind: str) -> Iterator[float]:
    for item in items:
        for value in item.values:
            if not math.isfinite(value):
                continue
            try:
                yield convert(value, item.unit, kind)
            except UnitError as error:
                name = item.name.replace("_", " ") or item.concept.meaning or item.concept.value
                raise UnitError(f"{error.what} ({name})", remedy=error.remedy) from None
