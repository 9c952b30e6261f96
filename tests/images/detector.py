"""An environment with Ultralytics in target/, to train on reduced datasets. Tests and benchmarks share it.

The wheels of PyTorch are large, while the packages of Debian 12 are small (38 MB). So the environment uses the Python and the PyTorch of the
system. As root on Debian 12, missing packages are installed; otherwise `Missing` says what to do. To use another environment that has
Ultralytics, set LEANSET_ULTRALYTICS to its Python.

    python3 tests/images/detector.py     # build the environment and print where it is
"""

from __future__ import annotations

import filecmp
import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PLACE = HERE.parents[1] / "target" / "images"
PINS = HERE / "requirements-ultralytics.txt"
SYSTEM = "/usr/bin/python3"
PACKAGES = ("python3-torch", "python3-torchvision", "python3-venv")
PROBE = "import sys, venv, ensurepip, torch, torchvision; assert sys.version_info[:2] == (3, 11), sys.version"


class Missing(RuntimeError):
    """A requirement of the environment is missing and cannot be installed here."""


def _works(python: str | Path, probe: str) -> bool:
    try:
        return subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _command(*words: object) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if done.returncode != 0:
        raise RuntimeError(f"the environment of Ultralytics: {' '.join(map(str, words))} failed:\n{done.stdout}{done.stderr}")


def _system() -> None:
    """Make sure that the system's Python has PyTorch."""
    if _works(SYSTEM, PROBE):
        return
    try:
        release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    except OSError:
        release = {}
    debian = release.get("ID", "").strip('"') == "debian" and release.get("VERSION_ID", "").strip('"') == "12"
    wanted = " ".join(PACKAGES)
    if not debian:
        raise Missing(f"Ultralytics is not available: {SYSTEM} of Debian 12 with {wanted} is missing; on another system give the Python of "
                      "an environment that has Ultralytics: LEANSET_ULTRALYTICS=/path/to/python")
    if os.geteuid() != 0:
        raise Missing(f"Ultralytics is not available; install its requirements: sudo apt-get install --no-install-recommends {wanted}")
    _command("apt-get", "update", "-qq")
    _command("apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES)
    if not _works(SYSTEM, PROBE):
        raise RuntimeError(f"{SYSTEM} cannot import torch and torchvision although {wanted} are installed")


@functools.cache
def python() -> Path:
    """The Python of the environment. The environment is built if it is missing or its pins have changed."""
    named = os.environ.get("LEANSET_ULTRALYTICS")
    if named:
        if not _works(named, "import ultralytics"):
            raise RuntimeError(f"LEANSET_ULTRALYTICS: {named} cannot import ultralytics")
        return Path(named)
    place = PLACE / "ultralytics"
    found, pins = place / "bin" / "python", place / PINS.name
    if pins.exists() and filecmp.cmp(pins, PINS, shallow=False) and _works(found, "import torch"):
        return found
    _system()
    shutil.rmtree(place, ignore_errors=True)
    _command(SYSTEM, "-m", "venv", "--system-site-packages", place)
    _command(found, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps", "-r", PINS)
    if not _works(found, "import ultralytics"):
        raise RuntimeError(f"{found} cannot import ultralytics with the pins of {PINS.name}")
    shutil.copyfile(PINS, pins)
    return found


def run(verb: str, *arguments: object, inside: Path | None = None) -> Any:
    """Run a verb of in_ultralytics.py in the environment, offline, and return its result.

    Ultralytics resolves the `path` of a data.yaml in the working folder: this is `inside`, or an empty folder."""
    environment = {
        # Compiled modules of PyTorch are beside it, and those of Ultralytics are kept in the environment.
        **{name: value for name, value in os.environ.items() if name not in ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")},
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_CONFIG_DIR": str(PLACE / "ultralytics-settings"),
        "MPLCONFIGDIR": str(PLACE / "ultralytics-settings"),
    }
    interpreter = python()
    (PLACE / "ultralytics-settings").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        done = subprocess.run([interpreter, HERE / "in_ultralytics.py", answer, verb, *map(str, arguments)], env=environment,
                              cwd=inside or folder, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not answer.exists():
            raise RuntimeError(f"Ultralytics, {verb}: exit code {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return json.loads(answer.read_text())


if __name__ == "__main__":
    print(python())
