"""Columns of lists of numbers, such as embeddings, as arrays of shape (n, length).

Lists come from pyarrow, Polars, pandas (objects and ArrowDtype), Hugging Face datasets, and arrays of objects. None of these
libraries is imported: a value brings its own. Values that lie side by side are not copied; others are copied once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

#: How the types of lists are written by pyarrow and by Polars.
ARROW = ("list<", "large_list<", "fixed_size_list<", "list_view<", "large_list_view<")
POLARS = ("List(", "Array(")


#: Libraries whose values are known by their class or a base class of it.
KNOWN = frozenset(("cupy", "datasets", "jax", "jaxlib", "numpy", "pandas", "polars", "pyarrow", "scipy", "tensorflow", "torch"))


def library(value: object) -> str:
    """The library of the type of a value, or of the first of its base classes that is of a known one: `pandas`, `polars`, …"""
    own = type(value)
    found = _LIBRARIES.get(own)
    if found is None:
        names = [kind.__module__.partition(".")[0] for kind in own.__mro__]
        found = _LIBRARIES[own] = next((name for name in names if name in KNOWN), names[0])
    return found


#: The library of each class that was asked for.
_LIBRARIES: dict[type, str] = {}


def is_lists(column: Any) -> bool:
    """Whether a column holds lists, by its type; a column of objects by its first value."""
    match library(column):
        case "pyarrow":
            return str(_storage_type(column.type)).startswith(ARROW)
        case "polars":
            return str(column.dtype).startswith(POLARS)
        case "pandas" | "numpy":
            arrow = getattr(column.dtype, "pyarrow_dtype", None)
            if arrow is not None:
                return str(_storage_type(arrow)).startswith(ARROW)
            if column.dtype != object or column.ndim != 1:
                return False
            values = column.to_numpy() if library(column) == "pandas" else column
            present = next((v for v in values if v is not None and v is not np.nan), None)
            return isinstance(present, list | tuple) or (isinstance(present, np.ndarray) and present.ndim == 1)
    return False


def lists(column: Any, name: str) -> npt.NDArray[Any]:
    """The lists of a column as an array of shape (n, length); `name` names the column in errors."""
    match library(column):
        case "pyarrow":
            array = _of_arrow(column, name)
        case "polars":
            array = _of_polars(column, name)
        case "pandas" if getattr(column.dtype, "pyarrow_dtype", None) is not None:
            array = _of_arrow(column.array.__arrow_array__(), name)
        case "pandas":
            array = _of_objects(column.to_numpy(), name)
        case _:
            array = _of_objects(column, name)
    if array.dtype == object:
        error = TypeError(f"{name} must hold lists of numbers, not lists of lists or of other values")
        error.add_note("hint: make one list of each row, e.g. with .reshape(len(X), -1)")
        raise error
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold lists of numbers, not of {array.dtype}")
    return array


def _refuse(name: str, row: int, what: str) -> NoReturn:
    error = ValueError(f"{name}: row {row} {what}")
    error.add_note("hint: lists of one length are coordinates; correct the row or leave it out")
    raise error


def _check(name: str, lengths: npt.NDArray[Any], first_row: int, length: int | None) -> int:
    """The common length of lists; the first of another length is refused."""
    if not len(lengths):
        return length or 0
    length = int(lengths[0]) if length is None else length
    odd = np.flatnonzero(lengths != length)
    if length == 0 or len(odd):
        at = 0 if length == 0 else int(odd[0])
        has = "an empty list" if lengths[at] == 0 else f"a list of {lengths[at]} numbers"
        _refuse(name, first_row + at, f"has {has}" + (f", and others have {length}" if length else ""))
    return length


def _storage_type(arrow: Any) -> Any:
    """The type behind an extension type, such as that of tensors."""
    return getattr(arrow, "storage_type", arrow)


def _of_arrow(column: Any, name: str) -> npt.NDArray[Any]:
    parts, row, length = [], 0, None
    for chunk in getattr(column, "chunks", [column]):
        chunk = getattr(chunk, "storage", chunk)
        if len(chunk) == 0:
            continue
        if chunk.null_count:
            _refuse(name, row + int(np.flatnonzero(np.asarray(chunk.is_null()))[0]), "has no list")
        lengths = np.asarray(chunk.value_lengths())
        length = _check(name, lengths, row, length)
        values = chunk.flatten()
        if values.null_count:
            at = int(np.flatnonzero(np.asarray(values.is_null()))[0])
            _refuse(name, row + at // length, f"has no value at position {at % length}")
        parts.append(np.asarray(values).reshape(len(chunk), length))
        row += len(chunk)
    return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty((0, 0))


def _of_polars(series: Any, name: str) -> npt.NDArray[Any]:
    if series.null_count():
        _refuse(name, int(np.flatnonzero(series.is_null().to_numpy())[0]), "has no list")
    if str(series.dtype).startswith("Array("):
        length = int(series.dtype.size)
    else:
        length = _check(name, series.list.len().to_numpy(), 0, None)
    values = series.explode()
    if values.null_count():
        at = int(np.flatnonzero(values.is_null().to_numpy())[0])
        _refuse(name, at // length, f"has no value at position {at % length}")
    if str(values.dtype).startswith(POLARS):
        return np.empty((len(series), length), dtype=object)
    array: npt.NDArray[Any] = values.to_numpy().reshape(len(series), length)
    return array


def _of_objects(values: Any, name: str) -> npt.NDArray[Any]:
    arrays = [np.asarray(value) for value in values]
    for row, array in enumerate(arrays):
        if array.ndim != 1:
            what = "no list" if array.ndim == 0 else f"an array of shape {array.shape}"
            _refuse(name, row, f"has {what}")
        if array.dtype == object:
            at = next((at for at, value in enumerate(array) if value is None), 0)
            _refuse(name, row, f"has no number at position {at}")
    _check(name, np.array([len(array) for array in arrays]), 0, None)
    return np.stack(arrays) if arrays else np.empty((0, 0))


def like(column: Any, points: npt.NDArray[Any]) -> Any:
    """Points as lists in the type of a column that held lists."""
    match library(column):
        case "pyarrow":
            return _like_arrow(column.type, points)
        case "polars":
            made = type(column)(column.name, points)
            # Between integers there are fractions.
            return made.cast(column.dtype) if "Float" in str(column.dtype) else made
        case "pandas":
            arrow = getattr(column.dtype, "pyarrow_dtype", None)
            values = list(points) if arrow is None else _like_arrow(arrow, points).to_pylist()
            whole = arrow is not None and "int" in str(_storage_type(arrow).value_type)
            dtype = None if arrow is None or whole else column.dtype
            return type(column)(values, name=column.name, dtype=dtype)
    made = np.empty(len(points), dtype=object)
    made[:] = list(points)
    return made


def _like_arrow(arrow: Any, points: npt.NDArray[Any]) -> Any:
    import sys

    pyarrow = sys.modules["pyarrow"]
    storage = _storage_type(arrow)
    item = np.dtype(storage.value_type.to_pandas_dtype())
    if item.kind != "f":
        # Between integers there are fractions.
        return pyarrow.array(list(points))
    made = pyarrow.array(list(points.astype(item)), storage)
    return made if storage is arrow else pyarrow.ExtensionArray.from_storage(arrow, made)


#: Words that end the name of an id, and names of row numbers: those of the command line.
ID_WORDS = ("id", "idx", "uuid", "guid", "uid", "rowid")
ID_NAMES = ("index", "row_index", "row_number", "rownum", "row_num", "row_nr", "unnamed: 0", "level_0")


def is_id_name(name: str) -> bool:
    """Whether a name is that of an id: `id`, `image_id`, `imageId`, `index`."""
    words, lower = [""], False
    for c in name.strip():
        # A word ends at a separator, and where a capital follows a small letter.
        if not c.isalnum() or (c.isupper() and lower):
            words.append("")
        if c.isalnum():
            words[-1] += c.lower()
        lower = c.islower()
    last = next((word for word in reversed(words) if word), "")
    plain = name.strip().lower()
    return last in ID_WORDS or plain in ID_NAMES or (plain.startswith("__index_level_") and plain.endswith("__"))


def is_carried(name: str, column: Any) -> bool:
    """Whether a column beside lists is no feature: an id by its name or because its integers are distinct, text, or one value."""
    if is_id_name(name):
        return True
    if library(column) == "pyarrow" and column.null_count:
        return False
    values = np.asarray(column) if library(column) == "pyarrow" else np.asarray(column.to_numpy())
    if values.dtype.kind in "SUOTmM":
        return True
    distinct = len(np.unique(values))
    return distinct < 2 or (values.dtype.kind in "iu" and distinct == len(values))


def without(names: Sequence[str]) -> str:
    """Names in a message."""
    return ", ".join(repr(name) for name in names)
