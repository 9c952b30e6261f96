"""Kept rows of datasets of other libraries, which are imported only when they are needed."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np

from leanset._convert import take
from leanset._errors import hinted
from leanset._frames import is_frame, is_sparse, rows_of
from leanset._functions import identity_of, indices_of
from leanset._labels import Ids
from leanset._lists import library

D = TypeVar("D")


def to_subset(dataset: Any, reduced: Any) -> Any:
    """Make a PyTorch subset of the kept rows.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        The dataset whose rows were reduced.
    reduced : fitted estimator, Reduction, or array of row ids

    Returns
    -------
    torch.utils.data.Subset
        The kept rows, in the order of the dataset.

    Raises
    ------
    ValueError
        If the dataset has another number of rows than the table that was reduced.
    """
    rows = _within(dataset, reduced).tolist()
    from torch.utils.data import Subset  # pyright: ignore[reportMissingImports]

    return Subset(dataset, rows)


def to_sampler(
    reduced: Any, *, of: Literal["dataset", "subset"] = "dataset", num_samples: int | None = None, generator: Any = None
) -> Any:
    """Make a PyTorch sampler of the kept rows.

    If the result has weights, rows are drawn by weight, with replacement; the weights of a class sum to its number of rows in the full set.
    Otherwise every kept row is drawn once per epoch, in random order.

    Parameters
    ----------
    reduced : fitted estimator or Reduction
    of : {"dataset", "subset"}, default="dataset"
        What the positions that are drawn are of: the dataset that was reduced, or the result of `to_subset`.
    num_samples : int, optional
        Number of rows per epoch; by default the number of kept rows.
    generator : torch.Generator, optional
        The random generator.

    Returns
    -------
    torch.utils.data.Sampler
    """
    from torch.utils.data import Sampler, SubsetRandomSampler, WeightedRandomSampler  # pyright: ignore[reportMissingImports]

    if of not in ("dataset", "subset"):
        raise ValueError(f"of must be 'dataset' or 'subset', not {of!r}")
    found = getattr(reduced, "reduction_", reduced)
    rows = indices_of(reduced)
    places = rows.tolist() if of == "dataset" else list(range(len(rows)))
    if getattr(found, "weights", None) is None:
        if num_samples is not None:
            raise hinted(
                ValueError(f"num_samples needs weights, which {type(reduced).__name__} does not have"),
                "without weights, every kept row is drawn once per epoch; protodash and representative-kmeans have weights",
            )
        return SubsetRandomSampler(places, generator=generator)

    class KeptRows(Sampler[int]):  # type: ignore[misc]
        """Draws positions in the kept rows, and gives those in the dataset."""

        def __init__(self) -> None:
            count = len(places) if num_samples is None else num_samples
            self.drawn = WeightedRandomSampler(found.sample_weight.tolist(), count, replacement=True, generator=generator)

        def __iter__(self) -> Any:
            return (places[at] for at in self.drawn)

        def __len__(self) -> int:
            return len(self.drawn)

    return KeptRows()


def select(dataset: D, reduced: Any) -> D:
    """Select the kept rows of anything that has rows.

    Parameters
    ----------
    dataset : frame, array, tensor, list, sparse matrix, dict of these, or Hugging Face Dataset or IterableDataset
        What the rows are of: X, y, or anything else with one entry for each of these rows.
    reduced : fitted estimator, Reduction, or array of row ids

    Returns
    -------
    The kept rows, in the order of the dataset and in its type.

    Raises
    ------
    ValueError
        If the dataset has another number of rows than the table that was reduced.
    TypeError
        If rows cannot be selected: of several splits, of a lazy frame, of a dataset of PyTorch.

    Examples
    --------
    >>> import numpy as np, leanset
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> kept = leanset.reduce(X, sampling_strategy=0.3, method="mms", start="first")
    >>> leanset.select({"id": np.arange(10), "text": list("abcdefghij")}, kept)
    {'id': array([0, 4, 9]), 'text': ['a', 'e', 'j']}
    """
    kind, name, value = library(dataset), type(dataset).__name__, dataset
    if kind == "datasets" and name == "IterableDataset":
        rows = set(indices_of(reduced).tolist())
        chosen: D = value.filter(lambda _, at: at in rows, with_indices=True)  # type: ignore[attr-defined]
        return chosen
    if kind == "datasets" and name in ("DatasetDict", "IterableDatasetDict"):
        raise hinted(
            TypeError(f"{name} has several splits, and the kept rows are of one"),
            "select(dataset['train'], reduced) selects the rows of the split that was reduced",
        )
    if kind == "polars" and name == "LazyFrame":
        raise hinted(TypeError("a LazyFrame holds no rows yet"), "select(frame.collect(), reduced)")
    if kind == "pyarrow" and hasattr(dataset, "read_all"):
        raise hinted(TypeError(f"a {name} can be read only once"), "select(reader.read_all(), reduced)")
    known = (
        is_frame(dataset) or is_sparse(dataset) or isinstance(dataset, dict | list | tuple | np.ndarray)
        or kind in ("pandas", "polars", "pyarrow", "datasets", "tensorflow", "jax", "jaxlib", "cupy")
        or (kind == "torch" and hasattr(dataset, "shape"))
    )
    if not known and not hasattr(dataset, "__array__"):
        raise hinted(
            TypeError(f"rows of {name} cannot be selected"),
            "to_subset makes a subset of a dataset of PyTorch; otherwise use reduced.indices",
        )
    return take(dataset, _within(dataset, reduced))


def _within(dataset: Any, reduced: Any) -> Ids:
    """The kept rows, if they are rows of this dataset."""
    found = indices_of(reduced)
    rows = _common_rows(dataset) if isinstance(dataset, dict) and not is_sparse(dataset) else rows_of(dataset)
    if rows is None:
        return found
    own = identity_of(reduced)
    if own is not None:
        own.check_rows(rows, f"the {type(reduced).__name__}", "the dataset")
    if found.size and int(found.min()) < 0:
        raise ValueError(f"row ids must be at least 0, not {int(found.min())}: they are positions from the first row on")
    if found.size and int(found.max()) >= rows:
        raise ValueError(f"row {int(found.max())} is kept, but the dataset has {rows} rows: it is another dataset")
    return found


def _common_rows(dataset: dict[Any, Any]) -> int | None:
    counts = {name: rows_of(column) for name, column in dataset.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"the columns of the dict have different numbers of rows: {counts}")
    return next(iter(counts.values()), 0)
