"""Files that are written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: str | os.PathLike[str], content: bytes, *, overwrite: bool) -> None:
    """Write a file so that its name always leads to all of the content or to what was there before.

    Raises FileExistsError if the file exists and `overwrite` is False.
    """
    import tempfile  # here, so that importing the package takes no longer for it

    target = Path(os.path.realpath(path))  # a link stays, and what it points to is written
    if target.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".leanset-", suffix=".unfinished")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
