"""Training dynamics from any training loop, for the methods FES, EL2N, AUM, GraNd, DUAL and CCS.

Rows are identified by their position in the training set, so your dataset must return the position with each row.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from leanset import _leanset
from leanset._convert import Table
from leanset._errors import hinted
from leanset._frames import to_numpy
from leanset._labels import Ids, Labels, array_of, labels
from leanset._whole import write_whole


@dataclasses.dataclass(frozen=True, repr=False)
class Dynamics:
    """Training dynamics of every row. They can be compared and pickled.

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

    def __len__(self) -> int:
        return self._native.rows

    def __repr__(self) -> str:
        return f"Dynamics(rows={len(self)}, epochs={self.epochs}, scores={list(self._native.scores)})"

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


#: The types of labels that files hold, and how they are read from text.
KINDS: dict[str, Callable[[str], Any]] = {"str": str, "int": int, "float": float, "bool": lambda text: text == "True"}


def _unpickled(classes: npt.NDArray[Any], codes: npt.NDArray[np.uint32], state: bytes) -> ForgettingLog:
    return ForgettingLog._of(classes, codes, _leanset.NativeLog.of_state(state))


def _is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or NA, which is not equal to itself or cannot say whether it is."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        # NA of pandas is neither; a list or array is present.
        return not hasattr(value, "__len__")


def _entry(at: int, rows: Ids) -> str:
    return f"entry {at} of the batch (row {rows[at]})"


