"""Tables in files and image datasets: what the command line writes. Only a build with the feature `files` has them:
LEANSET_FEATURES=files ./x test-python -k files
"""

from __future__ import annotations

import json
import struct
import zlib

import pytest
from test_command_line import write

import leanset
from leanset import _leanset, files

HAS_FILES = hasattr(_leanset, "reduce_file")
needs_files = pytest.mark.skipif(not HAS_FILES, reason="this wheel was built without the feature `files`")


@pytest.mark.skipif(HAS_FILES, reason="this wheel was built with the feature `files`")
def test_files_that_are_not_there_say_so(tmp_path):
    with pytest.raises(ImportError, match="has no files") as found:
        files.check_images(tmp_path)
    assert "--features files" in found.value.__notes__[0]


def same(ours, theirs):
    """Whether two manifests say the same, except for what depends on the moment and the place."""
    for manifest in (ours, theirs):
        del manifest["measured"]
        manifest.get("output", {}).pop("path", None)
    assert ours == theirs


@needs_files
@pytest.mark.parametrize("command", ["reduce", "rank"])
def test_files_of_tables_are_those_of_the_command_line(command_line, tmp_path, blobs, command):
    source = write(tmp_path / "table.csv", *blobs)
    budget = ["--ratio", 0.2] if command == "reduce" else []
    command_line(command, source, "--label", "label", "--method", "mms", *budget, "--output", tmp_path / "theirs.csv", "--quiet")
    theirs = json.loads((tmp_path / "theirs.csv.manifest.json").read_text())
    run = {"reduce": files.reduce_file, "rank": files.rank_file}
    # The request of a manifest is a request.
    ours = run[command](theirs["request"], tmp_path / "ours.csv")
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()
    assert ours == leanset.read_manifest(tmp_path / "ours.csv.manifest.json")
    same(ours, theirs)
    if command == "reduce":
        without = files.reduce_file({**theirs["request"], "no_epsilon": True}, tmp_path / "without.csv")
        assert "epsilon" not in without and without["row_ids"] == ours["row_ids"]
    with pytest.raises(ValueError, match="its command is"):
        run["rank" if command == "reduce" else "reduce"](theirs["request"], tmp_path / "other.csv")


@needs_files
def test_files_of_a_table_are_a_list_or_a_folder(tmp_path):
    rows = [f"{i},{i * i % 7},{'xz'[i % 2]}\n" for i in range(12)]
    (tmp_path / "parts").mkdir()
    for name, own in (("all.csv", rows), ("parts/0.csv", rows[:5]), ("parts/1.csv", rows[5:])):
        (tmp_path / name).write_text("a,b,y\n" + "".join(own))
    request = {"columns": {"label": "y"}, "method": {"method": "mms"}, "budget": {"ratio": 0.5}}
    parts = [tmp_path / "parts/0.csv", tmp_path / "parts/1.csv"]
    whole = files.reduce_file({**request, "input": tmp_path / "all.csv"}, tmp_path / "whole.csv")
    for number, source in enumerate((tmp_path / "parts", parts, str(tmp_path / "parts/*.csv"))):
        found = files.reduce_file({**request, "input": source}, tmp_path / f"{number}.csv")
        assert found["row_ids"] == whole["row_ids"]
        assert [file["rows"] for file in found["input"]["files"]] == [5, 7]
        assert (tmp_path / f"{number}.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@needs_files
def test_files_problems_and_warnings_are_in_the_spelling_of_python(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b,y\n1,5,x\n2,5,x\n,5,z\n4,5,z\n")
    request = {"input": str(table), "columns": {"label": "y"}, "method": {"method": "mms"}, "budget": {"ratio": 0.5}}
    output = tmp_path / "lean.csv"
    with pytest.raises(ValueError, match="line 4") as found:
        files.reduce_file(request, output)
    hint = found.value.__notes__[0]
    assert 'missing="mean"' in hint and "--" not in hint
    request["columns"]["missing"] = "mean"
    with pytest.warns(leanset.LeansetWarning, match="values-filled") as warned:
        files.reduce_file(request, output)
    assert warned[0].filename == __file__
    with pytest.raises(ValueError, match="exists") as found:
        files.reduce_file(request, output)
    assert "overwrite=True" in found.value.__notes__[0]
    with pytest.raises(ValueError, match="ratio must be in") as found:
        files.reduce_file({**request, "budget": {"ratio": 2}}, tmp_path / "other.csv")
    assert found.value.__notes__ == ["hint: ratio=0.1 is one row in ten"]
    with pytest.raises(ValueError, match="the request cannot be used: missing field `budget`"):
        files.reduce_file({"input": str(table), "method": {"method": "mms"}}, output)


def png(path, shade):
    """An image of one colour."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes([shade, 255 - shade, 40] * 16)) * 16
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


@needs_files
def test_files_of_images_are_those_of_the_command_line(command_line, tmp_path):
    dataset = tmp_path / "fruit"
    for i in range(12):
        png(dataset / "train" / ("apple" if i % 2 else "pear") / f"{i}.png", i * 20)
    assert files.check_images(dataset) == json.loads(command_line("images", "check", dataset, "--json", "--quiet"))
    command_line("images", "reduce", dataset, "--method", "mms", "--ratio", 0.5, "--output", tmp_path / "theirs", "--quiet")
    theirs = json.loads((tmp_path / "theirs" / "manifest.json").read_text())
    ours = files.reduce_images(theirs["request"], tmp_path / "ours")
    assert (tmp_path / "ours" / "manifest.json").exists()
    same(ours, theirs)
    (dataset / "train" / "pear" / "0.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="strict is given|strict=True is given") as found:
        files.reduce_images(theirs["request"], tmp_path / "strict", strict=True)
    assert any(note.startswith("warning: ") for note in found.value.__notes__)
    with pytest.raises(ValueError, match="no model is given") as found:
        files.describe_images({"dataset": str(dataset), "model": {}}, tmp_path / "features.parquet")
    assert all("--" not in note for note in found.value.__notes__)
