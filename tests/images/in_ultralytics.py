"""Runs inside the environment of Ultralytics: `in_ultralytics.py ANSWER VERB …`, called by detector.py.

    look DATA                       the images and objects that Ultralytics finds
    train DATA OUT MODEL EPOCHS SIDE FREEZE    trains; returns the same for the training data, and the results
    export MODEL SIDE SEED OUT      a model with random weights as an ONNX file
    weights NPZ MODEL OUT           a checkpoint whose backbone has the convolutions of an NPZ file
    script FILE SIDE OUT            the backbone and the mean of its output, for PyTorch without Ultralytics
    backbone FILE NPY OUT           the output of the backbone of a checkpoint for an input

Uses only the standard library and the packages of the environment; Python 3.9 and newer.
"""

import csv
import json
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from ultralytics import YOLO
from ultralytics.cfg import get_cfg
from ultralytics.data.build import build_yolo_dataset
from ultralytics.data.utils import check_det_dataset

BACKBONE = 10


def contents(dataset, names):
    """The images of a dataset, and its objects by class."""
    counts = Counter()
    for label in dataset.labels:
        counts.update(names[int(c)] for c in label["cls"].ravel())
    return {"images": sorted(str(file) for file in dataset.im_files),
            "objects": {name: counts[name] for name in names.values()}}


def look(data):
    described = check_det_dataset(data, autodownload=False)
    settings = get_cfg(overrides={"task": "detect", "imgsz": 64})
    found = {}
    for split in ("train", "val"):
        dataset = build_yolo_dataset(settings, described[split], 1, described, mode="val", stride=32)
        found[split] = contents(dataset, described["names"])
    return found


def train(data, out, model, epochs, side, freeze):
    yolo = YOLO(model)
    yolo.train(data=data, epochs=int(epochs), imgsz=int(side), batch=8, workers=0, device="cpu", plots=False, seed=0, project=out,
               name="run", exist_ok=True, freeze=int(freeze) or None, verbose=False)
    trainer = yolo.trainer
    names = trainer.data["names"]
    with open(Path(out) / "run" / "results.csv", newline="") as stream:
        rows = [{key.strip(): float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    return {"train": contents(trainer.train_loader.dataset, names), "val": contents(trainer.test_loader.dataset, names), "results": rows,
            "last": str(trainer.last), "best": str(trainer.best)}


def export(model, side, seed, out):
    """Set the normalisation layers to the spread of a random input, so that activations stay of order one."""
    torch.manual_seed(int(seed))
    yolo = YOLO(model)
    network = yolo.model
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
            torch.nn.init.normal_(layer.bias, 0, 0.1)
    with torch.no_grad():
        network.train()(torch.rand(4, 3, int(side), int(side)))
    network.eval()
    written = yolo.export(format="onnx", imgsz=int(side), simplify=False, device="cpu")
    shutil.move(written, out)
    return {"file": out}


def weights(convolutions, model, out):
    """The convolutions already include the normalisation, so each normalisation layer only adds the bias.

    (With a variance of 1 − eps instead of a gain of √(1 + eps), because checkpoints are stored in half precision, which cannot
    represent that gain.)
    """
    arrays = np.load(convolutions)
    yolo = YOLO(model)
    network = yolo.model.float().eval()
    state, used = network.state_dict(), set()
    for name, layer in network.model[:BACKBONE].named_modules():
        if not hasattr(layer, "bn"):
            continue
        kernel, bias = (torch.from_numpy(arrays[f"model.{name}.conv.{part}"]) for part in ("weight", "bias"))
        if kernel.shape != layer.conv.weight.shape:
            raise ValueError(f"model.{name}.conv.weight is {tuple(kernel.shape)}, and {tuple(layer.conv.weight.shape)} in {model}")
        state[f"model.{name}.conv.weight"] = kernel
        state[f"model.{name}.bn.weight"] = torch.ones_like(bias)
        state[f"model.{name}.bn.bias"] = bias
        state[f"model.{name}.bn.running_mean"] = torch.zeros_like(bias)
        state[f"model.{name}.bn.running_var"] = torch.full_like(bias, 1 - layer.bn.eps)
        used.add(f"model.{name}.conv")
    given = {name.rsplit(".", 1)[0] for name in arrays.files}
    if given != used:
        raise ValueError(f"convolutions without a place in {model}: {sorted(given - used)}")
    network.load_state_dict(state)
    torch.save({"epoch": -1, "best_fitness": None, "model": network, "ema": None, "updates": None, "optimizer": None,
                "train_args": {}, "date": None, "version": None}, out)
    return {"convolutions": len(used)}


def backbone(file, given, out):
    network = YOLO(file).model.float().eval()
    x = torch.from_numpy(np.load(given))
    with torch.no_grad():
        for layer in network.model[:BACKBONE]:
            x = layer(x)
    np.save(out, x.numpy())
    return {"shape": list(x.shape)}


class Features(torch.nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x):
        return self.layers(x).mean((2, 3))


def script(file, side, out):
    """Fold the normalisation layers into the convolutions, as in exported files."""
    layers = torch.nn.Sequential(*YOLO(file).model.float().eval().fuse(verbose=False).model[:BACKBONE])
    with torch.no_grad():
        traced = torch.jit.trace(Features(layers).eval(), torch.rand(2, 3, int(side), int(side)))
        torch.jit.save(torch.jit.freeze(traced), out)
    return {"file": out}


if __name__ == "__main__":
    verbs = {verb.__name__: verb for verb in (look, train, export, weights, script, backbone)}
    result = verbs[sys.argv[2]](*sys.argv[3:])
    Path(sys.argv[1]).write_text(json.dumps(result))
