"""Training logs, callbacks, and adapters for training libraries."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

import leanset

LABELS = ["a", "b", "c", "a", "b", "c"]


def probabilities(seed=0, rows=6):
    return np.random.default_rng(seed).dirichlet([1.0, 1.0, 1.0], size=rows)


def test_el2n_and_aum_equal_their_definitions():
    log = leanset.ForgettingLog(LABELS)
    codes, seen = np.array([0, 1, 2, 0, 1, 2]), [probabilities(s) for s in range(4)]
    for epoch, p in enumerate(seen):
        order = np.random.default_rng(epoch).permutation(6)
        log.update(epoch, order[:2], probabilities=p[order[:2]])
        log.update(epoch, order[2:], probabilities=p[order[2:]])
    found = log.finish()
    truth = np.eye(3)[codes]
    assert found.el2n == pytest.approx(np.mean([np.linalg.norm(p - truth, axis=1) for p in seen], axis=0), abs=1e-11)

    def margin(p):
        own = np.log(p[np.arange(6), codes])
        return own - np.log(np.where(truth == 1, 0, p).max(axis=1))

    assert found.aum == pytest.approx(np.mean([margin(p) for p in seen], axis=0), abs=1e-11)
    right = np.array([p.argmax(axis=1) == codes for p in seen])
    events = (right[:-1] & ~right[1:]).sum(axis=0)
    assert found.forgetting.tolist() == np.where(right.any(axis=0), events, 4).tolist()
    assert found.learnt.tolist() == right.any(axis=0).tolist()
    assert found.epochs == 4


def test_dual_and_grand_equal_their_definitions():
    log, seen = leanset.ForgettingLog(LABELS), [probabilities(s) for s in range(13)]
    codes, lengths = np.array([0, 1, 2, 0, 1, 2]), np.random.default_rng(1).gamma(2.0, size=(13, 6))
    for epoch, p in enumerate(seen):
        log.update(epoch, range(6), probabilities=p, gradients=lengths[epoch])
    found = log.finish()
    own = np.array([p[np.arange(6), codes] for p in seen]).astype(np.float32).astype(float)
    windows = [own[k : k + 10] for k in range(4)]
    dual = np.mean([w.std(axis=0, ddof=1) * (1 - w.mean(axis=0)) for w in windows], axis=0)
    assert found.dual == pytest.approx(dual, abs=1e-12)
    assert found.grand == pytest.approx(lengths.mean(axis=0), abs=1e-11)
    with pytest.raises(ValueError, match="gradients are given without probabilities"):
        log.update(13, range(6), [True] * 6, gradients=lengths[0])
    with pytest.raises(ValueError, match="must be of shape"):
        log.update(13, range(6), probabilities=seen[0], gradients=lengths)
    with pytest.raises(ValueError, match="length of at least 0, not -1"):
        log.update(13, range(6), probabilities=seen[0], gradients=-np.ones(6))


def test_logits_equal_probabilities():
    p = probabilities()
    by_logits, by_probabilities = leanset.ForgettingLog(LABELS), leanset.ForgettingLog(LABELS)
    by_logits.update(0, range(6), logits=np.log(p) + 500.0)
    by_probabilities.update(0, range(6), probabilities=p)
    assert by_logits.finish().el2n == pytest.approx(by_probabilities.finish().el2n, abs=1e-11)


def test_predictions_equal_correctness():
    predicted = ["a", "a", "c", "b", "b", "c"]
    first, second = leanset.ForgettingLog(LABELS), leanset.ForgettingLog(LABELS)
    first.update(0, range(6), predicted)
    second.update(0, range(6), np.array(predicted) == np.array(LABELS))
    assert first.finish().learnt.tolist() == second.finish().learnt.tolist() == [True, False, True, False, True, True]
    booleans = leanset.ForgettingLog([True, False])
    booleans.update(0, [0, 1], [True, True])
    assert booleans.finish().learnt.tolist() == [True, False]


def test_logs_merge_in_any_order():
    parts = [leanset.ForgettingLog(LABELS) for _ in range(2)]
    for k, part in enumerate(parts):
        for epoch in range(3):
            part.update(epoch, np.arange(k, 6, 2), probabilities=probabilities(epoch)[k::2])
    whole, other = leanset.ForgettingLog(LABELS), leanset.ForgettingLog(LABELS)
    for log, order in ((whole, parts), (other, parts[::-1])):
        for part in order:
            log.merge(part)
    assert np.array_equal(whole.finish().el2n, other.finish().el2n)
    with pytest.raises(ValueError, match="twice in epoch 0"):
        whole.merge(parts[0])
    with pytest.raises(ValueError, match="different labels"):
        whole.merge(leanset.ForgettingLog(LABELS[::-1]))


@pytest.mark.parametrize(
    ("arguments", "words", "kind"),
    [
        (dict(indices=[0, 6], predictions_or_correct=["a", "a"]), r"indices must be in \[0, 6\), not 6", ValueError),
        (dict(indices=[-1], predictions_or_correct=["a"]), "not -1", ValueError),
        (dict(indices=[0.5], predictions_or_correct=["a"]), "whole numbers", TypeError),
        (dict(indices=[0, 0], predictions_or_correct=["a", "a"]), "row 0 twice in epoch 7", ValueError),
        (dict(indices=[0], predictions_or_correct=["a", "b"]), r"shape \(1,\), not \(2,\)", ValueError),
        (dict(indices=[0]), "no observation", ValueError),
        (dict(indices=[0], probabilities=[[0.5, 0.5]]), r"shape \(1, 3\), not \(1, 2\)", ValueError),
        (dict(indices=[0], probabilities=[[0.5, 1.5, 0.0]]), r"in \[0, 1\], not 1.5", ValueError),
        (dict(indices=[0], logits=[[0.5, np.nan, 0.0]]), "finite, not NaN", ValueError),
        (dict(indices=[0], logits=[[1, 2, 3]], probabilities=[[1, 0, 0]]), "both given", ValueError),
    ],
)
def test_update_with_an_error_changes_nothing(arguments, words, kind):
    log = leanset.ForgettingLog(LABELS)
    with pytest.raises(kind, match=words):
        log.update(7, **arguments)
    log.update(7, range(6), LABELS)
    assert log.finish().epochs == 1


def test_finish_names_a_missing_row():
    log = leanset.ForgettingLog(LABELS)
    log.update(0, [0, 1, 2, 3, 5], ["a"] * 5)
    with pytest.raises(ValueError, match="no row 4 in epoch 0"):
        log.finish()


class Tensor:
    """A stand-in for a tensor on a GPU."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.dtype = self.values.dtype

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.values


