"""Training dynamics from any training loop, for the methods FES, EL2N, AUM, GraNd, DUAL and CCS.

Rows are identified by their position in the training set, so your dataset must return the position with each row.
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
    """Training dynamics of every row.

    Attributes
    ----------
    epochs : int
        Number of observed epochs.
    forgetting : ndarray of int64
        How often the prediction for each row changed from correct to wrong. For a row that was never correct, the number of
        epochs.
    learnt : ndarray of bool
        Whether each row was predicted correctly in any epoch.
    el2n : ndarray of float64, or None
        The mean distance between the predicted probabilities of each row and its one-hot class, in [0, √2]. None without
        probabilities.
    aum : ndarray of float64, or None
        The mean margin of each row; None without probabilities.
    dual : ndarray of float64, or None
        How much the probability of the true class varies within windows of ten epochs, times how far it is from 1; None without
        probabilities.
    grand : ndarray of float64, or None
        The mean length of the gradient of the loss by the weights of the last layer; None without gradients.
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

    @property
    def dual(self) -> npt.NDArray[np.float64] | None:
        return self._native.dual

    @property
    def grand(self) -> npt.NDArray[np.float64] | None:
        return self._native.grand


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trainer:
    """Settings of the built-in trainer, a multilayer perceptron that gives the same bits on every machine.

    Parameters
    ----------
    epochs : int, default=50
        Number of epochs.
    hidden : sequence of int, default=(50, 45, 40, 35, 30, 25, 20, 15, 10)
        Widths of the hidden layers. The default is the paper's.
    activation : {"relu", "gelu"}, default="relu"
        Activation function of the hidden layers.
    dropout : float, default=0.25
        Dropout rate of the hidden layers, in [0, 1).
    optimizer : {"adam", "adamw", "sgd"}, default="adam"
        Optimizer; sgd has momentum 0.9.
    learning_rate : float, default=0.001
    weight_decay : float, default=0.0
    batch : int, default=32
        Batch size in rows.

    Notes
    -----
    The seed is that of the method (`random_state`). Scale the columns of X to the same range, for example with scikit-learn's
    MinMaxScaler, as the command line does. The settings are checked when the training starts.
    """

    epochs: int = 50
    hidden: tuple[int, ...] = (50, 45, 40, 35, 30, 25, 20, 15, 10)
    activation: str = "relu"
    dropout: float = 0.25
    optimizer: str = "adam"
    learning_rate: float = 0.001
    weight_decay: float = 0.0
    batch: int = 32

    def _observe(self, table: Table, seed: int, n_jobs: int | None) -> _leanset.Dynamics:
        settings = json.dumps({**dataclasses.asdict(self), "hidden": list(self.hidden)})
        return _leanset.warm_up(table, settings, seed, n_jobs)

    def observe(self, X: Any, y: Any, *, random_state: Any = 0, n_jobs: int | None = None) -> Dynamics:
        """Train on all rows and collect the training dynamics of every row. One training serves all ratios.

        Parameters
        ----------
        X, y, random_state, n_jobs
            As in `leanset.reduce`.

        Returns
        -------
        Dynamics

        Examples
        --------
        >>> import numpy as np, leanset
        >>> X = np.random.default_rng(0).normal(size=(40, 2))
        >>> dynamics = leanset.Trainer(epochs=3).observe(X, X[:, 0] > 0)
        >>> dynamics.epochs, dynamics.forgetting.shape
        (3, (40,))
        """
        from leanset._convert import features
        from leanset._functions import table_of
        from leanset._seed import seed_of

        x = features(X)
        return Dynamics(self._observe(table_of(x, labels(y, x.rows, who="Trainer")), seed_of(random_state), n_jobs))


def _numpy(value: Any) -> npt.NDArray[Any]:
    """Convert a tensor of any library, on any device, to an array."""
    for step in ("detach", "cpu"):
        if hasattr(value, step):
            value = getattr(value, step)()
    if "bfloat16" in str(getattr(value, "dtype", "")):
        value = value.float()
    return np.asarray(value.numpy() if hasattr(value, "numpy") and callable(value.numpy) else value)


