"""Convert the data that users pass to arrays for Rust, and the results back to the type of the input.

A C-contiguous array of float32 or float64 is not copied. Everything else is copied once: other dtypes and layouts, and
frames, which store columns while distances need rows.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]
Table = tuple[Points, Codes, list[str]]


def library(value: object) -> str:
    """The library of the type of a value: `pandas`, `polars`, `pyarrow`, `numpy`, …"""
    return type(value).__module__.partition(".")[0]


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
    names = column_names(X)
    array = _array(X, name)
    if array.ndim != 2:
        what = "scalar array" if array.ndim == 0 else f"{array.ndim}D array"
        raise ValueError(
            f"Expected 2D array, got {what} instead:\narray={array}.\n"
            "Reshape your data either using array.reshape(-1, 1) if your data has a single feature "
            "or array.reshape(1, -1) if it contains a single sample."
        )
    _check_size(array.shape[0], array.shape[1], array.shape)
    return Features(X, _floats(array), names, int(array.shape[1]))


def _check_size(rows: int, columns: int, shape: tuple[int, ...]) -> None:
    if rows < 1:
        raise ValueError(f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is required.")
    if columns < 1:
        raise ValueError(f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required.")


def _array(X: Any, name: str) -> npt.NDArray[Any]:
    """Convert any table of numbers to an array of any dtype."""
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
    array = np.asarray(X)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{array}\n")
    return array


def _floats(array: npt.NDArray[Any]) -> Points:
    """Avoid a copy if possible. Otherwise convert float16 to float32, and everything else to float64."""
    if array.dtype == np.float32 or array.dtype == np.float16:
        return np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype.kind in "SU":
        # As in scikit-learn, text is not converted to numbers.
        first = str(array.ravel()[0])
        raise ValueError(f"could not convert string to float: {first!r}")
    if array.dtype.kind in "mM":
        raise TypeError(f"X must hold numbers, not {array.dtype}")
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
    elif array.dtype.kind == "O" and any(v is None or v != v for v in array.tolist()):
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


def encode(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Codes]:
    """The sorted distinct values, and the position of each value among them, like `numpy.unique` but in chunks."""
    starts = range(0, len(array), CHUNK)
    classes = np.unique(np.concatenate([np.unique(array[at : at + CHUNK]) for at in starts] or [array]))
    codes = np.empty(len(array), dtype=np.uint32)
    for at in starts:
        codes[at : at + CHUNK] = np.searchsorted(classes, array[at : at + CHUNK])
    return classes, codes


def take(original: Any, rows: Ids) -> Any:
    """Select rows of the original value, in its own type. Frames keep their index, dtypes and names."""
    kind = library(original)
    if hasattr(original, "iloc"):
        return original.iloc[rows]
    if kind == "polars":
        return original[rows]
    if kind == "pyarrow":
        return original.take(rows)
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
