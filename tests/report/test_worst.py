"""The lists of the worst false detections and misses, and their pictures."""

import numpy as np
import pytest

from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.scores import score_split
from yolox_ela.report.error_kinds import ErrorKind, find_errors
from yolox_ela.report.worst import false_positive_cells, miss_cells, worst_cases, worst_section

CAT, DOG = 0, 1
SMALL, A, LARGE = (10, 10, 39, 39), (100, 10, 199, 109), (300, 10, 599, 309)
FAR = (10, 600, 109, 699)


def cases_of(detections, split, limit=10):
    scores = score_split(detections, split)
    errors = find_errors(detections, split, scores)
    return worst_cases(detections, split, scores, errors, threshold=0.5, limit=limit)


def test_false_positives_come_best_first_and_say_why(build_split, build_detections):
    split = build_split([[], [(CAT, A)]])
    rows = [(0, CAT, 0.4, FAR), (1, DOG, 0.9, A), (1, CAT, 0.8, A), (1, CAT, 0.6, A)]
    cases = cases_of(build_detections(rows), split).false_positives
    assert [(c.image, c.detection, c.kind, c.object) for c in cases] == [
        (1, 1, ErrorKind.CLASSIFICATION, 0),
        (1, 3, ErrorKind.DUPLICATE, 0),
        (0, 0, ErrorKind.BACKGROUND, None),
    ]
    assert [c.overlap for c in cases] == [1, 1, 0]


def test_misses_are_of_two_kinds_the_largest_first(build_split, build_detections):
    split = build_split([[(CAT, SMALL), (CAT, LARGE)], [(DOG, A), (DOG, SMALL, True)], [(CAT, A)]])
    rows = [(1, DOG, 0.2, A), (0, DOG, 0.7, LARGE), (0, DOG, 0.9, LARGE), (2, CAT, 0.5, A)]
    cases = cases_of(build_detections(rows), split)
    assert [(m.image, m.object, m.score) for m in cases.never_found] == [(0, 1, None), (0, 0, None)]
    assert [m.mistaken for m in cases.never_found] == [2, None]
    assert cases.never_found[0].area == 300 * 300
    (below,) = cases.found_below
    assert (below.image, below.object, below.label) == (1, 2, DOG)
    assert abs(below.score - 0.2) < 1e-6


def test_lists_are_cut(build_split, build_detections):
    split = build_split([[(CAT, A), (CAT, LARGE)]])
    rows = [(0, DOG, 0.1 * k, FAR) for k in range(1, 6)]
    cases = cases_of(build_detections(rows), split, limit=1)
    assert (len(cases.false_positives), len(cases.never_found)) == (1, 1)
    assert cases.never_found[0].object == 1


def test_json_names_images_and_classes(build_split, build_detections):
    split = build_split([[], [(CAT, A)]])
    found = build_detections([(1, DOG, 0.9, A)])
    content = cases_of(found, split).to_json(found, split)
    assert content == {
        "false_positives": [
            {
                "image": "000001",
                "class": "dog",
                "score": 0.9,
                "box": [100, 10, 199, 109],
                "kind": "classification",
                "object": {"class": "cat", "box": [100, 10, 199, 109], "iou": 1},
            }
        ],
        "never_found": [
            {
                "image": "000001",
                "class": "cat",
                "box": [100, 10, 199, 109],
                "area": 10000,
                "score": None,
                "mistaken": {"class": "dog", "score": 0.9, "box": [100, 10, 199, 109]},
            }
        ],
        "found_below": [],
    }


@pytest.fixture
def detections(sample_split):
    """One object found, one given another class, one detection on nothing, all others missed."""
    split = sample_split
    wrong = (split.labels[1] + 1) % len(split.classes)
    images = np.repeat(np.arange(len(split)), np.diff(split.offsets))
    return Detections(
        images=np.array([images[0], images[1], 0]),
        boxes=np.array([split.boxes[0], split.boxes[1], [0, 0, 9, 9]], np.float32),
        scores=np.array([0.9, 0.8, 0.7], np.float32),
        labels=np.array([split.labels[0], wrong, split.labels[0]]),
    )


def test_captions_say_what_is_wrong(sample_split, detections):
    split, worst = sample_split, cases_of(detections, sample_split, limit=50)
    name, wrong = split.classes[split.labels[1]], split.classes[(split.labels[1] + 1) % 20]
    confused, background = false_positive_cells(worst.false_positives, detections, split)
    assert confused.caption.startswith(f"{wrong} 0.80: classification\nIoU 1.00 with {name}")
    assert [mark.dashed for mark in confused.marks] == [True, False]
    assert "background\non no annotated object" in background.caption
    assert len(background.marks) == 1
    captions = [cell.caption for cell in miss_cells(worst.never_found, detections, split)]
    assert any(c.startswith(f"{name}: not found\ntaken for {wrong} 0.80") for c in captions)
    assert any("no false detection about it" in caption for caption in captions)
    assert all(caption.splitlines()[-1] in split.ids for caption in captions)


def test_section_survives_a_lost_photograph(sample_split, damaged_split, detections):
    worst = cases_of(detections, sample_split)
    section = worst_section(worst, detections, damaged_split, 0.5, images=2)
    assert list(section.figures) == ["worst_false_positives", "worst_never_found"]
    assert "lost.jpg" in section.text
    assert all(png.startswith(b"\x89PNG") for png in section.figures.values())
    assert [case["kind"] for case in section.numbers["false_positives"]] == [
        "classification",
        "background",
    ]
