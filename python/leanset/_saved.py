"""Results as the files of the command line: row ids (`reduce --emit ids`) and rankings (`rank`), as CSV, which needs no library."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._errors import hinted
from leanset._whole import write_whole

if TYPE_CHECKING:
    from leanset._results import Ranking, Reduction


def _text(value: Any) -> str:
    """A cell, with the bytes that the command line writes."""
    if isinstance(value, float):
        if value != value:
            return ""
        # Python writes 1e-05 and 1e+16 where the command line writes 1e-5 and 1e16.
        digits, mark, exponent = repr(value).partition("e")
        return f"{digits}{mark}{int(exponent)}" if mark else digits
    if isinstance(value, int):
        return str(value)
    text = str(value)
    # Empty text is no missing value.
    return '"' + text.replace('"', '""') + '"' if text == "" or any(c in text for c in ',"\n\r') else text


def _table(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    return "".join(",".join(map(_text, line)) + "\n" for line in [head, *lines])


def ids_text(reduction: Reduction, order: str) -> str:
    """The ids of the kept rows, in the order of the table (`input`) or class by class from first to last pick (`rank`)."""
    assert reduction.order is not None
    ids = reduction.order.tolist()
    names = [str(label) for label, count in reduction.counts.items() for _ in range(count)]
    ranks = [rank for count in reduction.counts.values() for rank in range(count)]
    sorting = np.argsort(reduction.order, kind="stable").tolist()
    lines: list[tuple[Any, ...]] = list(zip(ids, names, ranks, strict=True))
    head = ["row", "class", "rank"]
    if reduction.weights is not None:
        by_row = dict(zip(sorted(ids), reduction.weights.tolist(), strict=True))
        lines = [(*line, by_row[line[0]]) for line in lines]
        head.append("weight")
    return _table(head, lines if order == "rank" else [lines[at] for at in sorting])


def _check_csv(path: str | os.PathLike[str], what: str) -> None:
    if Path(path).suffix.lower() != ".csv":
        error = ValueError(f"{path}: {what} is written as CSV")
        raise hinted(error, "name the file .csv; to_frame() gives the same table for other formats, which the command line reads too")


def save_ids(reduction: Reduction, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    if reduction.order is None:
        raise hinted(ValueError("the method generated prototypes, which have no row ids"), "save points and labels, for example with numpy.savez")
    _check_csv(path, "a list of row ids")
    write_whole(path, ids_text(reduction, "input").encode(), overwrite=overwrite)


def save_ranking(ranking: Ranking, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    _check_csv(path, "a ranking")
    names = [str(label) for label in ranking.labels.tolist()]
    lines = zip(ranking.rows.tolist(), names, ranking.ranks.tolist(), ranking.scores.tolist(), strict=True)
    write_whole(path, _table(["row", "class", "rank", "score"], lines).encode(), overwrite=overwrite)


def _read(path: str | os.PathLike[str], what: str, needed: Sequence[str], y: Any) -> tuple[dict[str, list[str]], Any]:
    """The columns of a CSV file, and the labels of the table: those of y, or the names in the file."""
    import csv

    from leanset._labels import labels

    if Path(path).suffix.lower() != ".csv":
        raise hinted(ValueError(f"{path}: {what} is read as CSV"), "let the command line write it as .csv")
    with open(path, encoding="utf-8-sig", newline="") as file:
        records = [record for record in csv.reader(file) if record]
    head = records[0] if records else []
    missing = next((name for name in needed if name not in head), None)
    if missing is not None:
        raise hinted(ValueError(f"{path} has no column {missing!r}, so it is not {what}"), "Ranking.save and Reduction.save write such files")
    odd = next((at for at, record in enumerate(records) if len(record) != len(head)), None)
    if odd is not None:
        raise ValueError(f"{path}: line {odd + 1} has {len(records[odd])} fields, and the first line has {len(head)}")
    columns = {name: [record[at] for record in records[1:]] for at, name in enumerate(head)}
    return columns, None if y is None else labels(y, len(y), who=f"{path}")


def _whole(path: Any, columns: dict[str, list[str]], name: str) -> npt.NDArray[np.int64]:
    """A column of whole numbers of at least 0."""
    for at, text in enumerate(columns[name]):
        if not (text.isascii() and text.isdigit()):
            error = ValueError(f"{path}: line {at + 2} has {name} {text!r}, which is no position of a row")
            raise hinted(error, "files with ids of your own (--id) are read by the command line alone")
    return np.array([int(text) for text in columns[name]], dtype=np.int64)


def _check_rows(path: Any, rows: npt.NDArray[np.int64], classes: Sequence[str], names: Sequence[str] | None, codes: Any) -> None:
    """Refuse rows twice, rows that the table has not, and rows of other classes than the file says."""
    first: dict[int, int] = {}
    for at, row in enumerate(rows.tolist()):
        if row in first:
            raise ValueError(f"{path}: lines {first[row] + 2} and {at + 2} name the same row {row}")
        first[row] = at
        if names is None:
            continue
        if row >= len(codes):
            raise ValueError(f"{path}: line {at + 2} names row {row}, and y has {len(codes)} rows")
        if names[codes[row]] != classes[at]:
            error = ValueError(f"{path}: line {at + 2} says that row {row} is of class {classes[at]!r}, and in y it is of {names[codes[row]]!r}")
            raise hinted(error, "pass the labels of the table that the file is of")


def load_ranking(path: str | os.PathLike[str], y: Any) -> tuple[_leanset.NativeRanking, Any]:
    """The ranking of a file, and the labels of its table."""
    from leanset._labels import Labels

    columns, own = _read(path, "a ranking", ["row", "class", "rank"], y)
    rows, ranks, classes = _whole(path, columns, "row"), _whole(path, columns, "rank"), columns["class"]
    _check_rows(path, rows, classes, None if own is None else own.names, None if own is None else own.codes)
    if own is None:
        if sorted(rows.tolist()) != list(range(len(rows))):
            error = ValueError(f"{path} has not all rows from 0 to {int(rows.max(initial=0))}, so the sizes of the classes are not known")
            raise hinted(error, "pass y, the labels of the table that was ranked")
        # A ranking within classes lists them in their order.
        known = list(dict.fromkeys(classes)) if _listed(classes) else _sorted(set(classes))
        places = {name: code for code, name in enumerate(known)}
        codes = np.zeros(len(rows), dtype=np.uint32)
        codes[rows] = [places[name] for name in classes]
        own = Labels(None, np.array(known), codes)
    of_file = own.codes[rows].astype(np.int64)
    scores = np.array([float(text) if text else np.nan for text in columns.get("score", [""] * len(rows))], dtype=np.float64)
    within = np.lexsort((ranks, of_file))
    counts = np.bincount(of_file, minlength=len(own.classes))
    expected = np.concatenate([np.arange(count) for count in counts]) if len(counts) else np.empty(0, dtype=np.int64)
    whole = not np.array_equal(ranks[within], expected)
    sorting = np.argsort(ranks, kind="stable") if whole else within
    if whole and not np.array_equal(ranks[sorting], np.arange(len(ranks))):
        raise ValueError(f"{path}: ranks are neither 0, 1, 2, … within each class nor over all rows")
    of_ranked = own.codes[rows[sorting]]
    native = _leanset.NativeRanking(whole, rows[sorting], scores[sorting], of_ranked, own.sizes.tolist(), own.names, [], [])
    return native, own


def _sorted(names: set[str]) -> list[str]:
    """Names in the order of the classes: by number, if all are numbers."""
    try:
        return sorted(names, key=float)
    except ValueError:
        return sorted(names)


def _listed(classes: Sequence[str]) -> bool:
    """Whether the rows of each class are side by side."""
    changes = sum(1 for one, other in zip(classes, classes[1:], strict=False) if one != other)
    return changes + 1 == len(set(classes))


def load_ids(path: str | os.PathLike[str], y: Any) -> dict[str, Any]:
    """The kept rows of a file, as `_leanset.reduce` gives them; the rows of each class are those of y."""
    columns, own = _read(path, "a list of kept rows", ["row", "class", "rank"], y)
    rows, ranks, classes = _whole(path, columns, "row"), _whole(path, columns, "rank"), columns["class"]
    if own is None:
        raise hinted(ValueError(f"y is needed: {path} says of which class the kept rows are, and not how many rows there are"),
                     "pass y, the labels of the table that was reduced")
    _check_rows(path, rows, classes, own.names, own.codes)
    of_file = own.codes[rows].astype(np.int64)
    sorting = np.lexsort((ranks, of_file))
    counts = np.bincount(of_file, minlength=len(own.classes))
    if not np.array_equal(ranks[sorting], np.concatenate([np.arange(count) for count in counts])):
        raise ValueError(f"{path}: ranks are not 0, 1, 2, … within each class")
    weights = None
    if "weight" in columns:
        weights = np.array([float(text) for text in columns["weight"]], dtype=np.float64)[sorting]
    return {"rows": rows[sorting], "weights": weights, "points": None, "counts": counts.tolist(), "labels": own}


def maker_of(path: str | os.PathLike[str]) -> tuple[str, dict[str, Any], int]:
    """Method, parameters and seed of a ranking, if its manifest is beside it."""
    import hashlib

    beside = Path(f"{path}.manifest.json")
    if not beside.exists():
        return "ranking", {}, 0
    manifest = read(beside)
    with open(path, "rb") as file:
        if manifest["output"]["sha256"] != hashlib.file_digest(file, "sha256").hexdigest():
            return "ranking", {}, 0
    method = manifest["request"]["method"]
    return method["method"], method.get("parameters", {}), method["seed"]


def read(path: Path) -> dict[str, Any]:
    """A manifest, checked."""
    import json

    found: dict[str, Any] = json.loads(_leanset.manifest_text(str(path), path.read_text(encoding="utf-8")))
    return found


def identity_of_file(rows: int, own: Any, y: Any) -> Any:
    """What is known of the table of a file: its rows and, if labels are given, its classes."""
    from leanset._convert import Identity, digest_of_labels

    return Identity(rows, None, None, None if y is None else digest_of_labels(own))


def load_reduction(cls: type[Reduction], path: str | os.PathLike[str], y: Any) -> Reduction:
    if Path(path).suffix.lower() == ".json":
        return _of_manifest(cls, Path(path), y)
    result = load_ids(path, y)
    own = result.pop("labels")
    return cls.of(
        {**result, "facts": "{}", "warnings": [], "budget": result["counts"], "allow_empty": min(result["counts"]) == 0, "seconds": 0.0,
         "threads": 1, "beside": None, "identity": identity_of_file(len(own.codes), own, y)},
        own, "row ids", {}, None,
    )


def _of_manifest(cls: type[Reduction], path: Path, y: Any) -> Reduction:
    """The reduction that a manifest records."""
    import dataclasses
    import json

    from leanset._labels import Labels, labels
    from leanset._epsilon import ClassEpsilon, Epsilon
    from leanset._result import LeansetWarning

    manifest = read(path)
    request, classes = manifest["request"], manifest["classes"]
    if request["command"] != "reduce" or manifest.get("row_ids") is None:
        what = f"leanset {request['command']}" if request["command"] != "reduce" else "generated prototypes"
        raise hinted(ValueError(f"{path} is the manifest of {what}, and has no kept rows"), "give the manifest of a reduction that keeps rows")
    names = [record["name"] for record in classes]
    kept = [record["kept"] for record in classes]
    order = np.array(manifest["row_ids"], dtype=np.int64)
    if y is None:
        own: Any = Labels(None, np.array(names), np.repeat(np.arange(len(names), dtype=np.uint32), [record["rows"] for record in classes]))
    else:
        own = labels(y, len(y), who=str(path))
        if own.names != names or own.sizes.tolist() != [record["rows"] for record in classes]:
            raise ValueError(f"{path} is of classes {dict(zip(names, (r['rows'] for r in classes), strict=True))}, and y has "
                             f"{dict(zip(own.names, own.sizes.tolist(), strict=True))}")
        _check_rows(path, order, [name for name, count in zip(names, kept, strict=True) for _ in range(count)], own.names, own.codes)
    budget, method = request["budget"], request.get("method", {})
    counts = dict(budget.get("per_class", {}))
    asked = budget.get("ratio", budget.get("count"))
    weights = manifest.get("weights")
    found = cls.of(
        {"rows": order, "weights": None if weights is None else np.array(weights, dtype=np.float64), "points": None, "counts": kept,
         "facts": json.dumps(manifest["method"]["facts"]), "warnings": [],
         "budget": [counts.get(name, 0) for name in names] if counts else asked if asked is not None else kept,
         "allow_empty": budget.get("allow_empty_classes", False), "seconds": manifest["measured"]["method_seconds"],
         "threads": manifest["measured"]["threads"], "beside": next((key for key in ("target", "keep", "log") if manifest.get(key)), None),
         "dimensions": manifest["columns"]["dimensions"], "balance": budget.get("balance", "proportional"),
         "identity": identity_of_file(manifest["rows"], own, y)},
        own, manifest["method"]["id"], method.get("parameters", {}), method.get("seed"),
    )
    warnings = tuple(LeansetWarning(one["code"], one["message"], None) for one in manifest["warnings"])
    measured = manifest.get("epsilon")
    if measured is None:
        return dataclasses.replace(found, warnings=warnings)
    places = dict(zip(names, own.classes.tolist(), strict=True))
    of_classes = {
        places[record["name"]]: ClassEpsilon(record["rows"], record["kept"], _number(record["epsilon"]), record.get("worst_row"))
        for record in classes
    }
    worst = measured["worst_class"]
    epsilon = Epsilon(_number(measured["value"]), measured["metric"], measured["worst_row"], None if worst is None else places[worst], of_classes)
    seconds = {**found.seconds, "epsilon": manifest["measured"]["epsilon_seconds"]}
    return dataclasses.replace(found, epsilon=epsilon, warnings=warnings, seconds=seconds)


def _number(value: Any) -> float:
    return float(value)
