"""Measure leanset beside its peers: `./x bench-peers`, `cargo xtask bench-peers`.

    ./x bench-peers --quick --drybean drybean.csv
    ./x bench-peers --only 'maxmin.*gudhi' --threads one
    ./x bench-peers --drybean drybean.csv --embeddings features.npz

It makes an environment with the pinned packages of requirements.txt and a release wheel of this checkout, both below target/, and
measures every case in a process of its own: the memory that each side adds to the arrays, then both sides in turns, warm. Each result is
printed and becomes a line of benches/record/peers.csv; `./x docs` makes docs/speed.md of it.

On one thread, seconds are CPU time, which equals the wall time of a quiet machine; on all threads they are wall time. Ratios are theirs to
ours, medians pair by pair. `--quick` is a choice of cases on one thread, and each method on all threads beside itself on one.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLACE = ROOT / "target" / "bench-peers"
sys.path.insert(0, str(ROOT / "python"))

import check  # noqa: E402: python/check.py, which makes environments


def wheel(python: Path, profile: str) -> Path:
    """A wheel of this checkout."""
    dist = PLACE / "dist"
    for old in dist.glob("*.whl"):
        old.unlink()
    check.run(python, "-m", "maturin", "build", "--profile", profile, "--locked", "--quiet", "--interpreter", python, "--out", dist,
              "--manifest-path", ROOT / "python" / "Cargo.toml")
    [found] = dist.glob("*.whl")
    return found


def commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    return git("rev-parse", "--short=10", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no", "--", "crates", "python") else "")


def main() -> int:
    arguments = argparse.ArgumentParser(prog="bench-peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="a choice of cases that takes about eight minutes after the build")
    arguments.add_argument("--only", default="", metavar="PATTERN", help="the cases whose names match this regular expression, also those that run only when asked")
    arguments.add_argument("--threads", choices=("one", "all", "both"), default="both")
    arguments.add_argument("--drybean", metavar="FILE", help="the CSV file of Dry Bean (UCI 602); without it, its cases are left out")
    arguments.add_argument("--embeddings", metavar="FILE", help="real embeddings: an .npz with X and y, or an .npy")
    arguments.add_argument("--program", metavar="FILE", help="the program leanset; without it, and with --only 'the program|reading', it is built")
    arguments.add_argument("--seed", type=int, help="the seed of all generated data")
    arguments.add_argument("--budget", type=float, metavar="SECONDS", help="how long a case is repeated (1.5 with --quick, otherwise 10)")
    arguments.add_argument("--bound", type=float, metavar="SECONDS", help="how long one call may take (60 with --quick, otherwise 400)")
    arguments.add_argument("--profile", default="release", help="how the wheel is built; `quick`, as in ./x test, optimises the methods as well")
    arguments.add_argument("--wheel", metavar="FILE", help="measure this wheel instead of building one")
    arguments.add_argument("--commit", help="the commit of that wheel")
    arguments.add_argument("--record", metavar="FILE", help="the CSV file to append to")
    arguments.add_argument("--no-record", action="store_true")
    arguments.add_argument("--list", action="store_true", help="print the cases and run none")
    asked = arguments.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    check.PLACE = PLACE
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        # They make NumPy run with another kernel than that of this processor.
        if os.environ.pop(name, None) is not None:
            print(f"bench-peers: {name} was set, and is not for these runs", file=sys.stderr)
    python = check.environment(HERE / "requirements.txt")
    check.run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--force-reinstall", "--no-deps",
              asked.wheel or wheel(python, asked.profile))
    settings = {"BENCH_DRYBEAN": asked.drybean, "BENCH_EMBEDDINGS": asked.embeddings, "BENCH_PROGRAM": asked.program, "BENCH_SEED": asked.seed}
    if re.search("program|reading", asked.only) and not asked.program:
        check.run("cargo", "build", "--profile", asked.profile, "--locked", "-p", "leanset-cli")
        settings["BENCH_PROGRAM"] = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "leanset"
    environment = {**os.environ, **{k: str(Path(v).resolve() if k != "BENCH_SEED" else v) for k, v in settings.items() if v}}
    command = [python, HERE / "suite.py", "--only", asked.only, "--threads", asked.threads, "--commit", asked.commit or commit()]
    command += [word for name in ("budget", "bound", "record") if (value := getattr(asked, name)) is not None for word in (f"--{name}", str(value))]
    command += [f"--{name.replace('_', '-')}" for name in ("quick", "no_record", "list") if getattr(asked, name)]
    return subprocess.run([str(word) for word in command], cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(f"bench-peers: Python 3.11 or newer is needed, and this is {sys.version.split()[0]}")
    sys.exit(main())
