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


def run(*words: object, **environment: str) -> None:
    command = [str(word) for word in words]
    print("python/check.py:", " ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def environment(name: str = "check", requirements: Path = REQUIREMENTS) -> Path:
    """A virtual environment with the pinned packages; made again when the pins change."""
    place = PLACE / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    pins = place / requirements.name
    if not (pins.exists() and filecmp.cmp(pins, requirements, shallow=False)):
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
        shutil.copyfile(requirements, pins)
    return python


def unpack(sdist: Path, place: Path) -> None:
    """Unpacks an sdist over an earlier one. Files that are the same keep their times, so that nothing is built in vain."""
    with tempfile.TemporaryDirectory(dir=PLACE) as scratch, tarfile.open(sdist) as archive:
        archive.extractall(scratch, filter="data")
        [fresh] = Path(scratch).iterdir()
        wanted = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
        if place.exists():
            for path in [p for p in place.rglob("*") if p.is_file()]:
                if path.relative_to(place) not in wanted:
                    path.unlink()
        for name in wanted:
            old, new = place / name, fresh / name
            if not (old.exists() and filecmp.cmp(old, new, shallow=False)):
                old.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(new, old)


def wheel(python: Path) -> Path:
    """The wheel of the sdist of this checkout."""
    dist = PLACE / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    run(python, "-m", "maturin", "sdist", "--out", dist)
    [sdist] = dist.glob("*.tar.gz")
    source = PLACE / "source"
    unpack(sdist, source)
    run(python, "-m", "maturin", "build", "--release", "--out", dist, "--manifest-path", source / "python" / "Cargo.toml",
        CARGO_TARGET_DIR=str(ROOT / "target"))
    [found] = dist.glob("*.whl")
    return found


def main() -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    python = environment()
    built = wheel(python)
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--force-reinstall", "--no-deps", built)
    # The program beside which the package is held: of the same code.
    run("cargo", "build", "--release", "--locked", "-p", "leanset-cli")
    arguments = sys.argv[1:]
    run(python, "-m", "pytest", "-q", *arguments)
    if not arguments:
        # From a folder of its own, so that it is the installed package that is looked at.
        os.chdir(PLACE)
        run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules", "--pyargs", "leanset",
            "--ignore-glob=*.so")
        run(python, "-m", "mypy", "--strict", "--config-file", ROOT / "pyproject.toml", "-p", "leanset")
        run(python, "-m", "mypy.stubtest", "leanset", "--mypy-config-file", ROOT / "pyproject.toml",
            "--allowlist", ROOT / "python" / "stubtest-allow.txt")


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(f"python/check.py: Python 3.11 or newer is needed, and this is {sys.version.split()[0]}")
    main()
