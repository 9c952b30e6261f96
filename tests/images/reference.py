"""Feature vectors of images, computed by a plain script with Pillow, NumPy and onnxruntime, to compare leanset with.

    letterbox   scaled with Pillow's BILINEAR, rows first, to fit into N × N; centred and padded with grey 114
    stretch     scaled to N × N without keeping the aspect ratio

Then the mean is subtracted from pixels / 255 and the result is divided by the standard deviation; channels are red, green, blue. A
tensor with height and width is averaged over both.
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
    """The part of a model that computes a tensor, as a model with this tensor as its only output."""
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
        # Threads that spin while they wait would take the cores from the threads that decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def tensor(model: Path, name: str, images: Array) -> Array:
    """A tensor inside a model, computed by onnxruntime."""
    running = session(cut(model, name))
    [found] = running.run(None, {running.get_inputs()[0].name: images})
    return np.asarray(found)


def prepare(file: Path, size: int, fit: str = "letterbox", mean: Sequence[float] = (0, 0, 0),
            std: Sequence[float] = (1, 1, 1)) -> Array:
    with Image.open(file) as opened:
        image = opened.convert("RGB")
    if fit == "letterbox":
        scale = min(size / image.width, size / image.height)
        width, height = (max(1, round(side * scale)) for side in image.size)
    else:
        width, height = size, size
    # Rows first. Pillow 9.4 always does so; 13.0 resizes columns first if that is faster, which changes some bytes by one.
    for side in (width, image.height), (width, height):
        if side != image.size:
            image = image.resize(side, Image.Resampling.BILINEAR)
    pixels = np.full((size, size, 3), GREY, np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    pixels[top:top + height, left:left + width] = np.asarray(image)
    values = pixels.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(((values - np.array(mean, np.float32)) / np.array(std, np.float32)).transpose(2, 0, 1))


def ahead(work: Any, things: Iterable[Any], threads: int) -> Iterator[Any]:
    """Yield the results in order, computed by threads that are at most a few steps ahead, so that memory stays constant."""
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
    """One vector per image, from a model whose only output is the requested tensor."""
    running = session(model, threads)
    name = running.get_inputs()[0].name
    prepared = ahead(lambda file: prepare(file, size, fit, mean, std), files, threads or os.cpu_count() or 1)
    parts = iter(lambda: list(islice(prepared, batch)), [])
    return np.concatenate([pooled(running.run(None, {name: np.stack(part)})[0]) for part in parts])


def neighbours(values: Array, categories: Sequence[str], k: int = 5) -> float:
    """Leave-one-out: the share of images whose category is the most frequent one among their nearest; ties go to the nearest."""
    right = 0
    for i, row in enumerate(values):
        distances = ((values - row) ** 2).sum(axis=1)
        distances[i] = np.inf
        votes = [categories[j] for j in np.argsort(distances, kind="stable")[:k]]
        right += max(votes, key=Counter(votes).__getitem__) == categories[i]
    return right / len(values)
