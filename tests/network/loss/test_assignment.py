"""The batched SimOTA chooses what upstream's loop over images and objects does."""

import pytest
import torch

from yolox_ela.network.loss.assignment import assign


def require_same(case, expected):
    """Same foreground, same objects and same IoUs."""
    found = assign(case.predictions, case.anchors, case.targets)
    assert torch.equal(found.foreground, expected.foreground)
    foreground = expected.foreground
    assert torch.equal(found.objects[foreground], expected.objects[foreground])
    assert torch.equal(found.ious, expected.ious)
    return found


@pytest.mark.parametrize("classes", [1, 3, 20, 80])
@pytest.mark.parametrize("size", [(96, 160), (256, 256), (320, 64)], ids=str)
def test_random_objects(build_case, random_objects, loop_assign, first_of_ties, size, classes):
    """Also images of few objects beside images of many."""
    for seed, (scale, beyond) in enumerate([(1.0, 0.0), (3.0, 20.0), (6.0, 0.0)]):
        images = [
            random_objects(count, size, classes, beyond, 10 * seed + count)
            for count in (3, 0, 25, 8)
        ]
        case = build_case(images, size, classes, scale, seed)
        assert require_same(case, loop_assign(case)).foreground.any(dim=1).tolist() == [
            True,
            False,
            True,
            True,
        ]


def test_many_objects_take_many_anchors(build_case, random_objects, loop_assign):
    """The random cases are worth their name: ten anchors for an object, and disputes."""
    case = build_case([random_objects(8, seed=seed) for seed in range(4)])
    found = require_same(case, loop_assign(case))
    counts = [
        int((found.foreground & (found.objects == i))[image].sum())
        for image in range(4)
        for i in range(8)
    ]
    assert max(counts) > 6
    assert 1 in counts
    assert 0 in counts, "an object lost all its anchors to others"


CROWD = [[i % 20, 4.0 + i % 8 * 8, 4.0 + i // 8 * 4, 9.0, 7.0] for i in range(128)]
SQUARE, CORNER = (64, 64), (96, 160)
HARD = {
    # name: (images, size)
    "no objects": ([[], [], []], SQUARE),
    "more objects than anchors": ([CROWD, [CROWD[9]]], SQUARE),
    "the same box twenty times": ([[[7, 50, 40, 30, 24]] * 20, []], CORNER),
    "the same box, another class": ([[[i, 50, 40, 30, 24] for i in range(20)]], CORNER),
    "all in one cell": ([[[i, 84, 52, 6 + 5 * i, 40 - i] for i in range(12)]], CORNER),
    "smaller than a pixel": ([[[i, 20 * i + 3, 50, 0.3, 0.02] for i in range(7)]], CORNER),
    "without area": ([[[2, 50, 40, 0, 24], [3, 90, 40, 30, 24]]], CORNER),
    "centres on cells' edges": ([[[i, 8 * i, 16 * i, 40, 40] for i in range(1, 6)]], CORNER),
    "alone in the picture": ([[[4, 70.3, 50.2, 40, 30]]], CORNER),
    "at the border": ([[[1, 0.5, 40, 60, 60], [2, 159, 95, 90, 90]]], CORNER),
    "all centres outside": ([[[1, -90, 40, 300, 60], [2, 80, 700, 90, 2000]]], CORNER),
    "some centres outside": (
        [[[1, -40, 40, 260, 90], [2, 80, 48, 90, 60], [3, 170, 99, 200, 99]]],
        CORNER,
    ),
    "negative sum, counted as upstream": ([[[0, -500, 40, 30, 30], [2, 80, 48, 9, 9]]], CORNER),
    "fewer than ten candidates": ([[[1, 2, 2, 60, 60]], [[2, 30, 31, 20, 9]]], (32, 32)),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_cases(build_case, loop_assign, first_of_ties, name):
    images, size = HARD[name]
    for seed in range(4):
        case = build_case(images, size, seed=seed)
        require_same(case, loop_assign(case))


def test_saturated_scores(build_case, random_objects, loop_assign, first_of_ties):
    """Probabilities of exactly 0 and 1: logarithms are cut off, and costs are often equal."""
    case = build_case([random_objects(20, beyond=20), random_objects(5)])
    case.raw[..., 4:] = 1000 * case.raw[..., 4:].sign()
    require_same(case, loop_assign(case))


def test_undefined_overlap_is_none(build_case):
    """A point predicted at an object that is a point; upstream makes NaN of the IoU 0/0."""
    case = build_case([[[2, 50, 40, 0, 0], [3, 90, 40, 30, 24]]])
    case.raw[..., 2:4] = -1000
    found = assign(case.predictions, case.anchors, case.targets)
    assert found.foreground.sum() == 2
    assert not found.ious.any()


@pytest.mark.parametrize("level", [0.0, -4.6, 40.0])
def test_equal_costs_go_to_the_first(build_case, random_objects, loop_assign, first_of_ties, level):
    """A network that says the same everywhere, as on grey padding."""
    images = [random_objects(12, beyond=30), CROWD[:40], [[3, 80, 48, 32, 32]]]
    case = build_case(images, classes=20)
    raw = torch.zeros_like(case.raw)
    raw[..., 4:] = level
    require_same(case._replace(raw=raw), loop_assign(case._replace(raw=raw)))


def test_double_precision(build_case, random_objects, loop_assign):
    case = build_case([random_objects(20, beyond=10), random_objects(3)])
    case = case._replace(raw=case.raw.double())
    assert require_same(case, loop_assign(case)).ious.dtype == torch.float64


@pytest.mark.parametrize("part", [slice(0, 2), slice(2, 4), slice(4, 5), slice(5, 25)], ids=str)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_broken_predictions_are_taken_as_numbers(
    build_case, random_objects, loop_assign, first_of_ties, part, value
):
    """The head gives the loop numbers in their place; upstream alone crashes."""
    case = build_case([random_objects(12), random_objects(4, seed=1), []])
    where = torch.rand(case.raw.shape[:2], generator=torch.Generator().manual_seed(2)) < 0.4
    case.raw[..., part][where] = value
    require_same(case, loop_assign(case))
    case.raw[..., part] = value
    require_same(case, loop_assign(case))
