"""Build the documentation site in target/site; every warning is an error. `./x docs-site` runs it, and so does `./x test`.

It builds and installs the package, because the examples run with it. With LEANSET_LIGHT=1, as in the tests, they do less.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "docs" / "requirements.txt"
sys.path.insert(0, str(ROOT / "python"))

import check  # noqa: E402: python/check.py, which builds the wheel


def main() -> None:
    check.PLACE.mkdir(parents=True, exist_ok=True)
    python = check.environment(check.REQUIREMENTS, REQUIREMENTS)
    # In ./x test the wheel has just been built, installed and tested.
    if "--built" not in sys.argv:
        check.install(python, check.wheel(python))
    check.run(python, "-m", "mkdocs", "build", "--strict", NO_MKDOCS_2_WARNING="1")
    print("the site is target/site/index.html; with its search: python3 -m http.server -d target/site", file=sys.stderr)


if __name__ == "__main__":
    main()
