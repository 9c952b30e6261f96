"""Recorders of training dynamics: they fill a `ForgettingLog` while a model trains with a library that you use already.

A library is imported only when its recorder is made. Each recorder either predicts all rows after an epoch, which costs another pass and
sees the model as it is used, or takes the outputs of the training batches, which costs nothing and sees dropout and augmentation; then
the dataset must return the position of each row, which `Indexed` adds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from leanset._convert import take
from leanset._errors import hinted
from leanset._frames import to_numpy
from leanset._labels import Ids

if TYPE_CHECKING:
    from leanset.training import ForgettingLog

#: Where something is in a batch: a key, a position, or a function of the batch.
Where = str | int | Callable[[Any], Any]


class Indexed:
    """A dataset that returns the position of each row beside the row.

    Parameters
    ----------
    dataset : sequence of items
        A map-style dataset of PyTorch, a dataset of Hugging Face, or anything else with a length whose items are found by position.
    key : str, default="index"
        The key of the position in items that are dicts.

    Notes
    -----
    An item that is a dict gets the key; any other item becomes the pair (position, item). A DataLoader collates the positions of a batch
    to one tensor.

    Examples
    --------
    >>> import leanset
    >>> leanset.Indexed(["a", "b"])[1]
    (1, 'b')
    >>> leanset.Indexed([{"text": "a"}])[0]
    {'text': 'a', 'index': 0}
    """

    def __init__(self, dataset: Any, *, key: str = "index") -> None:
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            error = TypeError(f"dataset must have a length and items by position, not be a {type(dataset).__name__}")
            raise hinted(error, "rows of a stream have no positions: return the position from the stream itself")
        self.dataset = dataset
        self.key = key

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> Any:
        at = _position(index, len(self))
        return self._item(at, self.dataset[at])

    def __getattr__(self, name: str) -> Any:
        # A DataLoader asks for whole batches, where the dataset can give them.
        if name == "__getitems__" and "dataset" in self.__dict__ and hasattr(self.dataset, "__getitems__"):
            return self._items
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _items(self, indices: Any) -> list[Any]:
        places = [_position(index, len(self)) for index in indices]
        return [self._item(at, item) for at, item in zip(places, self.dataset.__getitems__(places), strict=True)]

    def _item(self, at: int, item: Any) -> Any:
        if not isinstance(item, Mapping):
            return at, item
        if self.key in item:
            raise hinted(ValueError(f"item {at} has a value {self.key!r} already"), "name another key, such as Indexed(dataset, key='row')")
        return {**item, self.key: at}

    def __repr__(self) -> str:
        return f"Indexed({type(self.dataset).__name__}, rows={len(self)})"


def _position(index: Any, length: int) -> int:
    if isinstance(index, bool) or not hasattr(index, "__index__"):
        raise TypeError(f"an index must be a whole number, not {index!r}")
    at = index.__index__()
    if not -length <= at < length:
        raise IndexError(f"index {at} is not in [0, {length})")
    return int(at % length)


# What the recorders share.


def _every(every: Any) -> int:
    if isinstance(every, bool) or not isinstance(every, int | np.integer) or every < 1:
        raise ValueError(f"every must be a whole number of at least 1, not {every!r}")
    return int(every)


def _of(where: Where, value: Any, what: str, place: str, hint: str) -> Any:
    """What is at a place of a batch, or of the result of a step."""
    if callable(where):
        return where(value)
    try:
        return value[where]
    except (KeyError, IndexError, TypeError) as error:
        has = f"has the keys {list(value)}" if isinstance(value, Mapping) else f"is of type {type(value).__name__}"
        found = ValueError(f"{what}={where!r} is not in {place}, which {has}")
        raise hinted(found, hint) from error


def _rows(where: Where, batch: Any) -> Any:
    """The positions of the rows of a batch."""
    hint = "indices= takes a key, a position or a function; leanset.Indexed(dataset) adds the positions of rows"
    return _of(where, batch, "indices", "the batch", hint)


def _order(log: ForgettingLog, classes: Any, who: str) -> Ids | None:
    """The output of a model for each class of a log, from the classes of the outputs in their order; None if they are in order."""
    if classes is None:
        return None
    own, given = log.classes.tolist(), np.asarray(to_numpy(classes)).tolist()
    places = {label: at for at, label in enumerate(given)}
    if len(places) != len(given):
        raise ValueError(f"classes has the same class twice: {given[:10]}")
    if places.keys() != set(own):
        few = [repr(label) for label in given[:10]]
        error = ValueError(f"the outputs of {who} are of the classes {', '.join(few)}, and the log has {', '.join(map(repr, own[:10]))}")
        if sorted(places, key=str) == [*range(len(own))]:
            hinted(error, "the model predicts class codes: pass classes=encoder.classes_, the labels in the order of the codes, "
                          "or make the log from the codes")
        raise hinted(error, "make the log from the labels that the model is trained on, or pass classes= in the order of its outputs")
    order = np.array([places[label] for label in own], dtype=np.int64)
    return None if np.array_equal(order, np.arange(len(own))) else order


def _order_of_codes(log: ForgettingLog, given: Any, who: str) -> Ids | None:
    """As `_order`, from the class code of each row, as the model was trained on them: the rows of the log say which label a code is."""
    codes = np.asarray(given)
    if codes.shape != (len(log),):
        error = ValueError(f"{who} has {len(codes)} rows, and the log has {len(log)}")
        raise hinted(error, "make the log from the labels of the rows that the model is trained on, in their order")
    own = log._labels.codes
    if (codes % 1 != 0).any() or codes.min() < 0 or codes.max() >= len(log.classes):
        raise ValueError(f"the labels of {who} must be class codes from 0 to {len(log.classes) - 1}, as the log has {len(log.classes)} classes")
    codes = codes.astype(np.int64)
    order = np.full(len(log.classes), -1, dtype=np.int64)
    order[own] = codes
    wrong = np.flatnonzero(order[own] != codes)
    if wrong.size:
        row, label = int(wrong[0]), log.classes[own[wrong[0]]]
        error = ValueError(
            f"{who} and the log are of different rows: row {row} is of class {label.item() if hasattr(label, 'item') else label!r} "
            f"in the log and has code {codes[row]}, and another row of that class has code {order[own[row]]}"
        )
        raise hinted(error, "make the log from the labels of the rows that the model is trained on, in their order")
    if len(set(order.tolist())) != len(order):
        raise ValueError(f"two classes of the log have the same code in {who}")
    return None if np.array_equal(order, np.arange(len(order))) else order


def _arranged(outputs: Any, order: Ids | None, classes: int, *, binary: str = "") -> npt.NDArray[Any]:
    """Outputs with one column per class of the log. A model of two classes may have one output: `binary` says what of the second."""
    array = to_numpy(outputs)
    if binary and classes == 2:
        one = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array if array.ndim == 1 else None
        if one is not None:
            array = np.column_stack([1 - one if binary == "probability" else np.zeros_like(one), one])
    return array if order is None or array.ndim != 2 or array.shape[1] != len(order) else array[:, order]


def _record(log: ForgettingLog, epoch: int, rows: Any, outputs: Any, order: Ids | None, *, logits: bool) -> None:
    values = _arranged(outputs, order, len(log.classes), binary="logit" if logits else "probability")
    log.update(epoch, rows, **{"logits" if logits else "probabilities": values})


def keras_callback(
    log: ForgettingLog, X: Any, *, every: int = 1, batch_size: int = 1024, classes: Any = None, from_logits: bool = False
) -> Any:
    """Make a Keras callback that predicts all rows after each epoch and updates a log.

    Parameters
    ----------
    log : ForgettingLog
        The log to update. Its rows are those of X.
    X : array
        The inputs of the training set, in the order of the log's labels.
    every : int, default=1
        Number of epochs between two updates.
    batch_size : int, default=1024
        Batch size of the predictions.
    classes : array-like, optional
        The labels in the order of the model's outputs. By default, sorted, as `log.classes`: Keras knows no names of classes.
    from_logits : bool, default=False
        Whether the model outputs logits instead of probabilities.

    Returns
    -------
    keras.callbacks.Callback
        Pass it to `model.fit(callbacks=[...])`. If Keras is not loaded, the result is an object with the same methods.
    """
    base = _base("keras.callbacks", "Callback") or object
    step, order = _every(every), _order(log, classes, "the model")

    class UpdateLog(base):  # type: ignore[misc, valid-type]
        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            if epoch % step == 0:
                outputs = self.model.predict(X, batch_size=batch_size, verbose=0)
                _record(log, epoch, np.arange(len(log)), outputs, order, logits=from_logits)

        def __getattr__(self, name: str) -> Any:
            # All other hooks of a callback do nothing.
            if base is object and name.startswith(("on_", "set_")):
                return self.set if name in ("set_model",) else _nothing
            raise AttributeError(name)

        def set(self, model: Any) -> None:
            self.model = model

    return UpdateLog()


def lightning_callback(log: ForgettingLog, *, indices: Where = "index", logits: Where = "logits", classes: Any = None) -> Any:
    """Make a Lightning callback that updates a log after every training batch.

    Parameters
    ----------
    log : ForgettingLog
        The log to update.
    indices : str, int or callable, default="index"
        Where to find the positions of the rows in a batch: a key or position of the batch, or a function of it. With a dataset
        `Indexed` of tuples it is 0.
    logits : str or callable, default="logits"
        Where to find the logits in the result of `training_step`: a key of it, or a function of it.
    classes : array-like, optional
        The labels in the order of the logits. By default, sorted, as `log.classes`: a Lightning module knows no names of classes.

    Returns
    -------
    lightning.pytorch.Callback
        Pass it to `Trainer(callbacks=[...])`. If Lightning is not loaded, the result is an object with the same methods.
    """
    base = _base("lightning.pytorch", "Callback") or _base("pytorch_lightning", "Callback") or object
    order = _order(log, classes, "the model")

    class UpdateLog(base):  # type: ignore[misc, valid-type]
        def on_train_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, *_: Any
        ) -> None:
            values = _of(logits, outputs, "logits", "the result of training_step", "return a dict of loss and logits from training_step")
            _record(log, int(trainer.current_epoch), _rows(indices, batch), values, order, logits=True)

        def __getattr__(self, name: str) -> Any:
            if base is object and name.startswith(("on_", "setup", "teardown")):
                return _nothing
            raise AttributeError(name)

    return UpdateLog()


def skorch_callback(
    log: ForgettingLog, X: Any = None, *, indices: Where | None = None, every: int = 1, classes: Any = None
) -> Any:
    """Make a skorch callback that updates a log, after each epoch or after every training batch.

    Parameters
    ----------
    log : ForgettingLog
        The log to update.
    X : array, tensor or dict, optional
        The inputs of all rows of the log: all rows are predicted after each epoch. Give this or `indices`.
    indices : str, int or callable, optional
        Where to find the positions of the rows in the inputs of a batch: the outputs of the training batches are recorded. Positions may be
        a value of a dict X, such as `{"x": X, "index": numpy.arange(n)}`; the module gets it too.
    every : int, default=1
        Number of epochs between two updates.
    classes : array-like, optional
        The labels in the order of the outputs. By default those of the net (`net.classes_`), which must be those of the log.

    Returns
    -------
    skorch.callbacks.Callback
        Pass it to `NeuralNetClassifier(callbacks=[...])`.

    Notes
    -----
    skorch holds out a fifth of the rows by default. With `indices` these rows are never observed, so pass `train_split=None`. Outputs become
    probabilities as `predict_proba` of the net makes them.
    """
    from skorch.callbacks import Callback

    if (X is None) == (indices is None):
        raise ValueError("give either X, the inputs of all rows, or indices, where positions are in a batch")
    step = _every(every)

    class UpdateLog(Callback):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            self.epoch = 0

        def on_train_begin(self, net: Any, *_: Any, **__: Any) -> None:
            # A net that was fitted with a dataset alone knows no labels; its outputs are those of class codes.
            own = getattr(net, "classes_", range(len(log.classes)))
            self.order = _order(log, own if classes is None else classes, type(net).__name__)

        def on_epoch_begin(self, net: Any, *_: Any, **__: Any) -> None:
            # The history goes on where a net is fitted further.
            self.epoch = len(net.history) - 1

        def on_epoch_end(self, net: Any, *_: Any, **__: Any) -> None:
            if X is not None and self.epoch % step == 0:
                _record(log, self.epoch, np.arange(len(log)), net.predict_proba(X), self.order, logits=False)

        def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **given: Any) -> None:
            if indices is None or not training or self.epoch % step:
                return
            rows, outputs = _rows(indices, batch[0]), given["y_pred"]
            outputs = outputs[0] if isinstance(outputs, tuple) else outputs
            probabilities = net._get_predict_nonlinearity()(outputs.detach())
            _record(log, self.epoch, rows, probabilities, self.order, logits=False)

    return UpdateLog()


def transformers_callback(
    log: ForgettingLog, *, indices: str | None = None, every: int = 1, batch_size: int | None = None, classes: Any = None
) -> Any:
    """Make a callback of Hugging Face transformers that updates a log, after each epoch or from the training batches.

    Parameters
    ----------
    log : ForgettingLog
        The log to update. Its rows are those of the trainer's `train_dataset`.
    indices : str, optional
        The column of the dataset that has the position of each row: the outputs of the training batches are recorded. Keep the column with
        `TrainingArguments(remove_unused_columns=False)`; the callback takes it out before the model sees it. Without it, all rows of
        `train_dataset` are predicted after each epoch.
    every : int, default=1
        Number of epochs between two updates.
    batch_size : int, optional
        Batch size of the predictions; by default that of the training.
    classes : array-like, optional
        The labels in the order of the logits. By default the names in `model.config.id2label` if the log has names, and 0, 1, 2, … if it has
        these.

    Returns
    -------
    transformers.TrainerCallback
        Pass it to `Trainer(callbacks=[...])`.

    Notes
    -----
    Where the dataset has labels, they are compared with those of the log. With several processes, the first predicts all rows. From training
    batches each process records its own rows: save and `merge` the logs.
    """
    from transformers import TrainerCallback

    step = _every(every)

    class UpdateLog(TrainerCallback):  # type: ignore[misc, unused-ignore]
        epoch = -1
        handles: tuple[Any, ...] = ()
        order: Ids | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            self.order = _order(log, _classes_of_model(log, model) if classes is None else classes, type(model).__name__)
            if indices is not None:
                if args.remove_unused_columns:
                    error = ValueError(f"the trainer removes the column {indices!r}, which says what rows a batch has")
                    raise hinted(error, "pass TrainingArguments(remove_unused_columns=False)")
                before = model.register_forward_pre_hook(self.before, with_kwargs=True)
                self.handles = (before, model.register_forward_hook(self.after, with_kwargs=True))
            self.rows: Any = None

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            for handle in self.handles:
                handle.remove()
            self.handles = ()

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            # A run that goes on from a checkpoint does not begin at 0.
            self.epoch = int((state.epoch or 0.0) + 1e-6)

        def before(self, module: Any, given: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            rest = {name: value for name, value in named.items() if name != indices}
            self.rows = named[str(indices)] if module.training and indices in named else None
            if module.training and self.rows is None:
                error = ValueError(f"a batch has no {indices!r}, which says what rows it has; it has {', '.join(named)}")
                raise hinted(error, "add the positions with dataset.add_column('index', range(len(dataset))) or leanset.Indexed(dataset)")
            return given, rest

        def after(self, module: Any, given: Any, named: dict[str, Any], outputs: Any) -> None:
            if self.rows is not None and self.epoch % step == 0:
                rows = to_numpy(self.rows)
                self.check(named.get("labels"), rows)
                _record(log, self.epoch, rows, _logits(outputs), self.order, logits=True)
            self.rows = None

        def on_epoch_end(
            self, args: Any, state: Any, control: Any, model: Any = None, train_dataloader: Any = None, **_: Any
        ) -> None:
            if indices is None and self.epoch % step == 0 and state.is_world_process_zero:
                logits = self.predicted(model, train_dataloader, batch_size or args.train_batch_size)
                _record(log, self.epoch, np.arange(len(log)), logits, self.order, logits=True)

        def predicted(self, model: Any, loader: Any, size: int) -> npt.NDArray[Any]:
            """The logits of all rows, in the order of the dataset."""
            import torch

            rows = len(loader.dataset)
            if rows != len(log):
                error = ValueError(f"train_dataset has {rows} rows, and the log has {len(log)}")
                raise hinted(error, "make the log from the labels of train_dataset, in its order")
            training, found, start = model.training, [], 0
            model.eval()
            try:
                with torch.no_grad():
                    plain = torch.utils.data.DataLoader(loader.dataset, batch_size=size, collate_fn=loader.collate_fn)
                    for batch in plain:
                        named = {name: v.to(model.device) if hasattr(v, "to") else v for name, v in batch.items()}
                        logits = to_numpy(_logits(model(**named)).float())
                        self.check(batch.get("labels"), np.arange(start, start + len(logits)))
                        found.append(logits)
                        start += len(logits)
            finally:
                model.train(training)
            return np.concatenate(found)

        def check(self, labels: Any, rows: Any) -> None:
            """Compare labels, which are positions of outputs, with those that rows have in the log."""
            if labels is None or np.ndim(to_numpy(labels)) != 1:
                return
            own = log._labels.codes[rows].astype(np.int64)
            expected = own if self.order is None else self.order[own]
            wrong = np.flatnonzero(to_numpy(labels) != expected)
            if wrong.size:
                at = int(wrong[0])
                error = ValueError(f"row {int(rows[at])} of train_dataset has label {int(to_numpy(labels)[at])}, and in the log it is of class "
                                   f"{log.classes[own[at]].item()!r}, which is output {expected[at]} of the model")
                raise hinted(error, "make the log from the labels of train_dataset, in its order, or pass classes= in the order of the outputs")

    return UpdateLog()


def _logits(outputs: Any) -> Any:
    found = outputs.get("logits") if isinstance(outputs, Mapping) else getattr(outputs, "logits", None)
    if found is None:
        raise hinted(ValueError(f"the model returns no logits, but {type(outputs).__name__}"), "use a model for classification")
    return found


def _classes_of_model(log: ForgettingLog, model: Any) -> Sequence[Any] | None:
    """The labels in the order of the outputs of a model of transformers, as its configuration says."""
    config = getattr(model, "config", None)
    names = getattr(config, "id2label", None)
    if not names:
        return None
    if all(isinstance(label, str) for label in log.classes.tolist()):
        return [names[at] for at in range(len(names))]
    return list(range(len(names)))


def xgboost_callback(log: ForgettingLog, X: Any, *, every: int = 1, classes: Any = None) -> Any:
    """Make an XGBoost callback that predicts all rows after each boosting round, or after every few rounds, and updates a log.

    Parameters
    ----------
    log : ForgettingLog
        The log to update. Its rows are those of X. A round is an epoch.
    X : array, frame or xgboost.DMatrix
        The features of all rows. The `DMatrix` that you train on is best: its labels are compared with those of the log.
    every : int, default=1
        Number of rounds between two updates.
    classes : array-like, optional
        The labels in the order of the codes that the model is trained on, such as `encoder.classes_` of a LabelEncoder. Not needed if the log
        has the codes 0, 1, 2, … themselves, or if X is a DMatrix with labels.

    Returns
    -------
    xgboost.callback.TrainingCallback
        Pass it to `xgboost.train(callbacks=[...])` or `XGBClassifier(callbacks=[...])`. The objective must be logistic or of several classes
        ("binary:logistic", "multi:softprob", …).
    """
    import xgboost

    step = _every(every)
    data = X if isinstance(X, xgboost.DMatrix) else xgboost.DMatrix(X)
    if data.num_row() != len(log):
        raise ValueError(f"X has {data.num_row()} rows, and the log has {len(log)}")
    if classes is not None:
        order = _order(log, classes, "the model")
    elif len(data.get_label()):
        order = _order_of_codes(log, data.get_label(), "the DMatrix")
    else:
        order = _order(log, range(len(log.classes)), "XGBoost")

    class UpdateLog(xgboost.callback.TrainingCallback):  # type: ignore[misc, unused-ignore]
        def before_training(self, model: Any) -> Any:
            import json

            if hasattr(model, "save_config"):
                objective = json.loads(model.save_config())["learner"]["objective"]["name"]
                if objective not in ("binary:logistic", "binary:logitraw", "reg:logistic", "multi:softprob", "multi:softmax"):
                    error = ValueError(f"the objective '{objective}' gives no probabilities of classes")
                    raise hinted(error, "train with objective='binary:logistic' or 'multi:softprob'")
            return model

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            if epoch % step == 0:
                if not hasattr(model, "save_config"):
                    raise hinted(ValueError("xgboost.cv trains several models, each on other rows"), "log one training: xgboost.train")
                # Margins are logits: of the second class if there are two classes.
                _record(log, epoch, np.arange(len(log)), model.predict(data, output_margin=True), order, logits=True)
            return False

    return UpdateLog()


#: Objectives of LightGBM whose predictions are probabilities that add up to 1.
LIGHTGBM = ("binary", "multiclass", "softmax", "cross_entropy", "xentropy")


def lightgbm_callback(log: ForgettingLog, X: Any, *, every: int = 1, classes: Any = None) -> Any:
    """Make a LightGBM callback that predicts all rows after each boosting round, or after every few rounds, and updates a log.

    Parameters
    ----------
    log : ForgettingLog
        The log to update. Its rows are those of X. A round is an epoch.
    X : array or frame
        The features of the training set, in the order of the log's labels.
    every : int, default=1
        Number of rounds between two updates.
    classes : array-like, optional
        The labels in the order of the codes that the model is trained on. By default, the labels that the model is trained on are compared with
        those of the log, row by row.

    Returns
    -------
    callable
        Pass it to `lightgbm.train(callbacks=[...])` or `LGBMClassifier().fit(callbacks=[...])`.
    """
    step, known = _every(every), None if classes is None else (_order(log, classes, "the model"),)

    def update_log(env: Any) -> None:
        nonlocal known
        round_ = env.iteration - env.begin_iteration
        if round_ % step:
            return
        if hasattr(env.model, "boosters"):
            raise hinted(ValueError("lightgbm.cv trains several models, each on other rows"), "log one training: lightgbm.train")
        objective = env.params.get("objective", "regression")
        if objective not in LIGHTGBM:
            named = f"'{objective}'" if isinstance(objective, str) else "that is a function"
            error = ValueError(f"the objective {named} gives no probabilities of classes that add up to 1")
            raise hinted(error, "train with objective='binary' or 'multiclass'")
        if known is None:
            known = (_order_of_codes(log, env.model.train_set.get_label(), "the training set of LightGBM"),)
        _record(log, env.iteration, np.arange(len(log)), env.model.predict(X), known[0], logits=False)

    update_log.order = 20  # type: ignore[attr-defined]
    update_log.before_iteration = False  # type: ignore[attr-defined]
    return update_log


def record_partial_fit(
    log: ForgettingLog, model: Any, X: Any, y: Any, *, epochs: int = 10, batch_size: int = 32, random_state: Any = 0
) -> Any:
    """Train a model of scikit-learn epoch by epoch with `partial_fit`, and update a log after each epoch.

    Parameters
    ----------
    log : ForgettingLog
        The log to update. It has the labels y.
    model : estimator
        A classifier with `partial_fit`, such as SGDClassifier or MLPClassifier; it is trained in place. With `predict_proba`, probabilities
        are recorded, otherwise predictions.
    X, y : array-likes
        The training set.
    epochs : int, default=10
        Number of passes.
    batch_size : int, default=32
        Number of rows per step.
    random_state : int, None, RandomState or Generator, default=0
        The seed of the order of the rows, which is another in each epoch.

    Returns
    -------
    estimator
        `model`.

    Examples
    --------
    >>> import leanset, numpy as np
    >>> class Nearest:
    ...     def partial_fit(self, X, y, classes):
    ...         self.mean = np.array([np.append(X[y == label], [[99.0]], axis=0).mean() for label in classes])
    ...     def predict(self, X):
    ...         return np.abs(X - self.mean).argmin(axis=1)
    >>> X, y = np.array([[0.0], [0.1], [1.0], [1.1]]), np.array([0, 0, 1, 1])
    >>> log = leanset.ForgettingLog(y)
    >>> model = leanset.record_partial_fit(log, Nearest(), X, y, epochs=3)
    >>> log.finish().epochs
    3
    """
    from leanset._seed import seed_of

    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    if len(y) != len(log):
        raise ValueError(f"y has {len(y)} rows, and the log has {len(log)}")
    own = type(log)(y)
    if not own._same_labels(log):
        raise ValueError("the log was made from other labels than y")
    rng = np.random.default_rng(seed_of(random_state))
    rows = np.arange(len(log))
    for epoch in range(epochs):
        shuffled = rng.permutation(len(log))
        for start in range(0, len(log), batch_size):
            batch = shuffled[start : start + batch_size]
            model.partial_fit(take(X, batch), take(y, batch), classes=log.classes)
        order = _order(log, getattr(model, "classes_", None), type(model).__name__)
        if hasattr(model, "predict_proba"):
            _record(log, epoch, rows, model.predict_proba(X), order, logits=False)
        else:
            log.update(epoch, rows, model.predict(X))
    return model


def _nothing(*_: Any, **__: Any) -> None:
    """A hook that does nothing."""


def _base(module: str, name: str) -> type[Any] | None:
    """A class of a library, if that library is loaded already."""
    found: type[Any] | None = getattr(sys.modules.get(module), name, None)
    return found
