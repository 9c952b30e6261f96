"""Labels as class codes, and the strata within which rows are chosen."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from leanset._errors import hinted
from leanset._frames import EXACT, columns, is_frame, is_missing, is_sparse, to_numpy
from leanset._lists import library

Ids = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class ClassSizes:
    """The classes of a table and how many rows each has: what is known of the labels once the rows are gone."""

    classes: npt.NDArray[Any]
    sizes: Ids
    original: Any = None
    #: The classes and their rows, if what is named above are strata, and the class of each of these.
    parent: tuple[ClassSizes, Ids] | None = None

    @property
    def names(self) -> list[str]:
        return names_of(self.classes)


def names_of(classes: npt.NDArray[Any]) -> list[str]:
    """What classes are called; strata of several columns are called by all of them."""
    return [", ".join(map(str, label)) if isinstance(label, tuple) else str(label) for label in classes.tolist()]


def plain_names(classes: npt.NDArray[Any]) -> list[str]:
    """What classes are called in any type: 1, 1.0, True, b'1' and '1' are one class, if no two of these classes become one by it."""
    labels = classes.tolist()
    names = [", ".join(map(_plain_name, label)) if isinstance(label, tuple) else _plain_name(label) for label in labels]
    return names if len(set(names)) == len(names) else names_of(classes)


def _plain_name(label: Any) -> str:
    name = label.decode(errors="replace") if isinstance(label, bytes) else str(label)
    if name in ("True", "False"):
        return str(int(name == "True"))
    try:
        number = float(name)
    except ValueError:
        return name
    return str(int(number)) if number.is_integer() and abs(number) < EXACT else name


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels as codes 0 … c − 1, in sorted order."""

    original: Any
    #: The distinct labels, of the dtype they came in.
    classes: npt.NDArray[Any]
    codes: Codes
    #: Whether they were given as one column per class.
    one_hot: bool = False
    #: The classes, if these are strata of classes and groups, and the class of each stratum.
    parent: tuple[ClassSizes, Ids] | None = None
    #: Whether the strata are not the labels, which are only carried along.
    apart: bool = False
    #: What was counted already.
    _counted: list[Ids] = field(default_factory=list, compare=False, repr=False)

    @property
    def sizes(self) -> Ids:
        """Number of rows of each class."""
        if not self._counted:
            self._counted.append(self._count())
        return self._counted[0]

    def _count(self) -> Ids:
        # In chunks, because counting converts the codes to eight bytes.
        counts = np.zeros(len(self.classes), dtype=np.int64)
        for at in range(0, len(self.codes), CHUNK):
            counts += np.bincount(self.codes[at : at + CHUNK], minlength=len(counts))
        return counts

    @property
    def names(self) -> list[str]:
        return names_of(self.classes)

    def known(self) -> ClassSizes:
        """The classes without the rows."""
        return ClassSizes(self.classes, self.sizes, None, self.parent)


def labels(y: Any, rows: int, *, who: str, stratify: Any = None, groups: Any = None) -> Labels:
    """Convert labels of any dtype. Without labels, there is one class. `stratify` takes the place of labels that are no classes, and
    every group of `groups` is a stratum of each class."""
    if stratify is None and groups is None:
        return _labels(y, rows, who)
    if stratify is None:
        own = _labels(y, rows, who)
        found = _crossed([own, _named(groups, rows, "groups")], y)
        # Every stratum is of one class.
        return Labels(y, found.classes, found.codes, parent=_parent(own, found), apart=True)
    parts = [_named(values, rows, "stratify") for values in _columns_of(stratify)]
    own = parts[0] if len(parts) == 1 else _crossed(parts, y)
    if groups is None:
        return Labels(y, own.classes, own.codes, apart=True)
    found = _crossed([*parts, _named(groups, rows, "groups")], y)
    return Labels(y, found.classes, found.codes, parent=_parent(own, found), apart=True)


def _parent(own: Labels, found: Labels) -> tuple[ClassSizes, Ids]:
    """The classes, and the class of each stratum of a class and a group."""
    first = np.zeros(len(found.classes), dtype=np.int64)
    first[found.codes] = own.codes
    return own.known(), first


def _columns_of(stratify: Any) -> list[Any]:
    """The columns of strata: of a frame, of an array with two axes, or one."""
    if is_frame(stratify):
        return [column for _, column in columns(stratify)]
    if isinstance(stratify, list | tuple):
        stratify = _listed(stratify)
    array = stratify if library(stratify) in ("pandas", "polars", "pyarrow") else to_numpy(stratify)
    if getattr(array, "ndim", 1) == 2:
        return [array[:, j] for j in range(array.shape[1])]
    return [array]


def _named(values: Any, rows: int, name: str) -> Labels:
    """The labels of one column of strata; a message names the argument that they are of."""
    try:
        return _labels(values, rows, name)
    except (TypeError, ValueError) as error:
        error.add_note(f"in {name}")
        raise


def _crossed(parts: list[Labels], original: Any) -> Labels:
    """One stratum for each combination that some row has."""
    together = np.zeros(len(parts[0].codes), dtype=np.int64)
    for part in parts:
        _, together = np.unique(together * len(part.classes) + part.codes, return_inverse=True)
    _, first, codes = np.unique(together, return_index=True, return_inverse=True)
    classes = np.empty(len(first), dtype=object)
    for at, row in enumerate(first.tolist()):
        classes[at] = tuple(part.classes[part.codes[row]].item() if isinstance(part.classes[part.codes[row]], np.generic)
                            else part.classes[part.codes[row]] for part in parts)
    return Labels(original, classes, codes.astype(np.uint32))


