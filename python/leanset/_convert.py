"""Convert the features that users pass to arrays for Rust, and the results back to the type of the input.

A C-contiguous array of float32 or float64 is not copied, and neither are lists in Arrow memory. Everything else is copied
once: other dtypes and layouts, and frames, which store columns while distances need rows.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, KeysView, Set, ValuesView
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from leanset import _lists
from leanset._encode import Encoded, Encoding, Points, check_scale, encode_array, encode_frame, note_of_ranges
from leanset._errors import hinted
from leanset._frames import check_integers, column_names, columns, is_column, is_frame, is_missing, is_sparse, listed, rows_of, to_numpy, width_of
from leanset._labels import Codes, Ids, Labels, plain_names
from leanset._lists import library

Table = tuple[Points, Codes, list[str]]

#: Sparse data are made dense up to this many bytes.
DENSE = 1 << 31

#: Rows of a table that its identity depends on.
SAMPLED = 128


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one table from another without keeping it: its size, and a hash of some of its rows and of their classes."""

    rows: int
    #: Features per row; None if a method did not use them.
    features: int | None
    #: Hash of the features of evenly spaced rows, in float32.
    values: str | None
    #: Hash of the classes of these rows and of the class sizes; None without labels.
    labels: str | None

    @classmethod
    def of(cls, x: Features, y: Labels) -> Identity:
        return cls(x.rows, x.dimensions, x.digest, None if y.original is None else digest_of_labels(y))

    def check_rows(self, rows: int, what: str, name: str) -> None:
        """Refuses a table of another size."""
        if rows != self.rows:
            raise hinted(
                ValueError(f"{name} has {rows:,} rows, but {what} is of a table of {self.rows:,} rows"),
                "pass the table that was reduced: row ids are positions in it",
            )

    def check(self, other: Identity, what: str) -> None:
        """Refuses another table."""
        self.check_rows(other.rows, what, "X")
        if None not in (self.features, other.features) and self.features != other.features:
            raise hinted(
                ValueError(f"X has {other.features} features per row, but {what} is of a table with {self.features}"),
                "pass the same X with the same features=; or row ids, if these are the same rows in other coordinates",
            )
        if None not in (self.labels, other.labels) and self.labels != other.labels:
            raise hinted(
                ValueError(f"the classes of y are not those of the table that {what} is of: it is another table, or its rows are in another order"),
                "pass the X and y that were reduced; or row ids, if these are the same rows",
            )
        if None not in (self.values, other.values) and self.values != other.values:
            raise hinted(
                ValueError(f"X has other values than the table that {what} is of: it is another table, or its rows are in another order"),
                "pass the X that was reduced; or row ids, if these are the same rows in other coordinates",
            )


def sampled(rows: int) -> Ids:
    """Evenly spaced rows, the first and the last among them."""
    return np.arange(rows) if rows <= SAMPLED else np.arange(SAMPLED) * (rows - 1) // (SAMPLED - 1)


def digest_of_labels(y: Labels) -> str:
    """A hash of the classes of evenly spaced rows, and of the sizes of all classes, by their plain names."""
    names = plain_names(y.classes)
    order = sorted(range(len(names)), key=names.__getitem__)
    # The place of each class among the names, in their order.
    place = np.empty(len(names), dtype=np.uint32)
    place[order] = np.arange(len(names))
    sizes = y.sizes.tolist()
    found = hashlib.blake2b(repr([(names[code], sizes[code]) for code in order]).encode(), digest_size=8)
    found.update(place[y.codes[sampled(len(y.codes))]].tobytes())
    return found.hexdigest()


def digests_of(values: npt.NDArray[Any]) -> tuple[str, str]:
    """Hashes of evenly spaced rows: in float32, which is the same for a table in either precision, and to the bit."""
    # Not -0.0, which files may hold as 0.
    exact = values[sampled(len(values))].astype(np.float64, copy=False) + 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        single = exact.astype(np.float32)
    rough, sharp = (hashlib.blake2b(rows.tobytes(), digest_size=8).hexdigest() for rows in (single, exact))
    return rough, sharp


