"""Convert the data that users pass to arrays for Rust, and the results back to the type of the input.

A C-contiguous array of float32 or float64 is not copied, and neither are lists in Arrow memory. Everything else is copied
once: other dtypes and layouts, and frames, which store columns while distances need rows.
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset import _lists
from leanset._lists import library

Points = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]
Table = tuple[Points, Codes, list[str]]


def is_sparse(value: object) -> bool:
    """Whether this is a sparse matrix or array of SciPy (which need not be installed)."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


@dataclass(frozen=True, slots=True)
class Features:
    """Checked features, together with the original value."""

    original: Any
    values: Points
    names: npt.NDArray[np.object_] | None
    #: Number of columns of `original`. For sparse input, `values` is a placeholder.
    columns: int
    #: The columns of a frame with lists that are features, by position, and how many dimensions each takes.
    blocks: tuple[tuple[int, int], ...] | None = None

    @property
    def rows(self) -> int:
        return int(self.values.shape[0])


def features(X: Any, *, name: str = "X", sparse_for: str | None = None, sparse_allowed: bool = False) -> Features:
    """Convert features to an array of shape (n, d). `sparse_for` names the method in errors about sparse input."""
    if is_sparse(X):
        if not sparse_allowed:
            error = TypeError(
                f"Sparse data was passed for {name}, but dense data is required: "
                f"{sparse_for or 'this'} uses the coordinates of rows."
            )
            error.add_note(f"hint: pass {name}.toarray(), or use a method that does not use coordinates")
            raise error
        rows, columns = X.shape
        _check_size(int(rows), int(columns), tuple(X.shape))
        return Features(X, np.zeros((int(rows), 1), dtype=np.float32), None, int(columns))
    if library(X) == "datasets" and hasattr(X, "with_format"):
        # A Hugging Face dataset: its rows as an Arrow table, in its own order.
        table = X.with_format("arrow")[:]
        return dataclasses.replace(_of_table(table, name, "select_columns"), original=X)
    if _is_column(X) and _lists.is_lists(X):
        array = _lists.lists(X, name)
        _check_size(array.shape[0], array.shape[1], array.shape)
        return Features(X, _floats(array, name), None, int(array.shape[1]))
    return _of_table(X, name, "select" if library(X) == "pyarrow" else "")


def _of_table(X: Any, name: str, select: str) -> Features:
    """Features from anything but one column. `select` is the method by which the library selects columns, if not `X[…]`."""
    names = column_names(X)
    with_lists = _with_lists(X, name, select)
    if with_lists is not None:
        array, blocks = with_lists
        _check_size(array.shape[0], array.shape[1], array.shape)
        return Features(X, _floats(array, name), names, len(_columns(X)), blocks)
    array = _array(X, name)
    if array.ndim != 2:
        what = "scalar array" if array.ndim == 0 else f"{array.ndim}D array"
        raise ValueError(
            f"Expected 2D array, got {what} instead:\narray={array}.\n"
            "Reshape your data either using array.reshape(-1, 1) if your data has a single feature "
            "or array.reshape(1, -1) if it contains a single sample."
        )
    _check_size(array.shape[0], array.shape[1], array.shape)
    return Features(X, _floats(array, name), names, int(array.shape[1]))


