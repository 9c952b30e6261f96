"""From the columns of a frame, or of an array, to the points between which distances are computed.

The rules are those of the command line: text and categories become one 0/1 dimension per category, dates are carried along unless they are
named in `features`, lists are a block of dimensions. Scaling applies to numbers only. Every column is converted by itself into one
array, so that a frame of several types takes no more memory than a frame of floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset, _lists
from leanset._errors import hinted
from leanset._frames import Column, booleans, check_integers, columns, days, is_frame, listed, numbers, texts

Points = npt.NDArray[np.float32] | npt.NDArray[np.float64]

#: How numbers may be scaled. "auto" is the default of the command line.
SCALES = ("minmax", "standard", "unit", "none", "auto")

#: A text column with more different values than this is refused, as on the command line.
MAX_CATEGORIES = 1_000

#: Rows that are converted together, so that what is written stays in the cache.
CHUNK = 1 << 13

#: Rows from which ranges are estimated, about.
SAMPLE = 250

#: Arrays of more columns than this are taken for embeddings, whose numbers share a unit.
WIDE = 100


def check_scale(scale: Any) -> str | None:
    if scale is not None and scale not in SCALES:
        raise ValueError(f"scale must be None or one of {', '.join(map(repr, SCALES))}, not {scale!r}")
    return None if scale is None else str(scale)


@dataclass(frozen=True, slots=True)
class Block:
    """How one column becomes dimensions."""

    label: Any
    kind: str
    width: int
    categories: tuple[str, ...] = ()

    @property
    def is_scaled(self) -> bool:
        """Whether its values are numbers, and not 0 and 1 for a category."""
        return self.kind in ("number", "date", "lists")

    @property
    def names(self) -> list[str]:
        """What its dimensions are called."""
        match self.kind:
            case "text":
                return [f"{self.label}={category}" for category in self.categories]
            case "lists":
                return [f"{self.label}[{j}]" for j in range(self.width)]
        return [str(self.label)]


@dataclass(frozen=True, slots=True)
class Encoding:
    """Which columns are features, and how they become points."""

    blocks: tuple[Block, ...]
    #: `minmax`, `standard`, `unit`, or None.
    scale: str | None
    #: Of each dimension that is scaled, what the scale was fitted to.
    scalers: tuple[tuple[float, float] | None, ...] | None
    #: Whether there are columns that are no features.
    carried: tuple[Any, ...] = ()

    def apply(self, X: Any, name: str) -> Points:
        """The points of another frame or array with these columns."""
        if is_frame(X):
            known = dict(columns(X))
            if len(known) < len(columns(X)):
                raise ValueError(f"{name} has two columns of one name, and is to be encoded as X by the names of its columns")
            missing = [block.label for block in self.blocks if block.label not in known]
            if missing:
                raise ValueError(f"{name} lacks column {missing[0]!r}, which is a feature of X")
            values = _fill([(block, Column.of(block.label, known[block.label])) for block in self.blocks], name)
        else:
            array = np.asarray(X)
            positions = [block.label for block in self.blocks]
            if array.ndim != 2 or array.shape[1] <= max(positions):
                raise ValueError(f"{name} must have the columns of X, but its shape is {array.shape}")
            check_integers(array, name)
            values = array[:, positions].astype(np.float64)
        return self._scaled(values, name)

    def _scaled(self, values: Points, name: str) -> Points:
        if self.scale is None:
            return values
        double = np.ascontiguousarray(values, dtype=np.float64)
        if self.scale == "unit":
            _unit(double, name)
            return double
        for j, pair in enumerate(self.scalers or ()):
            if pair is not None:
                double[:, j] = double[:, j] * pair[0] + pair[1] if self.scale == "minmax" else (double[:, j] - pair[0]) / pair[1]
        return double

    def inverse(self, points: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Points in the units of the columns."""
        if self.scalers is None:
            return points
        found = np.array(points, dtype=np.float64)
        for j, pair in enumerate(self.scalers):
            if pair is not None:
                found[:, j] = (found[:, j] - pair[1]) / pair[0] if self.scale == "minmax" else found[:, j] * pair[1] + pair[0]
        return found

    def check_prototypes(self, who: str) -> None:
        """Refuses to generate prototypes where a point between rows has no value."""
        if self.scale == "unit":
            raise hinted(
                ValueError(f"{who}: rows were scaled to unit length, and a point between rows has no length of its own"),
                "keep the nearest real rows (output='rows'), or scale=None",
            )
        for block in self.blocks:
            if block.kind in ("text", "boolean"):
                what = "text" if block.kind == "text" else "true and false"
                raise hinted(
                    ValueError(f"{who}: column {block.label!r} holds {what}: a point between rows has no value there"),
                    "keep the nearest real rows (output='rows'), or leave the column out: features=[…]",
                )


