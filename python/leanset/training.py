"""What was seen of rows while a model trained, from any training loop: for FES, EL2N and AUM.

Rows are named by their position in the training set, so a data set has to hand out that position with each row.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._convert import Ids, Labels, Table, labels


@dataclasses.dataclass(frozen=True)
class Dynamics:
    """What was seen of every row.

    Attributes
    ----------
    epochs : int
        Epochs that were observed.
    forgetting : ndarray of int64
        How often each row went from right to wrong; of a row that was never right the number of epochs.
    learnt : ndarray of bool
        Whether each row was right in any epoch.
    el2n : ndarray of float64, or None
        The mean distance of the probabilities of each row from its class, in [0, √2]; None without probabilities.
    aum : ndarray of float64, or None
        The mean margin of each row; None without probabilities.
    """

    _native: _leanset.Dynamics = dataclasses.field(repr=False)

    @property
    def epochs(self) -> int:
        return self._native.epochs

    @property
    def forgetting(self) -> Ids:
        return self._native.forgetting

    @property
    def learnt(self) -> npt.NDArray[np.bool_]:
        return self._native.learnt

    @property
    def el2n(self) -> npt.NDArray[np.float64] | None:
        return self._native.el2n

    @property
    def aum(self) -> npt.NDArray[np.float64] | None:
        return self._native.aum


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trainer:
    """Settings of the built-in trainer: a multilayer perceptron, the same bits on every machine.

    Parameters
    ----------
    epochs : int, default=50
        Passes over the rows.
    hidden : sequence of int, default=(50, 45, 40, 35, 30, 25, 20, 15, 10)
        Units of each hidden layer; the default is the paper's.
    activation : {"relu", "gelu"}, default="relu"
        The function after each hidden layer.
    dropout : float, default=0.25
        The part of a hidden layer's units that is left out of a step, in [0, 1).
    optimizer : {"adam", "adamw", "sgd"}, default="adam"
        How steps are made; sgd has momentum 0.9.
    learning_rate : float, default=0.001
    weight_decay : float, default=0.0
    batch : int, default=32
        Rows of a step.

    Notes
    -----
    The seed is that of the method (`random_state`). Columns should be scaled to one range, for instance by
    scikit-learn's MinMaxScaler, as the command line does. Numbers are checked when it trains.
    """

    epochs: int = 50
    hidden: tuple[int, ...] = (50, 45, 40, 35, 30, 25, 20, 15, 10)
    activation: str = "relu"
    dropout: float = 0.25
    optimizer: str = "adam"
    learning_rate: float = 0.001
    weight_decay: float = 0.0
    batch: int = 32

    def _watch(self, table: Table, seed: int, n_jobs: int | None) -> _leanset.Dynamics:
        settings = json.dumps({**dataclasses.asdict(self), "hidden": list(self.hidden)})
        return _leanset.warm_up(table, settings, seed, n_jobs)

    def watch(self, X: Any, y: Any, *, random_state: Any = 0, n_jobs: int | None = None) -> Dynamics:
        """Train on all rows and watch each of them after every epoch. One training serves all ratios.

        Parameters
        ----------
        X, y, random_state, n_jobs
            As of `leanset.reduce`.

        Returns
        -------
        Dynamics

        Examples
        --------
        >>> import numpy as np, leanset
        >>> X = np.random.default_rng(0).normal(size=(40, 2))
        >>> seen = leanset.Trainer(epochs=3).watch(X, X[:, 0] > 0)
        >>> seen.epochs, seen.forgetting.shape
        (3, (40,))
        """
        from leanset._convert import features
        from leanset._functions import table_of
        from leanset._seed import seed_of

        x = features(X)
        return Dynamics(self._watch(table_of(x, labels(y, x.rows, who="Trainer")), seed_of(random_state), n_jobs))


def _numpy(value: Any) -> npt.NDArray[Any]:
    """Tensors of any library, on any device, as an array."""
    for step in ("detach", "cpu"):
        if hasattr(value, step):
            value = getattr(value, step)()
    if "bfloat16" in str(getattr(value, "dtype", "")):
        value = value.float()
    return np.asarray(value.numpy() if hasattr(value, "numpy") and callable(value.numpy) else value)


class ForgettingLog:
    """Observations of a model in training, in any order.

    Parameters
    ----------
    y : array-like of shape (n,)
        The labels of the training set, of any dtype.

    Notes
    -----
    Every row must be observed exactly once in every epoch that is observed; epochs need not be all there are. Sums are of
    whole numbers, so neither the order of updates nor the merging of logs changes a bit. Memory: two bits a row and epoch,
    16 bytes a row.

    Examples
    --------
    >>> import numpy as np, leanset
    >>> log = leanset.ForgettingLog(["a", "b", "a"])
    >>> log.update(0, [2, 0], ["a", "a"])
    >>> log.update(0, [1], ["b"])
    >>> log.update(1, [0, 1, 2], ["b", "b", "a"])
    >>> log.finish().forgetting
    array([1, 0, 0])
    >>> X = np.zeros((3, 1))
    >>> leanset.reduce(X, ["a", "b", "a"], 2, method="fes", dynamics=log).indices
    array([0, 1])
    """

    def __init__(self, y: Any) -> None:
        array = _numpy(y)
        self._labels: Labels = dataclasses.replace(labels(array, len(array), who="ForgettingLog"), original=None)
        self._native = _leanset.NativeLog(len(array))

    def __len__(self) -> int:
        return len(self._labels.codes)

    def update(
        self,
        epoch: int,
        indices: Any,
        predictions_or_correct: Any = None,
        *,
        probabilities: Any = None,
        logits: Any = None,
    ) -> None:
        """Take in a batch; all of it or, with an error, nothing.

        Parameters
        ----------
        epoch : int
            The epoch, at least 0.
        indices : array-like of int, shape (b,)
            Positions of the rows in the training set.
        predictions_or_correct : array-like of shape (b,), optional
            Predicted labels, or booleans that say which predictions were right (predicted labels where labels are
            booleans themselves).
        probabilities : array-like of float, shape (b, classes), optional
            Of each class, in the order of the sorted labels. EL2N and AUM need them; the most probable class is what is
            predicted, unless that is given too.
        logits : array-like of float, shape (b, classes), optional
            In place of probabilities, which are their softmax.

        Raises
        ------
        ValueError
            For a row that is not there or is observed twice in an epoch, and for probabilities that are none.
        """
        if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer) or not 0 <= epoch < 2**32:
            raise ValueError(f"epoch must be a whole number of at least 0, not {epoch!r}")
        rows = _numpy(indices)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise TypeError(f"indices must be a list or array of whole numbers, not of {rows.dtype} and shape {rows.shape}")
        rows = np.ascontiguousarray(rows, dtype=np.int64)
        if rows.size and not (0 <= rows.min() and rows.max() < len(self)):
            bad = int(rows[(rows < 0) | (rows >= len(self))][0])
            raise ValueError(f"indices must be in [0, {len(self)}), not {bad}")
        codes = self._labels.codes[rows]
        sure = None
        if probabilities is not None or logits is not None:
            if probabilities is not None and logits is not None:
                raise ValueError("probabilities and logits are both given: give one of them")
            sure = self._probabilities(probabilities, logits, len(rows))
        if predictions_or_correct is not None:
            right = self._right(_numpy(predictions_or_correct), codes)
        elif sure is not None:
            right = sure.argmax(axis=1) == codes
        else:
            raise ValueError("nothing is observed: give predictions_or_correct, probabilities or logits")
        self._native.observe(int(epoch), rows, right, None if sure is None else (sure, codes))

    def _right(self, said: npt.NDArray[Any], codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
        if said.shape != codes.shape:
            raise ValueError(f"predictions_or_correct must be of shape {codes.shape}, not {said.shape}")
        if said.dtype == np.bool_ and self._labels.classes.dtype != np.bool_:
            return np.ascontiguousarray(said)
        return np.ascontiguousarray(said == self._labels.classes[codes])

    def _probabilities(self, probabilities: Any, logits: Any, rows: int) -> npt.NDArray[np.float64]:
        given = np.ascontiguousarray(_numpy(logits if probabilities is None else probabilities), dtype=np.float64)
        name, classes = "logits" if probabilities is None else "probabilities", len(self._labels.classes)
        if given.ndim == 1 and classes == 2:
            error = ValueError(f"{name} must be of shape ({rows}, 2), not {given.shape}: one column a class")
            error.add_note("hint: numpy.column_stack([1 - p, p]) of one probability a row")
            raise error
        if given.shape != (rows, classes):
            raise ValueError(f"{name} must be of shape ({rows}, {classes}), not {given.shape}: one column a class")
        return given if probabilities is not None else _leanset.softmax(given)

    def merge(self, other: ForgettingLog) -> None:
        """Take in the observations of another log of the same training set, such as that of another worker.

        Parameters
        ----------
        other : ForgettingLog

        Raises
        ------
        ValueError
            If both have a row of an epoch; nothing is changed then.
        """
        if not np.array_equal(self._labels.codes, other._labels.codes):
            raise ValueError("other is a log of other labels")
        self._native.merge(other._native)

    def finish(self) -> Dynamics:
        """What was seen of every row. The log can go on.

        Returns
        -------
        Dynamics

        Raises
        ------
        ValueError
            If a row is missing from an epoch, nothing was observed, or only some observations have probabilities.
        """
        return Dynamics(self._native.finish())


def keras_callback(log: ForgettingLog, X: Any, *, every: int = 1, batch_size: int = 1024) -> Any:
    """A Keras callback that looks at all rows after each epoch.

    Parameters
    ----------
    log : ForgettingLog
        Where it writes; rows are those of X.
    X : array
        The inputs of the training set, in the order of the log's labels.
    every : int, default=1
        Look after every so many epochs.
    batch_size : int, default=1024
        Rows that are predicted at a time.

    Returns
    -------
    keras.callbacks.Callback
        For `model.fit(callbacks=[...])`; the model's outputs are probabilities. Without Keras, a class of the same shape.
    """
    base = _base("keras.callbacks", "Callback") or object

    class Watch(base):  # type: ignore[misc, valid-type]
        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            if epoch % every == 0:
                probabilities = _numpy(self.model.predict(X, batch_size=batch_size, verbose=0))
                if probabilities.ndim == 2 and probabilities.shape[1] == 1:
                    probabilities = np.column_stack([1 - probabilities[:, 0], probabilities[:, 0]])
                log.update(epoch, np.arange(len(log)), probabilities=probabilities)

        def __getattr__(self, name: str) -> Any:
            # Every other hook of a callback does nothing.
            if base is object and name.startswith(("on_", "set_")):
                return self.set if name in ("set_model",) else _nothing
            raise AttributeError(name)

        def set(self, model: Any) -> None:
            self.model = model

    return Watch()


def lightning_callback(
    log: ForgettingLog, *, indices: str | Callable[[Any], Any] = "index", logits: str | Callable[[Any], Any] = "logits"
) -> Any:
    """A Lightning callback that looks at every training batch.

    Parameters
    ----------
    log : ForgettingLog
        Where it writes.
    indices : str or callable, default="index"
        Where a batch has the positions of its rows: a key of the batch, or a function of it.
    logits : str or callable, default="logits"
        Where what `training_step` returns has the logits: a key of it, or a function of it.

    Returns
    -------
    lightning.pytorch.Callback
        For `Trainer(callbacks=[...])`. Without Lightning, a class of the same shape.
    """
    base = _base("lightning.pytorch", "Callback") or _base("pytorch_lightning", "Callback") or object

    def of(where: str | Callable[[Any], Any], value: Any) -> Any:
        return where(value) if callable(where) else value[where]

    class Watch(base):  # type: ignore[misc, valid-type]
        def on_train_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, *_: Any
        ) -> None:
            log.update(int(trainer.current_epoch), of(indices, batch), logits=of(logits, outputs))

        def __getattr__(self, name: str) -> Any:
            if base is object and name.startswith(("on_", "setup", "teardown")):
                return _nothing
            raise AttributeError(name)

    return Watch()


def _nothing(*_: Any, **__: Any) -> None:
    """A hook that does nothing."""


def _base(module: str, name: str) -> type[Any] | None:
    """A class of a library, if the library is loaded already: a callback is made where it is used."""
    import sys

    found: type[Any] | None = getattr(sys.modules.get(module), name, None)
    return found