def test_update_accepts_tensors():
    log = leanset.ForgettingLog(Tensor([0, 1, 2, 0, 1, 2]))
    log.update(0, Tensor(np.arange(6)), logits=Tensor(np.eye(3)[[0, 1, 2, 0, 1, 0]]))
    assert log.finish().learnt.tolist() == [True] * 5 + [False]


def test_keras_callback_updates_after_each_epoch():
    log = leanset.ForgettingLog(LABELS)

    class Model:
        def predict(self, X, batch_size, verbose):
            return probabilities(int(X[0, 0]))

    callback = leanset.keras_callback(log, np.zeros((6, 1)))
    callback.set_model(Model())
    callback.set_params({})
    callback.on_train_begin()
    for epoch in range(3):
        callback.on_epoch_begin(epoch)
        callback.on_train_batch_end(0, logs={})
        callback.on_epoch_end(epoch, logs={})
    assert log.finish().epochs == 3
    assert not hasattr(callback, "anything_else")


def test_lightning_callback_updates_with_batches():
    log = leanset.ForgettingLog(LABELS)
    callback = leanset.lightning_callback(log, indices=lambda batch: batch[2])
    trainer = types.SimpleNamespace(current_epoch=0)
    callback.setup(trainer, None, stage="fit")
    callback.on_train_start(trainer, None)
    for rows in ([0, 3, 4], [1, 2, 5]):
        outputs = {"loss": 1.0, "logits": Tensor(np.log(probabilities()[rows]))}
        callback.on_train_batch_end(trainer, None, outputs, (None, None, Tensor(rows)), 0)
    assert log.finish().el2n is not None


