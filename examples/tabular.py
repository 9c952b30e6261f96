# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # Compare data pruning methods on a table
#
# This example compares all methods that need no training on one table: is a tenth of the rows enough, and which tenth? The table is
# *Breast Cancer Wisconsin (Diagnostic)*: 569 tumours, benign or malignant, with 30 measurements of cell nuclei. It comes with
# scikit-learn. Credit: W. Wolberg, O. Mangasarian, N. Street & W. Street, UCI 17, CC BY 4.0.
#
# The script is `examples/tabular.py`. This page shows what it printed when the site was built. With `LEANSET_LIGHT=1`, as in the
# tests, it does fewer repetitions.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

import leanset

repetitions = 2 if os.environ.get("LEANSET_LIGHT") else 10
X, y = load_breast_cancer(return_X_y=True)
X.shape

# %% [markdown]
# ## Split, reduce, train, test
#
# Each repetition uses another split. The split comes first: the scaler and the methods get only the training rows. All methods get
# the same split, so that they can be compared in pairs. Methods that use training dynamics are in
# [another example](training.md).

# %%
methods = [m for m in leanset.methods() if m["capabilities"]["dynamics"] == "no"]
names = [m["aliases"][0].upper() for m in methods]
ratios = [0.05, 0.1, 0.25, 0.5]

accuracy = np.zeros((repetitions, len(methods), len(ratios)))
epsilon = np.zeros_like(accuracy)
full = np.zeros(repetitions)
for repetition in range(repetitions):
    parts = train_test_split(X, y, test_size=0.25, stratify=y, random_state=repetition)
    scaler = MinMaxScaler().fit(parts[0])
    X_train, X_test = (scaler.transform(part) for part in parts[:2])
    y_train, y_test = parts[2:]
    full[repetition] = LogisticRegression().fit(X_train, y_train).score(X_test, y_test)
    for i, name in enumerate(names):
        for j, ratio in enumerate(ratios):
            sampler = getattr(leanset, name)(sampling_strategy=ratio, random_state=repetition, epsilon="chebyshev")
            X_lean, y_lean = sampler.fit_resample(X_train, y_train)
            accuracy[repetition, i, j] = LogisticRegression().fit(X_lean, y_lean).score(X_test, y_test)
            epsilon[repetition, i, j] = sampler.epsilon_.value


# %%
def table(title, values):
    print(f"{title:24}" + "".join(f"{ratio:>8.0%}" for ratio in ratios))
    for name, row in zip(names, np.median(values, axis=0)):
        print(f"{name:24}" + "".join(f"{value:8.3f}" for value in row))


table("median accuracy", accuracy)
print(f"{'everything':24}{np.median(full):8.3f}")
print()
table("median ε", epsilon)

# %% [markdown]
# ## Does any method beat random?
#
# A median does not show how often a method is better. So compare each method with stratified random (SRS) at 10 %, and count the
# splits in which it is better, equal and worse.

# %%
at = ratios.index(0.1)
random = accuracy[:, names.index("SRS"), at]
for name, own in zip(names, accuracy[:, :, at].T):
    if name != "SRS":
        better, worse = int((own > random).sum()), int((own < random).sum())
        print(f"{name:6} better {better:2}  equal {repetitions - better - worse:2}  worse {worse:2}")

# %% [markdown]
# A statistical test shows whether such counts can be chance. `leanset experiment` runs this test (see
# [experiments](../experiments.md#statistics)), and reports *cannot tell* if there are too few runs.
#
# Which of the methods that keep rows has the smallest ε at 10 %, and in how many splits?

# %%
keeps_rows = [i for i, m in enumerate(methods) if m["capabilities"]["invents"] == "no"]
best = epsilon[:, keeps_rows, at].argmin(axis=1)
print({names[keeps_rows[i]]: int((best == i).sum()) for i in np.unique(best)})
assert np.median(epsilon[:, names.index("MMS"), at]) < np.median(epsilon[:, names.index("SRS"), at])

# %% [markdown]
# ## The ε curve
#
# A method that ranks needs only one ranking for all ratios, and one search gives ε at 1, 2, … 100 %.

# %%
X_scaled = MinMaxScaler().fit_transform(X)
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name in ["SRS", "MMS", "PHL", "NRMD"]:
    ranking = leanset.rank(X_scaled, y, method=name)
    curve = leanset.epsilon_curve(X_scaled, y, ranking)
    assert (np.diff(curve.epsilon) <= 0).all()
    axes.step(100 * curve.ratio, curve.epsilon, where="post", label=name)
axes.set(xlabel="kept, %", ylabel="ε (Chebyshev)", xlim=(0, 100), ylim=(0, None))
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# The curve of maxmin (MMS) falls steeply at first: a few rows cover most of the space. The curve says nothing about accuracy. Outliers
# decide ε, and a classifier may not need them.