class ForgettingLog:
    """A log of training dynamics, filled from your training loop in any order.

    Parameters
    ----------
    y : array-like of shape (n,)
        The labels of the training set, of any dtype.

    Attributes
    ----------
    classes : ndarray
        The sorted labels: class code 0 is the first. `log.classes[codes]` are the labels of class codes, which `update` takes as
        predictions.

    Notes
    -----
    Every row must be observed exactly once in every observed epoch. You may skip epochs. All sums are sums of whole numbers, so
    the order of updates and merges does not change a bit. Memory: two bits per row and epoch, four bytes more with probabilities,
    and 32 bytes per row.

    Logs can be pickled, so workers can return them: give each worker an empty log of all rows, and `merge` what they return. A sampler
    for several workers may repeat rows to fill the last batches (`torch.utils.data.DistributedSampler` does): leave the repeated rows out.

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
        array = array_of(y)
        if array.ndim == 0:
            raise TypeError(f"y must be a list or array of the labels of the training set, not {y!r}")
        own = labels(array, len(array), who="ForgettingLog")
        classes = own.classes.copy()
        classes.flags.writeable = False
        self._labels: Labels = dataclasses.replace(own, original=None, classes=classes)
        self._native = _leanset.NativeLog(len(array))

    def __len__(self) -> int:
        return len(self._labels.codes)

    @property
    def classes(self) -> npt.NDArray[Any]:
        return self._labels.classes

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
            Predicted labels, each one of `classes`; or booleans that say which predictions are correct. Booleans mean "correct"
            also if the labels are 0 and 1; only if the labels themselves are booleans are they predicted labels. Numbers 0 and 1
            never mean "correct".
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
            If a row does not exist or is observed twice in an epoch, if a prediction is missing or is no class of the log (such as a
            class code where the labels are names), or if values are not probabilities.
        """
        if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer) or not 0 <= epoch < 2**32:
            raise ValueError(f"epoch must be a whole number of at least 0, not {epoch!r}")
        rows = to_numpy(indices)
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
            right = self._right(to_numpy(predictions_or_correct), rows, codes)
        elif sure is not None:
            right = sure.argmax(axis=1) == codes
        else:
            raise ValueError("there is no observation: give predictions_or_correct, probabilities or logits")
        lengths = None
        if gradients is not None:
            lengths = np.ascontiguousarray(to_numpy(gradients), dtype=np.float64)
            if lengths.shape != codes.shape:
                raise ValueError(f"gradients must be of shape {codes.shape}, not {lengths.shape}: one length per row")
            if sure is None:
                raise ValueError("gradients are given without probabilities or logits: give one of these too")
        self._native.observe(int(epoch), rows, right, None if sure is None else (sure, codes), lengths)

    def _right(self, given: npt.NDArray[Any], rows: Ids, codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
        if given.shape != codes.shape:
            error = ValueError(f"predictions_or_correct must be of shape {codes.shape}, not {given.shape}")
            if given.ndim == 2 and given.shape[0] == len(codes):
                hinted(error, "pass one predicted label per row; one column per class is probabilities= or logits=")
            raise error
        kind = given.dtype.kind
        if kind not in "biufO":
            given, kind = given.astype(object), "O"
        self._check_present(given, rows)
        if kind == "O" and len(given) and all(isinstance(value, bool | np.bool_) for value in given.tolist()):
            given, kind = given.astype(np.bool_), "b"
        classes = self._labels.classes
        if kind == "b" and classes.dtype.kind != "b":
            if classes.dtype.kind != "O" or not all(isinstance(label, bool) for label in classes.tolist()):
                return np.ascontiguousarray(given)
        if kind != "O" and classes.dtype.kind in "biuf":
            at = np.minimum(np.searchsorted(classes, given), len(classes) - 1)
            known = classes[at] == given
        else:
            places = {label: code for code, label in enumerate(classes.tolist())}
            found = [places.get(value, -1) if value.__hash__ is not None else -1 for value in given.tolist()]
            at = np.array(found, dtype=np.int64)
            known = at >= 0
        if not known.all():
            raise self._no_class(given, rows, int(np.flatnonzero(~known)[0]))
        return np.ascontiguousarray(at == codes)

    def _check_present(self, given: npt.NDArray[Any], rows: Ids) -> None:
        """Refuse missing predictions: None, NaN and NA."""
        if given.dtype.kind == "f":
            missing = np.isnan(given)
        elif given.dtype.kind == "O":
            missing = np.array([_is_missing(value) for value in given.tolist()], dtype=np.bool_)
        else:
            return
        if missing.any():
            at = int(np.flatnonzero(missing)[0])
            value = given.tolist()[at]
            error = ValueError(f"predictions_or_correct: {_entry(at, rows)} is missing ({value})")
            raise hinted(error, "give a prediction for each row, or leave the row out of indices too")

    def _no_class(self, given: npt.NDArray[Any], rows: Ids, at: int) -> ValueError:
        """The error for a prediction that is no class of the log, with how to map the predictions."""
        classes, values = self._labels.classes.tolist(), given.tolist()
        listed = ", ".join(map(repr, classes[:10])) + (f" and {len(classes) - 10} more" if len(classes) > 10 else "")
        what = f"predictions_or_correct: {_entry(at, rows)} is {values[at]!r}, which is no class of this log; its classes are {listed}"
        error = ValueError(what)
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) and v % 1 == 0 for v in values)
        names = {str(label) for label in classes}
        if numbers and all(0 <= v < len(classes) for v in values):
            hinted(error, "class codes are positions in the sorted labels: pass log.classes[codes]")
            if set(values) <= {0, 1}:
                hinted(error, "if 1 means correct, pass booleans, such as predictions == labels")
        elif all(str(v) in names for v in values):
            to = "str" if all(isinstance(label, str) for label in classes) else type(classes[0]).__name__
            hinted(error, f"the labels are of type {to}: convert the predictions to {to} too")
        else:
            hinted(error, "predictions are labels of y: pass log.classes[codes] for class codes in the order of the sorted labels")
        return error

    def _probabilities(self, probabilities: Any, logits: Any, rows: int) -> npt.NDArray[np.float64]:
        given = np.ascontiguousarray(to_numpy(logits if probabilities is None else probabilities), dtype=np.float64)
        name, classes = "logits" if probabilities is None else "probabilities", len(self._labels.classes)
        if given.ndim == 1 and classes == 2:
            error = ValueError(f"{name} must be of shape ({rows}, 2), not {given.shape}: one column per class")
            error.add_note("hint: pass numpy.column_stack([1 - p, p]) for one probability p per row")
            raise error
        if given.shape != (rows, classes):
            raise ValueError(f"{name} must be of shape ({rows}, {classes}), not {given.shape}: one column per class")
        return given if probabilities is not None else _leanset.softmax(given)

    def __repr__(self) -> str:
        native = self._native
        return (f"ForgettingLog(rows={len(self)}, classes={len(self.classes)}, epochs={len(native.epochs)}, "
                f"observations={native.observations})")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ForgettingLog):
            return NotImplemented
        return self._same_labels(other) and self._native == other._native

    #: A log changes, so it has no hash.
    __hash__ = None  # type: ignore[assignment]

    def _same_labels(self, other: ForgettingLog) -> bool:
        return self.classes.tolist() == other.classes.tolist() and np.array_equal(self._labels.codes, other._labels.codes)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return _unpickled, (self.classes, self._labels.codes, self._native.state())

    @classmethod
    def _of(cls, classes: npt.NDArray[Any], codes: npt.NDArray[np.uint32], native: _leanset.NativeLog) -> ForgettingLog:
        log = cls.__new__(cls)
        classes.flags.writeable = False
        log._labels, log._native = Labels(None, classes, codes), native
        return log

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the log to a file, completely or not at all.

        The file holds the labels and everything that was observed, so you can `load` it to continue or to merge it. It has a version
        and a checksum. `leanset reduce --log` of the command line reads it too.

        Parameters
        ----------
        path : str or path
        overwrite : bool, default=False
            Whether to replace an existing file.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is False.
        TypeError
            If the labels are not strings, whole numbers, floats or booleans. Pickle takes any labels.
        """
        values = self.classes.tolist()
        kind = type(values[0]).__name__ if values else "str"
        if kind not in KINDS or any(type(value).__name__ != kind for value in values):
            kinds = sorted({type(value).__name__ for value in values})
            error = TypeError(f"labels of type {', '.join(kinds)} cannot be saved: only str, int, float and bool can be read anywhere")
            raise hinted(error, "use pickle, or make the log from labels that are strings")
        write_whole(path, self._native.labelled(kind, [str(value) for value in values], self._labels.codes), overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ForgettingLog:
        """Read a log that `save` wrote.

        Parameters
        ----------
        path : str or path

        Returns
        -------
        ForgettingLog

        Raises
        ------
        ValueError
            If the file is no log, is of a newer version, is damaged or is cut short.

        Examples
        --------
        >>> import leanset, pathlib, tempfile
        >>> log = leanset.ForgettingLog(["a", "b"])
        >>> log.update(0, [0, 1], ["a", "a"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log.save(pathlib.Path(folder, "worker-0.log"))
        ...     leanset.ForgettingLog.load(pathlib.Path(folder, "worker-0.log")) == log
        True
        """
        with open(path, "rb") as file:
            content = file.read()
        try:
            kind, names, codes, native = _leanset.NativeLog.of_labelled(content)
            if kind not in KINDS:
                raise ValueError(f"its labels are of the unknown type '{kind}'")
            classes = np.array([KINDS[kind](name) for name in names])
        except ValueError as error:
            found = ValueError(f"{path} cannot be read as a training log: {error}")
            for note in getattr(error, "__notes__", []):
                found.add_note(note)
            if not hasattr(found, "__notes__"):
                hinted(found, "ForgettingLog.save writes such files; tables with the columns epoch, row, correct are read by the command line")
            raise found from None
        return cls._of(classes, codes, native)

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
        if not isinstance(other, ForgettingLog):
            raise TypeError(f"other must be a ForgettingLog, not {type(other).__name__}")
        if not self._same_labels(other):
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