def test_callbacks_inherit_from_the_loaded_library(monkeypatch):
    module = types.ModuleType("keras.callbacks")
    module.Callback = type("Callback", (), {"set_model": lambda self, model: setattr(self, "model", model)})
    monkeypatch.setitem(sys.modules, "keras.callbacks", module)
    callback = leanset.keras_callback(leanset.ForgettingLog(LABELS), None)
    assert isinstance(callback, module.Callback)
    callback.set_model("model")
    assert callback.model == "model"


@pytest.fixture
def torch(monkeypatch):
    """PyTorch if it is installed, otherwise a minimal stand-in."""
    try:
        import torch.utils.data

        return torch.utils.data
    except ImportError:
        pass

    class Subset:
        def __init__(self, dataset, indices):
            self.dataset, self.indices = dataset, indices

        def __len__(self):
            return len(self.indices)

    class Sampler:
        def __class_getitem__(cls, _):
            return cls

    class SubsetRandomSampler(Sampler):
        def __init__(self, indices, generator=None):
            self.indices = indices

        def __iter__(self):
            return iter(np.random.default_rng(0).permutation(self.indices).tolist())

        def __len__(self):
            return len(self.indices)

    class WeightedRandomSampler(Sampler):
        def __init__(self, weights, num_samples, replacement=True, generator=None):
            self.weights, self.num_samples = np.array(weights), num_samples

        def __iter__(self):
            shares = self.weights / self.weights.sum()
            return iter(np.random.default_rng(0).choice(len(shares), self.num_samples, p=shares).tolist())

        def __len__(self):
            return self.num_samples

    data = types.ModuleType("torch.utils.data")
    for kind in (Subset, Sampler, SubsetRandomSampler, WeightedRandomSampler):
        setattr(data, kind.__name__, kind)
    for name in ("torch", "torch.utils"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "torch.utils.data", data)
    return data


def test_adapters_for_pytorch(torch, blobs):
    X, y = blobs
    rows = list(zip(X, y, strict=True))
    sampler = leanset.PRD(sampling_strategy=0.1).fit(X, y)
    subset = leanset.to_subset(rows, sampler)
    assert isinstance(subset, torch.Subset)
    assert subset.indices == sampler.sample_indices_.tolist()
    # Positions in the dataset, by weight; each class as often as it has rows in the full set.
    drawn = leanset.to_sampler(sampler, num_samples=6_000)
    assert len(drawn) == 6_000
    counts = np.bincount(list(drawn), minlength=120)
    assert set(np.flatnonzero(counts)) <= set(sampler.sample_indices_.tolist())
    for label, rows_of_class in (("ash", 60), ("birch", 40), ("cedar", 20)):
        assert counts[y == label].sum() == pytest.approx(6_000 * rows_of_class / 120, rel=0.1)
    places = list(leanset.to_sampler(sampler, of="subset", num_samples=200))
    assert set(places) <= set(range(12))
    # Without weights, every kept row once.
    plain = leanset.MMS(sampling_strategy=0.1).fit(X, y)
    assert sorted(leanset.to_sampler(plain)) == plain.sample_indices_.tolist()
    assert sorted(leanset.to_sampler(plain, of="subset")) == list(range(12))
    with pytest.raises(ValueError, match="num_samples needs weights, which MMS does not have"):
        leanset.to_sampler(plain, num_samples=50)
    with pytest.raises(ValueError, match="of must be"):
        leanset.to_sampler(plain, of="rows")
    assert leanset.to_subset(rows, [3, 1]).indices == [3, 1]
    assert leanset.to_subset(rows, leanset.reduce(X, y, 5, method="srs")).indices
    with pytest.raises(ValueError, match="the dataset has 5 rows, but the PRD is of a table of 120 rows"):
        leanset.to_subset(rows[:5], sampler)
    with pytest.raises(ValueError, match="generates prototypes"):
        leanset.to_subset(rows, leanset.CLC(sampling_strategy=0.1).fit(X, y))


def test_trainer_serves_all_ratios(blobs):
    X, y = blobs
    dynamics = leanset.Trainer(epochs=3).observe(X, y, random_state=4)
    for name in ("fes", "el2n", "aum"):
        kept = leanset.reduce(X, y, 0.2, method=name, dynamics=dynamics)
        assert np.array_equal(kept.indices, leanset.reduce(X, y, 0.2, method=name, random_state=4,
                                                           trainer=leanset.Trainer(epochs=3)).indices)
