"""The scikit-learn models of the bench, as functions and as a command for `leanset choose --model`.

    python benches/choose/models.py MODEL TRAIN TEST SEED PREDICTIONS

Importing scikit-learn takes a second, far longer than most trainings. So the bench starts `python benches/choose/models.py --serve SOCKET`
once, which forks for every training, and gives `leanset choose` the command `python -S -E benches/choose/ask.py SOCKET MODEL …` instead.
"""

import contextlib
import os
import signal
import socket
import sys
import traceback
import warnings

for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]:
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd

MODELS = ["logistic", "forest", "boosting"]


def encode(train, test):
    """Numbers of both tables: numbers as they are, one column per category of text that occurs in `train`."""
    sides = [[], []]
    for column in train.columns:
        if pd.api.types.is_numeric_dtype(train[column]):
            for side, table in zip(sides, (train, test), strict=True):
                side.append(table[column].to_numpy(dtype=float)[:, None])
        else:
            categories = np.unique(train[column].astype(str))
            for side, table in zip(sides, (train, test), strict=True):
                side.append((table[column].astype(str).to_numpy()[:, None] == categories[None, :]).astype(float))
    return [np.hstack(side) for side in sides]


def make(model, seed):
    """An untrained model; all are quick on purpose."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if model == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    if model == "forest":
        return RandomForestClassifier(60, random_state=seed, n_jobs=1)
    if model == "boosting":
        return HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, early_stopping=False, random_state=seed)
    raise ValueError(f"model {model}: one of {', '.join(MODELS)}")


def predict(model, train, train_labels, test, seed):
    """The classes that the model predicts for the rows of `test`, trained from scratch."""
    classes = np.unique(train_labels)
    if len(classes) == 1:
        return np.repeat(classes, len(test))
    rows, questions = encode(train, test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(model, seed).fit(rows, train_labels).predict(questions)


def train_and_predict(model, train, test, seed, predictions):
    """The command: tables with the class in `label` in, one predicted class per line out."""
    train, test = pd.read_csv(train), pd.read_csv(test)
    found = predict(model, train.drop(columns="label"), train["label"].to_numpy(), test.drop(columns="label", errors="ignore"), int(seed))
    with open(predictions, "w", encoding="utf-8") as file:
        file.writelines(f"{value}\n" for value in found)


def serve(path):
    """Answers each line of arguments, separated by tabs, with `ok` or the error, in a process of its own."""
    make(MODELS[0], 0), make(MODELS[1], 0), make(MODELS[2], 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                try:
                    answer(connection)
                finally:
                    os._exit(0)
            connection.close()


def answer(connection):
    """One training; who asked may have gone."""
    with connection, connection.makefile("rw", encoding="utf-8") as lines, contextlib.suppress(BrokenPipeError):
        try:
            train_and_predict(*lines.readline().rstrip("\n").split("\t"))
            lines.write("ok\n")
        except Exception:  # noqa: BLE001 - the asker hears of all
            lines.write(traceback.format_exc())


if __name__ == "__main__":
    serve(sys.argv[2]) if sys.argv[1] == "--serve" else train_and_predict(*sys.argv[1:])
