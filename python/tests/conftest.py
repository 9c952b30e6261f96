"""Shared by the tests: small data, all estimators, the command line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import leanset
from leanset._registry import METHODS

ROOT = Path(__file__).resolve().parents[2]


def small(method: Any, **params: Any) -> Any:
    """An estimator that is quick to fit: a method that uses training dynamics gets a short training."""
    if method.uses_dynamics:
        params.setdefault("trainer", leanset.Trainer(epochs=2))
    return getattr(leanset, method.class_name)(**params)


def every() -> list[Any]:
    """One estimator per method, and one per variant that behaves differently."""
    found = [small(method) for method in METHODS]
    return [*found, leanset.CLC(output="rows"), leanset.NRMD(scope="global"), leanset.DES(base=0.05)]


@pytest.fixture(params=METHODS, ids=lambda m: m.id)
def method(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three classes of 60, 40 and 20 rows with three columns; every value is exact in float32."""
    rng = np.random.default_rng(7)
    y = np.repeat(["ash", "birch", "cedar"], [60, 40, 20])
    centre = {"ash": 0.0, "birch": 2.0, "cedar": 4.0}
    X = rng.normal(size=(120, 3)) + np.array([centre[label] for label in y])[:, None]
    order = rng.permutation(120)
    return X.astype(np.float32).astype(np.float64)[order], y[order]


@pytest.fixture(scope="session")
def command_line() -> Any:
    """Run the program `leanset` of this checkout."""
    program = Path(os.environ.get("LEANSET", ROOT / "target" / "quick" / "leanset"))
    assert program.exists(), f"{program}: build the command line first: cargo build --profile quick -p leanset-cli"

    def run(*arguments: object) -> str:
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
