"""Shared by the image tests: the program, generated datasets, and Ultralytics, or the reason why it is missing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backbone
import detector
import fetch
import numpy as np
import pytest
from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CLASSES = ("disc", "square")
Leanset = Callable[..., str]


@pytest.fixture(scope="session")
def leanset() -> Leanset:
    """Run the program `leanset` of this checkout and return its stdout."""
    program = Path(os.environ.get("LEANSET", ROOT / "target" / "quick" / "leanset"))
    assert program.exists(), f"{program}: build the command line first: cargo build --profile quick -p leanset-cli"

    def run(*arguments: object, code: int = 0) -> str:
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == code, f"exit code {done.returncode}, {code} was expected\n{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    return run


@pytest.fixture(scope="session")
def ultralytics() -> Callable[..., Any]:
    """Run a verb of in_ultralytics.py. If the environment cannot be built, skip and say what to install."""
    try:
        detector.python()
    except detector.Missing as missing:
        pytest.skip(str(missing))
    return detector.run


@pytest.fixture(scope="session")
def yolov5m(ultralytics: Callable[..., Any]) -> Path:
    """YOLOv5m with random weights, as exported by Ultralytics: one image of 320 × 320 at a time.

    The file is cached until the code that makes it changes."""
    made_by = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in ("in_ultralytics.py", detector.PINS.name))).hexdigest()
    file = fetch.PLACE / "models" / f"yolov5m_ultralytics_{made_by[:12]}.onnx"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        for old in file.parent.glob("yolov5m_ultralytics_*.onnx"):
            old.unlink()
        ultralytics("export", "yolov5m.yaml", 320, 5, file)
    return file


@pytest.fixture(scope="session")
def pretrained(ultralytics: Callable[..., Any]) -> Path:
    """A checkpoint of YOLOv8n with a trained backbone."""
    return backbone.checkpoint()


def draw(rng: np.random.Generator, objects: list[int]) -> tuple[Image.Image, list[str]]:
    """An image with one object of each given class, and its label lines."""
    width, height = (int(n) for n in rng.integers(60, 140, 2))
    background = np.clip(rng.normal(rng.integers(40, 200, 3), 20, (height, width, 3)), 0, 255).astype(np.uint8)
    image = Image.fromarray(background)
    brush, lines = ImageDraw.Draw(image), []
    for kind in objects:
        side = int(rng.integers(16, 32))
        left, top = int(rng.integers(0, width - side)), int(rng.integers(0, height - side))
        colour = tuple(int(n) for n in rng.integers(0, 256, 3))
        shape = brush.ellipse if kind == 0 else brush.rectangle
        shape((left, top, left + side - 1, top + side - 1), fill=colour)
        box = ((left + side / 2) / width, (top + side / 2) / height, side / width, side / height)
        lines.append(f"{kind} " + " ".join(f"{n:.6f}" for n in box))
    return image, lines


def yolo_set(place: Path) -> Path:
    """A YOLO dataset of 40 training and 12 validation images; names, formats and numbers of objects differ."""
    rng = np.random.default_rng(11)
    for split, count in (("train", 40), ("val", 12)):
        (place / "images" / split).mkdir(parents=True)
        (place / "labels" / split).mkdir(parents=True)
        for i in range(count):
            objects = [int(n) for n in rng.integers(0, 2, rng.integers(1, 4))]
            if i % 13 == 7:
                objects = []
            image, lines = draw(rng, objects)
            name = f"été {i}.png" if i % 10 == 3 else f"{i:03}.JPG" if i % 4 == 1 else f"{i:03}.png"
            image.save(place / "images" / split / name, quality=92)
            # Of two images without objects, one has an empty label file and one has none.
            if objects or i % 2:
                (place / "labels" / split / name).with_suffix(".txt").write_text("".join(f"{line}\n" for line in lines))
    (place / "data.yaml").write_text(f"path: .\ntrain: images/train\nval: images/val\nnames: [{', '.join(CLASSES)}]\n")
    return place


def spoil(place: Path) -> int:
    """Damage images of a generated dataset so that Ultralytics ignores them; return their number. Others get warnings."""
    images, labels = place / "images" / "train", place / "labels" / "train"
    (images / "000.png").write_bytes(b"not an image")
    (labels / "002.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    (labels / "004.txt").write_text("0 0.5 0.5 1.7 0.1\n")
    (labels / "006.txt").write_text("0 0.5 0.5 0.1\n")
    Image.new("RGB", (8, 30)).save(images / "008.png")
    # Warnings: the same object twice, a label without an image.
    twice = labels / "010.txt"
    twice.write_text(twice.read_text() + twice.read_text().splitlines()[0] + "\n")
    (labels / "orphan.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    return 5


def fingerprint(place: Path) -> dict[str, tuple[str, int]]:
    """Every file in a folder, with its hash and its modification time."""
    return {str(file.relative_to(place)): (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
            for file in sorted(place.rglob("*")) if file.is_file()}


def manifest(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())
