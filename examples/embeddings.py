# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # Reduce image embeddings
#
# This example reduces a set of image embeddings and shows which images are kept. Distances between pixels mean little.
# Distances between embeddings (the last hidden layer of a trained network) mean more. Here, a network learns five of the ten
# classes of handwritten digits. Its last hidden layer then gives embeddings for images of all ten digits.
#
# The images come with scikit-learn: 1,797 digits of 8 × 8 pixels. Credit: E. Alpaydin & C. Kaynak, UCI 80, CC BY 4.0. The steps
# are the same with a large pretrained backbone: leanset only needs an array with one embedding per image. (This example loads no
# pretrained weights, so that it needs no download.)

# %%
import os
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

import leanset

warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed on purpose

light = bool(os.environ.get("LEANSET_LIGHT"))
pixels, digit = load_digits(return_X_y=True)
pixels = pixels / 16

# %% [markdown]
# ## Split first, then compute embeddings

# %%
rest, own = train_test_split(np.arange(len(digit)), test_size=0.4, stratify=digit, random_state=0)
known = own[digit[own] < 5]
backbone = MLPClassifier((64, 32), max_iter=60 if light else 300, random_state=0).fit(pixels[known], digit[known])


def embed(images):
    """The last hidden layer, scaled to unit length, so that distances depend only on angles."""
    for weights, bias in zip(backbone.coefs_[:-1], backbone.intercepts_[:-1]):
        images = np.maximum(images @ weights + bias, 0)
    return images / np.linalg.norm(images, axis=1, keepdims=True).clip(1e-12)


train, test = train_test_split(rest, test_size=0.4, stratify=digit[rest], random_state=0)
X, y = embed(pixels[train]), digit[train]
X_test, y_test = embed(pixels[test]), digit[test]
X.shape

# %% [markdown]
# ## Reduce
#
# A nearest-neighbour classifier predicts the digit. How many training images does it need?

# %%
full = KNeighborsClassifier(1).fit(X, y).score(X_test, y_test)
print(f"all {len(train)} images: {full:.3f}")
for name in ["SRS", "MMS", "PHL", "PRD", "CLC"]:
    line = f"{name:4}"
    for ratio in [0.05, 0.1, 0.25]:
        sampler = getattr(leanset, name)(sampling_strategy=ratio, epsilon="euclidean")
        X_lean, y_lean = sampler.fit_resample(X, y)
        score = KNeighborsClassifier(1).fit(X_lean, y_lean).score(X_test, y_test)
        line += f"   {ratio:.0%}: accuracy {score:.3f}, ε {sampler.epsilon_.value:.3f}"
    print(line)

# %% [markdown]
# Clustering centroids (CLC) generates prototypes: new points that are not images. To keep real images, use `output="rows"`,
# which keeps the image nearest to each centroid. For prototypes, ε is the largest distance from an image to the nearest
# prototype of its class.
#
# ## Look at the kept images
#
# `epsilon_` also has the worst-covered image.

# %%
maxmin = leanset.MMS(sampling_strategy=0.05, epsilon="euclidean")
maxmin.fit_resample(X, y)
worst = maxmin.epsilon_.worst_row
kept = maxmin.sample_indices_
same = kept[y[kept] == y[worst]]
nearest = same[np.linalg.norm(X[same] - X[worst], axis=1).argmin()]
assert np.isclose(np.linalg.norm(X[nearest] - X[worst]), maxmin.epsilon_.value)

figure, axes = plt.subplots(3, 12, figsize=(7.2, 2.6), layout="constrained")
for ax in axes.flat:
    ax.axis("off")
for column, row in enumerate(kept[:: max(1, len(kept) // 24)][:24]):
    axes[column // 12, column % 12].imshow(pixels[train][row].reshape(8, 8), cmap="gray_r")
for column, (row, title) in enumerate([(worst, "worst"), (nearest, "nearest")]):
    axes[2, column].imshow(pixels[train][row].reshape(8, 8), cmap="gray_r")
    axes[2, column].set_title(title, fontsize=8, y=-0.55)
plt.show()

# %% [markdown]
# The upper two rows show kept images. Below are the worst-covered image and the kept image nearest to it.
#
# ## Compare the shape
#
# Does the reduced set have the same shape as the full set? To check, compare the persistence diagrams of one digit in dimension 1,
# before and after the reduction. Their bottleneck distance is at most 2ε ([the theory of ε](../epsilon.md)).

# %%
sampler = leanset.MMS(sampling_strategy=0.25, epsilon="euclidean")
X_lean, y_lean = sampler.fit_resample(X, y)
for label in [0, 8]:
    before = leanset.persistence_diagrams(X[y == label])
    after = leanset.persistence_diagrams(X_lean[y_lean == label])
    distance = leanset.bottleneck_distance(before[1], after[1])
    bound = 2 * sampler.epsilon_.classes[label].value
    print(f"digit {label}: {len(before[1])} → {len(after[1])} loops, distance {distance:.4f}, bound {bound:.4f}")
    assert distance <= bound
