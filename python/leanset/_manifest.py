"""Manifests: complete records of a reduction. They have the schema of the command line, and Rust checks it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._budget import Budget
from leanset._errors import hinted
from leanset._registry import find
from leanset._epsilon import Epsilon
from leanset._result import warn
from leanset._results import Asked, Reduction
from leanset._saved import ids_text
from leanset._whole import write_whole


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a manifest, such as the command line writes beside its output.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    dict
        Its keys are described in docs/json.md, `leanset.manifest/2`. `request` is what was asked. `row_ids` are the kept rows,
        class by class, from first to last pick.

    Raises
    ------
    ValueError
        If the file is not a manifest of this schema.
    """
    text = Path(path).read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(_leanset.manifest_text(str(path), text))
    return found


def write_manifest(path: str | os.PathLike[str], manifest: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Write a manifest of schema `leanset.manifest/2`, with the same bytes as the command line, completely or not at all.

    Parameters
    ----------
    path : str or path
    manifest : mapping
        From `read_manifest` or `manifest_of`.
    overwrite : bool, default=False
        Whether to replace an existing file.

    Raises
    ------
    ValueError
        If `manifest` is not a manifest.
    FileExistsError
        If the file exists and `overwrite` is False.
    """
    text = _leanset.manifest_text("the manifest", json.dumps(manifest, allow_nan=False))
    write_whole(path, text.encode(), overwrite=overwrite)


def manifest_of(
    reduction: Reduction,
    *,
    input: str | os.PathLike[str],
    output: str | os.PathLike[str],
    features: Sequence[str],
    label: str | None = None,
    log: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Make the manifest of a reduction that read its rows from one file and wrote them to another.

    Everything that can be checked is checked here, so that `leanset reduce --from-manifest` reproduces the output from the manifest.

    Parameters
    ----------
    reduction : Reduction
        From `leanset.reduce`, or `reduction_` of an estimator, with ε measured (`epsilon="chebyshev"`).
    input, output : str or path
        The two files, which must exist. The manifest records their SHA-256. The output is what the command line would write: the kept
        lines of the input, unchanged and in their order, or what `Reduction.save` writes.
    features : sequence of str
        The columns of the file that X consists of, unchanged and in the order of the file. The scaling of `scale=` is recorded; what you scale or
        encode yourself is not.
    label : str, optional
        The column of the file that y is.
    log : str or path, optional
        The file in which `ForgettingLog.save` wrote the training log, if the reduction used one.

    Returns
    -------
    dict
        A manifest of schema `leanset.manifest/2`. Pass it to `write_manifest`.

    Raises
    ------
    ValueError
        If the command line could not reproduce the output: ε was not measured; the method generated prototypes; a target or a list of kept
        rows was used, which have no file here; the input is not the table that was reduced, or the log not the one that was used; or the
        output is not what the command line would write.

    Warns
    -----
    LeansetWarning
        `unchecked-input` if no library that can read the input is installed, so that it was not compared.
    """
    if reduction.epsilon is None:
        raise ValueError("a manifest needs ε, which was not measured: reduce with epsilon='chebyshev' or another metric")
    if reduction.order is None or reduction.indices is None:
        raise ValueError("the method generated prototypes, which are not rows of the input file: use the command line")
    asked = reduction._asked
    if (reduction.beside and reduction.beside != "log") or asked is None:
        what = f"a {reduction.beside} was also used" if reduction.beside else "the reduction was read from a file"
        raise ValueError(f"{what}, and it has no file here: use the command line")
    if asked.strata:
        raise hinted(ValueError("stratify or groups was also used, which the command line does not have"),
                     "make a column of the strata, and reduce by it as the label")
    if isinstance(features, str):
        raise hinted(TypeError(f"features must be a list of column names, not {features!r}"), f"pass features=[{features!r}]")
    delimiter = _check_table(reduction, asked, input, list(features), label)
    logged = _check_log(asked, log)
    source, result = _file(input), _file(output)
    writing = _writing_of(reduction, input, output)
    rows = sum(reduction.rows.values())
    weights = None
    if reduction.weights is not None:
        weights = reduction.weights[np.searchsorted(reduction.indices, reduction.order)].tolist()
    epsilon = reduction.epsilon
    method: dict[str, Any] = {
        "method": reduction.method, "parameters": reduction.parameters, **_guard(reduction), "seed": reduction.seed,
    }
    if logged is not None:
        method["log"] = str(log)
    if asked.trainer is not None:
        method["training"] = {**asked.trainer, "hidden": list(asked.trainer["hidden"])}
    manifest = {
        "schema": _leanset.manifest_schema(),
        "leanset": _leanset.VERSION,
        "request": {
            "command": "reduce",
            "input": str(input),
            "columns": {
                "label": label, "features": list(features), "missing": "refuse", "scale": asked.scale or "none",
                **({} if delimiter is None else {"delimiter": delimiter}),
            },
            "method": method,
            "budget": {**_budget(reduction, asked.budget), "allow_empty_classes": reduction.allow_empty_classes},
            **_stopping(asked),
            "metric": epsilon.metric,
            "writing": writing,
        },
        "input": {**source, "rows": rows},
        **({} if logged is None else {"log": logged}),
        "columns": {"features": list(features), "dimensions": reduction.dimensions or len(features), "dropped_rows": 0},
        "method": {"id": reduction.method, "facts": _plain(reduction.facts)},
        "classes": _classes(reduction, epsilon),
        "rows": rows,
        "kept": len(reduction),
        "epsilon": {
            "metric": epsilon.metric, "value": _plain(epsilon.value), "worst_row": epsilon.worst_row,
            "worst_class": None if epsilon.worst_class is None else str(epsilon.worst_class),
        },
        "output": result,
        # Of the method: what there is to say about the columns is for whoever reads the file.
        "warnings": [{"code": w.code, "message": w.message} for w in reduction.warnings[asked.notes :]],
        "row_ids": reduction.order.tolist(),
        "weights": weights,
        "measured": {
            "read_seconds": 0.0,
            "method_seconds": reduction.seconds.get("method", 0.0),
            "epsilon_seconds": reduction.seconds.get("epsilon", 0.0),
            "peak_memory_bytes": None,
            "threads": reduction.threads,
        },
    }
    found: dict[str, Any] = json.loads(_leanset.manifest_text("the manifest", json.dumps(manifest, allow_nan=False)))
    return found


def _check_table(reduction: Reduction, asked: Asked, path: str | os.PathLike[str], names: list[str], label: str | None) -> str | None:
    """Refuse a file that is not the table that was reduced. Returns the separator of a text file, if it is not the usual one."""
    from leanset._convert import digest_of_labels, digests_of, sampled
    from leanset._labels import Labels

    rows = sum(reduction.rows.values())
    if label is None and list(reduction.rows) != ["all"]:
        raise hinted(ValueError("label is not given, and rows were reduced by the classes of y"), "name the column of the file that y is")
    wanted = [*names] if label is None else [*names, label]
    found = read_columns(Path(path), names, label, sampled(rows))
    if found is None:
        warn([("unchecked-input", f"{path} was not compared with X and y: nothing that can read it is installed",
               "pip install pyarrow, or save the table as .csv")])
        return None
    if found.order != sorted(found.order):
        listed = [names[at] for at in np.argsort(found.order).tolist()]
        error = ValueError(f"features are in another order than the columns of {path}, and sums depend on the order in the last bit")
        raise hinted(error, f"reduce X with its columns in the order of the file: {listed}")
    if found.rows != rows:
        raise hinted(ValueError(f"{path} has {found.rows} rows, and {rows} rows were reduced"), "name the file that X and y were read from")
    try:
        values = np.column_stack([np.asarray(column, dtype=np.float64) for column in found.values])
    except (TypeError, ValueError) as unusable:
        raise hinted(ValueError(f"{path}: features must be columns of numbers: {unusable}"),
                     "let the command line encode and scale such columns") from None
    own = [str(name) for name in reduction.rows]
    if label is not None:
        strange = next((name for name in found.classes if name not in own), None)
        if strange is not None:
            error = ValueError(f"{path} has a row of class {strange!r}, and the classes of y are {own[:10]}")
            raise hinted(error, "name the file and the label column that X and y were read from, with the labels as they are there")
    places = {name: at for at, name in enumerate(own)}
    codes = np.array([places[name] for name in found.classes], dtype=np.uint32)[found.codes] if label is not None else None
    same = asked.table is None or digests_of(values)[1] == asked.table
    if codes is not None and reduction.identity is not None:
        same &= digest_of_labels(Labels(None, np.array(own), codes)) == reduction.identity.labels
    if not same:
        error = ValueError(f"{path} has other values than X and y in the columns {', '.join(wanted)}")
        raise hinted(error, "name the file and the columns that X and y were read from, unscaled and to the last digit "
                            "(pandas.read_csv needs float_precision='round_trip' for that)")
    return found.delimiter


@dataclasses.dataclass(frozen=True, slots=True)
class InFile:
    """What was read of a table in a file: some rows of the features, and the classes of all."""

    #: Rows of the file.
    rows: int
    #: The positions of the features in the file.
    order: list[int]
    #: Some values of each feature.
    values: list[list[Any]]
    #: The distinct labels as text, and the position of each row's among them.
    classes: list[str]
    codes: npt.NDArray[np.uint32]
    #: The separator of a text file, if it is not the one that its name says.
    delimiter: str | None = None


def read_columns(path: Path, names: list[str], label: str | None, at: npt.NDArray[np.int64]) -> InFile | None:
    """The rows `at` of columns of a file, row by row, so that a large file takes little memory; None if nothing that reads it is installed."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if packed else suffixes)[-1:]
    if kind in ([".csv"], [".tsv"]):
        return _of_text(path, packed, names, label, at, "\t" if kind == [".tsv"] else None)
    if kind == [".jsonl"] and not packed:
        with path.open(encoding="utf-8") as file:
            records = (json.loads(line) for line in file if line.strip())
            first: dict[str, Any] = next(records, {})
            known = list(first)
            places = _check_there(path, names, label, known)
            rows = ([record.get(name) for name in known] for record in itertools.chain([first], records))
            return _collected(rows, places, None if label is None else known.index(label), at)
    if kind in ([".parquet"], [".pq"], [".arrow"], [".feather"], [".ipc"]) and not packed:
        try:
            import pyarrow.feather
            import pyarrow.parquet
        except ImportError:
            return None
        parquet = kind in ([".parquet"], [".pq"])
        known = (pyarrow.parquet.read_schema(path) if parquet else pyarrow.feather.read_table(path).schema).names
        places = _check_there(path, names, label, known)
        wanted = names if label is None else [*names, label]
        table = pyarrow.parquet.read_table(path, columns=wanted) if parquet else pyarrow.feather.read_table(path, columns=wanted)
        few = table.select(names).take(at[at < table.num_rows])
        classes, codes = _coded([] if label is None else map(str, table.column(label).to_pylist()))
        return InFile(table.num_rows, places, [few.column(name).to_pylist() for name in names], classes, codes)
    return None


def _of_text(
    path: Path, packed: bool, names: list[str], label: str | None, at: npt.NDArray[np.int64], delimiter: str | None
) -> InFile:
    import csv
    import gzip

    def lines() -> Any:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="") if packed else path.open(encoding="utf-8-sig", newline="")

    def header(mark: str) -> list[str]:
        with lines() as file:
            return [name.strip() for name in next((record for record in csv.reader(file, delimiter=mark) if record), [])]

    # A comma, unless the columns are found with another separator, which the manifest then names.
    wanted = {*names} if label is None else {*names, label}
    marks = [delimiter] if delimiter else [mark for mark in ",;\t|" if wanted <= set(header(mark))] or [","]
    known = header(marks[0])
    places = _check_there(path, names, label, known)
    with lines() as file:
        records = (record for record in csv.reader(file, delimiter=marks[0]) if record)
        next(records, None)
        rows = ([cell.strip() for cell in record] + [""] * (len(known) - len(record)) for record in records)
        found = _collected(rows, places, None if label is None else known.index(label), at)
    return dataclasses.replace(found, delimiter=None if delimiter or marks[0] == "," else marks[0])


def _collected(records: Iterable[list[Any]], places: list[int], label: int | None, at: npt.NDArray[np.int64]) -> InFile:
    """Some rows of some columns, and the classes of all rows."""
    wanted, count = set(at.tolist()), 0
    values: list[list[Any]] = [[] for _ in places]

    def classes() -> Iterator[str]:
        nonlocal count
        for record in records:
            if count in wanted:
                for column, place in zip(values, places, strict=True):
                    column.append(record[place])
            count += 1
            yield "" if label is None else str(record[label])

    names, codes = _coded(classes())
    return InFile(count, places, values, names, codes)


def _coded(texts: Iterable[str]) -> tuple[list[str], npt.NDArray[np.uint32]]:
    """The distinct texts in the order in which they come, and the position of each text among them."""
    known: dict[str, int] = {}
    codes = np.fromiter((known.setdefault(text, len(known)) for text in texts), np.uint32)
    return list(known), codes


def _check_there(path: Path, names: list[str], label: str | None, known: list[str]) -> list[int]:
    """The positions of columns in a file."""
    missing = next((name for name in [*names, *([] if label is None else [label])] if name not in known), None)
    if missing is not None:
        raise hinted(ValueError(f"{path} has no column {missing!r}"), f"its columns are {', '.join(known[:20])}")
    return [known.index(name) for name in names]


def _check_log(asked: Asked, log: str | os.PathLike[str] | None) -> dict[str, Any] | None:
    """The record of the log; a file with other training dynamics is refused."""
    if asked.dynamics is None:
        if log is not None:
            raise ValueError("log is given, and the reduction used no training log")
        return None
    if log is None:
        raise hinted(ValueError("a log was also used, and log= does not say in which file it is"),
                     "save it with ForgettingLog.save, and pass log= the file")
    from leanset._functions import digest_of_dynamics
    from leanset.training import ForgettingLog

    saved = ForgettingLog.load(log)
    if digest_of_dynamics(saved.finish()._native) != asked.dynamics:
        raise hinted(ValueError(f"{log} is not the log that the reduction used"), "save the log that was passed as dynamics=")
    return {**_file(log), "format": "training-log", "rows": len(saved)}


def _writing_of(reduction: Reduction, input: str | os.PathLike[str], output: str | os.PathLike[str]) -> dict[str, str]:
    """What the output has: the kept rows or their ids, in the order of the input or of the ranks. Anything else is refused."""
    content = Path(output).read_bytes()
    for order in ("input", "rank"):
        if content == ids_text(reduction, order).encode():
            return {"emit": "ids", "order": order}
    source = Path(input)
    plain = (".csv", ".tsv", ".jsonl")
    same = Path(output).suffix.lower() == source.suffix.lower()
    lines = source.read_bytes().splitlines(keepends=True) if source.suffix.lower() in plain and same else []
    head = 0 if source.suffix.lower() == ".jsonl" else 1
    assert reduction.order is not None and reduction.indices is not None
    if len(lines) == sum(reduction.rows.values()) + head:
        for order, kept in (("input", reduction.indices), ("rank", reduction.order)):
            if content == b"".join([*lines[:head], *(lines[head + row] for row in kept.tolist())]):
                return {"emit": "rows", "order": order}
    error = ValueError(f"{output} is not what the command line would write: the kept lines of {input}, unchanged and in their order")
    raise hinted(error, "write the row ids with Reduction.save(output), or the lines of the input as they are there")


def _file(path: str | os.PathLike[str]) -> dict[str, Any]:
    import hashlib

    place = Path(path)
    with place.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": str(path), "sha256": digest, "bytes": place.stat().st_size, "format": _format(place)}


#: Extensions of each format, as the command line knows them.
FORMATS = {
    "csv": ("csv",), "tsv": ("tsv", "tab"), "jsonl": ("jsonl", "ndjson", "json"), "parquet": ("parquet", "pq"),
    "arrow": ("arrow", "feather", "ipc"), "npy": ("npy",), "npz": ("npz",), "xlsx": ("xlsx",),
}


def _format(path: Path) -> str:
    suffixes = [suffix.lower().lstrip(".") for suffix in path.suffixes if suffix.lower() not in (".gz", ".zst")]
    last = suffixes[-1] if suffixes else ""
    return next((name for name, extensions in FORMATS.items() if last in extensions), "csv")


def _stopping(asked: Asked) -> dict[str, Any]:
    if asked.stopping is None:
        return {}
    within, epsilon, _ = asked.stopping
    return {"stopping": {"within": within} if within is not None else {"epsilon": epsilon}}


def _budget(reduction: Reduction, budget: Budget) -> dict[str, Any]:
    if reduction.balance != "proportional" and not isinstance(budget, list):
        return {**_total(reduction, budget), "balance": reduction.balance}
    return _total(reduction, budget)


def _total(reduction: Reduction, budget: Budget) -> dict[str, Any]:
    match budget:
        case list(counts):
            return {"per_class": {str(n): c for n, c in zip(reduction.rows, counts, strict=True)}}
        case int(count):
            return {"count": count}
        case ratio:
            return {"ratio": ratio}


def _guard(reduction: Reduction) -> dict[str, Any]:
    """The guard as it was used, unless it is off as it is without a word."""
    used = reduction.facts.get("guard", "off")
    own = find(reduction.method).capabilities["guard"]
    return {} if used == "off" and own in ("off", "no") else {"guard": used}


def _classes(reduction: Reduction, epsilon: Epsilon) -> list[dict[str, Any]]:
    found = []
    for name, rows in reduction.rows.items():
        own = epsilon.classes[name]
        record: dict[str, Any] = {"name": str(name), "rows": rows, "kept": own.kept, "epsilon": _plain(own.value)}
        if own.worst_row is not None:
            record["worst_row"] = own.worst_row
        found.append(record)
    return found


def _plain(value: Any) -> Any:
    """Replace infinities, which JSON lacks, by words."""
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
