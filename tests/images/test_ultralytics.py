"""Train with Ultralytics on the output of `leanset images reduce`: it uses the images and objects that the manifest lists as kept.

Ultralytics writes `labels/SPLIT.cache` beside the labels that it reads, so these tests train on copies.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import detector
import numpy as np
import pytest
from conftest import ROOT, Leanset, fingerprint, manifest, spoil, yolo_set

Ultralytics = Callable[..., Any]


def reduced(leanset: Leanset, data: Path, out: Path, *options: object) -> Any:
    """Reduce and return the manifest. The input keeps its bytes and modification times."""
    before = fingerprint(data)
    leanset("images", "reduce", data, "--method", "mms", "--output", out, "--quiet", *options)
    assert fingerprint(data) == before
    return manifest(out)


def objects(kept: Any) -> dict[str, int]:
    return {c["name"]: c["kept"] for c in kept["classes"]}


def check(found: Any, kept: Any, names: list[str] | None = None) -> None:
    """Ultralytics has the images and objects of the manifest."""
    assert len(found["images"]) == kept["kept"] == len(kept["names"])
    assert sorted(Path(p).name for p in found["images"]) == sorted(Path(p).name for p in names or kept["names"])
    assert found["objects"] == objects(kept)


def trained(ultralytics: Ultralytics, out: Path, place: Path, model: object = "yolov8n.yaml", freeze: int = 0) -> Any:
    run = ultralytics("train", out / "data.yaml", place / "runs", model, 1, 64, freeze)
    assert len(run["results"]) == 1
    assert all(np.isfinite(value) for value in run["results"][0].values())
    return run


def test_a_machine_without_pytorch_gets_an_install_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "SYSTEM", "/nowhere/python3")
    monkeypatch.setattr(detector.os, "geteuid", lambda: 1000)
    with pytest.raises(detector.Missing, match="python3-torch python3-torchvision python3-venv"):
        detector._system()


@pytest.mark.parametrize("placement", ["list", "--copy", "--link"])
def test_a_reduced_set_trains(placement: str, leanset: Leanset, ultralytics: Ultralytics, tmp_path: Path) -> None:
    data, out = yolo_set(tmp_path / "data"), tmp_path / "lean"
    bad = spoil(data)
    kept = reduced(leanset, data, out, "--ratio", 0.5, *([] if placement == "list" else [placement]))
    assert kept["dataset"]["left_out"] == bad and 0 < kept["kept"] < kept["pictures"]
    before = fingerprint(data)
    run = trained(ultralytics, out, tmp_path)
    check(run["train"], kept)
    assert len(run["val"]["images"]) == 12
    # Ultralytics writes its cache beside the labels that it read, as docs/images.md says, and changes nothing else.
    after = fingerprint(data)
    assert {name: after.get(name) for name in before} == before
    caches = {"labels/val.cache"} | ({"labels/train.cache"} if placement == "list" else set())
    assert set(after) - set(before) == caches


def test_what_is_left_out_is_what_ultralytics_ignores(leanset: Leanset, ultralytics: Ultralytics, tmp_path: Path) -> None:
    data, out = yolo_set(tmp_path / "data"), tmp_path / "lean"
    bad = spoil(data)
    kept = reduced(leanset, data, out, "--ratio", 1)
    assert kept["kept"] == 40 - bad
    everything = ultralytics("look", data / "data.yaml", inside=data)
    check(everything["train"], kept)


@pytest.mark.parametrize("name", ["fruit", "bccd"])
def test_a_public_set_trains(name: str, leanset: Leanset, ultralytics: Ultralytics, tmp_path: Path) -> None:
    source = ROOT.parent / "shared" / "data" / name
    if not source.exists():
        pytest.skip(f"the dataset is missing: put {name}, in YOLO format, into ../shared/data/{name} beside the repository")
    data, out = tmp_path / name, tmp_path / "lean"
    shutil.copytree(source, data)
    whole = ultralytics("look", data / "data.yaml", inside=data)
    check(whole["train"], reduced(leanset, data, tmp_path / "whole", "--ratio", 1))
    kept = reduced(leanset, data, out, "--ratio", 0.25)
    assert kept["kept"] < kept["pictures"]
    run = trained(ultralytics, out, tmp_path)
    check(run["train"], kept)
    assert run["val"] == whole["val"]


def test_a_frozen_backbone_stays(leanset: Leanset, ultralytics: Ultralytics, pretrained: Path, tmp_path: Path) -> None:
    """Training with freeze=10 does not change the backbone of the checkpoint; training without it does."""
    data, out = yolo_set(tmp_path / "data"), tmp_path / "lean"
    reduced(leanset, data, out, "--ratio", 0.25)
    given = tmp_path / "given.npy"
    np.save(given, np.random.default_rng(2).random((1, 3, 96, 96), np.float32))

    def end(file: object) -> Any:
        ultralytics("backbone", file, given, tmp_path / "end.npy")
        return np.load(tmp_path / "end.npy")

    began = end(pretrained)
    frozen, free = (np.abs(end(trained(ultralytics, out, tmp_path, pretrained, freeze)["last"]) - began).max() for freeze in (10, 0))
    print(f"largest change of the end of the backbone: {frozen:.1e} frozen, {free:.1e} free, of {np.abs(began).max():.1f}")
    # Ultralytics stores checkpoints in half precision.
    assert frozen < 0.005 * np.abs(began).max()
    assert free > 4 * frozen