def _listed(values: list[Any] | tuple[Any, ...]) -> npt.NDArray[Any]:
    """A list as an array. Missing values among texts stay missing: NumPy would make the text 'nan' of them."""
    kinds = {type(value) for value in values}
    # Nor is the number 1 the text '1'.
    texts = {kind for kind in kinds if issubclass(kind, str | bytes)}
    if len(kinds) > 1 and (0 < len(texts) < len(kinds) or any(is_missing(value) for value in values)):
        array = np.empty(len(values), dtype=object)
        array[:] = list(values)
        return array
    try:
        array = np.asarray(values)
    except ValueError:
        # Lists of different lengths, which are refused later.
        array = np.empty(len(values), dtype=object)
        array[:] = list(values)
    if array.dtype.kind == "f" and kinds <= {int, bool}:
        # Integers of which float64 cannot tell two apart.
        array = np.array(values, dtype=object)
    return array


def _refuse_missing(row: int) -> None:
    raise hinted(
        ValueError(f"Input y contains NaN. The label of row {row} is missing"),
        "leave these rows out, or give the missing label a name of its own",
    )


def _is_fraction(value: Any) -> bool:
    return not isinstance(value, Integral) and math.isfinite(value) and value % 1 != 0


def _refuse_fractions(who: str) -> NoReturn:
    raise hinted(
        ValueError(f"Unknown label type: continuous. {who} needs classes, but y has fractional values."),
        "cut y into classes with stratify=pandas.qcut(y, 10, labels=False), and y is carried along",
    )


def array_of(y: Any) -> npt.NDArray[Any]:
    """Labels as an array of one axis, or of two."""
    if is_frame(y):
        own = columns(y)
        if len(own) == 1:
            y = own[0][1]
    if isinstance(y, list | tuple):
        array = _listed(y)
    elif library(y) == "polars" and str(getattr(y, "dtype", "")).endswith("Int128"):
        # NumPy has no such integers.
        array = np.array(y.to_list(), dtype=object)
    elif library(y) in ("pandas", "polars"):
        array = np.asarray(y.to_numpy())
    elif library(y) == "datasets" and hasattr(y, "with_format"):
        table = y.with_format("arrow")[:]
        return array_of(table)
    elif is_sparse(y):
        array = y.toarray()
    else:
        array = to_numpy(y, "y")
    if array.dtype.kind == "T":
        # NumPy's own texts, which may have missing values.
        array = array.astype(object)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _labels(y: Any, rows: int, who: str) -> Labels:
    if isinstance(y, str | bytes):
        raise hinted(TypeError(f"y must have one label per row, not {y!r}"), f"if this is a column of X: y=X[{y!r}], and X without it")
    if y is None:
        return Labels(None, np.array(["all"]), np.zeros(rows, dtype=np.uint32))
    if isinstance(y, Iterator | Mapping | Set):
        raise hinted(
            TypeError(f"y must have one label per row, in their order, not be a {type(y).__name__}"),
            "pass a list or an array: list(y)" if not isinstance(y, Mapping) else "pass a list or an array: list(y.values())",
        )
    array = array_of(y)
    one_hot = array.ndim == 2
    if array.ndim not in (1, 2):
        raise ValueError(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    if array.shape[0] != rows:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {[rows, array.shape[0]]}")
    if one_hot:
        if array.dtype.kind == "f" and np.isnan(array).any():
            _refuse_missing(int(np.argwhere(np.isnan(array))[0][0]))
        if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            raise hinted(
                ValueError(
                    "Multilabel and multioutput targets are not supported. "
                    f"y of shape {array.shape} must have exactly one 1 in every row, or be a column of classes."
                ),
                "stratify=y makes a stratum of every combination of labels, and y is carried along",
            )
        codes = array.argmax(axis=1)
        return Labels(y, np.arange(array.shape[1]), codes.astype(np.uint32), one_hot=True)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{array}\n")
    if array.dtype.kind == "f":
        if np.isnan(array).any():
            _refuse_missing(int(np.flatnonzero(np.isnan(array))[0]))
        if not np.isfinite(array).all():
            raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
        if (array != np.floor(array)).any():
            _refuse_fractions(who)
    elif array.dtype.kind in "mM":
        if np.isnat(array).any():
            _refuse_missing(int(np.flatnonzero(np.isnat(array))[0]))
    elif array.dtype.kind == "O":
        distinct = _distinct(array)
        if any(is_missing(value) for value in distinct):
            _refuse_missing(next(row for row, value in enumerate(array.tolist()) if is_missing(value)))
        if isinstance(distinct, list):
            value = next((value for value in distinct if not isinstance(value, Hashable)), distinct[0])
            raise hinted(
                ValueError(f"y must have one label per row, not a {type(value).__name__} such as {value!r}"),
                "several labels per row are several columns of stratify=; y is carried along",
            )
        if all(isinstance(value, Real | Decimal) for value in distinct) and any(map(_is_fraction, distinct)):
            _refuse_fractions(who)
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
