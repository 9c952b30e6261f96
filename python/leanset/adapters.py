"""Adapters from kept rows to PyTorch and Hugging Face datasets. A library is imported only when its adapter is called."""

from __future__ import annotations

from typing import Any

import numpy as np

from leanset._functions import indices_of


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
    """
    from torch.utils.data import Subset  # pyright: ignore[reportMissingImports]

    return Subset(dataset, _within(dataset, reduced))


def to_sampler(reduced: Any, *, num_samples: int | None = None, generator: Any = None) -> Any:
    """Make a PyTorch sampler that draws the kept rows by weight, with replacement.

    Parameters
    ----------
    reduced : fitted estimator or Reduction
        A result with weights. Use the sampler with `to_subset` of the same result: it draws positions in the subset.
    num_samples : int, optional
        Number of rows per epoch; by default the number of kept rows.
    generator : torch.Generator, optional
        The random generator.

    Returns
    -------
    torch.utils.data.WeightedRandomSampler
    """
    from torch.utils.data import WeightedRandomSampler  # pyright: ignore[reportMissingImports]

    weights = weights_of(reduced)
    count = len(weights) if num_samples is None else num_samples
    return WeightedRandomSampler(weights.tolist(), count, replacement=True, generator=generator)


def select(dataset: Any, reduced: Any) -> Any:
    """Select the kept rows of a Hugging Face `datasets.Dataset`, or of any object with a method `select`.

    Parameters
    ----------
    dataset : datasets.Dataset
        The dataset whose rows were reduced.
    reduced : fitted estimator, Reduction, or array of row ids

    Returns
    -------
    datasets.Dataset
    """
    return dataset.select(_within(dataset, reduced))


def weights_of(reduced: Any) -> Any:
    """The weights of the kept rows, as an array."""
    for name in ("weights_", "weights"):
        found = getattr(reduced, name, None)
        if found is not None:
            return np.asarray(found, dtype=np.float64)
    error = ValueError(f"{type(reduced).__name__} has no weights")
    error.add_note("hint: protodash and clustering-centroids have weights; without weights use to_subset")
    raise error


def _within(dataset: Any, reduced: Any) -> list[int]:
    rows = indices_of(reduced)
    if hasattr(dataset, "__len__") and rows.size and int(rows.max()) >= len(dataset):
        raise ValueError(f"row {int(rows.max())} is kept, but the dataset has {len(dataset)} rows: it is another dataset")
    found: list[int] = rows.tolist()
    return found
