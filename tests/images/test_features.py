"""`leanset images features` against a plain script of onnxruntime and Pillow (reference.py), on PNG: JPEG decoders differ."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import models
import numpy as np
import onnxruntime
import pyarrow.parquet as parquet
import pytest
import reference
from conftest import ROOT, Leanset
from PIL import Image

ENGINES = ("rten", "onnxruntime")


def library() -> Path:
    """The library of the package onnxruntime, which leanset can load."""
    [found] = (Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*")
    return found


def engine(name: str) -> list[object]:
    return ["--onnxruntime", library()] if name == "onnxruntime" else []


def ours(leanset: Leanset, data: Path, model: Path, out: Path, *options: object) -> dict[str, Any]:
    """The vectors in the file that leanset writes, by image name."""
    leanset("images", "features", data, "--model", model, "--output", out, "--no-cache", *options)
    table = parquet.read_table(out)
    columns = [name for name in table.column_names if name != "path"]
    assert columns == [f"f{i}" for i in range(len(columns))]
    values = np.column_stack([table[name].to_numpy() for name in columns])
    names = [Path(str(path)).name for path in table["path"].to_pylist()]
    assert len(set(names)) == len(names)
    return dict(zip(names, values, strict=True))


def make_images(place: Path, sizes: Sequence[tuple[int, int]]) -> list[Path]:
    """A YOLO dataset of PNG images of these sizes. They have waves and noise, so that every step of scaling matters."""
    rng = np.random.default_rng(3)
    (place / "images" / "train").mkdir(parents=True)
    (place / "labels" / "train").mkdir(parents=True)
    files = []
    for i, (width, height) in enumerate(sizes):
        y, x = np.mgrid[:height, :width]
        waves = [128 + 100 * np.sin(x / rng.uniform(3, 40) + y / rng.uniform(3, 40) + c) for c in range(3)]
        pixels = np.clip(np.stack(waves, axis=-1) + rng.normal(0, 15, (height, width, 3)), 0, 255).astype(np.uint8)
        file = place / "images" / "train" / f"{i:02}.png"
        Image.fromarray(pixels).save(file)
        (place / "labels" / "train" / f"{i:02}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
        files.append(file)
    (place / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [thing]\n")
    return files


def close(found: dict[str, Any], files: list[Path], expected: Any, tolerance: float) -> None:
    """All vectors exist and differ by at most a fraction of the largest value."""
    assert sorted(found) == sorted(file.name for file in files)
    values = np.stack([found[file.name] for file in files])
    assert values.shape == expected.shape
    # The vectors of two images differ by more than the tolerance.
    assert np.abs(expected[0] - expected[1]).max() > 10 * tolerance * np.abs(expected).max()
    worst = np.abs(values - expected).max() / np.abs(expected).max()
    print(f"largest difference: {worst:.1e} of the largest value")
    assert worst < tolerance


MEAN, STD = (",".join(f"{value:.9f}" for value in values) for values in (models.MEAN, models.STD))
# On the same pixels only the engines differ: scaling is Pillow's, rows first, byte for byte.
EXACT = 1e-4
SIZES = [(640, 480), (100, 333), (224, 224), (50, 40), (1000, 70)]


@pytest.mark.parametrize("name", ENGINES)
def test_nudenet_is_cut_at_the_end_of_its_sppf(name: str, leanset: Leanset, tmp_path: Path) -> None:
    files = make_images(tmp_path / "data", [(320, 320)] * 4)
    found = ours(leanset, tmp_path / "data", models.nudenet(), tmp_path / "f.parquet", "--size", 320, *engine(name))
    expected = reference.vectors(reference.cut(models.nudenet(), models.SPPF), files, 320)
    assert expected.shape == (4, 256)
    close(found, files, expected, EXACT)


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
@pytest.mark.parametrize("name", ENGINES)
def test_images_are_scaled_as_in_pillow(name: str, fit: str, leanset: Leanset, tmp_path: Path) -> None:
    files = make_images(tmp_path / "data", SIZES)
    found = ours(leanset, tmp_path / "data", models.nudenet(), tmp_path / "f.parquet", "--size", 320, "--fit", fit, *engine(name))
    close(found, files, reference.vectors(reference.cut(models.nudenet(), models.SPPF), files, 320, fit), EXACT)


@pytest.mark.parametrize("name", ENGINES)
def test_efficientnet_is_cut_before_its_classifier(name: str, leanset: Leanset, tmp_path: Path) -> None:
    """The file has its input size, 224; mean and standard deviation are given."""
    files = make_images(tmp_path / "data", [(224, 224)] * 4)
    model = models.efficientnet()
    found = ours(leanset, tmp_path / "data", model, tmp_path / "f.parquet", "--mean", MEAN, "--std", STD, *engine(name))
    expected = reference.vectors(reference.cut(model, models.PENULTIMATE), files, 224, "letterbox", models.MEAN, models.STD)
    assert expected.shape == (4, 1280)
    close(found, files, expected, EXACT)


@pytest.mark.parametrize("name", ENGINES)
def test_yolov5m_has_768_features(name: str, leanset: Leanset, tmp_path: Path) -> None:
    """The SPPF is found by structure: another MaxPool and other Concats follow it in this file."""
    files = make_images(tmp_path / "data", [(192, 192)] * 2)
    model = models.yolo("sppf")
    found = ours(leanset, tmp_path / "data", model, tmp_path / "f.parquet", "--size", 192, *engine(name))
    expected = reference.vectors(reference.cut(model, models.SPPF), files, 192)
    assert expected.shape == (2, 768)
    close(found, files, expected, EXACT)


@pytest.mark.parametrize("name", ENGINES)
def test_yolov5m_exported_by_ultralytics(name: str, leanset: Leanset, yolov5m: Path, tmp_path: Path) -> None:
    """The file fixes a batch of one image and a size of 320 × 320."""
    files = make_images(tmp_path / "data", [(320, 320)] * 3)
    found = ours(leanset, tmp_path / "data", yolov5m, tmp_path / "f.parquet", *engine(name))
    expected = reference.vectors(reference.cut(yolov5m, models.SPPF), files, 320)
    assert expected.shape == (3, 768)
    close(found, files, expected, EXACT)


@pytest.mark.parametrize("pool", ["spp", "plain"])
def test_an_unknown_structure_is_not_cut(pool: str, leanset: Leanset, tmp_path: Path) -> None:
    """Without three chained MaxPool layers, the result is either the end of the older SPP or an error that names --layer."""
    files, model = make_images(tmp_path / "data", [(192, 192)] * 2), models.yolo(pool)
    if pool == "spp":
        try:
            found = ours(leanset, tmp_path / "data", model, tmp_path / "f.parquet", "--size", 192)
        except AssertionError as refused:
            assert "--layer" in str(refused)
        else:
            close(found, files, reference.vectors(reference.cut(model, models.SPPF), files, 192), EXACT)
    else:
        said = leanset("images", "features", tmp_path / "data", "--model", model, "--output", tmp_path / "f.parquet", "--size", 192, code=2)
        assert "--layer" in said
        assert not (tmp_path / "f.parquet").exists()
    named = "/model.8/cv3/act/Mul_output_0"
    found = ours(leanset, tmp_path / "data", model, tmp_path / "g.parquet", "--size", 192, "--layer", named, "--pixels", "unit")
    close(found, files, reference.vectors(reference.cut(model, named), files, 192), EXACT)


def test_native_size_is_that_of_the_image(leanset: Leanset, tmp_path: Path) -> None:
    """With --fit native nothing is scaled: if the sides are multiples of 32, the vector is that of the unchanged image."""
    files = make_images(tmp_path / "data", [(96, 64), (64, 160), (128, 128)])
    found = ours(leanset, tmp_path / "data", models.nudenet(), tmp_path / "f.parquet", "--fit", "native")
    rows = []
    for file in files:
        pixels = np.asarray(Image.open(file), np.float32).transpose(2, 0, 1)[None] / np.float32(255)
        rows.append(reference.pooled(reference.tensor(models.nudenet(), models.SPPF, pixels))[0])
    close(found, files, np.stack(rows), EXACT)


def test_vectors_are_the_same_for_any_number_of_threads(leanset: Leanset, tmp_path: Path) -> None:
    make_images(tmp_path / "data", SIZES)
    files = [tmp_path / f"{threads}.parquet" for threads in (1, os.cpu_count() or 2)]
    for threads, file in zip((1, os.cpu_count() or 2), files, strict=True):
        leanset("images", "features", tmp_path / "data", "--model", models.nudenet(), "--output", file, "--size", 160, "--threads", threads, "--no-cache")
    a, b = (parquet.read_table(file) for file in files)
    assert a.equals(b)


def test_cached_features_are_not_computed_again(leanset: Leanset, tmp_path: Path) -> None:
    """A changed image is computed again. The files of the cache are arrays that NumPy reads."""
    files = make_images(tmp_path / "data", [(64, 64)] * 4)
    cache = tmp_path / "cache"

    def run(name: str, *options: object) -> tuple[int, Any]:
        document = leanset("images", "features", tmp_path / "data", "--model", models.nudenet(), "--output", tmp_path / name,
                           "--size", 64, "--cache", cache, "--json", *options)
        return json.loads(document)["features"]["model"]["cached"], parquet.read_table(tmp_path / name)

    first, table = run("a.parquet")
    again, same = run("b.parquet")
    assert (first, again) == (0, 4)
    assert table.equals(same)
    [folder] = cache.iterdir()
    rows = np.concatenate([np.load(part) for part in folder.glob("*.npy")])
    assert rows["features"].shape == (4, 256)
    hashes = [hashlib.sha256(file.read_bytes()).digest() for file in files]
    row = {bytes(row["sha256"]): row["features"] for row in rows}[hashes[2]]
    assert [float(x) for x in row] == [table[f"f{i}"][2].as_py() for i in range(256)]
    # Another fit gives other features, and an image with other bytes is another image.
    assert run("c.parquet", "--fit", "stretch")[0] == 0
    Image.new("RGB", (64, 64), (1, 2, 3)).save(files[1])
    found, changed = run("d.parquet")
    assert found == 3
    assert changed.slice(0, 1).equals(table.slice(0, 1)) and not changed.slice(1, 1).equals(table.slice(1, 1))


def test_reduction_with_a_model_equals_one_with_its_table(leanset: Leanset, tmp_path: Path) -> None:
    """`images reduce --model` keeps the same images as with the table of `images features`."""
    make_images(tmp_path / "data", [(64 + 8 * i, 64) for i in range(12)])
    model = ["--model", models.nudenet(), "--size", 64]
    leanset("images", "features", tmp_path / "data", *model, "--output", tmp_path / "f.parquet", "--no-cache")
    given = [*model, "--no-cache"], ["--features", tmp_path / "f.parquet"]
    kept = []
    for i, options in enumerate(given):
        out = tmp_path / f"lean{i}"
        leanset("images", "reduce", tmp_path / "data", "--method", "maxmin", "--ratio", 0.5, "--category", "none", "--output", out, *options)
        kept.append(json.loads((out / "manifest.json").read_text()))
    assert kept[0]["names"] == kept[1]["names"] and len(kept[0]["names"]) == 6
    assert kept[0]["epsilon"] == kept[1]["epsilon"]
    assert kept[0]["features"]["model"]["tensor"] == models.SPPF


def test_an_array_needs_a_list_of_paths(leanset: Leanset, tmp_path: Path) -> None:
    make_images(tmp_path / "data", [(64, 64)] * 3)
    model = ["--model", models.nudenet(), "--size", 64, "--no-cache"]
    said = leanset("images", "features", tmp_path / "data", *model, "--output", tmp_path / "f.npy", code=2)
    assert "--paths FILE" in said
    leanset("images", "features", tmp_path / "data", *model, "--output", tmp_path / "f.npy", "--paths", tmp_path / "f.txt")
    leanset("images", "features", tmp_path / "data", *model, "--output", tmp_path / "f.parquet")
    table = parquet.read_table(tmp_path / "f.parquet")
    assert (tmp_path / "f.txt").read_text().splitlines() == table["path"].to_pylist()
    values = np.column_stack([table[f"f{i}"].to_numpy() for i in range(256)])
    assert np.array_equal(np.load(tmp_path / "f.npy"), values)


def test_nearest_neighbours_of_fruit_have_its_category(leanset: Leanset, tmp_path: Path) -> None:
    """Leave-one-out with five neighbours: the features of EfficientNet-Lite0 predict the category of an image."""
    data = ROOT.parent / "shared" / "data" / "fruit" / "data.yaml"
    if not data.exists():
        pytest.skip("the dataset is missing: put fruit, in YOLO format, into ../shared/data/fruit beside the repository")
    found = ours(leanset, data, models.efficientnet(), tmp_path / "f.parquet", "--mean", MEAN, "--std", STD)
    names = ("apple", "banana", "orange")
    categories = []
    for name in found:
        lines = (data.parent / "labels" / "train" / name).with_suffix(".txt").read_text().splitlines()
        classes = {int(line.split()[0]) for line in lines}
        categories.append(names[classes.pop()] if len(classes) == 1 else "mixed")
    accuracy = reference.neighbours(np.stack(list(found.values())), categories)
    print(f"accuracy {accuracy:.3f}")
    assert len(found) == 240
    assert accuracy >= 0.90
