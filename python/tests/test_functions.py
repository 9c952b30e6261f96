"""The functions give the values of their definitions."""

from __future__ import annotations

import numpy as np
import pytest

import leanset


def naive(X, y, kept, distance):
    worst = 0.0
    for i in range(len(X)):
        own = [j for j in kept if y[j] == y[i]]
        worst = max(worst, min((distance(X[i] - X[j]) for j in own), default=np.inf))
    return worst


@pytest.mark.parametrize(
    ("metric", "distance"),
    [
        ("chebyshev", lambda d: np.abs(d).max()),
        ("euclidean", lambda d: np.sqrt((d * d).sum())),
        ("manhattan", lambda d: np.abs(d).sum()),
    ],
)
def test_epsilon_equals_its_definition(blobs, metric, distance):
    X, y = blobs
    kept = np.array([0, 5, 17, 30, 31, 77, 90])
    found = leanset.epsilon(X, y, kept, metric=metric)
    assert found.value == pytest.approx(naive(X, y, kept, distance), rel=1e-15)
    assert float(found) == found.value
    assert found.classes[found.worst_class].worst_row == found.worst_row
    assert sum(c.kept for c in found.classes.values()) == len(kept)
    assert leanset.epsilon(X, y, (X[kept], y[kept]), metric=metric).value == found.value


def test_epsilon_of_a_lost_class_is_infinite(blobs):
    X, y = blobs
    found = leanset.epsilon(X, y, np.flatnonzero(y != "cedar"))
    assert found.value == np.inf
    assert found.worst_row is None
    assert found.classes["cedar"].kept == 0


def test_epsilon_accepts_results_and_estimators(blobs):
    X, y = blobs
    sampler = leanset.MMS(sampling_strategy=0.2, epsilon="chebyshev").fit(X, y)
    reduction = leanset.reduce(X, y, 0.2, method="mms", epsilon="chebyshev")
    assert leanset.epsilon(X, y, sampler) == sampler.epsilon_ == reduction.epsilon == leanset.epsilon(X, y, reduction)


def test_reduce_without_labels_has_one_class():
    X = np.arange(20.0).reshape(10, 2)
    kept = leanset.reduce(X, method="mms", sampling_strategy=3)
    assert kept.counts == {"all": 3}
    assert len(kept) == 3
    assert leanset.rank(X, method="mms").labels.tolist() == ["all"] * 10


def test_rankings_are_cut(blobs):
    X, y = blobs
    ranking = leanset.rank(X, y, method="mms", random_state=3)
    assert sorted(ranking.rows.tolist()) == list(range(120))
    assert ranking.labels.tolist() == y[ranking.rows].tolist()
    assert ranking.ranks.tolist() == [*range(60), *range(40), *range(20)]
    assert not ranking.is_global
    for asked in (0.1, 0.4, 30, {"ash": 2}):
        sliced, direct = ranking.reduce(asked), leanset.reduce(X, y, asked, method="mms", random_state=3)
        assert np.array_equal(sliced.order, direct.order)
        assert sliced.counts == direct.counts
    assert leanset.rank(X, y, method="nrmd", scope="global").is_global


def test_persistence_diagrams_of_a_circle_have_one_long_loop():
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    components, loops = leanset.persistence_diagrams(np.column_stack([np.cos(angle), np.sin(angle)]))
    assert components.shape == (60, 2)
    assert np.isinf(components[:, 1]).sum() == 1
    assert loops.shape == (1, 2)
    assert loops[0, 0] == pytest.approx(2 * np.sin(np.pi / 60))
    assert leanset.persistence_diagrams(np.zeros((3, 2)), dimension=2)[2].shape == (0, 2)


def test_bottleneck_distances():
    assert leanset.bottleneck_distance([[0, 4], [1, 2]], [[0, 4.5]]) == 0.5
    assert leanset.bottleneck_distance([[0, 4]], []) == 2.0
    assert leanset.bottleneck_distance([[0, np.inf]], []) == np.inf
    assert leanset.bottleneck_distance([[0, np.inf]], [[1, np.inf]]) == 1.0
    assert leanset.bottleneck_distance([], np.empty((0, 2))) == 0.0


def test_bottleneck_distance_is_within_its_bound(blobs):
    """The bottleneck distance of a class and its reduction is at most 2 ε."""
    X, y = blobs
    own = X[y == "ash"]
    kept = leanset.reduce(own, method="mms", sampling_strategy=0.3, epsilon="euclidean")
    full, lean = leanset.persistence_diagrams(own), leanset.persistence_diagrams(own[kept.indices])
    for a, b in zip(full, lean, strict=True):
        assert leanset.bottleneck_distance(a, b) <= 2 * kept.epsilon.value