@dataclass(frozen=True, slots=True)
class Features:
    """Checked features, together with the original value."""

    original: Any
    values: Points
    names: npt.NDArray[np.object_] | None
    #: Number of columns of `original`. If coordinates are not used, `values` is a placeholder.
    columns: int
    #: How columns became dimensions, unless `values` is the array itself.
    encoding: Encoding | None = None
    #: What the user should know.
    notes: tuple[tuple[str, str, str | None], ...] = ()
    #: Hashes of some rows before they were scaled, in float32 and to the bit; None for a placeholder.
    digest: str | None = None
    exact: str | None = None

    @property
    def rows(self) -> int:
        return int(self.values.shape[0])

    @property
    def scale(self) -> str | None:
        return None if self.encoding is None else self.encoding.scale

    @property
    def dimensions(self) -> int | None:
        return None if self.digest is None else int(self.values.shape[1])


def features(
    X: Any,
    *,
    name: str = "X",
    who: str | None = None,
    coordinates: bool = True,
    chosen: Any = None,
    scale: str | None = None,
    like: Features | None = None,
) -> Features:
    """Convert features to an array of shape (n, d).

    `who` names the method in errors. Without `coordinates`, anything with rows is taken. `chosen` says which columns are features, and
    `like` that they are encoded as those of another table.
    """
    scale = check_scale(scale)
    _refuse_lazy(X, name)
    if not coordinates:
        return _without_coordinates(X, name)
    if _is_texts(X) and not is_sparse(X) and isinstance(X[0], str | bytes):
        raise hinted(
            ValueError(f"Expected 2D array, got 1D array instead: {name} is a list of texts, which have no coordinates"),
            "leanset.embed computes embeddings with a model; stratified-random and methods with dynamics= take texts as they are",
        )
    if is_sparse(X):
        X = _dense(X, name, who)
        found = _of_array(X[1], X[0], name, chosen, scale, like)
    elif library(X) == "datasets" and hasattr(X, "with_format"):
        # A Hugging Face dataset: its rows as an Arrow table, in its own order.
        table = X.with_format("arrow")[:]
        found = _of_frame(table, X, name, chosen, scale, "select_columns", like)
    elif is_column(X) and _lists.is_lists(X):
        found = _of_array(_lists.lists(X, name), X, name, chosen, None if scale == "auto" else scale, like)
    elif is_frame(X):
        found = _of_frame(X, X, name, chosen, scale, "select" if library(X) == "pyarrow" else "", like)
    else:
        found = _of_array(_array(X, name), X, name, chosen, scale, like)
    return found


def _refuse_lazy(X: Any, name: str) -> None:
    """Refuses what holds no rows that could be taken."""
    kind = type(X).__name__
    if isinstance(X, dict) and not is_sparse(X):
        raise hinted(TypeError(f"{name} is a dict of columns, which has no rows"), "pass a frame: pandas.DataFrame(…), or an array")
    if library(X) == "polars" and kind == "LazyFrame":
        raise hinted(TypeError(f"{name} is a LazyFrame, which holds no rows yet"), f"pass {name}.collect()")
    if library(X) == "datasets" and kind in ("DatasetDict", "IterableDatasetDict"):
        raise hinted(TypeError(f"{name} is a {kind} of several splits"), f"pass one split: {name}['train']")
    if library(X) == "pyarrow" and hasattr(X, "read_all"):
        raise hinted(TypeError(f"{name} is a {kind}, which can be read only once"), f"pass {name}.read_all()")
    if isinstance(X, Iterator):
        raise hinted(TypeError(f"{name} is a {kind}, which can be read only once"), f"pass list({name})")
    if isinstance(X, Set | KeysView | ValuesView):
        raise hinted(TypeError(f"{name} is a {kind}, whose rows have no positions"), f"pass a list or an array: list({name})")
    if library(X) == "datasets" and kind == "IterableDataset":
        raise hinted(TypeError(f"{name} is an IterableDataset, whose rows have no positions"), "use leanset.hf.reduce, which reads it once")


