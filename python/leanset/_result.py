"""What results have in common: warnings, equality, dicts, and how they print."""

from __future__ import annotations

import html
import inspect
import json
import warnings
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset._errors import hinted


class LeansetWarning(UserWarning):
    """A warning about a result. It has a stable `code` such as `budget-raised` or `class-lost`."""

    def __init__(self, code: str, message: str, hint: str | None) -> None:
        super().__init__(f"{message} [{code}]" + (f"\nhint: {hint}" if hint else ""))
        self.code, self.message, self.hint = code, message, hint

    def __reduce__(self) -> tuple[type[LeansetWarning], tuple[str, str, str | None]]:
        return type(self), (self.code, self.message, self.hint)


def warn(native: list[tuple[str, str, str | None]]) -> tuple[LeansetWarning, ...]:
    """Issue warnings for the line that called the package, and return them."""
    found = tuple(LeansetWarning(*one) for one in native)
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "leanset":
        level, frame = level + 1, frame.f_back
    for warning in found:
        warnings.warn(warning, stacklevel=level)
    return found


def number(value: Any) -> Any:
    """Convert the words that JSON uses for infinities back to numbers."""
    if isinstance(value, list):
        return [number(v) for v in value]
    return {"inf": np.inf, "-inf": -np.inf}.get(value, value) if isinstance(value, str) else value


def facts(text: str) -> dict[str, Any]:
    """The values that a method determined or measured."""
    return {name: number(value) for name, value in json.loads(text).items()}


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, arrays among them; NaN equals NaN."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)) or one.shape != other.shape:
            return False
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f" and other.dtype.kind == "f"))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, tuple) and isinstance(other, tuple) and any(isinstance(value, Warning) for value in one):
        return [str(value) for value in one] == [str(value) for value in other]
    return bool(one == other) or (one != one and other != other)


def plain(value: Any) -> Any:
    """A value as JSON and most libraries take it: lists of Python's own numbers and texts."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {", ".join(map(str, key)) if isinstance(key, tuple) else plain(key): plain(of) for key, of in value.items()}
    if isinstance(value, list | tuple):
        return [plain(of) for of in value]
    if isinstance(value, LeansetWarning):
        return {"code": value.code, "message": value.message, "hint": value.hint}
    if isinstance(value, Result):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    return value


class Result:
    """What results have in common: they are equal if all that they hold is, and print in a few lines."""

    __slots__ = ()
    #: Fields that do not count when results are compared.
    _apart = ("seconds", "threads", "_asked")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        names = [f.name for f in fields(self) if f.name not in self._apart]  # type: ignore[arg-type]
        return all(same(getattr(self, name), getattr(other, name)) for name in names)

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return all values as a dict of numbers, texts, lists and dicts.

        Returns
        -------
        dict
        """
        return {f.name: plain(getattr(self, f.name)) for f in fields(self) if not f.name.startswith("_")}  # type: ignore[arg-type]

    def _summary(self) -> str:
        raise NotImplementedError

    def _table(self) -> tuple[list[str], list[Sequence[Any]]]:
        """The head and the lines of the table that a notebook shows."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{self._summary()}>"

    def _repr_html_(self) -> str:
        head, lines = self._table()
        cells = "".join(
            "<tr>" + "".join(f"<td>{html.escape(shown(value))}</td>" for value in line) + "</tr>" for line in lines[:SHOWN]
        )
        more = f"<p>and {len(lines) - SHOWN:,} more</p>" if len(lines) > SHOWN else ""
        names = "".join(f"<th>{html.escape(name)}</th>" for name in head)
        return (
            f"<div><p><b>{html.escape(self._summary())}</b></p>"
            f"<table><thead><tr>{names}</tr></thead><tbody>{cells}</tbody></table>{more}</div>"
        )


#: Lines of a table in a notebook.
SHOWN = 20


def shown(value: Any) -> str:
    """A value in a table."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else "" if value is None else str(value)


def axes(ax: Any, who: str) -> Any:
    """Axes to draw on; by default those of a new figure."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise hinted(ImportError(f"{who}.plot needs matplotlib, which is not installed"), "pip install matplotlib") from error
    return pyplot.subplots()[1] if ax is None else ax


def fixed(array: npt.NDArray[Any] | None) -> Any:
    """An array that cannot be changed by mistake."""
    if array is not None:
        array.flags.writeable = False
    return array
