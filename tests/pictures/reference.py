"""Feature vectors of pictures as a plain script computes them: Pillow, NumPy and onnxruntime. What leanset's are held against.

    letterbox   scaled to fit into N × N by Pillow's BILINEAR, rows first, centred, around it grey 114
    stretch     scaled to N × N, whatever the shape

Then pixels / 255, less the mean, by the standard deviation; channels red, green, blue. A tensor with height and width is averaged
over them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float32]
GREY = 114


def cut(model: Path, tensor: str) -> bytes:
    """The part of a model that a tensor is computed by, as a model whose one output it is."""
    import onnx
    from onnx.utils import Extractor

    whole = onnx.load(model)
    inputs = [i.name for i in whole.graph.input if i.name not in {w.name for w in whole.graph.initializer}]
    whole.graph.output.append(onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None))
    return bytes(Extractor(whole).extract_model(inputs, [tensor]).SerializeToString())


def session(model: Path | bytes, threads: int | None = None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads:
        options.intra_op_num_threads = threads
        # Threads that spin while they wait take the cores from those that decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def tensor(model: Path, name: str, images: Array) -> Array:
    """A tensor inside a model, as onnxruntime computes it."""
    running = session(cut(model, name))
    [found] = running.run(None, {running.get_inputs()[0].name: images})
    return np.asarray(found)


def prepare(file: Path, size: int, fit: str = "letterbox", mean: Sequence[float] = (0, 0, 0),
            std: Sequence[float] = (1, 1, 1)) -> Array:
    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    if fit == "letterbox":
        scale = min(size / picture.width, size / picture.height)
        width, height = (max(1, round(side * scale)) for side in picture.size)
    else:
        width, height = size, size
    # Rows first. Pillow 9.4 goes so by itself; 13.0 begins with columns where that is less work, which moves some bytes by one.
    for side in (width, picture.height), (width, height):
        if side != picture.size:
            picture = picture.resize(side, Image.Resampling.BILINEAR)
    pixels = np.full((size, size, 3), GREY, np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    pixels[top:top + height, left:left + width] = np.asarray(picture)
    values = pixels.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(((values - np.array(mean, np.float32)) / np.array(std, np.float32)).transpose(2, 0, 1))


def ahead(work: Any, things: Iterable[Any], threads: int) -> Iterator[Any]:
    """The results in order, computed by threads that are never more than a few steps ahead: memory stays what it is."""
    remaining = iter(things)
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(work, thing) for thing in islice(remaining, 4 * threads)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [pool.submit(work, thing) for thing in islice(remaining, 1)]


def pooled(found: Array) -> Array:
    return found.mean(axis=(2, 3)) if found.ndim == 4 else found.reshape(len(found), -1)


def vectors(model: Path | bytes, files: Sequence[Path], size: int, fit: str = "letterbox", mean: Sequence[float] = (0, 0, 0),
            std: Sequence[float] = (1, 1, 1), batch: int = 1, threads: int | None = None) -> Array:
    """A vector a picture, of a model whose one output is what is asked for."""
    running = session(model, threads)
    name = running.get_inputs()[0].name
    prepared = ahead(lambda file: prepare(file, size, fit, mean, std), files, threads or os.cpu_count() or 1)
    parts = iter(lambda: list(islice(prepared, batch)), [])
    return np.concatenate([pooled(running.run(None, {name: np.stack(part)})[0]) for part in parts])


def neighbours(values: Array, categories: Sequence[str], k: int = 5) -> float:
    """Leave-one-out: the part of pictures whose category is that of most of their nearest; ties go to the nearest."""
    right = 0
    for i, row in enumerate(values):
        distances = ((values - row) ** 2).sum(axis=1)
        distances[i] = np.inf
        votes = [categories[j] for j in np.argsort(distances, kind="stable")[:k]]
        right += max(votes, key=Counter(votes).__getitem__) == categories[i]
    return right / len(values)
