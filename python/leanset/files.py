"""Reduce tables in files, and image datasets, as the command line does: the same rows, the same manifests.

The wheel reduces arrays and frames, and has no files: they would make it four times as large. Build one with them:
`maturin build --release --features files`. Without them, the functions of this module raise ImportError.

A request is a dict with the keys that a manifest holds (docs/json.md, Requests). Everything that changes no result is a parameter.
The input is a file, a folder or a pattern of files, or a list of files, whose rows are one table.

>>> from leanset import files
>>> request = {
...     "input": "train.csv",
...     "columns": {"label": "Class", "missing": "mean"},
...     "method": {"method": "maxmin", "seed": 0},
...     "budget": {"ratio": 0.1},
... }
>>> manifest = files.reduce_file(request, "lean.csv")  # doctest: +SKIP
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leanset import _leanset
from leanset._result import warn

__all__ = ["check_images", "describe_images", "rank_file", "reduce_file", "reduce_images"]

_Path = str | os.PathLike[str]


def reduce_file(
    request: Mapping[str, Any], output: _Path, *, manifest: _Path | None = None, overwrite: bool = False,
    n_jobs: int | None = None, memory_limit: int | None = None,
) -> dict[str, Any]:
    """Reduce a table, and write the kept rows and their manifest.

    Parameters
    ----------
    request : mapping
        As in a manifest of `leanset reduce`. With `"no_epsilon": True`, ε is not measured.
    output : str or path
        The file for the kept rows. Its name determines the format.
    manifest : str or path, optional
        The file for the manifest. By default, it is beside the output.
    overwrite : bool, default=False
        Whether to replace existing files.
    n_jobs : int, optional
        Number of threads.
    memory_limit : int, optional
        Refuse to run if more bytes are predicted.

    Returns
    -------
    dict
        The manifest (docs/json.md, `leanset.manifest/2`).

    Raises
    ------
    ValueError
        If the request or the table cannot be used. Nothing is written then.
    """
    _check_available()
    return _result(_leanset.reduce_file(
        _text(request), Path(output), manifest=_path(manifest), overwrite=overwrite, n_jobs=n_jobs,
        memory_limit=memory_limit,
    ))


def rank_file(
    request: Mapping[str, Any], output: _Path, *, manifest: _Path | None = None, overwrite: bool = False,
    n_jobs: int | None = None, memory_limit: int | None = None,
) -> dict[str, Any]:
    """Rank all rows of a table, and write the ranking and its manifest.

    Parameters
    ----------
    request : mapping
        As in a manifest of `leanset rank`.
    output, manifest, overwrite, n_jobs, memory_limit
        As in `reduce_file`.

    Returns
    -------
    dict
        The manifest (docs/json.md, `leanset.manifest/2`).
    """
    _check_available()
    return _result(_leanset.rank_file(
        _text(request), Path(output), manifest=_path(manifest), overwrite=overwrite, n_jobs=n_jobs,
        memory_limit=memory_limit,
    ))


def reduce_images(
    request: Mapping[str, Any], output: _Path, *, overwrite: bool = False, strict: bool = False, cache: _Path | None = None,
    n_jobs: int | None = None, memory_limit: int | None = None,
) -> dict[str, Any]:
    """Reduce an image dataset, and write the smaller dataset into a folder.

    Parameters
    ----------
    request : mapping
        As in a manifest of `leanset images reduce`.
    output : str or path
        The folder.
    overwrite : bool, default=False
        Whether to replace the folder of an earlier reduction.
    strict : bool, default=False
        Whether any issue of the dataset is an error.
    cache : str or path, optional
        The folder of cached features. By default, there is no cache.
    n_jobs, memory_limit
        As in `reduce_file`.

    Returns
    -------
    dict
        The manifest (docs/json.md, `leanset.images/2`).
    """
    _check_available()
    return _result(_leanset.reduce_images(
        json.dumps(dict(request)), Path(output), overwrite=overwrite, strict=strict, cache=_path(cache), n_jobs=n_jobs,
        memory_limit=memory_limit,
    ))


def describe_images(
    request: Mapping[str, Any], output: _Path, *, paths: _Path | None = None, overwrite: bool = False, strict: bool = False,
    cache: _Path | None = None, n_jobs: int | None = None, memory_limit: int | None = None,
) -> dict[str, Any]:
    """Compute features of images with a model, and write them as a table.

    Parameters
    ----------
    request : mapping
        As in a manifest of `leanset images features`.
    output : str or path
        The table. Its name determines the format.
    paths : str or path, optional
        The file for the paths of the images, one per line. An array (.npy, .npz) needs it.
    overwrite, strict, cache, n_jobs, memory_limit
        As in `reduce_images`.

    Returns
    -------
    dict
        The manifest (docs/json.md, `leanset.features/2`).
    """
    _check_available()
    return _result(_leanset.describe_images(
        json.dumps(dict(request)), Path(output), paths=_path(paths), overwrite=overwrite, strict=strict, cache=_path(cache),
        n_jobs=n_jobs, memory_limit=memory_limit,
    ))


def check_images(dataset: _Path, division: Mapping[str, Any] | None = None, *, n_jobs: int | None = None) -> dict[str, Any]:
    """Find all issues of an image dataset.

    Parameters
    ----------
    dataset : str or path
        The dataset: a file or a folder.
    division : mapping, optional
        How to read and divide it: `division` of a request for `leanset images reduce`.
    n_jobs : int, optional
        Number of threads.

    Returns
    -------
    dict
        The issues, and the numbers of images and objects (docs/json.md, `leanset.images-check/1`).
    """
    _check_available()
    return _result(_leanset.check_images(Path(dataset), json.dumps(dict(division or {})), n_jobs=n_jobs))


def _check_available() -> None:
    if not hasattr(_leanset, "reduce_file"):
        error = ImportError("this build of leanset has no files: it reduces arrays and frames only")
        error.add_note("hint: use the command line, or build with `maturin build --release --features files`")
        raise error


def _text(request: Mapping[str, Any]) -> str:
    """A request as JSON. Paths may be path objects."""
    return json.dumps(dict(request), default=os.fspath)


def _path(path: _Path | None) -> Path | None:
    return None if path is None else Path(path)


def _result(outcome: tuple[str, list[tuple[str, str, str | None]]]) -> dict[str, Any]:
    warn(outcome[1])
    found: dict[str, Any] = json.loads(outcome[0])
    return found