def test_the_guard_keeps_mislabelled_rows_for_the_end():
    X = np.array([[i % 2 * 100.0 + i / 10] for i in range(60)])
    y = np.array([i % 2 ^ (i % 10 == 3) for i in range(60)])
    wrong = set(range(3, 60, 10))
    for method in ("energy", "mms", "moderate"):
        kept = leanset.reduce(X, y, 0.5, method=method, guard="on")
        assert not wrong & set(kept.indices.tolist())
        assert kept.facts["guard"] == "on" and sum(kept.facts["contradicted_rows"]) == len(wrong)
    noise = leanset.rank(X, y, method="contradiction")
    assert set(noise.rows[noise.scores > 0].tolist()) == wrong
    with pytest.raises(ValueError, match="guard must be None or one of auto, on, off"):
        leanset.reduce(X, y, method="mms", guard="maybe")
    with pytest.raises(ValueError, match="coordinates"):
        leanset.reduce(X, y, method="srs", guard="on")


@pytest.mark.parametrize(("balance", "counts"), [("proportional", [27, 3, 1]), ("sqrt", [23, 7, 1]), ("equal", [20, 10, 1])])
def test_classes_share_a_budget_as_is_asked(balance, counts):
    X, y = np.arange(111.0).reshape(-1, 1) % 37, np.repeat([0, 1, 2], [100, 10, 1])
    kept = leanset.reduce(X, y, 31, method="energy", balance=balance)
    assert list(kept.counts.values()) == counts and kept.balance == balance
    cut = leanset.rank(X, y, method="energy").reduce(31, balance=balance)
    assert list(cut.counts.values()) == counts
    sampler = leanset.Energy(sampling_strategy=31, balance=balance).fit(X, y)
    assert list(sampler.sampling_strategy_.values()) == counts
    with pytest.raises(ValueError, match="balance must be one of"):
        leanset.reduce(X, y, 31, method="energy", balance="fair")


def test_reduce_goes_on_from_kept_rows(blobs):
    X, y = blobs
    for method in ("mms", "energy", "herding", "facility-location"):
        first = leanset.reduce(X, y, 0.1, method=method)
        more = leanset.reduce(X, y, 0.2, method=method, kept=first)
        assert np.isin(first.indices, more.indices).all()
        assert len(more.indices) == round(0.2 * len(X))
        again = leanset.reduce(X, y, 0.2, method=method, kept=first.indices[::-1])
        assert np.array_equal(more.indices, again.indices)
        ranking = leanset.rank(X, y, method=method, kept=first)
        assert set(ranking.reduce(0.2).indices) == set(more.indices)
    with pytest.raises(ValueError, match="rows that are kept already"):
        leanset.reduce(X, y, 0.2, method="des", kept=first)
    with pytest.raises(ValueError, match="rows are kept already"):
        leanset.reduce(X, y, 0.05, method="mms", kept=first)
    with pytest.raises(ValueError, match="named twice"):
        leanset.reduce(X, y, 0.2, method="mms", kept=[3, 3])
    with pytest.raises(ValueError, match="kept: row -1 is not one of 0 to 119"):
        leanset.reduce(X, y, 0.2, method="mms", kept=[-1])


def test_reduce_stops_when_enough_is_kept(blobs):
    X, y = blobs
    for method in ("mms", "srs"):
        enough = leanset.reduce(X, y, method=method, max_epsilon=0.8, epsilon="euclidean")
        count = len(enough.indices)
        assert float(enough.epsilon) <= 0.8
        assert float(leanset.reduce(X, y, count - 1, method=method, epsilon="euclidean").epsilon) > 0.8
        fewest = leanset.reduce(X, y, method=method, within=0.8, epsilon="euclidean")
        assert float(fewest.epsilon) <= 0.8
        assert len(fewest.indices) <= count
        with pytest.warns(UserWarning, match="the budget ends before"):
            capped = leanset.reduce(X, y, len(fewest.indices) - 1, method=method, within=0.8, epsilon="euclidean")
        assert len(capped.indices) == len(fewest.indices) - 1
    with pytest.raises(ValueError, match="both given"):
        leanset.reduce(X, y, method="mms", within=0.8, max_epsilon=0.8)
    with pytest.raises(ValueError, match="distance of at least 0"):
        leanset.reduce(X, y, method="mms", within=-1)
    with pytest.raises(TypeError, match="within must be a number"):
        leanset.reduce(X, y, method="mms", within="far")
