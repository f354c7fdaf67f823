"""Score threshold and NMS as the last nodes of an ONNX graph.

They do what `evaluate.postprocess` does: a box belongs to its best class, and only boxes of the
same class and picture suppress each other. The operator NonMaxSuppression keeps pictures and
classes apart by itself, so that no precision is lost by shifting boxes away from each other.
"""

from typing import Any

import numpy as np

from yolox_ela.export.metadata import DETECTION_OUTPUTS, OUTPUT

MOST = 2**31 - 1  # detections of a class in a picture: all of them
PREFIX = "nms"


def append_nms(model: Any, classes: int, score_threshold: float, nms_iou: float) -> None:
    """Replace the decoded output of a model (onnx.ModelProto) by its detections.

    Args:
        model: its output is (N, A, 5 + classes): centre x, centre y, width, height, objectness
            and class scores. It is changed in place.
        classes: number of classes.
        score_threshold: the lowest score, objectness times class score, that is kept.
        nms_iou: the IoU above which the weaker of two boxes of a class is dropped.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    constants: dict[str, Any] = {
        "widths": np.array([2, 2, 1, classes]),
        "half": np.float32(0.5),
        "class_indices": np.arange(classes),
        "threshold": np.float32(score_threshold),
        "zero": np.array([0], np.float32),
        "most": np.array([MOST]),
        "iou": np.array([nms_iou], np.float32),
        "first": np.array(0),
        "second": np.array(1),
        "picture_and_anchor": np.array([0, 2]),
    }
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), f"{PREFIX}.{name}"))

    def add(kind: str, inputs: str, outputs: str, **attributes: Any) -> None:
        """A node; names are words, those of the graph's outputs without the prefix."""
        own = (OUTPUT, *DETECTION_OUTPUTS)
        sources, targets = (
            [word if word in own else f"{PREFIX}.{word}" for word in words.split()]
            for words in (inputs, outputs)
        )
        graph.node.append(
            helper.make_node(kind, sources, targets, f"{PREFIX}/{targets[0]}", **attributes)
        )

    boxes, scores, labels, pictures = DETECTION_OUTPUTS
    add("Split", f"{OUTPUT} widths", "centres sizes objectness class_scores", axis=2)
    add("Mul", "sizes half", "halves")
    add("Sub", "centres halves", "top_left")
    add("Add", "centres halves", "bottom_right")
    add("Concat", "top_left bottom_right", "corners", axis=2)
    # The score of each box in its best class, and 0 in all others: (N, A, C).
    add("Mul", "objectness class_scores", "products")
    add("ArgMax", "class_scores", "best", axis=2, keepdims=1)
    add("Equal", "best class_indices", "is_best")
    add("GreaterOrEqual", "products threshold", "is_high")
    add("And", "is_best is_high", "counts")
    add("Where", "counts products zero", "kept")
    add("Transpose", "kept", "by_class", perm=[0, 2, 1])
    # (D, 3): picture, class and anchor of each detection. Scores of 0 are left out: the
    # operator keeps what is above the threshold, which is 0 unless given.
    add("NonMaxSuppression", "corners by_class most iou zero", "selected")
    add("Gather", "selected first", pictures, axis=1)
    add("Gather", "selected second", labels, axis=1)
    add("Gather", "selected picture_and_anchor", "places", axis=1)
    add("GatherND", "corners places", boxes)
    add("GatherND", "by_class selected", scores)
    del graph.output[:]
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT64)
    for name, kind in zip(DETECTION_OUTPUTS, kinds, strict=True):
        shape: list[str | int | None] = ["detections", *([4] if name == boxes else [])]
        graph.output.append(helper.make_tensor_value_info(name, kind, shape))
