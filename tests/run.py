"""Run all tests: `./x test`. Parts that do not depend on each other run in parallel, one per core.

When a part ends, its whole output is printed with its time and CPU time; until then the output is in target/tests. If a part fails, the
other running parts continue, and the exit code reports the failure. Ctrl-C stops all parts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "target" / "tests"
CARGO = ("cargo", "test", "--profile", "quick", "--locked", "--workspace")
PYTHON = sys.executable


@dataclass
class Part:
    name: str
    command: tuple[str, ...]
    # Parts that must have passed.
    after: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    passed: bool | None = None

    @property
    def log(self) -> Path:
        return LOGS / f"{self.name}.log"

    def start(self) -> None:
        print(f"tests: {self.name}: {' '.join(self.command)}", file=sys.stderr, flush=True)
        self.began = time.monotonic()
        with self.log.open("wb") as log:
            # A session of its own: a part and all that it starts can be ended together.
            self.process = subprocess.Popen(self.command, cwd=ROOT, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def ended(self) -> bool:
        """Whether it has ended; then what it said is printed."""
        assert self.process is not None
        pid, status, used = os.wait4(self.process.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.passed = self.process.returncode == 0
        word = "passed" if self.passed else f"FAILED with exit code {self.process.returncode}"
        head = f"{self.name}: {word} in {time.monotonic() - self.began:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of CPU time"
        print(f"\n──── {head} ────", flush=True)
        sys.stdout.buffer.write(self.log.read_bytes())
        sys.stdout.flush()
        return True

    def end(self) -> None:
        """Ends it and all that it has started."""
        if self.process is None or self.passed is not None:
            return
        for number, seconds in ((signal.SIGINT, 5.0), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(seconds)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue
        # The leader may have ended before others of its group.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def parts() -> list[Part]:
    return [
        Part("build", (*CARGO, "--no-run")),
        Part("environment", (PYTHON, str(Path(__file__)), "environment")),
        Part("rust", CARGO, after=("build",)),
        Part("package", (PYTHON, "python/check.py", "--build"), after=("build", "environment")),
        Part("images", (PYTHON, "tests/images/run.py"), after=("build", "environment")),
        Part("python", (PYTHON, "python/check.py", "--built"), after=("package",)),
        Part("site", (PYTHON, "docs/site/build.py", "--built"), after=("package",), environment={"LEANSET_LIGHT": "1"}),
    ]


def main() -> int:
    LOGS.mkdir(parents=True, exist_ok=True)
    waiting = parts()
    running: list[Part] = []
    done: list[Part] = []
    try:
        while waiting or running:
            for part in [part for part in running if part.ended()]:
                running.remove(part)
                done.append(part)
            passed = {part.name for part in done if part.passed}
            bad = {part.name for part in done if not part.passed}
            for part in list(waiting):
                if bad & set(part.after):
                    waiting.remove(part)
                    part.passed = False
                    print(f"\n──── {part.name}: not run, because it needs {' and '.join(sorted(bad & set(part.after)))} ────", flush=True)
                    done.append(part)
                elif passed >= set(part.after) and len(running) < max(2, os.cpu_count() or 2):
                    waiting.remove(part)
                    part.start()
                    running.append(part)
            time.sleep(0.1)
    except KeyboardInterrupt:
        print("tests: interrupted", file=sys.stderr)
        return 130
    finally:
        for part in running:
            part.end()
    failed = [part.name for part in done if not part.passed and part.process is not None]
    left = [part.name for part in done if part.process is None]
    words = [f"{what}: {', '.join(names)}" for what, names in (("failed", failed), ("not run", left)) if names]
    print(f"\ntests: {'; '.join(words) or 'all parts passed'}", flush=True)
    return 1 if failed else 0


def environment() -> None:
    """The environment of the Python parts, made at once."""
    sys.path.insert(0, str(ROOT / "python"))
    import check

    check.PLACE.mkdir(parents=True, exist_ok=True)
    check.environment(check.REQUIREMENTS, ROOT / "tests/images/requirements.txt", ROOT / "docs/requirements.txt")


if __name__ == "__main__":
    if sys.argv[1:] == ["environment"]:
        environment()
    else:
        # Ended from elsewhere, it ends as by Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        sys.exit(main())