def _dense(X: Any, name: str, who: str | None) -> tuple[Any, npt.NDArray[Any]]:
    """Sparse data as an array, if it is not too large."""
    rows, width = X.shape
    bytes_needed = int(rows) * int(width) * max(np.dtype(X.dtype).itemsize, 4)
    if bytes_needed > DENSE:
        raise hinted(
            TypeError(
                f"Sparse data was passed for {name}, but dense data is required: {who or 'this'} uses the coordinates of rows, and "
                f"{rows:,} × {width:,} of them take {bytes_needed / 1e9:.1f} GB"
            ),
            "reduce the dimensions first, e.g. with sklearn.decomposition.TruncatedSVD, or use a method that does not use coordinates",
        )
    return X, X.toarray()


def _without_coordinates(X: Any, name: str) -> Features:
    """The rows of anything, of which nothing else is used."""
    width, rows = 1, rows_of(X)
    if is_sparse(X):
        width = int(X.shape[1])
    elif is_frame(X):
        width = width_of(X)
    elif library(X) == "datasets":
        width = len(getattr(X, "column_names", None) or [None])
    elif not (is_column(X) or _is_texts(X)):
        array = _array(X, name)
        _check_axes(array, name)
        rows, width = array.shape
    if rows is None:
        raise TypeError(f"{name} of type {type(X).__name__} has no number of rows")
    _check_size(rows, width, (rows, width))
    return Features(X, np.zeros((rows, 1), dtype=np.float32), column_names(X), width)


def _is_texts(X: Any) -> bool:
    """Whether this is a list or an array of texts, or of other objects that have no coordinates."""
    if isinstance(X, list | tuple):
        return len(X) > 0 and all(isinstance(value, str | bytes | dict) for value in X)
    return isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "SUTO"


def _of_frame(
    X: Any, original: Any, name: str, chosen: Any, scale: str | None, select: str, like: Features | None
) -> Features:
    rows, width = rows_of(X) or 0, width_of(X)
    _check_size(rows, width, (rows, width))
    if like is not None and like.encoding is not None:
        values = like.encoding.apply(X, name)
        return Features(original, values, column_names(X), width, like.encoding, (), *digests_of(values))
    encoded = encode_frame(X, name, chosen, select)
    return _scaled(encoded, original, column_names(X), width, scale)


def _of_array(
    array: npt.NDArray[Any], original: Any, name: str, chosen: Any, scale: str | None, like: Features | None
) -> Features:
    _check_axes(array, name)
    _check_size(array.shape[0], array.shape[1], array.shape)
    width = int(array.shape[1])
    names = column_names(original) if not isinstance(original, np.ndarray) else None
    if array.dtype.kind in "OSU":
        array = _floats(array, name)
    elif array.dtype.kind in "mM":
        raise hinted(TypeError(f"{name} must hold numbers, not {array.dtype}"), f"pass {name}.astype('int64') to measure distances in its units")
    if like is not None and like.encoding is not None and (like.encoding.carried or like.encoding.scale):
        values = like.encoding.apply(array, name)
        return Features(original, values, names, width, like.encoding, (), *digests_of(values))
    if chosen is None and scale in (None, "none"):
        values = _floats(array, name)
        notes = (note_of_ranges(values, None),) if scale is None and like is None else ()
        return Features(original, values, names, width, None, tuple(n for n in notes if n), *digests_of(values))
    return _scaled(encode_array(array, name, chosen), original, names, width, scale)


def _scaled(encoded: Encoded, original: Any, names: Any, width: int, scale: str | None) -> Features:
    """Features after scaling; the table is known by what it holds before."""
    digests = digests_of(encoded.values)
    notes = list(encoded.notes)
    if scale is None and not any(block.kind == "lists" for block in encoded.encoding.blocks):
        note = note_of_ranges(encoded.values, [name for block in encoded.encoding.blocks for name in block.names])
        notes += [note] if note else []
    scaled = encoded.scaled(scale)
    return Features(original, scaled.values, names, width, scaled.encoding, tuple(notes), *digests)


