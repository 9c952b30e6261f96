"""Builds the wheel that users get: `./x wheel`, `./x wheel --musl`.

On Linux it is linked against glibc 2.17 (manylinux2014), whatever the glibc of this machine, so that pip installs it on every
distribution since 2014; with `--musl`, against musl 1.2, as for Alpine. Zig does the linking; it comes from PyPI, pinned in
python/requirements-wheel.txt. On other systems it is the wheel of this machine. There is one wheel for every Python since 3.11.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import check

REQUIREMENTS = check.ROOT / "python" / "requirements-wheel.txt"
# The least glibc of manylinux2014.
GLIBC = (2, 17)


def newest_glibc(library: bytes) -> tuple[int, ...]:
    """The newest version of glibc that a shared library needs a symbol of."""
    versions = re.findall(rb"\0GLIBC_(\d+(?:\.\d+)+)(?=\0)", library)
    return max((tuple(map(int, version.split(b"."))) for version in versions), default=(0,))


def main() -> None:
    arguments = argparse.ArgumentParser(prog="./x wheel", description=(__doc__ or "").partition("\n\n")[2])
    arguments.add_argument("--musl", action="store_true", help="for distributions with musl, such as Alpine")
    arguments.add_argument("--profile", default="release", help="that of Cargo.toml; `quick` is built sooner and is no less portable")
    arguments.add_argument("--out", type=Path, default=check.ROOT / "target" / "wheels", help="the folder of the wheel")
    asked = arguments.parse_args()
    linux = sys.platform == "linux"
    if asked.musl and not linux:
        sys.exit("x: --musl is for Linux; on this system, build the wheel of this machine: ./x wheel")
    words: list[object] = ["-m", "maturin", "build", "--profile", asked.profile, "--locked", "--out", asked.out]
    python = check.environment(REQUIREMENTS)
    if linux:
        target = f"{platform.machine()}-unknown-linux-{'musl' if asked.musl else 'gnu'}"
        if asked.musl and shutil.which("rustup"):
            check.run("rustup", "target", "add", target)
        if subprocess.run([python, "-m", "ziglang", "version"], capture_output=True, check=False).returncode != 0:
            sys.exit(
                "x: the package ziglang does not run on this machine, and links the wheel against an old glibc: build in a container that has "
                "one (quay.io/pypa/manylinux2014_x86_64), or for this machine alone: python3 -m maturin build --release"
            )
        words += ["--zig", "--target", target, "--compatibility", "musllinux_1_2" if asked.musl else "manylinux2014"]
    # maturin asks the first Python on the path for Zig.
    check.run(python, *words, PATH=os.pathsep.join([str(python.parent), os.environ.get("PATH", "")]))
    wheel = max(asked.out.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    if linux and not asked.musl:
        with zipfile.ZipFile(wheel) as archive:
            [library] = [name for name in archive.namelist() if name.endswith(".so")]
            newest = newest_glibc(archive.read(library))
        if newest > GLIBC:
            sys.exit(f"x: {wheel.name} needs glibc {'.'.join(map(str, newest))}, and manylinux2014 has {'.'.join(map(str, GLIBC))}")
        print(f"x: {wheel.name} needs glibc {'.'.join(map(str, newest))} or newer", file=sys.stderr)
    print(wheel)


if __name__ == "__main__":
    main()
