"""Convert `random_state` to a seed."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np


def seed_of(random_state: Any) -> int:
    """An int is the seed itself, as `--seed` on the command line. None draws a seed from NumPy's global state, as in
    scikit-learn. A RandomState or Generator provides its next number."""
    if random_state is None:
        random_state = np.random.mtrand._rand
    if isinstance(random_state, bool | np.bool_):
        raise ValueError(f"random_state must be an int, None, a RandomState or a Generator, not {random_state!r}")
    if isinstance(random_state, numbers.Integral):
        seed = int(random_state)
        if not 0 <= seed < 2**64:
            raise ValueError(f"random_state must be in [0, 2**64), not {seed}")
        return seed
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, 2**63 - 1, dtype=np.int64))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(0, 2**63 - 1, dtype=np.int64))
    raise ValueError(
        f"{random_state!r} cannot be used to seed: random_state must be an int, None, a RandomState or a Generator"
    )
