# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # A table: methods compared, and the ε curve
#
# Does a tenth of a table do, and which tenth? The table is *Breast Cancer Wisconsin (Diagnostic)*: 569 tumours, 30
# measurements of cell nuclei, benign or malignant. It comes with scikit-learn. Credit: W. Wolberg, O. Mangasarian, N. Street
# & W. Street, UCI 17, CC BY 4.0.
#
# The script is `examples/tabular.py`. The page is what it printed when the site was built. With `LEANSET_LIGHT=1` it does fewer
# repetitions, as in the tests.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

import leanset

repetitions = 2 if os.environ.get("LEANSET_LIGHT") else 20
X, y = load_breast_cancer(return_X_y=True)
X.shape

# %% [markdown]
# ## Reduce, train, test
#
# Each repetition is another split. The scaler sees training rows only. All methods see the same split, so that differences
# are between pairs. Methods that watch a model train are in [another example](training.md).

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
# ## Is any better than random?
#
# A median hides how often. Here each method is beside stratified random (SRS) at 10 %: in how many splits it is better, equal
# and worse.

# %%
at = ratios.index(0.1)
random = accuracy[:, names.index("SRS"), at]
for name, own in zip(names, accuracy[:, :, at].T):
    if name != "SRS":
        better, worse = int((own > random).sum()), int((own < random).sum())
        print(f"{name:6} better {better:2}  equal {repetitions - better - worse:2}  worse {worse:2}")

# %% [markdown]
# Whether such counts can be luck is a question for a test: `leanset experiment` makes it (see
# [experiments](../experiments.md#statistics)), and says *cannot tell* where it cannot.
#
# Which of the methods that keep rows covers best at 10 %, and in how many splits?

# %%
keeps_rows = [i for i, m in enumerate(methods) if m["capabilities"]["invents"] == "no"]
best = epsilon[:, keeps_rows, at].argmin(axis=1)
print({names[keeps_rows[i]]: int((best == i).sum()) for i in np.unique(best)})
assert np.median(epsilon[:, names.index("MMS"), at]) < np.median(epsilon[:, names.index("SRS"), at])

# %% [markdown]
# ## The ε curve
#
# A method that ranks serves all ratios at once: one ranking, and one search for ε at 1 … 100 %.

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
# The curve of maxmin is steep at first: a few rows cover most of the space. It says nothing of accuracy. Outliers are what ε
# is about, and a classifier may do without them.