def _check_axes(array: npt.NDArray[Any], name: str) -> None:
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{array}\n")
    if array.dtype.names is not None:
        raise hinted(
            TypeError(f"{name} is a structured array, whose columns have types of their own: {listed(array.dtype.names)}"),
            f"pass pandas.DataFrame({name}), or numpy.lib.recfunctions.structured_to_unstructured({name})",
        )
    if array.ndim != 2:
        what = "scalar array" if array.ndim == 0 else f"{array.ndim}D array"
        raise ValueError(
            f"Expected 2D array, got {what} instead:\narray={array}.\n"
            "Reshape your data either using array.reshape(-1, 1) if your data has a single feature "
            "or array.reshape(1, -1) if it contains a single sample."
        )


def _check_size(rows: int, columns: int, shape: tuple[int, ...]) -> None:
    if rows < 1:
        raise ValueError(f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is required.")
    if columns < 1:
        raise ValueError(f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required.")


def _array(X: Any, name: str) -> npt.NDArray[Any]:
    """Convert any table of numbers that is no frame of a known library to an array of any dtype."""
    if library(X) in ("pandas", "polars"):
        return np.asarray(X.to_numpy())
    if library(X) not in ("numpy", "torch") and hasattr(X, "__arrow_c_stream__") and not isinstance(X, list | tuple):
        # Other frames can export Arrow data; pyarrow imports it.
        try:
            import pyarrow
        except ImportError as error:
            raise TypeError(f"{name} of type {type(X).__name__} needs pyarrow, which is not installed") from error
        return encode_frame(pyarrow.table(X), name, None, "select").values
    try:
        return to_numpy(X)
    except ValueError:
        # Rows of different lengths: name the first.
        if isinstance(X, list | tuple) and len(X) and all(np.ndim(row) == 1 for row in X):
            return _lists.lists(_objects(X), name)
        raise


def _objects(rows: Any) -> npt.NDArray[Any]:
    array = np.empty(len(rows), dtype=object)
    array[:] = list(rows)
    return array


def _floats(array: npt.NDArray[Any], name: str) -> Points:
    """Avoid a copy if possible. Otherwise convert float16 to float32, and everything else to float64."""
    if array.dtype == np.float32 or array.dtype == np.float16:
        return np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype.kind in "SUT":
        # As in scikit-learn, text is not converted to numbers.
        first = str(array.ravel()[0])
        raise ValueError(f"could not convert string to float: {first!r}")
    if array.dtype.kind == "O" and any(is_missing(value) for value in array.ravel().tolist()):
        array = np.array([np.nan if is_missing(value) else value for value in array.ravel().tolist()], dtype=object).reshape(array.shape)
    check_integers(array, name)
    return np.ascontiguousarray(array, dtype=np.float64)


def _taken(value: Any, rows: Ids) -> Any:
    """Rows of an Arrow array or table, also of types that Arrow itself cannot take rows of: views and run ends."""
    pyarrow = sys.modules["pyarrow"]
    try:
        return value.take(rows)
    except pyarrow.ArrowNotImplementedError:
        if hasattr(value, "column_names"):
            return type(value).from_arrays([_taken(column, rows) for column in value.columns], schema=value.schema)
        if hasattr(value, "chunks"):
            ends = np.cumsum([len(chunk) for chunk in value.chunks])
            begins = np.searchsorted(rows, [0, *ends])
            parts = [
                _taken(chunk, rows[begin:end] - (stop - len(chunk)))
                for chunk, stop, begin, end in zip(value.chunks, ends, begins[:-1], begins[1:], strict=True)
            ]
            return pyarrow.chunked_array(parts, type=value.type)
        # Runs of neighbouring rows.
        starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        lengths = np.diff(starts, append=len(rows))
        pieces = [value.slice(int(rows[at]), int(length)) for at, length in zip(starts, lengths, strict=True)]
        return pyarrow.concat_arrays(pieces) if pieces else value.slice(0, 0)


A = TypeVar("A")


def take(original: A, rows: Ids) -> A:
    """Select rows of the original value, in its own type. Frames keep their index, dtypes and names."""
    value: Any = original
    found: Any
    kind = library(value)
    if value is None:
        return original
    if isinstance(value, dict) and not is_sparse(value):
        sizes = {key: rows_of(column) for key, column in value.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"the columns of the dict have different numbers of rows: {sizes}")
        found = type(value)({key: take(column, rows) for key, column in value.items()})
    elif hasattr(value, "iloc"):
        found = value.iloc[rows]
    elif kind == "polars":
        found = value[rows]
    elif kind == "pyarrow":
        found = _taken(value, rows)
    elif kind == "datasets" and hasattr(value, "select"):
        found = value.select(rows)
    elif isinstance(value, list | tuple):
        found = type(value)(value[i] for i in rows.tolist())
    elif is_sparse(value):
        found = value.tocsr()[rows].asformat(value.format)
    elif kind == "torch":
        found = value[sys.modules["torch"].as_tensor(rows, device=value.device)]
    elif kind == "tensorflow":
        found = sys.modules["tensorflow"].gather(value, rows)
    elif isinstance(value, np.ndarray) or kind in ("jax", "jaxlib", "cupy", "pandas"):
        found = value[rows]
    else:
        found = np.asarray(value)[rows]
    return found  # type: ignore[no-any-return]


def prototypes(like: Features, values: npt.NDArray[np.float64]) -> Any:
    """Convert generated prototypes, in the units of the columns, to the type of the features. float32 and frames are kept; integers
    become float64, and columns that are no features are left out."""
    original, kind = like.original, library(like.original)
    points = values.astype(like.values.dtype, copy=False)
    if kind == "datasets" or is_frame(original):
        return _prototypes_of_frame(like, points)
    if is_column(original):
        return _lists.like(original, points)
    if kind == "torch":
        torch = sys.modules["torch"]
        dtype = original.dtype if original.dtype.is_floating_point else torch.float64
        return torch.as_tensor(points, dtype=dtype, device=original.device)
    if is_sparse(original):
        return type(original)(points)
    return points.tolist() if isinstance(original, list) else points


def _prototypes_of_frame(like: Features, points: npt.NDArray[Any]) -> Any:
    """The same for a frame: the columns that are features, of the types that they had if those hold fractions."""
    original, start = like.original, 0
    dataset = library(original) == "datasets"
    frame = original.with_format("arrow")[:] if dataset else original
    known = dict(columns(frame))
    made: list[tuple[Any, Any]] = []
    for block in like.encoding.blocks if like.encoding else ():
        own = points[:, start : start + block.width]
        made.append((block.label, _lists.like(known[block.label], own) if block.kind == "lists" else own[:, 0]))
        start += block.width
    if dataset:
        return type(original).from_dict({label: column.tolist() if isinstance(column, np.ndarray) else column.to_pylist() for label, column in made})
    match library(original):
        case "pyarrow":
            pyarrow = sys.modules["pyarrow"]
            return pyarrow.table([pyarrow.array(column) if isinstance(column, np.ndarray) else column for _, column in made],
                                 names=[label for label, _ in made])
        case "polars":
            return sys.modules["polars"].DataFrame(dict(made))
    pandas = sys.modules["pandas"]
    frame = pandas.DataFrame(dict(enumerate(column for _, column in made)))
    frame.columns = pandas.Index([label for label, _ in made], dtype=original.columns.dtype if len(made) == original.shape[1] else None)
    floats = {n: t for n, t in original.dtypes.items() if getattr(getattr(t, "subtype", t), "kind", "O") == "f" and n in frame.columns}
    return frame.astype(floats) if frame.columns.is_unique else frame


def prototype_labels(like: Labels, codes: Codes) -> Any:
    """Make the labels of generated prototypes, in the type of the labels."""
    if like.original is None:
        return None
    if like.one_hot:
        hot = np.zeros((len(codes), len(like.classes)), dtype=to_numpy(like.original).dtype)
        hot[np.arange(len(codes)), codes] = 1
        return hot
    # Take the label from any row of the class, to keep it as it was written.
    first = np.array([int(np.flatnonzero(like.codes == k)[0]) if (like.codes == k).any() else 0
                      for k in range(len(like.classes))], dtype=np.int64)
    found = take(like.original, first[codes])
    return found.reset_index(drop=True) if hasattr(found, "reset_index") else found
