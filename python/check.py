"""Builds the package as users get it, installs it, and runs its tests: `./x test` and `./x test-python`.

The wheel is built from the sdist, so both are tested. All of it is below target/, and what Rust builds is shared with the
other builds of this checkout. Needs Python 3.11 or newer, and PyPI for what python/requirements-test.txt names.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "target" / "python"
REQUIREMENTS = ROOT / "python" / "requirements-test.txt"
# The profile of Cargo.toml with which everything that is tested is built.
PROFILE = "quick"
# Features of the extension module that are not in the wheel of users, such as `files`.
FEATURES = os.environ.get("LEANSET_FEATURES", "")
# Modules are compiled when they are imported first, and only those; not beside the sources.
CACHE = {"PYTHONPYCACHEPREFIX": str(PLACE / "pycache"), "PYTHONDONTWRITEBYTECODE": ""}


def run(*words: object, **environment: str) -> None:
    command = [str(word) for word in words]
    print("+", " ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **CACHE, **environment}, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def environment(*requirements: Path) -> Path:
    """The Python of the one virtual environment of all tests, with the pinned packages of these files.

    What is missing is added; the environment is made again when a pin that it was made with has changed."""
    place = PLACE / f"environment-{sys.version_info.major}.{sys.version_info.minor}"
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    known = {file: place / "pins" / "-".join(file.relative_to(ROOT).parts) for file in requirements}
    if any(pins.exists() and not filecmp.cmp(pins, file, shallow=False) for file, pins in known.items()):
        shutil.rmtree(place)
    missing = [file for file, pins in known.items() if not pins.exists()]
    if missing:
        if not python.exists():
            shutil.rmtree(place, ignore_errors=True)
            venv.create(place, with_pip=True)
        # Those that are there already are named too, so that no package is changed under them.
        there = sorted((place / "pins").glob("*.txt"))
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
            *[word for file in [*there, *missing] for word in ("-r", file)])
        (place / "pins").mkdir(exist_ok=True)
        for file in missing:
            shutil.copyfile(file, known[file])
    return python


def install(python: Path, wheel: Path) -> None:
    """Installs a wheel of the package into the environment, without its dependencies."""
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--force-reinstall",
        "--no-deps", wheel)


def unpack(sdist: Path, place: Path) -> None:
    """Unpacks an sdist over an earlier one.

    A file that is the same as in the checkout has the time that it has there, so that Cargo takes a crate for the one that
    it has built in the checkout."""
    with tempfile.TemporaryDirectory(dir=PLACE) as scratch, tarfile.open(sdist) as archive:
        archive.extractall(scratch, filter="data")
        [fresh] = Path(scratch).iterdir()
        wanted = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
        if place.exists():
            for path in [p for p in place.rglob("*") if p.is_file()]:
                if path.relative_to(place) not in wanted:
                    path.unlink()
        for name in wanted:
            old, new, source = place / name, fresh / name, ROOT / name
            if not (old.exists() and filecmp.cmp(old, new, shallow=False)):
                old.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(new, old)
            if source.exists() and filecmp.cmp(old, source, shallow=False):
                shutil.copystat(source, old)


def wheel(python: Path) -> Path:
    """The wheel of the sdist of this checkout."""
    dist = PLACE / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    run(python, "-m", "maturin", "sdist", "--out", dist)
    [sdist] = dist.glob("*.tar.gz")
    source = PLACE / "source"
    unpack(sdist, source)
    run(python, "-m", "maturin", "build", "--profile", PROFILE, "--out", dist, *(["--features", FEATURES] if FEATURES else []),
        "--manifest-path", source / "python" / "Cargo.toml", CARGO_TARGET_DIR=str(ROOT / "target"))
    [found] = dist.glob("*.whl")
    return found


def program() -> None:
    """Builds the program of this checkout, unless LEANSET names one that was built elsewhere."""
    if "LEANSET" not in os.environ:
        run("cargo", "build", "--profile", PROFILE, "--locked", "-p", "leanset-cli")


def main() -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    python = environment(REQUIREMENTS)
    arguments = sys.argv[1:]
    # ./x test builds and installs first, and then tests beside other tests.
    if arguments != ["--built"]:
        install(python, wheel(python))
    if arguments == ["--build"]:
        return
    # The program beside which the package is held: of the same code.
    program()
    if arguments and arguments != ["--built"]:
        run(python, "-m", "pytest", "-q", *arguments)
        return
    run(python, "-m", "pytest", "-q")
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules", "--pyargs", "leanset", "--ignore-glob=*.so")
    run(python, "-m", "mypy", "--strict", "--config-file", ROOT / "pyproject.toml", "--cache-dir", PLACE / "mypy", "-p", "leanset")
    run(python, "-m", "mypy.stubtest", "leanset", "--mypy-config-file", ROOT / "pyproject.toml",
        "--allowlist", ROOT / "python" / "stubtest-allow.txt")


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(f"python/check.py: Python 3.11 or newer is needed, and this is {sys.version.split()[0]}")
    main()