def _unit(values: npt.NDArray[np.float64], name: str) -> None:
    """Scales each row to length 1. `name` names the table in errors."""
    try:
        _leanset.scale_rows(values, None)
    except ValueError:
        zero = np.flatnonzero(~values.any(axis=1))
        if not len(zero):
            raise
        raise hinted(
            ValueError(f"row {zero[0]} of {name}: all features are 0, so the row has no direction, which metric='cosine' and scale='unit' need"),
            "leave the row out, or measure with metric='euclidean' and without scale='unit'",
        ) from None


@dataclass(frozen=True, slots=True)
class Encoded:
    """Points, how they were made, and what the user should know."""

    values: Points
    encoding: Encoding
    notes: tuple[tuple[str, str, str | None], ...]
    #: Whether the points are nobody else's, and may be changed.
    owned: bool

    def scaled(self, scale: str | None) -> Encoded:
        """The same, scaled. "auto" is the default of the command line."""
        blocks = self.encoding.blocks
        lists = [block.label for block in blocks if block.kind == "lists"]
        scale = _resolved(scale, lists, [block.label for block in blocks if block.kind != "lists"])
        if scale is None:
            return self
        # The points of the user stay as they are.
        copies = not self.owned or self.values.dtype != np.float64
        values: npt.NDArray[np.float64] = np.array(self.values, dtype=np.float64, order="C", copy=True if copies else None)
        scalers = None
        if scale == "unit":
            _unit(values, "X")
        else:
            scaled = [block.is_scaled for block in blocks for _ in range(block.width)]
            scalers = tuple(_leanset.scale_columns(values, scaled, scale, None))
        return Encoded(values, Encoding(blocks, scale, scalers, self.encoding.carried), self.notes, True)


def encode_frame(X: Any, name: str, features: Any, select: str) -> Encoded:
    """Encodes a frame. `select` is the method by which its library selects columns, if not `X[…]`."""
    every = [Column.of(label, values) for label, values in columns(X)]
    notes: list[tuple[str, str, str | None]] = []
    chosen = _unnamed(every, name, select, notes) if features is None else _named(every, name, features)
    if not chosen:
        others = [f"{column.label!r} ({column.type})" for column in every]
        raise hinted(
            ValueError(f"{name}: no column is left to be a feature; no feature by their type: {', '.join(others[:5])}"),
            "distances need at least one column of numbers, true and false, text, or lists; features=[…] may name dates",
        )
    blocks = [(_block(column, name), column) for column in chosen]
    values = _fill(blocks, name)
    labels = {column.label for column in chosen}
    carried = tuple(column.label for column in every if column.label not in labels)
    own = tuple(block for block, _ in blocks)
    return Encoded(values, Encoding(own, None, None, carried), tuple(notes), True)