class ForgettingLog:
    """A log of training dynamics, filled from your training loop in any order.

    Parameters
    ----------
    y : array-like of shape (n,)
        The labels of the training set, of any dtype.

    Notes
    -----
    Every row must be observed exactly once in every observed epoch. You may skip epochs. All sums are sums of whole numbers, so
    the order of updates and merges does not change a bit. Memory: two bits per row and epoch, four bytes more with probabilities,
    and 32 bytes per row.

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
        gradients: Any = None,
    ) -> None:
        """Add the observations of a batch. If there is an error, nothing is added.

        Parameters
        ----------
        epoch : int
            The epoch, at least 0.
        indices : array-like of int, shape (b,)
            Positions of the rows in the training set.
        predictions_or_correct : array-like of shape (b,), optional
            Predicted labels, or booleans that say which predictions are correct. (If the labels themselves are booleans, these
            are predicted labels.)
        probabilities : array-like of float, shape (b, classes), optional
            Predicted probability of each class, in the order of the sorted labels. All methods but FES need them. The most
            probable class is the prediction, unless you also give predictions.
        logits : array-like of float, shape (b, classes), optional
            Logits instead of probabilities; leanset computes the softmax.
        gradients : array-like of float, shape (b,), optional
            Length of the gradient of the loss of each row by the weights of the last layer; only GraNd needs it. With softmax and
            cross-entropy this is ‖p − e_y‖ · √(1 + ‖h‖²), where h is what the last layer gets. Needs probabilities or logits.

        Raises
        ------
        ValueError
            If a row does not exist or is observed twice in an epoch, or if values are not probabilities.
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
            raise ValueError("there is no observation: give predictions_or_correct, probabilities or logits")
        lengths = None
        if gradients is not None:
            lengths = np.ascontiguousarray(_numpy(gradients), dtype=np.float64)
            if lengths.shape != codes.shape:
                raise ValueError(f"gradients must be of shape {codes.shape}, not {lengths.shape}: one length per row")
            if sure is None:
                raise ValueError("gradients are given without probabilities or logits: give one of these too")
        self._native.observe(int(epoch), rows, right, None if sure is None else (sure, codes), lengths)

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
            error = ValueError(f"{name} must be of shape ({rows}, 2), not {given.shape}: one column per class")
            error.add_note("hint: pass numpy.column_stack([1 - p, p]) for one probability p per row")
            raise error
        if given.shape != (rows, classes):
            raise ValueError(f"{name} must be of shape ({rows}, {classes}), not {given.shape}: one column per class")
        return given if probabilities is not None else _leanset.softmax(given)

    def merge(self, other: ForgettingLog) -> None:
        """Add the observations of another log of the same training set, for example from another worker.

        Parameters
        ----------
        other : ForgettingLog

        Raises
        ------
        ValueError
            If both logs have the same row of the same epoch. Then nothing is changed.
        """
        if not np.array_equal(self._labels.codes, other._labels.codes):
            raise ValueError("the two logs have different labels")
        self._native.merge(other._native)

    def finish(self) -> Dynamics:
        """Return the training dynamics of every row. You can continue to update the log.

        Returns
        -------
        Dynamics

        Raises
        ------
        ValueError
            If a row is missing from an epoch, if nothing was observed, or if only some observations have probabilities.
        """
        return Dynamics(self._native.finish())


def keras_callback(log: ForgettingLog, X: Any, *, every: int = 1, batch_size: int = 1024) -> Any:
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

    Returns
    -------
    keras.callbacks.Callback
        Pass it to `model.fit(callbacks=[...])`. The model must output probabilities. If Keras is not loaded, the result is an
        object with the same methods.
    """
    base = _base("keras.callbacks", "Callback") or object

    class UpdateLog(base):  # type: ignore[misc, valid-type]
        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            if epoch % every == 0:
                probabilities = _numpy(self.model.predict(X, batch_size=batch_size, verbose=0))
                if probabilities.ndim == 2 and probabilities.shape[1] == 1:
                    probabilities = np.column_stack([1 - probabilities[:, 0], probabilities[:, 0]])
                log.update(epoch, np.arange(len(log)), probabilities=probabilities)

        def __getattr__(self, name: str) -> Any:
            # All other hooks of a callback do nothing.
            if base is object and name.startswith(("on_", "set_")):
                return self.set if name in ("set_model",) else _nothing
            raise AttributeError(name)

        def set(self, model: Any) -> None:
            self.model = model

    return UpdateLog()


def lightning_callback(
    log: ForgettingLog, *, indices: str | Callable[[Any], Any] = "index", logits: str | Callable[[Any], Any] = "logits"
) -> Any:
    """Make a Lightning callback that updates a log after every training batch.

    Parameters
    ----------
    log : ForgettingLog
        The log to update.
    indices : str or callable, default="index"
        Where to find the positions of the rows in a batch: a key of the batch, or a function of it.
    logits : str or callable, default="logits"
        Where to find the logits in the result of `training_step`: a key of it, or a function of it.

    Returns
    -------
    lightning.pytorch.Callback
        Pass it to `Trainer(callbacks=[...])`. If Lightning is not loaded, the result is an object with the same methods.
    """
    base = _base("lightning.pytorch", "Callback") or _base("pytorch_lightning", "Callback") or object

    def of(where: str | Callable[[Any], Any], value: Any) -> Any:
        return where(value) if callable(where) else value[where]

    class UpdateLog(base):  # type: ignore[misc, valid-type]
        def on_train_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, *_: Any
        ) -> None:
            log.update(int(trainer.current_epoch), of(indices, batch), logits=of(logits, outputs))

        def __getattr__(self, name: str) -> Any:
            if base is object and name.startswith(("on_", "setup", "teardown")):
                return _nothing
            raise AttributeError(name)

    return UpdateLog()


def _nothing(*_: Any, **__: Any) -> None:
    """A hook that does nothing."""


def _base(module: str, name: str) -> type[Any] | None:
    """A class of a library, if that library is loaded already."""
    import sys

    found: type[Any] | None = getattr(sys.modules.get(module), name, None)
    return found
