"""Embeddings of texts, images and other items by any callable, each item once."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset._errors import hinted
from leanset._frames import is_column, is_frame, is_missing, to_numpy
from leanset._lists import library
from leanset._whole import write_whole

#: Bytes of a hash of an item.
HASH = 16

#: How far an embedding may differ from the same one in the cache, relative to its length: other hardware, other batches.
TOLERANCE = 1e-2


def embed(
    items: Any,
    embedder: Callable[[list[Any]], Any],
    *,
    batch_size: int = 256,
    cache: str | os.PathLike[str] | None = None,
) -> npt.NDArray[np.float32]:
    """Compute the embeddings of items. Equal items are embedded once.

    Parameters
    ----------
    items : sequence or column
        Texts, images, or anything else that the embedder takes: a list, a pandas or Polars series, an Arrow array, a column of a Hugging Face
        dataset, or an array of which each row is an item.
    embedder : callable
        Gets a list of items and returns an array, a tensor or a list of shape (len(items), d): `model.encode` of sentence-transformers, or a
        function of yours that calls CLIP.
    batch_size : int, default=256
        Number of items for each call of the embedder.
    cache : str or path, optional
        A folder for embeddings, by the content of the items: of each batch one file, so that an interrupted run goes on where it stopped. Use one
        folder per model. On each use, one cached item is embedded again, and a folder of another model is refused.

    Returns
    -------
    ndarray of float32, shape (n, d)

    Raises
    ------
    ValueError
        If an item is missing, if the embedder returns another number of rows or values that are not finite, or if the cache is of another
        model.

    Examples
    --------
    >>> import numpy as np, leanset
    >>> leanset.embed(["a", "bb", "a"], lambda texts: np.array([[len(t), 1.0] for t in texts]))
    array([[1., 1.],
           [2., 1.],
           [1., 1.]], dtype=float32)
    """
    if not callable(embedder):
        raise TypeError(f"embedder must be a callable that gets a list of items, not {embedder!r}")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size must be a whole number of at least 1, not {batch_size!r}")
    values = _listed(items)
    hashes = [_hash(value, row) for row, value in enumerate(values)]
    first: dict[bytes, int] = {}
    for row, own in enumerate(hashes):
        first.setdefault(own, row)
    known = _Cache(Path(cache)) if cache is not None else None
    found: dict[bytes, npt.NDArray[np.float32]] = dict(known.load(first)) if known is not None else {}
    if found:
        own = next(iter(found))
        _check_same(found[own], _call(embedder, [values[first[own]]], first[own])[0], cache)
    missing = [row for own, row in first.items() if own not in found]
    length: int | None = len(next(iter(found.values()))) if found else None
    for begin in range(0, len(missing), batch_size):
        rows = missing[begin : begin + batch_size]
        made = _call(embedder, [values[row] for row in rows], rows[0])
        if length is not None and made.shape[1] != length:
            raise ValueError(f"the embedder returned {made.shape[1]} numbers per item, and {length} before")
        length = int(made.shape[1])
        keys = [hashes[row] for row in rows]
        found.update(zip(keys, made, strict=True))
        if known is not None:
            known.add(keys, made)
    return np.stack([found[own] for own in hashes])


def _listed(items: Any) -> list[Any]:
    if isinstance(items, str | bytes | dict):
        raise TypeError(f"items must be a sequence of items, not {type(items).__name__}")
    if is_frame(items):
        raise hinted(TypeError(f"items must be one column, and {type(items).__name__} is a frame"), "pass the column: items['text']")
    values: list[Any]
    if library(items) in ("pandas", "polars") and hasattr(items, "to_list"):
        values = items.to_list()
    elif library(items) == "pyarrow" and is_column(items):
        values = items.to_pylist()
    else:
        values = list(items)
    if not values:
        raise ValueError("there are no items to embed")
    return values


def _hash(value: Any, row: int) -> bytes:
    """A hash of the content of an item."""
    digest = hashlib.blake2b(digest_size=HASH)
    if is_missing(value):
        raise hinted(ValueError(f"item {row} is missing"), "leave these rows out, or fill them")
    match value:
        case str():
            content = b"s" + value.encode("utf-8", "surrogatepass")
        case bytes():
            content = b"b" + value
        case _ if hasattr(value, "tobytes") and hasattr(value, "size"):
            # An image of Pillow, or an array.
            size = value.shape if hasattr(value, "shape") else value.size
            kind = (getattr(value, "mode", None), str(getattr(value, "dtype", "")), tuple(size))
            content = b"a" + repr(kind).encode() + _bytes(value, row)
        case _ if library(value) == "torch":
            array = to_numpy(value)
            content = b"a" + repr((None, str(array.dtype), array.shape)).encode() + array.tobytes()
        case _:
            content = b"p" + _pickled(value, row)
    digest.update(content)
    return digest.digest()


def _bytes(value: Any, row: int) -> bytes:
    """What an image of Pillow or an array holds."""
    if getattr(getattr(value, "dtype", None), "hasobject", False):
        # The bytes of objects are addresses.
        return _pickled(value.tolist(), row)
    own: bytes = value.tobytes()
    # The colours of an image of indices are in its palette.
    palette = value.getpalette() if getattr(value, "mode", None) in ("P", "PA") else None
    clear = getattr(value, "info", {}).get("transparency") if hasattr(value, "mode") else None
    return own if palette is None and clear is None else own + repr((palette, clear)).encode()


def _pickled(value: Any, row: int) -> bytes:
    try:
        return pickle.dumps(value, protocol=4)
    except Exception as error:
        raise TypeError(f"item {row} of type {type(value).__name__} has no content that can be hashed: {error}") from error


def _call(embedder: Callable[[list[Any]], Any], batch: list[Any], row: int) -> npt.NDArray[np.float32]:
    returned = embedder(batch)
    if isinstance(returned, list | tuple):
        returned = [to_numpy(one) for one in returned]
    array = np.array(to_numpy(returned), dtype=np.float32)
    if array.ndim != 2 or len(array) != len(batch) or not array.shape[1]:
        raise ValueError(f"the embedder must return an array of shape ({len(batch)}, d) for {len(batch)} items, not of {array.shape}")
    if not np.isfinite(array).all():
        at = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise ValueError(f"the embedder returned values that are not finite for item {row + at}")
    return array


def _check_same(cached: npt.NDArray[np.float32], fresh: npt.NDArray[np.float32], cache: Any) -> None:
    if cached.shape == fresh.shape:
        scale = max(float(np.linalg.norm(cached)), float(np.linalg.norm(fresh)), 1e-30)
        if float(np.linalg.norm(cached - fresh)) <= TOLERANCE * scale:
            return
    raise hinted(
        ValueError(f"cache: {cache} holds embeddings of another model: an item that is embedded again comes out different"),
        "use one folder per model, or an embedder that gives the same embedding every time",
    )


class _Cache:
    """A folder of embeddings: in each file the hashes of items and their embeddings."""

    def __init__(self, place: Path) -> None:
        self.place = place
        if place.exists() and not place.is_dir():
            raise NotADirectoryError(f"cache must be a folder, and {place} is a file")
        place.mkdir(parents=True, exist_ok=True)

    def load(self, wanted: dict[bytes, int]) -> Iterator[tuple[bytes, npt.NDArray[np.float32]]]:
        for path in sorted(self.place.glob("embeddings-*.npz")):
            try:
                with np.load(path, allow_pickle=False) as archive:
                    hashes, vectors = archive["hashes"], archive["vectors"]
                right = hashes.shape == (len(vectors), HASH) and vectors.ndim == 2 and vectors.dtype == np.float32
            except (OSError, ValueError, KeyError, EOFError) as error:
                raise hinted(ValueError(f"cache: {path} cannot be read: {error}"), "delete this file: its items are embedded again") from error
            if not right:
                raise hinted(ValueError(f"cache: {path} holds no embeddings of leanset"), "use another folder")
            for own, vector in zip((row.tobytes() for row in hashes), vectors, strict=True):
                if own in wanted:
                    yield own, vector

    def add(self, hashes: Sequence[bytes], vectors: npt.NDArray[np.float32]) -> None:
        import io

        content = io.BytesIO()
        np.savez(content, hashes=np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, HASH), vectors=vectors)
        name = hashlib.blake2b(b"".join(hashes), digest_size=8).hexdigest()
        write_whole(self.place / f"embeddings-{name}.npz", content.getvalue(), overwrite=True)


