"""Recorders of training dynamics, with the libraries that are installed. Each log equals one that is filled by hand."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

import leanset


def data(classes=3, names=False):
    rng = np.random.default_rng(3)
    y = rng.permutation(np.arange(60) % classes)
    X = (rng.normal(size=(60, 4)) + y[:, None]).astype(np.float32)
    return X, np.array(["cedar", "ash", "birch"])[y] if names else y, y


def by_hand(labels, epochs, logits=False):
    """A log of the same observations; `epochs` has the outputs of all rows, or pairs of rows and outputs."""
    log = leanset.ForgettingLog(labels)
    for epoch, outputs in epochs.items():
        for rows, values in outputs if isinstance(outputs, list) else [(range(len(labels)), outputs)]:
            log.update(epoch, rows, **{"logits" if logits else "probabilities": values})
    return log


def test_indexed_adds_positions():
    pairs = leanset.Indexed(["a", "b", "c"])
    assert len(pairs) == 3 and list(pairs) == [(0, "a"), (1, "b"), (2, "c")] and pairs[-1] == (2, "c") and pairs[np.int64(1)] == (1, "b")
    assert leanset.Indexed([{"x": 1}], key="row")[0] == {"x": 1, "row": 0}
    assert repr(pairs) == "Indexed(list, rows=3)"
    with pytest.raises(IndexError):
        pairs[3]
    with pytest.raises(TypeError, match="whole number"):
        pairs[0:2]
    with pytest.raises(ValueError, match="has a value 'index' already") as found:
        leanset.Indexed([{"index": 1}])[0]
    assert "key=" in found.value.__notes__[0]
    with pytest.raises(TypeError, match="must have a length"):
        leanset.Indexed(iter([1]))
    assert not hasattr(pairs, "__getitems__")


def test_indexed_works_in_a_data_loader():
    torch = pytest.importorskip("torch")
    X, y, _ = data()
    rows = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(y))
    for workers in (0, 2):
        loader = torch.utils.data.DataLoader(leanset.Indexed(rows), batch_size=7, shuffle=True, num_workers=workers)
        seen = []
        for index, (inputs, labels) in loader:
            assert np.array_equal(inputs.numpy(), X[index]) and np.array_equal(labels.numpy(), y[index])
            seen += index.tolist()
        assert sorted(seen) == list(range(60))


def test_indexed_works_with_hugging_face():
    torch, datasets = pytest.importorskip("torch"), pytest.importorskip("datasets")
    X, y, _ = data()
    rows = leanset.Indexed(datasets.Dataset.from_dict({"x": X.tolist(), "label": y.tolist()}).with_format("torch"))
    assert hasattr(rows, "__getitems__")
    for batch in torch.utils.data.DataLoader(rows, batch_size=7, shuffle=True):
        assert np.array_equal(batch["label"].numpy(), y[batch["index"]])


def test_partial_fit_is_recorded():
    linear = pytest.importorskip("sklearn.linear_model")
    for loss in ("log_loss", "hinge"):
        for labels in (data()[2], data(names=True)[1]):
            X = data()[0]
            log, seen = leanset.ForgettingLog(labels), {}

            class Model(linear.SGDClassifier):
                def partial_fit(self, X, y, classes):
                    super().partial_fit(X, y, classes)
                    seen.setdefault("batches", []).append(len(X))
                    return self

            model = leanset.record_partial_fit(log, Model(loss=loss, random_state=0), X, labels, epochs=3, batch_size=25)
            assert seen["batches"] == [25, 25, 10] * 3
            again = linear.SGDClassifier(loss=loss, random_state=0)
            rng, hand = np.random.default_rng(0), leanset.ForgettingLog(labels)
            for epoch in range(3):
                order = rng.permutation(60)
                for start in range(0, 60, 25):
                    again.partial_fit(X[order[start : start + 25]], labels[order[start : start + 25]], classes=np.unique(labels))
                if loss == "hinge":
                    hand.update(epoch, range(60), again.predict(X))
                else:
                    hand.update(epoch, range(60), probabilities=again.predict_proba(X))
            assert log == hand and np.array_equal(model.coef_, again.coef_)
    with pytest.raises(ValueError, match="other labels"):
        leanset.record_partial_fit(leanset.ForgettingLog(y := data()[2]), model, X, y[::-1])
    for wrong in (dict(epochs=0), dict(batch_size=0), dict(epochs=1.5)):
        with pytest.raises(ValueError, match="must be a whole number of at least 1"):
            leanset.record_partial_fit(leanset.ForgettingLog(y), model, X, y, **wrong)


# Gradient boosting.


@pytest.mark.parametrize("classes", [2, 3])
def test_xgboost_rounds_are_recorded(classes):
    xgboost = pytest.importorskip("xgboost")
    X, _, y = data(classes)
    named = np.array(["cedar", "ash", "birch"])[y]
    matrix = xgboost.DMatrix(X, label=y)
    objective = {"objective": "binary:logistic"} if classes == 2 else {"objective": "multi:softprob", "num_class": 3}
    codes, names, arrays, few = (leanset.ForgettingLog(labels) for labels in (y, named, named, y))
    callbacks = [
        leanset.xgboost_callback(codes, matrix), leanset.xgboost_callback(names, matrix), leanset.xgboost_callback(few, X, every=2),
        leanset.xgboost_callback(arrays, X, classes=["cedar", "ash", "birch"][:classes]),
    ]
    model = xgboost.train({**objective, "max_depth": 2}, matrix, num_boost_round=5, callbacks=callbacks)
    seen = {}
    for round_ in range(5):
        p = model.predict(matrix, output_margin=True, iteration_range=(0, round_ + 1))
        seen[round_] = np.column_stack([np.zeros(60), p]) if classes == 2 else p
    expected = by_hand(y, seen, logits=True)
    assert codes.finish().el2n == pytest.approx(expected.finish().el2n, abs=1e-6)
    assert codes.finish().forgetting.tolist() == expected.finish().forgetting.tolist()
    # The same of labels that are names in another order than their codes.
    assert names == arrays and names.finish() == codes.finish()
    assert few.finish().epochs == 3
    probabilities = model.predict(matrix)
    last = by_hand(y, {0: np.column_stack([1 - probabilities, probabilities]) if classes == 2 else probabilities})
    assert expected.finish().epochs == 5 and last.finish().learnt.mean() > 0.5


def test_xgboost_estimator_is_recorded():
    xgboost = pytest.importorskip("xgboost")
    X, _, y = data()
    log = leanset.ForgettingLog(y)
    model = xgboost.XGBClassifier(n_estimators=4, max_depth=2, callbacks=[leanset.xgboost_callback(log, X)]).fit(X, y)
    seen = {k: model.predict_proba(X, iteration_range=(0, k + 1)) for k in range(4)}
    assert log.finish().el2n == pytest.approx(by_hand(y, seen).finish().el2n, abs=1e-6)
    assert log.finish().forgetting.tolist() == by_hand(y, seen).finish().forgetting.tolist()


def test_xgboost_mismatches_are_refused():
    xgboost = pytest.importorskip("xgboost")
    X, named, y = data(names=True)
    log = leanset.ForgettingLog(named)
    with pytest.raises(ValueError, match="outputs of XGBoost are of the classes 0, 1, 2, and the log has 'ash', 'birch', 'cedar'") as found:
        leanset.xgboost_callback(log, X)
    assert "classes=encoder.classes_" in "\n".join(found.value.__notes__)
    with pytest.raises(ValueError, match="the DMatrix and the log are of different rows: row") as found:
        leanset.xgboost_callback(log, xgboost.DMatrix(X, label=np.roll(y, 1)))
    assert found.value.__notes__
    with pytest.raises(ValueError, match="X has 59 rows, and the log has 60"):
        leanset.xgboost_callback(log, X[1:], classes=["cedar", "ash", "birch"])
    with pytest.raises(ValueError, match="every must be"):
        leanset.xgboost_callback(log, X, every=0)
    callback = leanset.xgboost_callback(leanset.ForgettingLog(y), X)
    with pytest.raises(ValueError, match="'reg:squarederror' gives no probabilities"):
        xgboost.train({}, xgboost.DMatrix(X, label=y), num_boost_round=1, callbacks=[callback])


@pytest.mark.parametrize("classes", [2, 3])
def test_lightgbm_rounds_are_recorded(classes):
    lightgbm = pytest.importorskip("lightgbm")
    X, _, y = data(classes)
    names = np.array(["cedar", "ash", "birch"])
    objective = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": 3}
    # Names in another order than the codes that the model is trained on.
    native, few = leanset.ForgettingLog(names[y]), leanset.ForgettingLog(y)
    settings = {**objective, "verbose": -1, "min_data_in_leaf": 2, "num_threads": 1, "deterministic": True}
    callbacks = [leanset.lightgbm_callback(native, X), leanset.lightgbm_callback(few, X, every=2, classes=range(classes))]
    model = lightgbm.train(settings, lightgbm.Dataset(X, y), num_boost_round=5, callbacks=callbacks)
    seen = {}
    for round_ in range(5):
        p = model.predict(X, num_iteration=round_ + 1)
        seen[round_] = np.column_stack([1 - p, p]) if classes == 2 else p
    expected = by_hand(y, seen)
    assert native.finish() == expected.finish() and native.finish().aum is not None
    assert few == by_hand(y, {k: seen[k] for k in (0, 2, 4)})
    # The estimator encodes the labels by itself.
    log = leanset.ForgettingLog(names[y])
    fitted = lightgbm.LGBMClassifier(n_estimators=4, min_child_samples=2, verbose=-1, n_jobs=1)
    fitted.fit(X, names[y], callbacks=[leanset.lightgbm_callback(log, X)])
    assert log == by_hand(names[y], {k: fitted.predict_proba(X, num_iteration=k + 1) for k in range(4)})


def test_lightgbm_mismatches_are_refused():
    lightgbm = pytest.importorskip("lightgbm")
    X, named, y = data(names=True)

    def train(log, labels, objective="multiclass", X=X):
        settings = {"objective": objective, "verbose": -1, **({"num_class": 3} if objective.startswith("multi") else {})}
        lightgbm.train(settings, lightgbm.Dataset(X, labels), num_boost_round=1, callbacks=[leanset.lightgbm_callback(log, X)])

    with pytest.raises(ValueError, match="are of different rows: row"):
        train(leanset.ForgettingLog(named), np.roll(y, 1))
    with pytest.raises(ValueError, match="has 59 rows, and the log has 60"):
        train(leanset.ForgettingLog(named), y[1:], X=X[1:])
    for objective in ("regression", "multiclassova"):
        with pytest.raises(ValueError, match=f"'{objective}' gives no probabilities") as found:
            train(leanset.ForgettingLog(named), y, objective)
        assert "objective='binary'" in found.value.__notes__[0]
    settings = {"objective": "multiclass", "num_class": 3, "verbose": -1}
    with pytest.raises(ValueError, match=r"lightgbm\.cv trains several models"):
        lightgbm.cv(settings, lightgbm.Dataset(X, y), num_boost_round=1, callbacks=[leanset.lightgbm_callback(leanset.ForgettingLog(y), X)])


# Networks.


def network(torch, *, index=False, softmax=True):
    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layer = torch.nn.Linear(4, 3)
            self.seen = []

        def forward(self, x, index=None):
            out = self.layer(x)
            out = out.softmax(-1) if softmax else out
            if index is not None and self.training:
                self.seen.append((index.tolist(), out.detach().numpy().copy()))
            return out

    return Network()


def test_skorch_epochs_and_batches_are_recorded():
    torch, skorch = pytest.importorskip("torch"), pytest.importorskip("skorch")
    X, named, y = data(names=True)
    y = y.astype(np.int64)
    seen = {}

    class Remember(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **_):
            seen[len(net.history) - 1] = net.predict_proba(X)

    log, names = leanset.ForgettingLog(y), leanset.ForgettingLog(named)
    callbacks = [leanset.skorch_callback(log, X), leanset.skorch_callback(names, X, classes=["cedar", "ash", "birch"]), Remember()]
    skorch.NeuralNetClassifier(network(torch), max_epochs=3, lr=0.1, callbacks=callbacks, verbose=0).fit(X, y)
    assert log == by_hand(y, seen) and log.finish().epochs == 3
    assert names.finish() == log.finish()

    for criterion in (torch.nn.NLLLoss, torch.nn.CrossEntropyLoss):
        batches, module = leanset.ForgettingLog(y), network(torch, softmax=criterion is torch.nn.NLLLoss)
        net = skorch.NeuralNetClassifier(
            module, criterion=criterion, max_epochs=3, lr=0.1, batch_size=16, train_split=None, verbose=0, iterator_train__shuffle=True,
            callbacks=[leanset.skorch_callback(batches, indices="index")],
        )
        net.fit({"x": X, "index": np.arange(60)}, y)
        seen = net.module_.seen
        assert [len(rows) for rows, _ in seen] == [16, 16, 16, 12] * 3
        expected = by_hand(y, {k: seen[4 * k : 4 * k + 4] for k in range(3)}, logits=criterion is torch.nn.CrossEntropyLoss)
        assert batches.finish().el2n == pytest.approx(expected.finish().el2n, abs=1e-6)
        assert batches.finish().forgetting.tolist() == expected.finish().forgetting.tolist()

    with pytest.raises(ValueError, match="NeuralNetClassifier are of the classes 0, 1, 2, and the log has 'ash', 'birch', 'cedar'"):
        skorch.NeuralNetClassifier(network(torch), verbose=0, callbacks=[leanset.skorch_callback(names, X)]).fit(X, y)
    with pytest.raises(ValueError, match="indices='row' is not in the batch, which has the keys"):
        skorch.NeuralNetClassifier(network(torch), verbose=0, callbacks=[leanset.skorch_callback(leanset.ForgettingLog(y), indices="row")]
                                   ).fit({"x": X, "index": np.arange(60)}, y)
    with pytest.raises(ValueError, match="either X"):
        leanset.skorch_callback(log)


def classifier(transformers, torch, names=None):
    class Config(transformers.PretrainedConfig):
        model_type = "leanset-test"

    class Model(transformers.PreTrainedModel):
        config_class = Config

        def __init__(self, config):
            super().__init__(config)
            torch.manual_seed(0)
            self.layer, self.drop = torch.nn.Linear(4, 3), torch.nn.Dropout(0.2)
            self.seen = []
            self.post_init()

        def forward(self, x, labels=None):
            logits = self.layer(self.drop(x))
            if self.training:
                self.seen.append(logits.detach().numpy().copy())
            loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
            return transformers.modeling_outputs.SequenceClassifierOutput(loss=loss, logits=logits)

    config = Config(num_labels=3)
    if names:
        config.id2label, config.label2id = dict(enumerate(names)), {name: k for k, name in enumerate(names)}
    return Model(config)


def trainer(tmp_path, model, dataset, callbacks, **settings):
    import transformers

    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), num_train_epochs=3, per_device_train_batch_size=16, report_to=[], save_strategy="no", logging_strategy="no",
        disable_tqdm=True, use_cpu=True, learning_rate=0.05, **settings,
    )
    return transformers.Trainer(model=model, args=arguments, train_dataset=dataset, callbacks=callbacks)


@pytest.fixture
def hugging_face():
    return tuple(pytest.importorskip(name) for name in ("torch", "transformers", "datasets", "accelerate"))


def test_transformers_epochs_are_recorded(hugging_face, tmp_path):
    torch, transformers, datasets, _ = hugging_face
    X, named, y = data(names=True)
    dataset = datasets.Dataset.from_dict({"x": X.tolist(), "label": y.tolist(), "text": ["unused"] * 60})
    codes, names = leanset.ForgettingLog(y), leanset.ForgettingLog(named)
    seen = {}

    class Remember(transformers.TrainerCallback):
        def on_epoch_end(self, args, state, control, model=None, **_):
            assert model.training
            with torch.no_grad():
                seen[len(seen)] = model.eval()(torch.tensor(X)).logits.numpy()
            model.train()

    model = classifier(transformers, torch, ["cedar", "ash", "birch"])
    callbacks = [leanset.transformers_callback(codes), leanset.transformers_callback(names, batch_size=7), Remember()]
    trainer(tmp_path, model, dataset, callbacks).train()
    expected = by_hand(y, seen, logits=True)
    assert codes.finish().epochs == 3 and codes.finish().el2n == pytest.approx(expected.finish().el2n, abs=1e-6)
    assert codes.finish().forgetting.tolist() == expected.finish().forgetting.tolist()
    assert names.finish().el2n == pytest.approx(codes.finish().el2n, abs=1e-6)
    # Other labels, other names, other rows.
    with pytest.raises(ValueError, match=r"row 0 of train_dataset has label \d, and in the log it is of class"):
        trainer(tmp_path, model, dataset, [leanset.transformers_callback(leanset.ForgettingLog((y + 1) % 3))]).train()
    with pytest.raises(ValueError, match="outputs of Model are of the classes 'cedar', 'ash', 'birch', and the log has 'a', 'b', 'c'"):
        trainer(tmp_path, model, dataset, [leanset.transformers_callback(leanset.ForgettingLog(np.array(["a", "b", "c"])[y]))]).train()
    with pytest.raises(ValueError, match="train_dataset has 60 rows, and the log has 59"):
        trainer(tmp_path, model, dataset, [leanset.transformers_callback(leanset.ForgettingLog(y[1:]))]).train()


def test_transformers_batches_are_recorded(hugging_face, tmp_path):
    torch, transformers, datasets, _ = hugging_face
    X, named, y = data(names=True)
    table = {"x": X.tolist(), "label": y.tolist()}
    plain = datasets.Dataset.from_dict(table)
    order = []

    for dataset in (plain.add_column("index", range(60)), leanset.Indexed(plain)):
        log, model = leanset.ForgettingLog(named), classifier(transformers, torch, ["cedar", "ash", "birch"])
        run = trainer(tmp_path, model, dataset, [leanset.transformers_callback(log, indices="index")], remove_unused_columns=False)
        loader = run.get_train_dataloader
        order.clear()

        def watched():
            made = loader()
            collate = made.collate_fn
            made.base_dataloader.collate_fn = lambda rows: order.append([row["index"] for row in rows]) or collate(rows)
            return made

        run.get_train_dataloader = watched
        run.train()
        assert not model._forward_hooks and not model._forward_pre_hooks
        assert len(model.seen) == 12
        assert log.finish().epochs == 3
        expected = leanset.ForgettingLog(y)
        for k, (rows, logits) in enumerate(zip(order, model.seen, strict=True)):
            expected.update(k // 4, rows, logits=logits)
        assert log.finish().el2n == pytest.approx(expected.finish().el2n, abs=1e-6)
        assert log.finish().forgetting.tolist() == expected.finish().forgetting.tolist()
    model = classifier(transformers, torch)
    with pytest.raises(ValueError, match="removes the column 'index'") as found:
        trainer(tmp_path, model, plain, [leanset.transformers_callback(leanset.ForgettingLog(y), indices="index")]).train()
    assert "remove_unused_columns=False" in found.value.__notes__[0]
    with pytest.raises(ValueError, match="a batch has no 'index'"):
        trainer(tmp_path, model, plain, [leanset.transformers_callback(leanset.ForgettingLog(y), indices="index")],
                remove_unused_columns=False).train()


@pytest.mark.parametrize("outputs", [1, 3])
def test_keras_epochs_are_recorded(outputs, monkeypatch):
    backend = next((name for name in ("jax", "torch", "tensorflow") if __import__("importlib").util.find_spec(name)), None)
    if "keras" not in sys.modules and backend is not None:
        monkeypatch.setenv("KERAS_BACKEND", backend)
    keras = pytest.importorskip("keras", exc_type=ImportError)
    classes = max(outputs, 2)
    X, _, y = data(classes)
    seen = {}

    class Remember(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen[epoch] = self.model.predict(X, batch_size=64, verbose=0)

    model = keras.Sequential([keras.layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax")])
    model.compile(optimizer="sgd", loss="binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy")
    log, names = leanset.ForgettingLog(y), leanset.ForgettingLog(np.array(["cedar", "ash", "birch"])[y])
    named = leanset.keras_callback(names, X, batch_size=64, every=2, classes=["cedar", "ash", "birch"][:classes])
    callbacks = [leanset.keras_callback(log, X, batch_size=64), named, Remember()]
    model.fit(X, y, epochs=3, verbose=0, callbacks=callbacks)
    if outputs == 1:
        seen = {k: np.column_stack([1 - p, p]) for k, p in seen.items()}
    assert log == by_hand(y, seen)
    assert names.finish() == by_hand(y, {k: seen[k] for k in (0, 2)}).finish()


@pytest.mark.filterwarnings("ignore")
def test_lightning_batches_are_recorded(tmp_path):
    torch, lightning = pytest.importorskip("torch"), pytest.importorskip("lightning.pytorch")
    X, named, y = data(names=True)
    seen = {}

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 3)

        def training_step(self, batch, _):
            rows, (inputs, labels) = batch
            logits = self.layer(inputs)
            seen.setdefault(self.current_epoch, []).append((rows.tolist(), logits.detach().numpy().copy()))
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    rows = leanset.Indexed(torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(y)))
    loader = torch.utils.data.DataLoader(rows, batch_size=16, shuffle=True)
    log, names = leanset.ForgettingLog(y), leanset.ForgettingLog(named)
    callbacks = [leanset.lightning_callback(log, indices=0),
                 leanset.lightning_callback(names, indices=lambda batch: batch[0], classes=["cedar", "ash", "birch"])]
    settings = dict(max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
                    enable_model_summary=False, default_root_dir=tmp_path)
    lightning.Trainer(callbacks=callbacks, **settings).fit(Module(), loader)
    assert log == by_hand(y, seen, logits=True) and log.finish().epochs == 3
    assert names.finish().el2n == pytest.approx(log.finish().el2n, abs=1e-12)
    with pytest.raises(ValueError, match="indices='index' is not in the batch, which is of type list"):
        lightning.Trainer(callbacks=[leanset.lightning_callback(leanset.ForgettingLog(y))], **settings).fit(Module(), loader)


def test_classes_in_another_order_are_mapped_or_refused():
    log = leanset.ForgettingLog(["b", "a", "c"])
    p = np.array([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])  # of c, b, a
    callback = leanset.keras_callback(log, None, classes=["c", "b", "a"])
    callback.set_model(types.SimpleNamespace(predict=lambda *_, **__: p))
    callback.on_epoch_end(0)
    assert log == by_hand(["b", "a", "c"], {0: p[:, ::-1]})
    with pytest.raises(ValueError, match="of the classes 'a', 'b', and the log has 'a', 'b', 'c'") as found:
        leanset.keras_callback(log, None, classes=["a", "b"])
    assert "in the order of its outputs" in found.value.__notes__[-1]
    with pytest.raises(ValueError, match="same class twice"):
        leanset.lightning_callback(log, classes=["a", "b", "c", "a"])


def _rank(rank, world, folder):
    """A worker of a distributed training: it records its own batches and saves its log."""
    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    X, named, y = data(names=True)
    rows = leanset.Indexed(torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(y)))
    sampler = torch.utils.data.DistributedSampler(rows, world, rank, shuffle=True)
    torch.manual_seed(0)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 3))
    optimizer, log = torch.optim.SGD(model.parameters(), lr=0.1), leanset.ForgettingLog(y)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for index, (inputs, labels) in torch.utils.data.DataLoader(rows, batch_size=10, sampler=sampler):
            logits = model(inputs)
            log.update(epoch, index, logits=logits)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, labels).backward()
            optimizer.step()
    log.save(f"{folder}/{rank}.log")
    # The same without files.
    logs = [None] * world
    dist.all_gather_object(logs, log)
    whole = logs[0]
    for other in logs[1:]:
        whole.merge(other)
    whole.save(f"{folder}/gathered-{rank}.log")
    dist.destroy_process_group()


def test_logs_of_distributed_workers_merge(tmp_path):
    torch = pytest.importorskip("torch")
    if not torch.distributed.is_available():
        pytest.skip("torch is built without torch.distributed")
    torch.multiprocessing.spawn(_rank, (2, str(tmp_path)), nprocs=2)
    whole = leanset.ForgettingLog.load(tmp_path / "0.log")
    assert 0 < whole._native.observations < 180
    whole.merge(leanset.ForgettingLog.load(tmp_path / "1.log"))
    # Each row once in every epoch: 60 rows are shared evenly, and none is repeated.
    assert whole.finish().epochs == 3 and whole._native.observations == 180
    for rank in (0, 1):
        assert leanset.ForgettingLog.load(tmp_path / f"gathered-{rank}.log") == whole
