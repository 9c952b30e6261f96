"""The registered methods, as declared in the Rust core."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from leanset import _leanset


#: Ids up to this length are abbreviations.
ABBREVIATION = 4


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a method."""

    name: str
    constraint: str
    doc: str
    words: tuple[str, ...]
    #: `int`, `float`, `rows`, or None if only words are accepted.
    type: str | None
    default: Any

    @classmethod
    def of(cls, record: dict[str, Any]) -> Parameter:
        words, kind, default = tuple(record["words"]), record["type"], record["default"]
        if default is not None and default not in words:
            default = {"int": int, "float": float}.get(kind, str)(default)
        return cls(record["name"], record["constraint"], record["doc"], words, kind, default)

    @property
    def annotation(self) -> str:
        """Its type, as stubs write it."""
        parts = []
        if self.words:
            parts.append(f"Literal[{', '.join(repr(word) for word in self.words)}]")
        if self.type is not None:
            parts.append({"int": "int", "float": "float", "rows": "Sequence[int]"}[self.type])
        if self.default is None:
            parts.append("None")
        return " | ".join(parts)


@dataclass(frozen=True, slots=True)
class Method:
    """One registered method."""

    id: str
    aliases: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    capabilities: dict[str, Any]
    record: dict[str, Any]

    @classmethod
    def of(cls, record: dict[str, Any]) -> Method:
        parameters = tuple(Parameter.of(p) for p in record["parameters"])
        return cls(record["id"], tuple(record["aliases"]), parameters, record["capabilities"], record)

    @property
    def class_name(self) -> str:
        """The name of its class: `ClusteringCentroids`; an id that is an abbreviation stays in capitals."""
        if len(self.id) <= ABBREVIATION:
            return self.id.upper()
        return "".join(word.capitalize() for word in self.id.split("-"))

    @property
    def abbreviation(self) -> str:
        """The usual abbreviation: the first alias, in capitals."""
        return self.aliases[0].upper()

    @property
    def uses_dynamics(self) -> bool:
        return bool(self.capabilities["dynamics"] != "no")

    @property
    def targets(self) -> bool:
        return bool(self.capabilities["target"] != "no")

    @property
    def uses_coordinates(self) -> bool:
        """Whether it uses the features of rows."""
        return bool(self.capabilities["coordinates"] != "no")


METHODS: tuple[Method, ...] = tuple(Method.of(record) for record in json.loads(_leanset.methods())["methods"])
_BY_ID = {method.id: method for method in METHODS}


def find(name: str) -> Method:
    """The method of this name or alias."""
    if not isinstance(name, str):
        raise TypeError(f"method must be the name of a method, not {name!r}")
    return _BY_ID[_leanset.find(name)]


def methods() -> list[dict[str, Any]]:
    """List the registered methods.

    Returns
    -------
    list of dict
        One for each method, as `leanset methods --json` prints them: `id`, `aliases`, `title`, `family`, `summary`,
        `parameters`, `cost`, `memory`, `guarantee`, `departures`, `reference`, `capabilities`.

    Examples
    --------
    >>> import leanset
    >>> [m["id"] for m in leanset.methods()][:3]
    ['stratified-random', 'protodash', 'maxmin']
    """
    found: list[dict[str, Any]] = json.loads(_leanset.methods())["methods"]
    return found
