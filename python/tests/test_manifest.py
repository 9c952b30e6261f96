"""Python and the command line read each other's manifests."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from test_command_line import write

import leanset


def table(tmp_path, blobs):
    return write(tmp_path / "table.csv", *blobs)


def test_read_manifest_reads_the_command_line(command_line, tmp_path, blobs):
    X, y = blobs
    output = tmp_path / "lean.csv"
    command_line("reduce", table(tmp_path, blobs), "--label", "label", "--method", "prd", "--ratio", 0.2,
                 "--scale", "none", "--output", output, "--quiet")
    beside = tmp_path / "lean.csv.manifest.json"
    manifest = leanset.read_manifest(beside)
    with output.open() as file:
        kept = np.array([[float(v) for k, v in row.items() if k != "label"] for row in csv.DictReader(file)])
    assert np.array_equal(X[np.sort(manifest["row_ids"])], kept)
    again = tmp_path / "again.json"
    leanset.write_manifest(again, manifest)
    assert again.read_bytes() == beside.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        leanset.write_manifest(again, manifest)
    leanset.write_manifest(again, {**manifest, "kept": 3}, overwrite=True)
    assert leanset.read_manifest(again)["kept"] == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "again.json", "lean.csv", "lean.csv.manifest.json", "table.csv"
    ]


@pytest.mark.parametrize("params", [
    {"method": "mms", "sampling_strategy": 0.2},
    {"method": "srs", "sampling_strategy": 17, "random_state": 12},
    {"method": "prd", "sampling_strategy": {"ash": 9, "birch": 8, "cedar": 7}},
    {"method": "nrmd", "scope": "global", "sampling_strategy": 0.1, "allow_empty_classes": True},
    {"method": "phl", "landmarks": "vital", "sampling_strategy": 0.15},
    {"method": "energy", "sampling_strategy": 0.3, "balance": "sqrt"},
    {"method": "energy", "sampling_strategy": 0.3, "guard": "off"},
    {"method": "mms", "sampling_strategy": 0.3, "guard": "on"},
])
@pytest.mark.filterwarnings("ignore::leanset.LeansetWarning")
def test_write_manifest_is_reproduced_by_the_command_line(command_line, tmp_path, blobs, params):
    X, y = blobs
    source = table(tmp_path, blobs)
    kept = leanset.reduce(X, y, epsilon="chebyshev", **params)
    lines = source.read_bytes().splitlines(keepends=True)
    output = tmp_path / "lean.csv"
    output.write_bytes(b"".join([lines[0], *(lines[1 + row] for row in kept.indices)]))
    manifest = leanset.manifest_of(kept, input=source, output=output, features=["x0", "x1", "x2"], label="label")
    leanset.write_manifest(tmp_path / "lean.csv.manifest.json", manifest)
    command_line("reduce", "--from-manifest", tmp_path / "lean.csv.manifest.json", "--output", tmp_path / "again.csv",
                 "--quiet")
    assert (tmp_path / "again.csv").read_bytes() == output.read_bytes()


def test_manifest_of_has_the_keys_of_the_command_line(command_line, tmp_path, blobs):
    X, y = blobs
    source, output = table(tmp_path, blobs), tmp_path / "lean.csv"
    command_line("reduce", source, "--label", "label", "--features", "x0,x1,x2", "--method", "mms", "--ratio", 0.2,
                 "--scale", "none", "--output", output, "--quiet")
    theirs = json.loads((tmp_path / "lean.csv.manifest.json").read_text())
    kept = leanset.reduce(X, y, 0.2, method="mms", epsilon="chebyshev")
    ours = leanset.manifest_of(kept, input=source, output=output, features=["x0", "x1", "x2"], label="label")
    for place in ("measured", "columns"):
        assert ours[place].keys() == theirs[place].keys()
        del ours[place], theirs[place]
    assert ours == theirs


def test_read_manifest_refuses_other_files(tmp_path, blobs):
    X, y = blobs
    path = tmp_path / "m.json"
    for text, words in (("[1", "is not a manifest"), ("{}", "it has no schema"),
                        ('{"schema": "leanset.manifest/9"}', "has schema 'leanset.manifest/9'"),
                        ('{"schema": "leanset.manifest/2"}', "is a damaged manifest")):
        path.write_text(text)
        with pytest.raises(ValueError, match=words) as found:
            leanset.read_manifest(path)
        assert found.value.__notes__
    with pytest.raises(ValueError, match="is a damaged manifest"):
        leanset.write_manifest(tmp_path / "n.json", {"schema": "leanset.manifest/2"})
    assert not (tmp_path / "n.json").exists()
    with pytest.raises(ValueError, match="was not measured"):
        leanset.manifest_of(leanset.reduce(X, y, 9, method="mms"), input=path, output=path, features=[])
    with pytest.raises(ValueError, match="generated prototypes"):
        leanset.manifest_of(leanset.reduce(X, y, 9, method="clc", epsilon="euclidean"), input=path, output=path, features=[])
