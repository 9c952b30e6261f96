"""From what is kept to the objects people train with. None of their libraries is needed until one of these is called."""

from __future__ import annotations

from typing import Any

import numpy as np

from leanset._functions import indices_of


def to_subset(dataset: Any, reduced: Any) -> Any:
    """Kept rows of a PyTorch data set.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        The data set whose rows were reduced.
    reduced : fitted estimator, Reduction, or array of row ids

    Returns
    -------
    torch.utils.data.Subset
        Of the same rows, in the order of the data set.
    """
    from torch.utils.data import Subset  # pyright: ignore[reportMissingImports]

    return Subset(dataset, _within(dataset, reduced))


def to_sampler(reduced: Any, *, num_samples: int | None = None, generator: Any = None) -> Any:
    """A PyTorch sampler that draws kept rows by their weights, with replacement.

    Parameters
    ----------
    reduced : fitted estimator or Reduction
        With weights. It is to be used with `to_subset` of the same: it draws positions in the subset.
    num_samples : int, optional
        Rows of an epoch; as many as are kept by default.
    generator : torch.Generator, optional
        Where its randomness is from.

    Returns
    -------
    torch.utils.data.WeightedRandomSampler
    """
    from torch.utils.data import WeightedRandomSampler  # pyright: ignore[reportMissingImports]

    weights = weights_of(reduced)
    count = len(weights) if num_samples is None else num_samples
    return WeightedRandomSampler(weights.tolist(), count, replacement=True, generator=generator)


def select(dataset: Any, reduced: Any) -> Any:
    """Kept rows of a Hugging Face `datasets.Dataset`, or of anything with a method `select`.

    Parameters
    ----------
    dataset : datasets.Dataset
        The data set whose rows were reduced.
    reduced : fitted estimator, Reduction, or array of row ids

    Returns
    -------
    datasets.Dataset
    """
    return dataset.select(_within(dataset, reduced))


def weights_of(reduced: Any) -> Any:
    """The weights of what is kept, as an array."""
    for name in ("weights_", "weights"):
        found = getattr(reduced, name, None)
        if found is not None:
            return np.asarray(found, dtype=np.float64)
    error = ValueError(f"{type(reduced).__name__} has no weights")
    error.add_note("hint: protodash and clustering-centroids give weights; without them to_subset is all there is")
    raise error


def _within(dataset: Any, reduced: Any) -> list[int]:
    rows = indices_of(reduced)
    if hasattr(dataset, "__len__") and rows.size and int(rows.max()) >= len(dataset):
        raise ValueError(f"row {int(rows.max())} is kept, and the data set has {len(dataset)} rows: it is another one")
    found: list[int] = rows.tolist()
    return found
