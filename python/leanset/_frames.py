"""The libraries that values come from, and the columns of their frames as arrays.

None of the libraries is imported: a value brings its own. A value is of the library of its class or of a base class, so a subclass
of a pandas DataFrame is a pandas DataFrame.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from leanset import _lists
from leanset._errors import hinted
from leanset._lists import library

Kind = Literal["number", "boolean", "text", "date", "lists", "other"]

#: The largest magnitude up to which every integer is a float64.
EXACT = 1 << 53


def is_sparse(value: object) -> bool:
    """Whether this is a sparse matrix or array of SciPy (which need not be installed)."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


def to_numpy(value: Any, name: str = "X") -> npt.NDArray[Any]:
    """An array of any library, on any device, as an array of NumPy."""
    if type(value) is np.ndarray:
        return value
    for step in ("detach", "cpu"):
        if hasattr(value, step):
            value = getattr(value, step)()
    if "bfloat16" in str(getattr(value, "dtype", "")):
        # NumPy has no such type; every value of it is a float32.
        value = value.float() if hasattr(value, "float") else value.astype("float32")
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.getmaskarray(value).any():
            at = np.argwhere(np.ma.getmaskarray(value))[0]
            error = ValueError(f"Input {name} contains NaN: the value at {tuple(int(i) for i in at)} is masked")
            raise hinted(error, "leave these rows out, or fill them")
        value = value.data
    return np.asarray(value.numpy() if hasattr(value, "numpy") and callable(value.numpy) else value)


