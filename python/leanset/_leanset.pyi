"""The extension module: thin wrappers of the Rust crates. The package's own interface is `leanset`."""

from collections.abc import Callable
from os import PathLike
from typing import Any, final

import numpy as np
import numpy.typing as npt

_Ids = npt.NDArray[np.int64]
_Codes = npt.NDArray[np.uint32]
_Points = npt.NDArray[np.float32] | npt.NDArray[np.float64]
_Table = tuple[_Points, _Codes, list[str]]
_Budget = float | list[int]
_Params = list[tuple[str, Any]]
_Warning = tuple[str, str, str | None]
_Interval = tuple[float, float, float, float, int]

__all__ = [
    "Meter",
    "manifest_schema",
    "manifest_text",
    "bottleneck_distance",
    "diagrams",
    "duplicates",
    "epsilon_between",
    "epsilon_curve",
    "epsilon_of_rows",
    "NativeRanking",
    "examine",
    "find",
    "methods",
    "rank",
    "reduce",
    "candidates",
    "choose",
    "scale_columns",
    "scale_rows",
    "median",
    "paired",
    "Dynamics",
    "NativeLog",
    "softmax",
    "warm_up",
    "fault_on_purpose",
    "threads",
    "VERSION",
]

VERSION: str

def methods() -> str: ...
def find(name: str) -> str: ...
def examine(method: str, params: _Params) -> tuple[bool, bool, bool, str]: ...
def reduce(
    table: _Table,
    method: str,
    params: _Params,
    budget: _Budget,
    *,
    allow_empty: bool,
    seed: int,
    n_jobs: int | None,
    target: _Table | None = None,
    dynamics: Dynamics | None = None,
    guard: str | None = None,
    balance: str = "proportional",
    keep: _Ids | None = None,
    stopping: tuple[float | None, float | None, str] | None = None,
) -> dict[str, Any]: ...
def rank(
    table: _Table,
    method: str,
    params: _Params,
    *,
    seed: int,
    n_jobs: int | None,
    target: _Table | None = None,
    dynamics: Dynamics | None = None,
    guard: str | None = None,
    keep: _Ids | None = None,
) -> NativeRanking: ...
def epsilon_of_rows(table: _Table, rows: _Ids, metric: str, n_jobs: int | None) -> dict[str, Any]: ...
def duplicates(
    x: _Points, within: float, most: int, against: _Points | None, n_jobs: int | None
) -> tuple[_Ids, _Ids, npt.NDArray[np.float64], _Ids, _Ids]: ...
def scale_columns(
    values: npt.NDArray[np.float64], scaled: list[bool], scale: str, n_jobs: int | None
) -> list[tuple[float, float] | None]: ...
def scale_rows(values: npt.NDArray[np.float64], n_jobs: int | None) -> None: ...
def epsilon_between(table: _Table, reduced: _Table, metric: str, n_jobs: int | None) -> dict[str, Any]: ...
def epsilon_curve(
    table: _Table, ranking: NativeRanking, ratios: list[float], as_far: bool, metric: str, n_jobs: int | None
) -> list[tuple[float, int, dict[str, Any]]]: ...
def diagrams(x: _Points, metric: str, dimension: int, n_jobs: int | None) -> list[npt.NDArray[np.float64]]: ...
def bottleneck_distance(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float: ...
def candidates() -> list[tuple[str, str, list[tuple[str, str]], str | None, str, tuple[float, float]]]: ...
def choose(
    codes: _Codes,
    names: list[str],
    groups: _Codes | None,
    encode: Callable[[_Ids, _Ids], tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
    train: Callable[[_Ids, _Ids, int], tuple[_Codes, float]] | None,
    question: dict[str, Any],
    n_jobs: int | None,
) -> tuple[str, list[_Warning], str, list[str]]: ...
def median(values: list[float]) -> _Interval | None: ...
def paired(differences: list[float]) -> tuple[_Interval, float, str] | None: ...
def manifest_schema() -> str: ...
def manifest_text(name: str, text: str) -> str: ...
def threads(n_jobs: int | None) -> int: ...
def fault_on_purpose() -> None: ...
def softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]: ...
def warm_up(table: _Table, settings: str, seed: int, n_jobs: int | None) -> Dynamics: ...

# Only in a build with the feature `files`, so they are not in __all__.
def reduce_file(
    request: str,
    output: str | PathLike[str],
    *,
    manifest: str | PathLike[str] | None = None,
    overwrite: bool = False,
    n_jobs: int | None = None,
    memory_limit: int | None = None,
) -> tuple[str, list[_Warning]]: ...
def rank_file(
    request: str,
    output: str | PathLike[str],
    *,
    manifest: str | PathLike[str] | None = None,
    overwrite: bool = False,
    n_jobs: int | None = None,
    memory_limit: int | None = None,
) -> tuple[str, list[_Warning]]: ...
def reduce_images(
    request: str,
    output: str | PathLike[str],
    *,
    overwrite: bool = False,
    strict: bool = False,
    cache: str | PathLike[str] | None = None,
    n_jobs: int | None = None,
    memory_limit: int | None = None,
) -> tuple[str, list[_Warning]]: ...
def describe_images(
    request: str,
    output: str | PathLike[str],
    *,
    paths: str | PathLike[str] | None = None,
    overwrite: bool = False,
    strict: bool = False,
    cache: str | PathLike[str] | None = None,
    n_jobs: int | None = None,
    memory_limit: int | None = None,
) -> tuple[str, list[_Warning]]: ...
def check_images(
    dataset: str | PathLike[str], division: str, *, n_jobs: int | None = None
) -> tuple[str, list[_Warning]]: ...

@final
class NativeRanking:
    def __new__(
        cls,
        global_: bool,
        rows: _Ids,
        scores: npt.NDArray[np.float64],
        codes: _Codes,
        sizes: list[int],
        names: list[str],
        warnings: list[_Warning],
        limits: list[tuple[str, str, str, list[int | None]]],
    ) -> NativeRanking: ...
    @property
    def rows(self) -> _Ids: ...
    @property
    def scores(self) -> npt.NDArray[np.float64]: ...
    @property
    def ranks(self) -> _Ids: ...
    @property
    def codes(self) -> _Codes: ...
    @property
    def warnings(self) -> list[_Warning]: ...
    @property
    def facts(self) -> str: ...
    @property
    def is_global(self) -> bool: ...
    def reduce(self, budget: _Budget, allow_empty: bool, balance: str = "proportional") -> dict[str, Any]: ...

@final
class Dynamics:
    def __new__(
        cls,
        epochs: int,
        forgetting: _Ids,
        learnt: npt.NDArray[np.bool_],
        scores: dict[str, npt.NDArray[np.float64]],
    ) -> Dynamics: ...
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def rows(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def forgetting(self) -> _Ids: ...
    @property
    def learnt(self) -> npt.NDArray[np.bool_]: ...
    @property
    def el2n(self) -> npt.NDArray[np.float64] | None: ...
    @property
    def aum(self) -> npt.NDArray[np.float64] | None: ...
    @property
    def dual(self) -> npt.NDArray[np.float64] | None: ...
    @property
    def grand(self) -> npt.NDArray[np.float64] | None: ...
    @property
    def scores(self) -> dict[str, npt.NDArray[np.float64]]: ...

@final
class NativeLog:
    def __new__(cls, rows: int) -> NativeLog: ...
    def observe(
        self,
        epoch: int,
        rows: _Ids,
        right: npt.NDArray[np.bool_],
        probabilities: tuple[npt.NDArray[np.float64], _Codes] | None,
        gradients: npt.NDArray[np.float64] | None = None,
    ) -> None: ...
    def merge(self, other: NativeLog) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def epochs(self) -> list[int]: ...
    @property
    def observations(self) -> int: ...
    def state(self) -> bytes: ...
    def labelled(self, kind: str, names: list[str], codes: _Codes) -> bytes: ...
    @staticmethod
    def of_state(bytes: bytes) -> NativeLog: ...
    @staticmethod
    def of_labelled(bytes: bytes) -> tuple[str, list[str], _Codes, NativeLog]: ...
    def finish(self) -> Dynamics: ...

@final
class Meter:
    def __new__(
        cls,
        *,
        country: str | None = None,
        carbon_intensity: float | None = None,
        watts: float | None = None,
        tdp: float | None = None,
    ) -> Meter: ...
    def read(self) -> str: ...
    def stop(self) -> str: ...
