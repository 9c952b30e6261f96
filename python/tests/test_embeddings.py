"""Copies, embeddings, and datasets of Hugging Face."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import leanset

datasets = pytest.importorskip("datasets")


def test_duplicates_within_a_table(blobs):
    X, _ = blobs
    rng = np.random.default_rng(0)
    doubled = np.concatenate([X, X[:10], X[20:25] + 1e-4])
    for same in (doubled, pd.DataFrame(doubled), pl.DataFrame(doubled), doubled.tolist()):
        exact = leanset.duplicates(same)
        assert exact.pairs.tolist() == [[i, 120 + i] for i in range(10)]
        assert exact.indices.tolist() == [*range(120), *range(130, 135)]
    near = leanset.duplicates(doubled, within=0.01)
    assert near.indices.tolist() == list(range(120))
    assert near.dropped.tolist() == list(range(120, 135))
    assert [group.tolist() for group in near.groups] == [[i, 120 + i] for i in range(10)] + [[20 + i, 130 + i] for i in range(5)]
    assert near.group[134] == 24
    assert np.allclose(near.distances, [*[0] * 10, *[np.sqrt(3) * 1e-4] * 5])
    assert len(near.to_frame()) == len(near) == 15
    assert np.array_equal(leanset.select(doubled, near), X)
    # Every order of rows leaves as many, and no two that are left are near.
    order = rng.permutation(135)
    left = doubled[order][leanset.duplicates(doubled[order], within=0.01).indices]
    assert len(left) == 120
    assert len(leanset.duplicates(left, within=0.01)) == 0


def test_duplicates_by_the_definition():
    rng = np.random.default_rng(4)
    for d in (2, 16):
        X = rng.normal(size=(150, d)).astype(np.float32)
        for metric, within in (("euclidean", 0.3 * np.sqrt(d)), ("cosine", 0.4)):
            unit = X / np.linalg.norm(X, axis=1, keepdims=True)
            distances = 1 - unit @ unit.T if metric == "cosine" else np.linalg.norm(X[:, None] - X[None], axis=2)
            expected = [[i, j] for i in range(150) for j in range(i + 1, 150) if distances[i, j] <= within]
            found = leanset.duplicates(X, within=within, metric=metric)
            assert found.pairs.tolist() == expected
            assert np.allclose(found.distances, [distances[i, j] for i, j in expected], atol=1e-5)


def test_leaks_from_another_table(blobs):
    X, _ = blobs
    leaks = leanset.duplicates(X, against=X[[7, 50]] + 1e-6, within=1e-3)
    assert leaks.pairs.tolist() == [[7, 0], [50, 1]]
    assert leaks.indices.tolist() == [row for row in range(120) if row not in (7, 50)]
    # The other table is scaled as this one.
    scaled = leanset.duplicates(X * [1, 1, 1_000], against=(X * [1, 1, 1_000])[:3], scale="minmax")
    assert scaled.pairs.tolist() == [[0, 0], [1, 1], [2, 2]]
    with pytest.raises(ValueError, match="against has 2 features per row, but X has 3"):
        leanset.duplicates(X, against=X[:, :2])
    for bad, words in ((-1, "at least 0"), (np.nan, "finite"), ("x", "must be a number"), (True, "must be a number")):
        with pytest.raises((ValueError, TypeError), match=words):
            leanset.duplicates(X, within=bad)
    with pytest.raises(ValueError, match="NaN"):
        leanset.duplicates(np.full((3, 1), np.nan))


def letters(texts):
    return np.array([[text.count(c) for c in "aeiou"] for text in texts], dtype=np.float64) + 0.5


def test_equal_items_are_embedded_once_and_cached_by_content(tmp_path):
    calls: list[str] = []

    def counting(texts):
        calls.extend(texts)
        return letters(texts)

    texts = ["a tree", "a house", "a tree", "the sea", "a house"]
    expected = letters(texts).astype(np.float32)
    for items in (texts, pd.Series(texts), pl.Series(texts), pa.array(texts), pa.chunked_array([texts[:2], texts[2:]]), np.array(texts)):
        assert np.array_equal(leanset.embed(items, counting), expected)
    assert calls == ["a tree", "a house", "the sea"] * 6
    calls.clear()
    cache = tmp_path / "cache"
    assert np.array_equal(leanset.embed(texts, counting, cache=cache, batch_size=2), expected)
    assert len(calls) == 3
    calls.clear()
    more = [*texts, "an oak"]
    assert np.array_equal(leanset.embed(more, counting, cache=cache), letters(more).astype(np.float32))
    # One to see that the model is the same, and the new one.
    assert len(calls) == 2
    with pytest.raises(ValueError, match="holds embeddings of another model"):
        leanset.embed(texts, lambda items: letters(items) * 2, cache=cache)
    next(cache.glob("*.npz")).write_bytes(b"PK")
    with pytest.raises(ValueError, match="cannot be read"):
        leanset.embed(texts, counting, cache=cache)


def test_items_with_other_content_are_other_items(tmp_path):
    image = pytest.importorskip("PIL.Image")
    red, green = (image.new("P", (2, 2)) for _ in range(2))
    red.putpalette([255, 0, 0] * 256)
    green.putpalette([0, 255, 0] * 256)
    # The same indices in another palette are another image.
    found = leanset.embed([red, green, red], lambda images: [np.asarray(one.convert("RGB")).mean(axis=(0, 1)) for one in images])
    assert found.tolist() == [[255, 0, 0], [0, 255, 0], [255, 0, 0]]
    # Arrays of objects are compared by what they hold, not by where.
    batches: list[int] = []

    def lengths(rows):
        batches.append(len(rows))
        return [[len(row[0]), 1] for row in rows]

    rows = [np.array(["".join(["a"] * n), 1], dtype=object) for n in (300, 300, 301)]
    assert leanset.embed(rows, lengths)[:, 0].tolist() == [300, 300, 301]
    assert batches == [2]
    for frame in (pd.DataFrame({"a": ["x"]}), pl.DataFrame({"a": ["x"]}), pa.table({"a": ["x"]})):
        with pytest.raises(TypeError, match="items must be one column"):
            leanset.embed(frame, letters)
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(NotADirectoryError, match="cache must be a folder"):
        leanset.embed(["x"], letters, cache=place)


class Undecided:
    """A value like a tensor: whether it differs from itself is no single truth."""

    def __init__(self, values):
        self.values = np.array(values)

    def __ne__(self, other):
        return self

    def __bool__(self):
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")


def test_items_that_are_tensors_are_not_missing():
    items = [Undecided([1.0, 2.0]), Undecided([3.0, 4.0])]
    assert leanset.embed(items, lambda batch: [one.values for one in batch]).tolist() == [[1, 2], [3, 4]]


def test_an_interrupted_run_goes_on_from_the_cache(tmp_path):
    texts = [f"text {i}" for i in range(10)]

    def failing(items):
        if "text 7" in items:
            raise KeyboardInterrupt
        return letters(items)

    with pytest.raises(KeyboardInterrupt):
        leanset.embed(texts, failing, cache=tmp_path, batch_size=2)
    calls: list[str] = []

    def counting(items):
        calls.extend(items)
        return letters(items)

    leanset.embed(texts, counting, cache=tmp_path, batch_size=2)
    assert calls[1:] == ["text 6", "text 7", "text 8", "text 9"]


def test_embedders_are_checked():
    for bad, words in (
        (lambda items: np.zeros((1, 3)), r"shape \(2, d\) for 2 items"), (lambda items: np.full((len(items), 2), np.nan), "not finite for item 0"),
        (lambda items: np.zeros(len(items)), r"not of \(2,\)"),
    ):
        with pytest.raises(ValueError, match=words):
            leanset.embed(["a", "b"], bad)
    with pytest.raises(ValueError, match="item 1 is missing"):
        leanset.embed(["a", None], letters)
    with pytest.raises(ValueError, match="no items"):
        leanset.embed([], letters)
    with pytest.raises(TypeError, match="must be a callable"):
        leanset.embed(["a"], "all-MiniLM-L6-v2")
    images = [np.zeros((2, 2), dtype=np.uint8), np.zeros((2, 2), dtype=np.float32), np.zeros((4, 1), dtype=np.uint8)]
    assert leanset.embed(images, lambda items: np.arange(len(items))[:, None]).ravel().tolist() == [0, 1, 2]


@pytest.fixture
def posts():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(60, 4)).astype(np.float32)
    features = datasets.Features({
        "id": datasets.Value("string"), "text": datasets.Value("string"), "embedding": datasets.Sequence(datasets.Value("float32"), 4),
        "topic": datasets.ClassLabel(names=["news", "sport"]),
    })
    data = {"id": [f"p{i}" for i in range(60)], "text": [f"the {i % 7} sea" for i in range(60)], "embedding": points.tolist(),
            "topic": [i % 2 for i in range(60)]}
    return datasets.Dataset.from_dict(data, features=features), points


def test_hugging_face_datasets_are_reduced_to_datasets(posts, tmp_path):
    ds, points = posts
    y = np.array(["news", "sport"])[np.arange(60) % 2]
    kept, reduction = leanset.hf.reduce(ds, "embedding", "topic", 10, method="mms", metric="cosine", return_reduction=True)
    assert isinstance(kept, datasets.Dataset)
    assert kept.features == ds.features
    expected = leanset.reduce(points, y, 10, method="mms", metric="cosine")
    assert np.array_equal(reduction.indices, expected.indices)
    assert kept["id"][:] == [f"p{i}" for i in expected.indices]
    assert reduction.counts == {"news": 5, "sport": 5}
    stream = leanset.hf.reduce(ds.to_iterable_dataset(), "embedding", "topic", 10, method="mms", metric="cosine")
    assert isinstance(stream, datasets.IterableDataset)
    assert [row["id"] for row in stream] == kept["id"][:]
    by_text = leanset.hf.reduce(ds, "text", sampling_strategy=5, method="mms", embed=letters, cache=tmp_path / "cache")
    assert by_text["id"][:] == leanset.hf.reduce(ds.to_iterable_dataset().map(lambda row: row), "text", sampling_strategy=5, method="mms",
                                                embed=letters, return_reduction=True)[1].to_frame()["row"].map(lambda i: f"p{i}").tolist()
    with pytest.warns(leanset.LeansetWarning, match="distances are computed from 'embedding' alone"):
        assert len(leanset.hf.reduce(ds, label="topic", method="srs", epsilon="euclidean")) == 6
    assert len(leanset.hf.reduce(ds, sampling_strategy=0.5, method="srs")) == 30


def test_hugging_face_errors_name_the_column_and_the_way_out(posts):
    ds, _ = posts
    with pytest.raises(ValueError, match="no column 'label'") as caught:
        leanset.hf.reduce(ds, "embedding", "label")
    assert "'topic'" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match="not DatasetDict") as caught:
        leanset.hf.reduce(datasets.DatasetDict(train=ds), "embedding")
    assert caught.value.__notes__ == ["hint: pass one split: dataset['train']"]
    with pytest.raises(TypeError, match="column must be given for an IterableDataset"):
        leanset.hf.reduce(ds.to_iterable_dataset())
    with pytest.raises(TypeError, match="embed needs column"):
        leanset.hf.reduce(ds, embed=letters)
    unlabelled = ds.remove_columns("topic").add_column("topic", [-1, *[1] * 59]).cast_column("topic", ds.features["topic"])
    with pytest.raises(ValueError, match="The label of row 0 is -1, which is no class of column 'topic'"):
        leanset.hf.reduce(unlabelled, "embedding", "topic")
    with pytest.raises(TypeError, match="not list"):
        leanset.hf.reduce([1, 2, 3])