def encode_array(array: npt.NDArray[Any], name: str, features: Any) -> Encoded:
    """Encodes an array of shape (n, d): all of its columns, or some."""
    positions = _positions(features, array.shape[1], name)
    kind = "boolean" if array.dtype == np.bool_ else "number"
    chosen = array if features is None else array[:, positions]
    check_integers(chosen, name)
    single = chosen.dtype in (np.float32, np.float16)
    values: Points = np.ascontiguousarray(chosen, np.float32) if single else np.ascontiguousarray(chosen, np.float64)
    blocks = tuple(Block(position, kind, 1) for position in positions)
    carried = tuple(j for j in range(array.shape[1]) if j not in set(positions))
    return Encoded(values, Encoding(blocks, None, None, carried), (), False)


def _resolved(scale: str | None, lists: Sequence[Any], others: Sequence[Any]) -> str | None:
    """The scale, where "auto" is the default of the command line."""
    if scale in (None, "none"):
        return None
    if scale != "auto":
        return scale
    if lists and others:
        raise hinted(
            ValueError(
                f"X: the features {lists[0]!r} and {others[0]!r} need one scale: lists are not scaled by default, other numbers are"
            ),
            "scale='none' takes all as they are, scale='standard' gives every dimension the same weight",
        )
    return None if lists else "minmax"


def _positions(features: Any, count: int, name: str) -> list[int]:
    if features is None:
        return list(range(count))
    _check_features(features)
    given = [features] if isinstance(features, int | np.integer | str) else list(features)
    if given and all(isinstance(value, bool | np.bool_) for value in given):
        if len(given) != count:
            raise ValueError(f"features must have one entry for each of the {count} columns of {name}, not {len(given)}")
        return [j for j, wanted in enumerate(given) if wanted]
    found = []
    for value in given:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"features must be positions of columns, because {name} has no column names, not {value!r}")
        if not -count <= value < count:
            raise ValueError(f"features names column {value}, but {name} has {count} columns")
        found.append(int(value) % count)
    return _distinct(found)


def _distinct(found: list[Any]) -> list[Any]:
    if not found:
        raise ValueError("features names no column")
    twice = next((label for at, label in enumerate(found) if label in found[:at]), None)
    if twice is not None:
        raise ValueError(f"features names column {twice!r} twice")
    return found


def _check_features(features: Any) -> None:
    if isinstance(features, slice) or callable(features):
        raise TypeError(f"features must be a list of column names or positions, not {features!r}")


def _named(every: list[Column], name: str, features: Any) -> list[Column]:
    """The columns that the user names."""
    _check_features(features)
    given = [features] if isinstance(features, str | bytes) or not isinstance(features, Sequence | np.ndarray | set) else list(features)
    if hasattr(features, "tolist"):
        given = features.tolist()
    known = {column.label: column for column in every}
    labels = [column.label for column in every]
    if given and all(isinstance(label, bool | np.bool_) for label in given) and not any(isinstance(label, bool) for label in labels):
        # A mask over the columns.
        given = [labels[at] for at in _positions(given, len(labels), name)]
    for label in given:
        if label not in known:
            raise hinted(
                ValueError(f"features names column {label!r}, which {name} does not have"), f"the columns are {listed(list(known), 20)}"
            )
        if labels.count(label) > 1:
            raise hinted(ValueError(f"features names column {label!r}, and {name} has {labels.count(label)} columns of that name"),
                         "rename the columns first")
        if known[label].kind == "other":
            raise hinted(
                ValueError(f"{name}: column {label!r} ({known[label].type}) cannot be a feature"),
                "make it a number first, or leave it out of features",
            )
    return [known[label] for label in _distinct(given)]


