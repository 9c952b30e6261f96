# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # Data pruning with training dynamics
#
# This example collects the training dynamics of a model (how it does on each row in each epoch) and selects rows by them. Such
# methods find difficult rows and mislabelled rows. `ForgettingLog` collects the dynamics from a training loop. Three methods use
# them: forgetting events (FES), EL2N and AUM.
#
# The data are the digits of scikit-learn (E. Alpaydin & C. Kaynak, UCI 80, CC BY 4.0). We change 5 % of the training labels on
# purpose, to see how the methods deal with mislabelled rows.

# %%
import importlib.util
import os
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import leanset

warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed on purpose

epochs = 8 if os.environ.get("LEANSET_LIGHT") else 30
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.25, stratify=y, random_state=0)

generator = np.random.default_rng(0)
wrong = generator.choice(len(y_train), len(y_train) // 20, replace=False)
y_noisy = y_train.copy()
y_noisy[wrong] = (y_noisy[wrong] + generator.integers(1, 10, len(wrong))) % 10

# %% [markdown]
# ## Collect training dynamics in a loop
#
# This is a loop over epochs and batches, as in PyTorch, with a network of scikit-learn. Two lines are for leanset: one creates the log,
# and one updates it after each epoch with predictions for all rows. (You can also update it with each batch, as long as every
# row occurs once per epoch.)

# %%
log = leanset.ForgettingLog(y_noisy)
model = MLPClassifier((64,), random_state=0)
for epoch in range(epochs):
    order = generator.permutation(len(X_train))
    for batch in np.array_split(order, len(order) // 32):
        model.partial_fit(X_train[batch], y_noisy[batch], classes=np.unique(y))
    log.update(epoch, np.arange(len(X_train)), probabilities=model.predict_proba(X_train))

dynamics = log.finish()
print(dynamics.epochs, "epochs;", int((dynamics.forgetting > 0).sum()), "of", len(X_train), "rows forgotten or never learnt")

# %% [markdown]
# ## The same with PyTorch
#
# The data loader returns the position of each row with the row. Pass logits as they are; tensors can be on any device.

# %%
if importlib.util.find_spec("torch"):
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    rows = torch.arange(len(X_train))
    data = TensorDataset(torch.tensor(X_train, dtype=torch.float32), torch.tensor(y_noisy), rows)
    network = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    optimizer = torch.optim.Adam(network.parameters())
    torch_log = leanset.ForgettingLog(y_noisy)
    for epoch in range(epochs):
        for inputs, labels, indices in DataLoader(data, batch_size=32, shuffle=True):
            logits = network(inputs)
            torch_log.update(epoch, indices, logits=logits)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, labels).backward()
            optimizer.step()
    lean = leanset.to_subset(data, leanset.reduce(X_train, y_noisy, 0.5, method="fes", dynamics=torch_log))
    print(len(lean), "rows of the dataset are kept")
else:
    print("PyTorch is not installed, so this part did not run")

# %% [markdown]
# ## Select rows
#
# One log serves all three methods, at any ratio. What share of the mislabelled rows is in the kept half?

# %%
for name in ["FES", "EL2N", "AUM"]:
    kept = leanset.reduce(X_train, y_noisy, 0.5, method=name, dynamics=log).indices
    share = np.isin(wrong, kept).mean()
    retrained = MLPClassifier((64,), max_iter=epochs, random_state=0).fit(X_train[kept], y_noisy[kept])
    print(f"{name:5} keeps {share:4.0%} of the mislabelled rows; test accuracy {retrained.score(X_test, y_test):.3f}")
random = leanset.reduce(X_train, y_noisy, 0.5, method="SRS").indices
retrained = MLPClassifier((64,), max_iter=epochs, random_state=0).fit(X_train[random], y_noisy[random])
print(f"SRS   keeps {np.isin(wrong, random).mean():4.0%} of the mislabelled rows; test accuracy {retrained.score(X_test, y_test):.3f}")

# %% [markdown]
# FES and EL2N keep difficult rows, and mislabelled rows are the most difficult. AUM keeps easy rows by default, so it removes
# mislabelled rows. But it also removes correct rows near the class borders, from which a model learns most. So a half without
# mislabelled rows is not always the better half: compare the accuracies, also with SRS. To find mislabelled rows, look at the rows
# with the smallest margin.

# %%
aum = leanset.reduce(X_train, y_noisy, 0.5, method="AUM", dynamics=log).indices
el2n = leanset.reduce(X_train, y_noisy, 0.5, method="EL2N", dynamics=log).indices
assert np.isin(wrong, aum).mean() < np.isin(wrong, random).mean() < np.isin(wrong, el2n).mean()

suspects = np.argsort(dynamics.aum)[: len(wrong)]
print(f"of the {len(wrong)} rows with the smallest margin, {np.isin(suspects, wrong).mean():.0%} are mislabelled")

# %% [markdown]
# ## Energy of the training
#
# The training that produced the log counts towards the cost of the selection. `EnergyMeter` reports its energy, with a source and a
# range.

# %%
with leanset.EnergyMeter(country="ESP") as meter:
    MLPClassifier((64,), max_iter=epochs, random_state=0).fit(X_train, y_noisy)
print(f"{meter.seconds:.1f} s", "estimated" if meter.estimated else "measured", meter.sources)
if meter.joules is not None:
    print(f"{meter.joules:.1f} J, between {meter.joules_range[0]:.1f} and {meter.joules_range[1]:.1f}")
