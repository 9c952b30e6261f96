"""What is compared: a method with its settings, under a label."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy.typing as npt

from leanset import _leanset
from leanset._convert import Features
from leanset._labels import Ids, Labels
from leanset._errors import hinted
from leanset._estimator import COMMON, BaseReducer
from leanset._functions import BALANCES, GUARDS, Request
from leanset._registry import Method, find
from leanset._result import LeansetWarning
from leanset._results import Ranking

RANDOM = "random"
#: A second random sample: what it gains over the first is chance.
CONTROL = "control"
#: All rows.
FULL = "full"


@dataclass(frozen=True)
class Candidate:
    """A method with its settings."""

    label: str
    method: Method
    params: Mapping[str, Any] = field(default_factory=dict)
    guard: str | None = None
    balance: str = "proportional"
    trainer: Any = None
    #: Whether models are trained with its weights, if it has some.
    weights: bool = True
    #: The ratios at which it is tried: elsewhere it costs more than it can win.
    least: float = 0.0
    most: float = 1.0

    def tried(self, ratio: float) -> bool:
        return self.least <= ratio <= self.most

    def sampler(self, ratio: float, random_state: int = 0) -> BaseReducer:
        """The estimator that keeps this fraction of the rows."""
        from leanset import estimators

        given: dict[str, Any] = {"sampling_strategy": ratio, **self.params}
        own = {"guard": self.guard, "balance": self.balance, "random_state": random_state}
        given.update({name: value for name, value in own.items() if value != COMMON[name]})
        if self.trainer is not None:
            given["trainer"] = self.trainer
        made: BaseReducer = getattr(estimators, self.method.class_name)(**given)
        return made

    def request(self, x: Features, y: Labels, seed: int, n_jobs: int | None) -> Request:
        """What asks for its rows."""
        return Request.of(
            self.method,
            dict(self.params),
            x,
            y,
            random_state=seed,
            n_jobs=n_jobs,
            target=None,
            dynamics=None,
            trainer=self.trainer,
            who=self.label,
            guard=self.guard,
        )

    def kept(
        self, x: Features, y: Labels, ratios: list[float], seed: int, n_jobs: int | None
    ) -> tuple[dict[float, tuple[Ids, npt.NDArray[Any] | None]], list[LeansetWarning]]:
        """The rows that it keeps at each ratio, ascending, with their weights if models are trained with them."""
        request = self.request(x, y, seed, n_jobs)
        _, ranks, _, _ = _leanset.examine(self.method.id, request.params)
        weighted = self.weights and self.method.capabilities["weights"] != "no"
        found = {}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", LeansetWarning)
            ranking = None
            if ranks and not weighted and len(ratios) > 1:
                native = _leanset.rank(
                    request.table,
                    self.method.id,
                    request.params,
                    seed=seed,
                    n_jobs=request.n_jobs,
                    dynamics=request.training_dynamics(),
                    guard=self.guard,
                )
                ranking = Ranking(native, y.known(), self.method.id, {}, seed, None)
            for ratio in ratios:
                if ranking is not None:
                    reduction = ranking.reduce(ratio, balance=self.balance)
                else:
                    result = request.reduce(ratio, allow_empty=False, who=self.label, balance=self.balance)
                    reduction = request.reduction(result, {})
                assert reduction.indices is not None, "prototypes are refused before"
                found[ratio] = (reduction.indices, reduction.weights if weighted else None)
        return found, [w.message for w in caught if isinstance(w.message, LeansetWarning)]


def _checked(candidate: Candidate) -> Candidate:
    """A candidate whose parameters are right, and which keeps rows."""
    from leanset._functions import given_params

    unknown = [name for name in candidate.params if name not in {p.name for p in candidate.method.parameters}]
    if unknown:
        known = [p.name for p in candidate.method.parameters]
        raise hinted(
            TypeError(f"methods: {candidate.label!r}: {candidate.method.id} has no parameter {unknown[0]!r}"),
            "it has " + (", ".join(known) if known else "none") + "; guard, balance, trainer and weights can be given too",
        )
    choices: dict[str, tuple[str | None, ...]] = {"guard": (None, *GUARDS), "balance": BALANCES}
    for name, words in choices.items():
        value = getattr(candidate, name)
        if value not in words:
            raise ValueError(f"methods: {candidate.label!r}: {name} must be one of {', '.join(map(str, words))}, not {value!r}")
    _, _, generates, _ = _leanset.examine(candidate.method.id, given_params(dict(candidate.params)))
    if generates:
        rows = any(p.name == "output" for p in candidate.method.parameters)
        raise hinted(
            ValueError(
                f"methods: {candidate.label!r} generates prototypes, which are not rows of X that an estimator could be fitted on"
            ),
            "output='rows' keeps the row nearest to each" if rows else "leave it out",
        )
    return candidate


def standard() -> list[Candidate]:
    """The candidates of a choice, random rows first: what has earned to be tried on any table."""

    def of(known: tuple[str, str, list[tuple[str, str]], str | None, str, tuple[float, float]]) -> Candidate:
        label, method, params, guard, balance, (least, most) = known
        return Candidate(label, find(method), dict(params), guard, balance, weights=False, least=least, most=most)

    return [of(known) for known in _leanset.candidates()]


def defaults() -> list[Candidate]:
    """What is compared unless methods are named. A candidate whose label is the name of its method, and which is not what the method
    does of itself, says so."""

    def told(candidate: Candidate) -> Candidate:
        plain = candidate.label != candidate.method.id or candidate.guard is None
        return candidate if plain else replace(candidate, label=f"{candidate.label}, guard={candidate.guard!r}")

    return [told(candidate) for candidate in standard() if candidate.method.id != "stratified-random"]


def baseline(label: str) -> Candidate:
    """Stratified random under a label of its own."""
    return Candidate(label, find("stratified-random"))


def candidates(methods: Any) -> list[Candidate]:
    """The candidates that a user names: names, pairs (label, settings) and unfitted samplers; the defaults of None."""
    if methods is None:
        return defaults()
    if isinstance(methods, str | BaseReducer) or not isinstance(methods, Iterable) or isinstance(methods, Mapping):
        raise hinted(
            TypeError(f"methods must be a list, not {methods!r}"),
            "methods=['energy', ('energy, no guard', {'method': 'energy', 'guard': 'off'}), leanset.Maxmin(start='first')]",
        )
    found: list[Candidate] = []
    for given in methods:
        one = _checked(_of(given))
        if one.method.id == "stratified-random":
            # It is always there.
            continue
        if one.label in (RANDOM, CONTROL, FULL):
            raise ValueError(f"methods: {one.label!r} is the label of what is always included; give {one.method.id} another")
        if any(one.label == other.label for other in found):
            raise hinted(
                ValueError(f"methods: two have the label {one.label!r}"),
                "a pair gives a label: ('another label', {...}) or ('another label', sampler)",
            )
        found.append(one)
    return found


def _of(given: Any) -> Candidate:
    if isinstance(given, str):
        known = {candidate.label: candidate for candidate in [*defaults(), baseline(RANDOM)]}
        if given in known:
            return known[given]
        return Candidate(given, find(given))
    if isinstance(given, BaseReducer):
        return _of_sampler(given, None)
    if isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], str):
        label, settings = given
        if isinstance(settings, BaseReducer):
            return _of_sampler(settings, label)
        if isinstance(settings, Mapping):
            own = dict(settings)
            method = find(own.pop("method", label))
            keys = {key: own.pop(key) for key in ("guard", "balance", "trainer", "weights") if key in own}
            return Candidate(label, method, own, **keys)
    raise hinted(
        TypeError(
            f"methods: each must be a name, a pair (label, dict of settings) or an unfitted sampler of leanset, not {given!r}"
        ),
        "leanset.methods() lists the names",
    )


def _of_sampler(sampler: BaseReducer, label: str | None) -> Candidate:
    """How many rows it keeps, and its seed, are what the comparison says."""
    given = {
        name: value
        for name, value in sampler.get_params(deep=False).items()
        if name not in ("sampling_strategy", "random_state", "n_jobs", "allow_empty_classes", "epsilon")
    }
    settings: dict[str, Any] = {name: given.pop(name) for name in ("guard", "balance", "trainer") if name in given}
    if label is None:
        told = {**given, **settings}
        changed = [f"{name}={value!r}" for name, value in told.items() if value != sampler._defaults[name]]
        label = ", ".join([sampler._method.id, *changed])
    return Candidate(label, sampler._method, given, **settings)
