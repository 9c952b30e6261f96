"""The Python code on the pages runs as it is shown."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
def test_quick_start_runs() -> None:
    page = (ROOT / "docs/quickstart.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) >= 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/quickstart.md", "exec"), names)
    assert len(names["y_lean"]) == len(names["kept"].indices) == 135  # type: ignore[arg-type, attr-defined]
