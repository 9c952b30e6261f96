"""Datasets of Hugging Face. The library `datasets` is not imported: a dataset brings its own."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from leanset._budget import SamplingStrategy
from leanset._embed import embed as embedded
from leanset._errors import hinted
from leanset._frames import is_missing
from leanset._lists import library
from leanset._functions import reduce as reduce_rows
from leanset._results import Reduction
from leanset.adapters import select

if TYPE_CHECKING:
    from leanset.estimators import MethodName

__all__ = ["reduce"]


def reduce(
    dataset: Any,
    column: str | None = None,
    label: str | None = None,
    sampling_strategy: SamplingStrategy = 0.1,
    *,
    method: MethodName = "energy",
    embed: Callable[[list[Any]], Any] | None = None,
    cache: str | PathLike[str] | None = None,
    batch_size: int = 256,
    return_reduction: bool = False,
    **options: Any,
) -> Any:
    """Keep a representative subset of a Hugging Face dataset.

    Parameters
    ----------
    dataset : datasets.Dataset or datasets.IterableDataset
        One split. An IterableDataset is read once for the columns that are needed; the result filters it by position.
    column : str, optional
        The column of embeddings, or with `embed` the column of what is embedded. By default the column of lists, or all columns of numbers.
    label : str, optional
        The column of classes. The names of a ClassLabel are used, and its -1, which stands for a missing label, is refused.
    sampling_strategy : float, int, str or dict, default=0.1
        How many rows to keep, as in `leanset.reduce`.
    method : str, default="energy"
        The name of a method (`leanset.methods()`).
    embed : callable, optional
        Computes the embeddings of `column`, as in `leanset.embed`: `SentenceTransformer(…).encode`, or a function that calls CLIP.
    cache : str or path, optional
        A folder for embeddings, by content.
    batch_size : int, default=256
        Number of items for each call of `embed`.
    return_reduction : bool, default=False
        Whether to return the Reduction as well.
    **options
        Further arguments of `leanset.reduce`, such as `metric="cosine"`, `epsilon`, `scale`, `guard` and parameters of the method.

    Returns
    -------
    datasets.Dataset or datasets.IterableDataset
        The kept rows with all columns, in their order. With `return_reduction`, a pair of it and the Reduction.

    Raises
    ------
    ValueError, TypeError
        As `leanset.reduce`; and if a column does not exist.

    Examples
    --------
    >>> from datasets import Dataset
    >>> import leanset.hf
    >>> posts = Dataset.from_dict({"text": list("abcdef"), "embedding": [[float(i), 0.0] for i in range(6)]})
    >>> leanset.hf.reduce(posts, "embedding", sampling_strategy=2, method="mms", start="first")["text"][:]
    ['a', 'f']
    """
    kind = type(dataset).__name__
    if library(dataset) != "datasets" or kind not in ("Dataset", "IterableDataset"):
        error = TypeError(f"dataset must be a Dataset or IterableDataset of Hugging Face, not {kind}")
        raise hinted(error, "pass one split: dataset['train']") if kind in ("DatasetDict", "IterableDatasetDict") else error
    if embed is not None and column is None:
        raise TypeError("embed needs column, the column of what is embedded")
    if embed is None and cache is not None:
        raise TypeError("cache is for embeddings that embed computes")
    known = getattr(dataset, "column_names", None)
    for name in (column, label):
        if name is not None and known is not None and name not in known:
            raise hinted(ValueError(f"the dataset has no column {name!r}"), f"its columns are {', '.join(map(repr, known))}")
    columns = _read(dataset, column, label) if kind == "IterableDataset" else None
    y = None if label is None else _labels(dataset, label, columns)
    if embed is not None:
        X: Any = embedded(dataset[column][:] if columns is None else columns[column], embed, batch_size=batch_size, cache=cache)
    elif columns is not None:
        X = columns[column] if column is not None else np.zeros((len(next(iter(columns.values()))), 1))
    else:
        X = dataset.select_columns([column]) if column is not None else dataset.remove_columns([label]) if label else dataset
    reduction: Reduction = reduce_rows(X, y, sampling_strategy, method=method, **options)
    kept = select(dataset, reduction)
    return (kept, reduction) if return_reduction else kept


def _read(dataset: Any, column: str | None, label: str | None) -> dict[str | None, list[Any]]:
    """Columns of an IterableDataset, in one pass."""
    if column is None:
        raise hinted(TypeError("column must be given for an IterableDataset"), "name the column of embeddings, or of what embed gets")
    names = [name for name in (column, label) if name is not None]
    found: dict[str | None, list[Any]] = {name: [] for name in names}
    for row, item in enumerate(dataset):
        for name in names:
            if name not in item:
                raise ValueError(f"row {row} of the dataset has no column {name!r}")
            found[name].append(item[name])
    if not found[names[0]]:
        raise ValueError("the dataset has no rows")
    return found


def _labels(dataset: Any, label: str, columns: dict[str | None, list[Any]] | None) -> Any:
    values = dataset[label][:] if columns is None else columns[label]
    feature = (getattr(dataset, "features", None) or {}).get(label)
    names = getattr(feature, "names", None)
    if names is None:
        return list(values)
    codes = list(values)
    bad = next((row for row, code in enumerate(codes) if is_missing(code) or not 0 <= code < len(names)), None)
    if bad is not None:
        raise hinted(
            ValueError(f"Input y contains NaN. The label of row {bad} is {codes[bad]!r}, which is no class of column {label!r}"),
            "leave these rows out: dataset.filter(lambda row: row[label] >= 0)",
        )
    return np.array(names)[codes]