def _check_size(rows: int, columns: int, shape: tuple[int, ...]) -> None:
    if rows < 1:
        raise ValueError(f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is required.")
    if columns < 1:
        raise ValueError(f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required.")


def _is_column(X: Any) -> bool:
    """Whether this is one column: a series, an Arrow array, an array of one axis."""
    match library(X):
        case "pandas" | "polars":
            return hasattr(X, "dtype") and not hasattr(X, "columns")
        case "pyarrow":
            return hasattr(X, "type") and not hasattr(X, "column_names")
        case "numpy":
            return bool(X.dtype == object and X.ndim == 1)
    return False


def _columns(X: Any) -> list[tuple[str, Any]]:
    """The columns of a frame with their names; nothing if it is no frame."""
    match library(X):
        case "pandas" if hasattr(X, "iloc") and hasattr(X, "columns"):
            return [(str(name), X.iloc[:, j]) for j, name in enumerate(X.columns)]
        case "polars" if hasattr(X, "get_columns"):
            return [(column.name, column) for column in X.get_columns()]
        case "pyarrow" if hasattr(X, "column_names"):
            return list(zip(X.column_names, X.columns, strict=True))
    return []


def _with_lists(X: Any, name: str, select: str) -> tuple[npt.NDArray[Any], tuple[tuple[int, int], ...]] | None:
    """The coordinates of a frame that has columns of lists, and the columns they come from.

    As on the command line, ids, texts and columns of one value beside the lists are no features, and other columns are refused.
    """
    columns = _columns(X)
    found = {j: _lists.lists(column, f"{name}: column {label!r}")
             for j, (label, column) in enumerate(columns) if _lists.is_lists(column)}
    if not found:
        return None
    beside = [(label, column) for j, (label, column) in enumerate(columns) if j not in found]
    carried = [label for label, column in beside if _lists.is_carried(label, column)]
    measured = [label for label, _ in beside if label not in carried]
    lists = [columns[j][0] for j in found]
    if measured:
        error = ValueError(
            f"{name} has lists of numbers in {_lists.without(lists)}, as embeddings do, and other features: "
            f"{_lists.without(measured)}"
        )
        alone = f"{name}.{select}({lists!r})" if select else f"{name}[{lists!r}]"
        error.add_note(
            f"hint: pass the lists alone, {alone}, or one array of all features, made with numpy.column_stack"
        )
        raise error
    if carried:
        from leanset._results import warn

        warn([("skipped-column", f"distances are computed from {_lists.without(lists)} alone; "
               f"carried along: {_lists.without(carried)}", None)])
    blocks = tuple((j, int(block.shape[1])) for j, block in found.items())
    arrays = list(found.values())
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=1), blocks


def _array(X: Any, name: str) -> npt.NDArray[Any]:
    """Convert any table of numbers to an array of any dtype."""
    for label, column in _columns(X):
        _check_integers(column, f"{name}: column {label!r}")
    match library(X):
        case "pandas" | "polars":
            return np.asarray(X.to_numpy())
        case "pyarrow":
            # One array per column. Nulls become NaN, which is refused with the message of scikit-learn.
            return np.column_stack([np.asarray(column) for column in X.columns])
    if hasattr(X, "__arrow_c_stream__"):
        # Other frames can export Arrow data; pyarrow imports it.
        try:
            import pyarrow
        except ImportError as error:
            raise TypeError(f"{name} of type {type(X).__name__} needs pyarrow, which is not installed") from error
        return _array(pyarrow.table(X), name)
    try:
        array = np.asarray(X)
    except ValueError:
        # Rows of different lengths: name the first.
        if isinstance(X, list | tuple) and len(X) and all(np.ndim(row) == 1 for row in X):
            return _lists.lists(_objects(X), name)
        raise
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{array}\n")
    return array


def _objects(rows: Any) -> npt.NDArray[Any]:
    array = np.empty(len(rows), dtype=object)
    array[:] = list(rows)
    return array


#: The largest magnitude up to which every integer is a float64.
EXACT = 1 << 53


def _check_integers(column: Any, name: str) -> None:
    """Refuse 64-bit integers of a frame that float64 cannot hold, before the frame is converted."""
    match library(column):
        case "pandas" if getattr(column.dtype, "kind", "O") in "iu":
            values = column.to_numpy(dtype=object, na_value=0) if column.hasnans else column.to_numpy()
        case "polars" if str(column.dtype) in ("Int64", "UInt64", "Int128"):
            values = column.fill_null(0).to_numpy()
        case "pyarrow" if str(column.type) in ("int64", "uint64"):
            values = np.asarray(column)
        case _:
            return
    _check_exact(values, name)


def _check_exact(values: npt.NDArray[Any], name: str) -> None:
    if values.dtype.kind in "iu" and values.dtype.itemsize < 8:
        return
    if values.dtype.kind in "iu" and (not values.size or (values.min() > -EXACT and values.max() < EXACT)):
        # Known without a copy.
        return
    floats = np.asarray(values, dtype=np.float64)
    for at in np.argwhere(np.abs(floats) >= EXACT):
        value = values[tuple(at)]
        if isinstance(value, int | np.integer) and int(value) != int(floats[tuple(at)]):
            place = f"row {at[0]}" + (f", column {at[1]}" if len(at) > 1 else "")
            error = ValueError(f"{name}: {place}: {value} is beyond ±2**53, where float64 cannot tell integers apart")
            error.add_note("hint: leave the column out if it is an id; otherwise subtract its minimum first")
            raise error


def _floats(array: npt.NDArray[Any], name: str) -> Points:
    """Avoid a copy if possible. Otherwise convert float16 to float32, and everything else to float64."""
    if array.dtype == np.float32 or array.dtype == np.float16:
        return np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype.kind in "SU":
        # As in scikit-learn, text is not converted to numbers.
        first = str(array.ravel()[0])
        raise ValueError(f"could not convert string to float: {first!r}")
    if array.dtype.kind in "mM":
        raise TypeError(f"X must hold numbers, not {array.dtype}")
    if array.dtype.kind in "iuO":
        _check_exact(array, name)
    return np.ascontiguousarray(array, dtype=np.float64)


def column_names(X: Any) -> npt.NDArray[np.object_] | None:
    """The column names, if there are names and all are strings."""
    names = getattr(X, "column_names", None) if library(X) == "pyarrow" else getattr(X, "columns", None)
    if names is None or callable(names):
        return None
    listed = list(names)
    if not listed or not all(isinstance(n, str) for n in listed):
        return None
    return np.asarray(listed, dtype=object)


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels as codes 0 … c − 1, in sorted order."""

    original: Any
    #: The distinct labels, of the dtype they came in.
    classes: npt.NDArray[Any]
    codes: Codes
    #: Whether they were given as one column per class.
    one_hot: bool = False

    @property
    def sizes(self) -> Ids:
        """Number of rows of each class. Counted in chunks, because counting converts the codes to eight bytes."""
        counts = np.zeros(len(self.classes), dtype=np.int64)
        for at in range(0, len(self.codes), CHUNK):
            counts += np.bincount(self.codes[at : at + CHUNK], minlength=len(counts))
        return counts

    @property
    def names(self) -> list[str]:
        return [str(label) for label in self.classes.tolist()]


def labels(y: Any, rows: int, *, who: str) -> Labels:
    """Convert labels of any dtype. Without labels, there is one class."""
    if y is None:
        return Labels(None, np.array(["all"]), np.zeros(rows, dtype=np.uint32))
    array = np.asarray(y.to_numpy()) if library(y) in ("pandas", "polars") else np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    one_hot = array.ndim == 2
    if array.ndim not in (1, 2):
        raise ValueError(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    if array.shape[0] != rows:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[rows, array.shape[0]]}")
    if one_hot:
        if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            raise ValueError(
                "Multilabel and multioutput targets are not supported. "
                f"y of shape {array.shape} must have exactly one 1 in every row, or be a column of classes."
            )
        codes = array.argmax(axis=1)
        return Labels(y, np.arange(array.shape[1]), codes.astype(np.uint32), one_hot=True)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{array}\n")
    if array.dtype.kind == "f":
        if np.isnan(array).any():
            raise ValueError("Input y contains NaN.")
        if not np.isfinite(array).all():
            raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
        if (array != np.floor(array)).any():
            error = ValueError(
                f"Unknown label type: continuous. {who} needs classes, but y has fractional values."
            )
            error.add_note("hint: cut y into classes, e.g. with numpy.digitize or pandas.qcut")
            raise error
    elif array.dtype.kind == "O" and any(v is None or v != v for v in _distinct(array)):
        raise ValueError("Input y contains NaN.")
    try:
        classes, codes = encode(array)
    except TypeError as error:
        kinds = sorted({type(v).__name__ for v in array.tolist()})
        raise TypeError(
            f"Encoders require their input argument must be uniformly strings or numbers. Got {kinds}"
        ) from error
    return Labels(y, classes, codes)


#: Number of labels that are sorted together; the memory for sorting is small compared with a table.
CHUNK = 1 << 16


#: Up to this many whole numbers from the smallest label to the largest, codes come from a table.
SPAN = 1 << 16


def encode(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Codes]:
    """The sorted distinct values, and the position of each value among them, like `numpy.unique` but in chunks."""
    starts = range(0, len(array), CHUNK)
    codes = np.empty(len(array), dtype=np.uint32)
    if array.dtype.kind == "O":
        distinct = _distinct(array)
        if isinstance(distinct, dict):
            classes = np.empty(len(distinct), dtype=object)
            places = {}
            for code, value in enumerate(sorted(distinct)):
                classes[code] = value
                places[value] = code
            for at in starts:
                values = array[at : at + CHUNK].tolist()
                codes[at : at + CHUNK] = np.fromiter(map(places.__getitem__, values), np.uint32, len(values))
            return classes, codes
    if array.dtype.kind in "iu" and len(array) and (span := int(array.max()) - (low := int(array.min())) + 1) <= SPAN:
        # Differences wrap around, and as unsigned numbers they are right.
        unsigned = np.dtype(f"u{array.dtype.itemsize}")
        there = np.zeros(span, dtype=bool)
        for at in starts:
            there[(array[at : at + CHUNK] - array.dtype.type(low)).view(unsigned)] = True
        places_of = (np.cumsum(there) - 1).astype(np.uint32)
        for at in starts:
            codes[at : at + CHUNK] = places_of[(array[at : at + CHUNK] - array.dtype.type(low)).view(unsigned)]
        return np.array([low + int(step) for step in np.flatnonzero(there)], dtype=array.dtype.newbyteorder("=")), codes
    classes = np.unique(np.concatenate([np.unique(array[at : at + CHUNK]) for at in starts] or [array]))
    for at in starts:
        codes[at : at + CHUNK] = np.searchsorted(classes, array[at : at + CHUNK])
    return classes, codes


def _distinct(array: npt.NDArray[Any]) -> dict[Any, None] | list[Any]:
    """The distinct objects of an array, or all of them if they cannot be told apart by their hashes."""
    found: dict[Any, None] = {}
    try:
        for at in range(0, len(array), CHUNK):
            found.update(dict.fromkeys(array[at : at + CHUNK].tolist()))
    except TypeError:
        every: list[Any] = array.tolist()
        return every
    return found


def take(original: Any, rows: Ids) -> Any:
    """Select rows of the original value, in its own type. Frames keep their index, dtypes and names."""
    kind = library(original)
    if hasattr(original, "iloc"):
        return original.iloc[rows]
    if kind == "polars":
        return original[rows]
    if kind == "pyarrow":
        return original.take(rows)
    if kind == "datasets" and hasattr(original, "select"):
        return original.select(rows)
    if isinstance(original, list | tuple):
        return type(original)(original[i] for i in rows.tolist())
    if is_sparse(original):
        return original.tocsr()[rows].asformat(original.format)
    if isinstance(original, np.ndarray):
        return original[rows]
    return np.asarray(original)[rows]


def prototypes(like: Features, values: npt.NDArray[np.float64]) -> Any:
    """Convert generated prototypes to the type of the features. float32 and frames are kept; integers become float64."""
    original, kind = like.original, library(like.original)
    points = values.astype(like.values.dtype, copy=False)
    if like.blocks is not None:
        return _prototypes_of_lists(like, points)
    if _is_column(original):
        return _lists.like(original, points)
    match kind:
        case "pandas":
            frame = type(original)(points, columns=original.columns)
            floats = {n: t for n, t in original.dtypes.items() if getattr(t, "subtype", t).kind == "f"}
            return frame.astype(floats) if original.columns.is_unique else frame
        case "polars":
            return type(original)(points, schema=original.columns, orient="row")
        case "pyarrow":
            return type(original).from_arrays([points[:, j] for j in range(like.columns)], names=original.column_names)
    return points.tolist() if isinstance(original, list) else points


def _prototypes_of_lists(like: Features, points: npt.NDArray[Any]) -> Any:
    """The same for a frame with columns of lists: the columns that are features, as lists of the same type."""
    original, start, columns = like.original, 0, {}
    dataset = library(original) == "datasets"
    frame = original.with_format("arrow")[:] if dataset else original
    known = _columns(frame)
    for position, length in like.blocks or ():
        label, column = known[position]
        columns[label] = _lists.like(column, points[:, start:start + length])
        start += length
    if dataset:
        return type(original).from_dict({label: column.to_pylist() for label, column in columns.items()})
    if library(original) == "pyarrow":
        return type(original).from_arrays(list(columns.values()), names=list(columns))
    return type(original)(columns)


def prototype_labels(like: Labels, codes: Codes) -> Any:
    """Make the labels of generated prototypes, in the type of the labels."""
    if like.one_hot:
        hot = np.zeros((len(codes), len(like.classes)), dtype=np.asarray(like.original).dtype)
        hot[np.arange(len(codes)), codes] = 1
        return hot
    # Take the label from any row of the class, to keep it as it was written.
    first = np.array([int(np.flatnonzero(like.codes == k)[0]) if (like.codes == k).any() else 0
                      for k in range(len(like.classes))], dtype=np.int64)
    found = take(like.original, first[codes])
    return found.reset_index(drop=True) if hasattr(found, "reset_index") else found
