"""The results of an evaluation on the screen."""

from yolox_ela.evaluate.results_text import format_results

SCORES = {"ap50_voc07": 0.5, "ap50": 0.61234, "ap50_95": 0.3}
COUNTS = {"objects": 7, "difficult": 1, "detections": 123_456}
RESULTS = {
    **SCORES,
    **COUNTS,
    "images": 10,
    "seconds": 4.0,
    "classes_without_objects": ["a long class name"],
    "settings": {"image_size": 320, "score_threshold": 0.01, "nms_iou": 0.65},
    "per_class": {
        "cat": {**SCORES, **COUNTS},
        "a long class name": {**dict.fromkeys(SCORES), **dict.fromkeys(COUNTS, 0)},
    },
}


def test_columns_are_aligned():
    lines = format_results(RESULTS).splitlines()
    assert lines[:5] == [
        "class                AP50 07    AP50    AP50:95    objects    difficult    detections",
        "-----------------  ---------  ------  ---------  ---------  -----------  ------------",
        "cat                    50.00   61.23      30.00          7            1        123456",
        "a long class name          -       -          -          0            0             0",
        "mean                   50.00   61.23      30.00          7            1        123456",
    ]
    assert lines[5] == "without objects, not in the mean: a long class name"
    assert lines[6] == "10 images at 320 px, score >= 0.01, NMS IoU 0.65, 4.0 s (2.5 images/s)"