def _unnamed(
    every: list[Column], name: str, select: str, notes: list[tuple[str, str, str | None]]
) -> list[Column]:
    """The columns that are features where nobody says which: lists of numbers if there are any, otherwise all that can be."""
    lists = [column for column in every if column.kind == "lists"]
    if lists:
        others = [column for column in every if column.kind != "lists"]
        carried = [c for c in others if c.kind in ("date", "other", "text") or _lists.is_carried(str(c.label), c.values)]
        labels = [column.label for column in lists]
        measured = [column.label for column in others if column not in carried]
        if measured:
            alone = f"{name}.{select}({labels!r})" if select else f"{name}[{labels!r}]"
            raise hinted(
                ValueError(
                    f"{name} has lists of numbers in {listed(labels)}, as embeddings do, and other features: {listed(measured)}"
                ),
                f"pass the lists alone, {alone}, or name what you mean: features={labels!r}",
            )
        if carried:
            notes.append((
                "skipped-column",
                f"distances are computed from {listed(labels)} alone; carried along: {listed([c.label for c in carried])}",
                None,
            ))
        return lists
    chosen = []
    for column in every:
        if column.kind == "date":
            notes.append((
                "skipped-column", f"column {column.label!r} holds dates: it is carried along but not used for distances",
                "name it in features= to measure distances in days",
            ))
        elif column.kind == "other":
            notes.append((
                "skipped-column", f"column {column.label!r} ({column.type}) is carried along but not used for distances", None,
            ))
        else:
            chosen.append(column)
    if len(chosen) > 1:
        notes += [note for column in chosen if (note := _id_like(column)) is not None]
    return chosen


#: Fewer integers than this count up by chance.
LEAST_COUNTED = 10


def _id_like(column: Column) -> tuple[str, str, str | None] | None:
    """What is worth knowing of a column of integers that is a feature because nobody said which columns are."""
    dtype = column.type.lower().removeprefix("u")
    if column.kind != "number" or not dtype.startswith("int"):
        return None
    hint = "if it does not measure anything, leave it out: features=[…]"
    if isinstance(column.label, str) and _lists.is_id_name(column.label):
        return "id-like-column", f"column {column.label!r} is named like an id and is used for distances", hint
    values = numbers(column.values, str(column.label))
    if len(values) >= LEAST_COUNTED and values[0] in (0, 1) and np.array_equal(values, np.arange(values[0], values[0] + len(values))):
        return "id-like-column", f"column {column.label!r} numbers the rows from {values[0]} on and is used for distances", hint
    return None


def _block(column: Column, name: str) -> Block:
    """Learns how a column becomes dimensions."""
    place = f"{name}: column {column.label!r}"
    if column.kind == "lists":
        return Block(column.label, "lists", int(_lists.lists(column.values, place).shape[1]))
    if column.kind != "text":
        return Block(column.label, column.kind, 1)
    codes, categories = texts(column.values)
    _refuse_missing(codes < 0, column.label)
    _check_words(column, codes, categories, place)
    if len(categories) > MAX_CATEGORIES or (len(categories) == len(codes) and len(codes) > 1):
        each = ", one per row" if len(categories) == len(codes) else ""
        raise hinted(
            ValueError(f"{place} holds {len(categories)} different texts{each}: too many for categories"),
            "name the other columns in features=; the text is carried along",
        )
    return Block(column.label, "text", len(categories), tuple(categories))


