"""Manifests: complete records of a reduction. They have the schema of the command line, and Rust checks it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from leanset import _leanset
from leanset._registry import find
from leanset._results import Epsilon, Reduction
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
) -> dict[str, Any]:
    """Make the manifest of a reduction that read its rows from one file and wrote them to another.

    Parameters
    ----------
    reduction : Reduction
        From `leanset.reduce`, or `reduction_` of an estimator, with ε measured (`epsilon="chebyshev"`).
    input, output : str or path
        The two files, which must exist. The manifest records their SHA-256.
    features : sequence of str
        The columns of the file that X consists of, unchanged. Scaling or encoding in Python is not recorded.
    label : str, optional
        The column of the file that y is.

    Returns
    -------
    dict
        A manifest of schema `leanset.manifest/2`. Pass it to `write_manifest`. `leanset reduce --from-manifest` reproduces the
        same selection from it.

    Raises
    ------
    ValueError
        If ε was not measured, or if the manifest cannot describe the reduction: the method generated prototypes, or used a
        target or a log, which have no file here.
    """
    if reduction.epsilon is None:
        raise ValueError("a manifest needs ε, which was not measured: reduce with epsilon='chebyshev' or another metric")
    if reduction.order is None or reduction.indices is None:
        raise ValueError("the method generated prototypes, which are not rows of the input file: use the command line")
    if reduction.beside:
        raise ValueError(f"a {reduction.beside} was also used, and it has no file here: use the command line")
    source, result = _file(input), _file(output)
    rows = sum(reduction.rows.values())
    weights = None
    if reduction.weights is not None:
        weights = reduction.weights[np.searchsorted(reduction.indices, reduction.order)].tolist()
    epsilon = reduction.epsilon
    manifest = {
        "schema": _leanset.manifest_schema(),
        "leanset": _leanset.VERSION,
        "request": {
            "command": "reduce",
            "input": str(input),
            "columns": {"label": label, "features": list(features), "missing": "refuse", "scale": "none"},
            "method": {
                "method": reduction.method, "parameters": reduction.parameters, **_guard(reduction),
                "seed": reduction.seed,
            },
            "budget": {**_budget(reduction), "allow_empty_classes": reduction.allow_empty_classes},
            "metric": epsilon.metric,
        },
        "input": {**source, "rows": rows},
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
        "warnings": [{"code": w.code, "message": w.message} for w in reduction.warnings],
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


def _file(path: str | os.PathLike[str]) -> dict[str, Any]:
    import hashlib

    place = Path(path)
    with place.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    suffixes = [s for s in place.suffixes if s not in (".gz", ".zst")]
    kind = suffixes[-1].lstrip(".") if suffixes else "csv"
    return {"path": str(path), "sha256": digest, "bytes": place.stat().st_size, "format": kind}


def _budget(reduction: Reduction) -> dict[str, Any]:
    if reduction.balance != "proportional" and not isinstance(reduction.budget, list):
        return {**_total(reduction), "balance": reduction.balance}
    return _total(reduction)


def _total(reduction: Reduction) -> dict[str, Any]:
    match reduction.budget:
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
