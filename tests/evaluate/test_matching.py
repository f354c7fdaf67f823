"""What `match` says about each detection, whatever the rules."""

import numpy as np
import pytest

from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import Verdict, match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import COCO_RULES, VOC_RULES, Rules

CAT, DOG = 0, 1
A, B, C = (10, 10, 29, 29), (100, 10, 119, 29), (200, 10, 219, 29)
BOTH = pytest.mark.parametrize("rules", [VOC_RULES, COCO_RULES], ids=["VOC", "COCO"])
TRUE, FALSE, IGNORED = Verdict.TRUE, Verdict.FALSE, Verdict.IGNORED


@BOTH
def test_verdicts_are_in_the_order_of_the_detections(build_split, build_detections, rules):
    split = build_split([[(CAT, A), (DOG, B)], [(CAT, B), (CAT, C, True)]])
    rows = [
        (1, CAT, 0.3, C),  # difficult
        (0, DOG, 0.9, A),  # a cat is there
        (1, CAT, 0.2, B),  # second
        (0, CAT, 0.1, A),
        (1, CAT, 0.8, B),
        (0, DOG, 0.5, B),
    ]
    matches = match(build_detections(rows), Objects.of_split(split), rules, [0.5])
    verdicts, objects = matches.verdicts(0)
    assert verdicts.tolist() == [IGNORED, FALSE, FALSE, TRUE, TRUE, TRUE]
    assert objects.tolist() == [3, -1, -1, 0, 2, 1]
    assert matches.positives.tolist() == [2, 1, 0]


@BOTH
def test_each_threshold_is_matched_on_its_own(build_split, build_detections, rules):
    """The better-scored detection overlaps less and loses the object where that is too little."""
    split = build_split([[(CAT, A)]])
    rows = [(0, CAT, 0.9, (10, 10, 29, 23)), (0, CAT, 0.8, A)]
    matches = match(build_detections(rows), Objects.of_split(split), rules, [0.5, 0.9])
    assert matches.verdicts(0)[0].tolist() == [TRUE, FALSE]
    assert matches.verdicts(1)[0].tolist() == [FALSE, TRUE]


def test_detections_beyond_the_limit_are_ignored(build_split, build_detections):
    split = build_split([[(CAT, A)], [(CAT, A)]])
    rows = [(0, CAT, 0.9, B), (0, CAT, 0.7, A), (0, CAT, 0.8, C), (1, CAT, 0.1, A)]
    rules = Rules(**{**vars(COCO_RULES), "max_detections": 2})
    verdicts, objects = match(
        build_detections(rows), Objects.of_split(split), rules, [0.5]
    ).verdicts(0)
    assert verdicts.tolist() == [FALSE, IGNORED, FALSE, TRUE]
    assert objects.tolist() == [-1, -1, -1, 1]


@BOTH
@pytest.mark.parametrize("seed", range(5))
def test_many_thresholds_are_as_each_alone(random_case, rules, seed):
    split, found = random_case(seed)
    objects = Objects.of_split(split)
    thresholds = [0.9, 0.1, 0.5, 0.7]
    together = match(found, objects, rules, thresholds)
    for t, threshold in enumerate(thresholds):
        alone = match(found, objects, rules, [threshold])
        for a, b in zip(together.verdicts(t), alone.verdicts(0), strict=True):
            np.testing.assert_array_equal(a, b)


@BOTH
@pytest.mark.parametrize("seed", range(5))
def test_no_object_is_found_twice(random_case, rules, seed):
    split, found = random_case(seed)
    verdicts, objects = match(found, Objects.of_split(split), rules, [0.5]).verdicts(0)
    hits = objects[verdicts == TRUE]
    assert len(hits) == len(np.unique(hits)) > 0
    assert not split.difficult[hits].any()
    assert (split.labels[hits] == found.labels[verdicts == TRUE]).all()
    assert (objects[verdicts == FALSE] == -1).all()
    assert split.difficult[objects[verdicts == IGNORED]].all()


@BOTH
def test_order_of_the_objects_images_does_not_matter(random_case, rules):
    """Objects need not be sorted by image."""
    split, found = random_case(3)
    objects = Objects.of_split(split)
    order = np.argsort(np.random.default_rng(0).random(len(split))[objects.images], kind="stable")
    arrays = {k: v[order] if k != "classes" else v for k, v in vars(objects).items()}
    _, rows = match(found, objects, rules, [0.5]).verdicts(0)
    _, shuffled = match(found, Objects(**arrays), rules, [0.5]).verdicts(0)
    np.testing.assert_array_equal(np.where(shuffled < 0, -1, order[shuffled]), rows)


@BOTH
def test_nothing_detected_or_nothing_to_detect(build_split, build_detections, rules):
    full, empty = build_split([[(CAT, A)]]), build_split([[], []])
    found = build_detections([(0, CAT, 0.9, A)])
    nothing = Detections.concatenate([])
    assert match(found, Objects.of_split(empty), rules, [0.5]).verdicts(0)[0].tolist() == [FALSE]
    matches = match(nothing, Objects.of_split(full), rules, [0.5, 0.6])
    assert matches.positives.tolist() == [1, 0, 0]
    assert len(matches.verdicts(1)[0]) == 0
    assert len(match(nothing, Objects.of_split(empty), rules, [0.5]).order) == 0


@pytest.mark.parametrize("thresholds", [[], [0.0], [0.5, 50], [-0.1]])
def test_thresholds_that_are_no_overlap(build_split, build_detections, thresholds):
    split = build_split([[(CAT, A)]])
    with pytest.raises(ValueError, match="threshold"):
        match(build_detections([]), Objects.of_split(split), VOC_RULES, thresholds)


def test_a_label_that_is_no_class(build_split, build_detections):
    """It would otherwise be taken for a class of the next image."""
    found = build_detections([(0, 3, 0.9, A)])
    with pytest.raises(ValueError, match="label 3 with 3 classes"):
        match(found, Objects.of_split(build_split([[(CAT, A)]])), VOC_RULES, [0.5])