def _check_words(column: Column, codes: npt.NDArray[np.int64], categories: list[str], place: str) -> None:
    """Refuses text that is numbers, or numbers with a few words among them: as categories, any two would be equally far apart."""
    if column.type == "category":
        return
    numeric = np.array([_is_number(text) for text in categories], dtype=bool)
    of_rows = numeric[codes]
    if not numeric.any() or of_rows.mean() <= 0.5:
        return
    if numeric.all():
        raise hinted(
            ValueError(f"{place} holds numbers as text, such as {categories[0]!r}"),
            "convert the column to numbers, or to a categorical type if the values are names",
        )
    row = int(np.flatnonzero(~of_rows)[0])
    raise hinted(
        ValueError(f"{place}: row {row}: {categories[codes[row]]!r} is not a number, and {int(of_rows.sum())} values are"),
        "correct the value and convert the column to numbers, or to a categorical type if the values are names",
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_missing(missing: npt.NDArray[np.bool_], label: Any) -> None:
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise hinted(
            ValueError(f"Input X contains NaN. Column {label!r} has no value in row {row}"),
            "fill in the value, or leave the row or the column out: features=[…]",
        )


def _check_finite(values: npt.NDArray[Any], label: Any) -> None:
    least, most = values.min(), values.max()
    if np.isnan(least):
        rows = np.isnan(values) if values.ndim == 1 else np.isnan(values).any(axis=1)
        _refuse_missing(rows, label)
    if np.isinf(least) or np.isinf(most):
        row = int(np.argwhere(np.isinf(values))[0][0])
        raise hinted(
            ValueError(f"Input X contains infinity. Column {label!r} is infinite in row {row}"),
            "correct the value, or leave the row or the column out: features=[…]",
        )


def _fill(blocks: Sequence[tuple[Block, Column]], name: str) -> Points:
    """One array of all columns. Each is converted by itself, and copied once."""
    parts: list[tuple[Block, npt.NDArray[Any]]] = []
    for block, column in blocks:
        place = f"{name}: column {column.label!r}"
        match block.kind:
            case "lists":
                values = _lists.lists(column.values, place)
                check_integers(values, place)
            case "text":
                codes, categories = texts(column.values)
                _refuse_missing(codes < 0, column.label)
                known = {category: at for at, category in enumerate(block.categories)}
                strange = next((category for category in categories if category not in known), None)
                if strange is not None:
                    raise hinted(
                        ValueError(f"{place}: {strange!r} is not one of the {len(known)} categories of X"),
                        f"known: {listed(list(known), 20)}",
                    )
                values = np.array([known[category] for category in categories], dtype=np.int32)[codes]
            case "boolean":
                values = booleans(column.values)
            case "date":
                values = days(column.values, place)
            case _:
                values = numbers(column.values, place)
        if values.dtype.kind == "f" and values.size:
            _check_finite(values, column.label)
        parts.append((block, values))
    rows, width = len(parts[0][1]), sum(block.width for block, _ in parts)
    types = [values.dtype for block, values in parts if block.kind not in ("text", "boolean")]
    single = bool(types) and any(t.kind == "f" for t in types) and np.result_type(*types, np.float32) == np.float32
    out: Points = np.empty((rows, width), np.float32) if single else np.empty((rows, width), np.float64)
    for begin in range(0, rows, CHUNK):
        chunk, at = out[begin : begin + CHUNK], 0
        for block, values in parts:
            own = values[begin : begin + CHUNK]
            if block.kind == "text":
                chunk[:, at : at + block.width] = 0
                chunk[np.arange(len(own)), at + own] = 1
            elif block.kind == "lists":
                chunk[:, at : at + block.width] = own
            else:
                chunk[:, at] = own
            at += block.width
    return out


def note_of_ranges(values: Points, names: Sequence[Any] | None) -> tuple[str, str, str | None] | None:
    """What is worth knowing of columns whose ranges differ 1,000-fold, as a sample of the rows has them, if nothing is scaled."""
    rows, width = values.shape
    if width < 2 or width > WIDE or rows < 2:
        return None
    sample = values[:: max(rows // SAMPLE, 1)]
    with np.errstate(invalid="ignore", over="ignore"):
        ranges = sample.max(axis=0) - sample.min(axis=0)
    there = ranges[ranges > 0]
    if not len(there) or not 1_000 * float(there.min()) <= float(there.max()) < np.inf:
        return None
    most, least = int(ranges.argmax()), int(np.where(ranges > 0, ranges, np.inf).argmin())
    wide, narrow = (repr(str(names[j])) if names is not None else str(j) for j in (most, least))
    return (
        "unscaled-columns",
        f"column {wide} ranges over {ranges[most]:.4g} and column {narrow} over {ranges[least]:.4g}, and nothing is scaled: "
        f"column {narrow} has next to no effect on distances",
        "scale='minmax' gives every column the same range, as the command line does by default; scale='none' says that this is meant",
    )