def is_missing(value: Any) -> bool:
    """Whether a value is missing: None, NaN, NaT, `pandas.NA`."""
    if value is None or type(value).__name__ == "NAType":
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError, RuntimeError):
        # Arrays and tensors are neither.
        return False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a frame."""

    label: Any
    values: Any
    kind: Kind
    #: Its type, as its library writes it.
    type: str

    @classmethod
    def of(cls, label: Any, values: Any) -> Column:
        dtype = values.type if library(values) == "pyarrow" else values.dtype
        return cls(label, values, "lists" if _lists.is_lists(values) else _kind(values), str(dtype))


def columns(X: Any) -> list[tuple[Any, Any]]:
    """The columns of a frame with their labels; nothing if it is no frame."""
    match library(X):
        case "pandas" if hasattr(X, "iloc") and hasattr(X, "columns"):
            return list(X.items())
        case "polars" if hasattr(X, "get_columns"):
            return [(column.name, column) for column in X.get_columns()]
        case "pyarrow" if hasattr(X, "column_names"):
            return list(zip(X.column_names, X.columns, strict=True))
    return []


def is_frame(X: Any) -> bool:
    """Whether this is a frame of pandas or Polars, or a table or record batch of Arrow."""
    match library(X):
        case "pandas":
            return hasattr(X, "iloc") and hasattr(X, "columns")
        case "polars":
            return hasattr(X, "get_columns")
        case "pyarrow":
            return hasattr(X, "column_names")
    return False


def is_column(X: Any) -> bool:
    """Whether this is one column: a series, an Arrow array, an array of one axis."""
    match library(X):
        case "pandas" | "polars":
            return hasattr(X, "dtype") and not hasattr(X, "columns")
        case "pyarrow":
            return hasattr(X, "type") and not hasattr(X, "column_names")
        case "numpy":
            return bool(X.dtype == object and X.ndim == 1)
    return False


def rows_of(X: Any) -> int | None:
    """Number of rows of anything that has some, or None."""
    shape = getattr(X, "shape", None)
    if isinstance(shape, tuple) and shape and isinstance(shape[0], int | np.integer):
        return int(shape[0])
    if library(X) == "pyarrow" and hasattr(X, "num_rows"):
        return int(X.num_rows)
    return len(X) if hasattr(X, "__len__") else None


def width_of(X: Any) -> int:
    """Number of columns of a frame."""
    return int(X.num_columns) if library(X) == "pyarrow" else int(X.shape[1])


def column_names(X: Any) -> npt.NDArray[np.object_] | None:
    """The column names, if there are names and all are strings."""
    names = getattr(X, "column_names", None) if library(X) in ("pyarrow", "datasets") else getattr(X, "columns", None)
    if names is None or callable(names):
        return None
    listed = list(names)
    if not listed or not all(isinstance(n, str) for n in listed):
        return None
    return np.asarray(listed, dtype=object)


def _kind(column: Any) -> Kind:
    match library(column):
        case "pandas":
            return _kind_of_pandas(column)
        case "polars":
            dtype = str(column.dtype)
            if dtype == "Boolean":
                return "boolean"
            if column.dtype.is_numeric():
                return "number"
            if dtype.startswith(("String", "Categorical", "Enum")):
                return "text"
            if dtype.startswith(("Date", "Time")):
                return "date"
            return _kind_of_objects(column.to_numpy()) if dtype.startswith("Object") else "other"
        case "pyarrow":
            return _kind_of_arrow(column.type)
    return "other"


def _kind_of_pandas(column: Any) -> Kind:
    dtype = column.dtype
    arrow = getattr(dtype, "pyarrow_dtype", None)
    if arrow is not None:
        return _kind_of_arrow(arrow)
    name = str(dtype)
    if name in ("str", "string", "category") or name.startswith("string["):
        return "text"
    if dtype == object:
        return _kind_of_objects(column.to_numpy())
    # Of a sparse column, the type of its values.
    letter = getattr(getattr(dtype, "subtype", dtype), "kind", "O") if name.startswith("Sparse") else getattr(dtype, "kind", "O")
    if name.startswith(("interval", "period")):
        return "other"
    kinds: dict[str, Kind] = {"b": "boolean", "i": "number", "u": "number", "f": "number", "M": "date", "c": "number"}
    return kinds.get(letter, "other")


def _kind_of_arrow(arrow: Any) -> Kind:
    arrow = getattr(arrow, "storage_type", arrow)
    while str(arrow).startswith("dictionary<"):
        arrow = arrow.value_type
        if not str(arrow).startswith("dictionary<"):
            return "text" if _kind_of_arrow(arrow) != "other" else "other"
    name = str(arrow)
    if name == "bool":
        return "boolean"
    if name.startswith(("int", "uint", "halffloat", "float", "double", "decimal")):
        return "number"
    if name in ("string", "large_string", "string_view"):
        return "text"
    if name.startswith(("date", "timestamp", "time")):
        return "date"
    return "other"


def _kind_of_objects(values: npt.NDArray[Any]) -> Kind:
    """The kind of a column of objects, from the types of its values."""
    import datetime
    import decimal

    kinds = {type(value) for value in values.tolist() if not is_missing(value)}
    if not kinds:
        return "other"

    def all_are(*types: type) -> bool:
        return all(issubclass(kind, types) for kind in kinds)

    if all_are(bool, np.bool_):
        return "boolean"
    if all_are(int, float, np.number, decimal.Decimal):
        return "number"
    if all_are(str):
        return "text"
    # A moment is a date, and a moment of pandas is one of Python.
    return "date" if all_are(datetime.date, datetime.time, np.datetime64) else "other"


def numbers(column: Any, name: str) -> npt.NDArray[Any]:
    """A column of numbers as an array of floats or integers; missing values are NaN."""
    match library(column):
        case "pandas":
            dtype = column.dtype
            if isinstance(dtype, np.dtype) and dtype != object:
                array: npt.NDArray[Any] = column.to_numpy()
            elif dtype == object:
                array = _of_objects(column.to_numpy(), name)
            elif column.hasnans:
                check_integers(column.to_numpy(dtype=object, na_value=0), name)
                array = column.to_numpy(dtype=np.float64, na_value=np.nan)
            else:
                array = np.asarray(column.to_numpy())
        case "polars":
            dtype = str(column.dtype)
            if dtype.startswith("Decimal"):
                column = column.cast(sys.modules["polars"].Float64)
            elif dtype.endswith("Int128"):
                # NumPy has no such integers.
                return _of_objects(np.array(column.to_list(), dtype=object), name)
            elif column.null_count() and dtype in ("Int64", "UInt64"):
                check_integers(column.fill_null(0).to_numpy(), name)
            array = column.to_numpy()
        case "pyarrow":
            kind = str(column.type)
            if kind.startswith("decimal"):
                column = column.cast("float64")
            elif column.null_count and kind in ("int64", "uint64"):
                check_integers(np.asarray(column.fill_null(0)), name)
            array = np.asarray(column)
        case _:
            array = np.asarray(column)
    if array.dtype == object:
        array = _of_objects(array, name)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} holds complex numbers")
    check_integers(array, name)
    return array


def _of_objects(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.float64]:
    plain = [np.nan if is_missing(value) else value for value in values.tolist()]
    found = np.array(plain, dtype=np.float64)
    large = np.abs(found) >= EXACT
    if large.any():
        check_integers(np.array([value if big else 0 for value, big in zip(plain, large, strict=True)], dtype=object), name)
    return found


def check_integers(values: npt.NDArray[Any], name: str) -> None:
    """Refuses integers that float64 cannot hold."""
    if values.dtype.kind not in "iuO" or (values.dtype.kind in "iu" and values.dtype.itemsize < 8):
        return
    if values.dtype.kind in "iu" and (not values.size or (values.min() > -EXACT and values.max() < EXACT)):
        # Known without a copy.
        return
    floats = np.asarray(values, dtype=np.float64)
    for at in np.argwhere(np.abs(floats) >= EXACT):
        value = values[tuple(at)]
        if isinstance(value, int | np.integer) and int(value) != int(floats[tuple(at)]):
            place = f"row {at[0]}" + (f", column {at[1]}" if len(at) > 1 else "")
            raise hinted(
                ValueError(f"{name}: {place}: {value} is beyond ±2**53, where float64 cannot tell integers apart"),
                "leave the column out if it is an id; otherwise subtract its minimum first",
            )


def booleans(column: Any) -> npt.NDArray[Any]:
    """A column of true and false as 0 and 1; missing values are NaN."""
    match library(column):
        case "pandas":
            if isinstance(column.dtype, np.dtype) and column.dtype != object:
                return np.asarray(column.to_numpy()).view(np.uint8)
            values = column.to_numpy(dtype=object)
        case "polars":
            if not column.null_count():
                return np.asarray(column.to_numpy()).view(np.uint8)
            values = np.array(column.to_list(), dtype=object)
        case _:
            values = np.asarray(column)
            if values.dtype == np.bool_:
                return values.view(np.uint8)
    return np.array([np.nan if is_missing(value) else float(value) for value in values.tolist()], dtype=np.float32)


def texts(column: Any) -> tuple[npt.NDArray[np.int64], list[str]]:
    """A column of texts or categories: the position of each value among the sorted different ones, −1 where it is missing."""
    match library(column):
        case "pandas" if hasattr(column, "cat"):
            codes, uniques = np.asarray(column.cat.codes, dtype=np.int64), column.cat.categories.tolist()
        case "pandas":
            codes, values = sys.modules["pandas"].factorize(column, use_na_sentinel=True)
            codes, uniques = np.asarray(codes, dtype=np.int64), list(values.tolist())
        case "pyarrow":
            coded = column if str(column.type).startswith("dictionary<") else column.dictionary_encode()
            chunks = [chunk for chunk in getattr(coded, "chunks", [coded]) if len(chunk)]
            if len(chunks) > 1:
                chunks = [coded.unify_dictionaries().combine_chunks()]
                chunks = getattr(chunks[0], "chunks", chunks)
            uniques = chunks[0].dictionary.to_pylist() if chunks else []
            parts = [np.asarray(chunk.indices.fill_null(-1), dtype=np.int64) for chunk in chunks]
            codes = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
            if None in uniques:
                codes = np.where(codes == uniques.index(None), -1, codes)
        case _:
            values = column.to_list() if hasattr(column, "to_list") else np.asarray(column).tolist()
            places: dict[Any, int] = {}
            codes = np.fromiter(
                (-1 if value is None else places.setdefault(value, len(places)) for value in values), np.int64, len(values)
            )
            uniques = list(places)
    # By their names, without those that no row has.
    names = [str(value) for value in uniques]
    there = np.unique(codes[codes >= 0])
    ordered = sorted({names[code] for code in there.tolist()})
    place = {name: at for at, name in enumerate(ordered)}
    table = np.array([place.get(name, -1) for name in names] + [-1], dtype=np.int64)
    return table[codes], ordered


#: Nanoseconds of a day.
DAY = 86_400_000_000_000


def days(column: Any, name: str) -> npt.NDArray[np.float64]:
    """A column of dates, moments or times of day in days, moments since 1970-01-01 in UTC; missing values are NaN."""
    import datetime

    match library(column):
        case "pandas" if getattr(column.dtype, "kind", "O") == "M" and getattr(column.dtype, "pyarrow_dtype", None) is None:
            moments = column.to_numpy(dtype="datetime64[ns]") if hasattr(column.dtype, "tz") else column.to_numpy()
        case "polars" if str(column.dtype).startswith("Time") or str(column.dtype).startswith("Object"):
            moments = np.array(column.to_list(), dtype=object)
        case "polars":
            moments = column.to_numpy()
        case "pyarrow" if str(column.type).startswith("time") and not str(column.type).startswith("timestamp"):
            moments = np.array(column.to_pylist(), dtype=object)
        case _:
            moments = np.asarray(column)
    if moments.dtype.kind == "M":
        # Exact to the nanosecond, where that is possible at all.
        unit, step = np.datetime_data(moments.dtype)
        per_day = np.timedelta64(1, "D") / np.ones(1, dtype=f"timedelta64[{step}{unit}]")[0]
        found = moments.astype(np.int64) / per_day
        return np.where(np.isnat(moments), np.nan, found)

    def day(value: Any) -> float:
        if is_missing(value):
            return np.nan
        if isinstance(value, datetime.time):
            seconds = (value.hour * 60 + value.minute) * 60 + value.second
            return (seconds * 1_000_000 + value.microsecond) / 86_400_000_000
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        if isinstance(value, datetime.date):
            return float(np.datetime64(value, "ns").astype(np.int64)) / DAY
        raise TypeError(f"{name} holds {value!r}, which is no date")

    return np.array([day(value) for value in moments.tolist()], dtype=np.float64)


def listed(names: Sequence[Any], most: int = 10) -> str:
    """Names in a message."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def frame_of(data: Any, first: str = "pandas") -> Any:
    """Columns or records as a frame of the library `first`, otherwise of pandas, otherwise of Polars, whatever is installed; without
    both, as they are."""
    for name in dict.fromkeys((first, "pandas", "polars")):
        if name not in ("pandas", "polars"):
            continue
        try:
            module = __import__(name)
        except ImportError:
            continue
        return module.DataFrame(data)
    return data
