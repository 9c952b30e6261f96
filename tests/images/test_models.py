"""The models that the other tests use, and how they are downloaded."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import backbone
import fetch
import models
import numpy as np
import onnx
import pytest
import reference

# Every hundredth value for an image with the values sin(0.37 i), computed with PyTorch 1.13 and the model of PyPI
# efficientnet-lite-pytorch 0.1.0 with the same weights.
TORCH = {
    "features": [0.524012, 1.047393, 0.0, 0.0, 1.762704, 0.0, 1.824183, 0.0, 0.0, 0.415047],
    "logits": [-0.953698, 0.544346, -0.484023, 0.330896, -0.127574, -1.442162, 1.273615, -0.666087, -1.033402, -0.194397],
}


def test_a_failed_download_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(fetch.FetchError, match="nudenet 3.4.2 could not be downloaded from PyPI"):
        fetch.wheel(fetch.NUDENET, tmp_path)


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / fetch.NUDENET.file).write_bytes(b"something else")
    other = dataclasses.replace(fetch.NUDENET, sha256="0" * 64)
    with pytest.raises(fetch.FetchError, match="instead of 0000"):
        fetch.wheel(other, tmp_path)
    assert not (tmp_path / fetch.NUDENET.file).exists()


def test_a_pickle_may_contain_only_tensors(tmp_path: Path) -> None:
    file = tmp_path / "evil.pth"
    file.write_bytes(pickle.dumps(print))
    with pytest.raises(pickle.UnpicklingError, match="has no place in a file of weights"):
        models.state_dict(file)


def test_efficientnet() -> None:
    """Compare with values that PyTorch computed with the same weights and the same input."""
    file = models.efficientnet()
    x = np.sin(np.arange(3 * 224 * 224, dtype=np.float64) * 0.37).reshape(1, 3, 224, 224).astype(np.float32)
    [logits] = reference.session(file).run(None, {"images": np.repeat(x, 2, axis=0)})
    features = reference.tensor(file, models.PENULTIMATE, x)
    assert logits.shape == (2, 1000) and features.shape == (1, 1280)
    assert np.abs(logits[0] - logits[1]).max() < 1e-4
    for found, expected in ((logits[0], TORCH["logits"]), (features[0], TORCH["features"])):
        assert np.abs(found[::100][:10] - expected).max() < 1e-4


def operators(file: Path) -> list[str]:
    return [node.op_type for node in onnx.load(file).graph.node]


@pytest.mark.parametrize("pool", ["sppf", "spp", "plain"])
def test_structures(pool: str) -> None:
    file = models.yolo(pool)
    assert operators(file).count("MaxPool") == (1 if pool == "plain" else 4)
    if pool != "plain":
        x = np.random.default_rng(0).random((1, 3, 96, 64), np.float32)
        assert reference.tensor(file, models.SPPF, x).shape == (1, 768, 3, 2)


def test_three_chained_pools_equal_three_parallel_pools() -> None:
    x = np.random.default_rng(0).random((1, 3, 192, 192), np.float32)
    a, b = (reference.tensor(models.yolo(pool), models.SPPF, x) for pool in ("sppf", "spp"))
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_nudenet() -> None:
    x = np.random.default_rng(0).random((1, 3, 64, 96), np.float32)
    assert reference.tensor(models.nudenet(), models.SPPF, x).shape == (1, 256, 2, 3)


def test_yolov5m_has_the_structure_of_an_ultralytics_export(yolov5m: Path) -> None:
    ours, theirs = operators(models.yolo("sppf")), operators(yolov5m)
    end = [i for i, kind in enumerate(theirs) if kind == "MaxPool"][-1]
    convolutions = [kinds[:i].count("Conv") for kinds, i in ((theirs, end), (ours, [j for j, k in enumerate(ours) if k == "MaxPool"][2]))]
    assert convolutions[0] == convolutions[1]
    x = np.random.default_rng(0).random((1, 3, 320, 320), np.float32)
    end_of_sppf = reference.tensor(yolov5m, models.SPPF, x)
    assert end_of_sppf.shape == (1, 768, 10, 10) and 0.01 < end_of_sppf.std() < 100


def test_a_checkpoint_has_the_backbone_of_the_file(ultralytics: Any, pretrained: Path) -> None:
    worst, largest = backbone.difference(pretrained)
    assert largest > 1 and worst < 1e-4
