"""What `./x wheel` says of the library that it has built."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PLACE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel():
    script = PLACE / "wheel.py"
    if not script.exists():
        pytest.skip("not in a checkout")
    sys.path.insert(0, str(PLACE))
    try:
        spec = importlib.util.spec_from_file_location("wheel", script)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(PLACE))
    return module


def test_newest_glibc_is_that_of_the_newest_symbol(wheel):
    names = [b"GLIBC_2.2.5", b"GLIBC_2.17", b"GLIBC_2.9", b"GCC_3.0"]
    assert wheel.newest_glibc(b"\0" + b"\0".join(names) + b"\0") == (2, 17)
    assert wheel.newest_glibc(b"\0GLIBC_2.34\0" + b"text GLIBC_9.9 of a message\0") == (2, 34)
    assert wheel.newest_glibc(b"") == (0,)


@pytest.mark.skipif(sys.platform != "linux", reason="another C library")
def test_newest_glibc_of_this_python(wheel):
    import leanset._leanset
    library = Path(leanset._leanset.__file__).read_bytes()
    newest = wheel.newest_glibc(library)
    assert (2,) < newest < (3,) or b"musl" in library
