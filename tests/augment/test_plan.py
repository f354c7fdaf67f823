"""Plans of samples: YOLOX's distribution, reproducible, and boxes that are always usable."""

import math
from collections import Counter

import numpy as np
import pytest
from yolox.data import data_augment

from yolox_ela.augment.plan import plan_boxes, plan_sample, sample_generator, transform_boxes
from yolox_ela.images.letterbox import letterbox_scale, resized
from yolox_ela.recipe import Recipe

SIDE = 64
SIZES = np.array([[60, 40], [40, 60], [128, 96], [33, 500], [64, 64]], dtype=np.int32)


def recipe_with(**fields):
    recipe = Recipe(image_size=SIDE, multiscale=0, **{"mosaic_prob": 1.0, **fields})
    recipe.validate()
    return recipe


def plans(recipe, count, *, mosaic=True, sizes=SIZES):
    return [
        plan_sample(sample_generator(recipe.seed, 0, i), i % len(sizes), sizes, recipe, mosaic)
        for i in range(count)
    ]


def random_boxes(generator, size, count):
    """Boxes anywhere in an image, some of them tiny, some the whole image."""
    corners = np.sort(generator.uniform(0, 1, (count, 2, 2)), axis=1) * (np.array(size) - 1)
    boxes = corners.reshape(-1, 4)
    boxes[::5] = [0, 0, size[0] - 1, size[1] - 1]
    boxes[1::5, 2:] = boxes[1::5, :2] + 1
    return np.clip(boxes, 0, [size[0] - 1, size[1] - 1] * 2)


# Randomness


def test_a_sample_depends_on_seed_epoch_and_image_alone():
    def plan(seed, epoch, index):
        recipe = recipe_with(seed=seed)
        return repr(plan_sample(sample_generator(seed, epoch, index), index, SIZES, recipe, True))

    keys = [(seed, epoch, index) for seed in (0, 1) for epoch in (0, 1, 2) for index in (0, 1)]
    sampled = [plan(*key) for key in keys]
    np.random.seed(7)  # noqa: NPY002 - the global generator must not matter
    assert sampled == [plan(*key) for key in keys]
    assert len(set(sampled)) == len(keys)


def test_a_mosaic_has_the_image_asked_for_and_three_drawn_from_all():
    sampled = plans(recipe_with(), 300)
    others = Counter()
    for number, plan in enumerate(sampled):
        assert len(plan.tiles) == len(plan.scales) == 4
        assert plan.tiles[0].index == number % len(SIZES)
        assert (plan.canvas, plan.output) == ((2 * SIDE, 2 * SIDE), (SIDE, SIDE))
        others.update(tile.index for tile in plan.tiles[1:])
    assert set(others) == set(range(len(SIZES)))
    assert min(others.values()) > 120  # of 180 expected


def test_without_mosaic_there_is_one_tile_and_no_map():
    for plan in plans(recipe_with(), 50, mosaic=False) + plans(recipe_with(mosaic_prob=0.0), 50):
        assert len(plan.tiles) == 1
        assert plan.matrix is None
        assert plan.canvas == (SIDE, SIDE)
    mixed = plans(recipe_with(mosaic_prob=0.3), 500)
    assert 0.2 < np.mean([len(plan.tiles) == 4 for plan in mixed]) < 0.4


def test_hsv_and_mirror_follow_their_probabilities_and_ranges():
    off = plans(recipe_with(hsv_prob=0.0, flip_prob=0.0), 50)
    assert all(plan.hsv == (0, 0, 0) and plan.mirror == 0 for plan in off)

    sampled = plans(recipe_with(flip_prob=0.25), 800)
    assert {plan.mirror for plan in sampled} == {0, SIDE}
    assert 0.2 < np.mean([plan.mirror > 0 for plan in sampled]) < 0.3
    shifts = np.array([plan.hsv for plan in sampled])
    # YOLOX's gains of 5, 30 and 30, cut to whole numbers, each used half of the time.
    assert np.abs(shifts).max(axis=0).tolist() == [4, 29, 29]
    assert np.all(shifts.min(axis=0) == -shifts.max(axis=0))
    assert np.all(np.abs((np.abs(shifts[:, 1:]) > 0).mean(axis=0) - 0.5 * 29 / 30) < 0.06)

    for number, plan in enumerate(plans(recipe_with(flip_prob=1.0), 10, mosaic=False)):
        # Only the image is mirrored, not the padding on its right.
        size = SIZES[number % len(SIZES)]
        assert plan.mirror == resized(size, letterbox_scale(size, SIDE))[0]


def test_tiles_meet_at_a_centre_in_the_middle_half_of_the_canvas():
    centers = []
    for plan in plans(recipe_with(), 300):
        x, y = plan.tiles[3].offset
        centers.append((x, y))
        corners = [(t.offset[0] + t.size[0], t.offset[1] + t.size[1]) for t in plan.tiles]
        starts = [t.offset for t in plan.tiles]
        assert corners[0] == (x, y)
        assert (starts[1][0], corners[1][1]) == (x, y)
        assert (corners[2][0], starts[2][1]) == (x, y)
        for tile, scale in zip(plan.tiles, plan.scales, strict=True):
            assert tile.size == resized(SIZES[tile.index], scale)
            assert scale == letterbox_scale(SIZES[tile.index], SIDE)
            x1, y1, x2, y2 = tile.window
            assert 0 <= x1 < x2 <= 2 * SIDE
            assert 0 <= y1 < y2 <= 2 * SIDE
    low, high = np.min(centers, axis=0), np.max(centers, axis=0)
    assert np.all((low >= 0.5 * SIDE) & (low < 0.55 * SIDE))
    assert np.all((high < 1.5 * SIDE) & (high > 1.45 * SIDE))


# The affine map


def decompose(matrix):
    """angle, zoom, shear x, shear y (degrees) of a map that first turns and zooms, then shears."""
    (a, b), (c, d) = matrix[:, :2]
    angle = math.atan((d - a) / (b + c))
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    shear = matrix[:, :2] @ turn.T
    zoom = shear[0, 0]
    return (
        math.degrees(angle),
        zoom,
        math.degrees(math.atan(shear[1, 0] / zoom)),
        math.degrees(math.atan(shear[0, 1] / zoom)),
    )


def test_affine_maps_are_those_of_yolox(monkeypatch):
    """Every sampled map is upstream's for some angle, zoom, shears and shift within the ranges."""
    recipe = recipe_with(degrees=40.0, shear=15.0, mosaic_scale=(0.3, 1.7), translate=0.2)
    sampled = []
    # Upstream samples each setting by this function; here it gets the value itself.
    monkeypatch.setattr(data_augment, "get_aug_params", lambda values, center=0: next(values))
    for plan in plans(recipe, 1000):
        angle, zoom, shear_x, shear_y = decompose(plan.matrix)
        shift = plan.matrix[:, 2] / SIDE
        sampled.append((angle / 40, (zoom - 1) / 0.7, shear_x / 15, shear_y / 15, *(shift / 0.2)))
        matrix, _ = data_augment.get_affine_matrix(
            (SIDE, SIDE),
            degrees=iter([angle]),
            translate=iter(shift),
            scales=iter([zoom]),
            shear=iter([shear_x, shear_y]),
        )
        assert np.allclose(plan.matrix, matrix, atol=1e-9)
    sampled = np.array(sampled)
    # Each is uniform on -1..1, and independent of the others.
    assert np.abs(sampled).max() <= 1 + 1e-6
    quartiles = np.quantile(sampled, [0.25, 0.5, 0.75], axis=0)
    assert np.allclose(quartiles, np.array([[-0.5], [0], [0.5]]), atol=0.12)
    assert np.abs(np.corrcoef(sampled.T) - np.eye(6)).max() < 0.15


def test_a_setting_of_zero_switches_its_part_of_the_map_off():
    still = {"degrees": 0.0, "shear": 0.0, "translate": 0.0, "mosaic_scale": (1.0, 1.0)}
    for plan in plans(recipe_with(**still), 5):
        assert np.array_equal(plan.matrix, [[1, 0, 0], [0, 1, 0]])
    zooms = []
    for plan in plans(recipe_with(**{**still, "mosaic_scale": (0.8, 1.2)}), 200):
        zooms.append(plan.matrix[0, 0])
        assert np.allclose(plan.matrix, zooms[-1] * np.eye(2, 3))
    assert 0.8 <= min(zooms) < 0.82
    assert 1.18 < max(zooms) <= 1.2
    for plan in plans(recipe_with(**{**still, "degrees": 10.0}), 50):
        turn = plan.matrix[:, :2]
        assert np.allclose(turn @ turn.T, np.eye(2))
        assert turn[0, 0] >= math.cos(math.radians(10))


def test_boxes_go_around_their_transformed_corners():
    boxes = np.array([[1.0, 2.0, 5.0, 4.0], [0.0, 0.0, 2.0, 2.0]])
    quarter = np.array([[0.0, 1.0, 10.0], [-1.0, 0.0, 20.0]])  # (x, y) -> (10 + y, 20 - x)
    assert transform_boxes(boxes, quarter).tolist() == [[12, 15, 14, 19], [10, 18, 12, 20]]
    root = math.sqrt(0.5)
    eighth = np.array([[root, root, 0.0], [-root, root, 0.0]])
    expected = [0, -2 * root, 4 * root, 2 * root]
    assert np.allclose(transform_boxes(boxes, eighth)[1], expected)
    assert transform_boxes(np.zeros((0, 4)), quarter).shape == (0, 4)


# Boxes


@pytest.mark.parametrize("mosaic", [True, False])
def test_boxes_are_inside_the_output_and_larger_than_a_pixel(mosaic):
    # Without mosaic only sizes whose scaled width is whole: see the next test.
    sizes = SIZES if mosaic else np.array([[60, 40], [32, 64], [128, 96], [16, 128]])
    generator = np.random.default_rng(0)
    kept = 0
    for plan in plans(recipe_with(), 300, mosaic=mosaic, sizes=sizes):
        boxes = [random_boxes(generator, sizes[t.index], 10) for t in plan.tiles]
        labels = [10 * t.index + np.arange(10) for t in plan.tiles]
        before = [b.copy() for b in boxes]
        found, found_labels = plan_boxes(plan, boxes, labels)
        assert all(np.array_equal(a, b) for a, b in zip(before, boxes, strict=True))
        assert found.dtype == np.float32
        assert found.shape == (len(found_labels), 4)
        assert np.issubdtype(found_labels.dtype, np.integer)
        assert set(found_labels) <= set(np.concatenate(labels))
        assert found.min(initial=0) >= 0
        assert found.max(initial=0) <= SIDE
        assert np.all(found[:, 2:] - found[:, :2] > 0.999)
        kept += len(found)
    assert kept > 1000


def test_boxes_of_a_pixel_or_less_are_dropped_with_their_labels():
    recipe = recipe_with(hsv_prob=0.0, flip_prob=0.0)
    (plan,) = plans(recipe, 1, mosaic=False, sizes=np.array([[128, 128]]))  # halved
    boxes = np.array([[10, 10, 12, 40], [10, 10, 14, 40], [10, 10, 40, 11], [10, 10, 40, 13]])
    found, labels = plan_boxes(plan, [boxes.astype(np.float32)], [np.array([3, 4, 5, 6])])
    assert found.tolist() == [[5, 5, 7, 20], [5, 5, 20, 6.5]]
    assert labels.tolist() == [4, 6]


def test_boxes_on_cropped_tiles_keep_their_visible_part():
    still = {"degrees": 0.0, "shear": 0.0, "translate": 0.0, "mosaic_scale": (1.0, 1.0)}
    recipe = recipe_with(**still, flip_prob=0.0)
    sizes = np.array([[SIDE, SIDE]])
    whole = np.array([[0.0, 0.0, SIDE, SIDE]])
    for plan in plans(recipe, 50, sizes=sizes):
        x, y = plan.tiles[3].offset
        found, labels = plan_boxes(plan, [whole] * 4, [np.array([i]) for i in range(4)])
        tiles = {
            0: [max(x - SIDE, 0), max(y - SIDE, 0), x, y],
            1: [x, max(y - SIDE, 0), x + SIDE, y],
            2: [max(x - SIDE, 0), y, x, y + SIDE],
            3: [x, y, x + SIDE, y + SIDE],
        }
        # The map is the identity, so the output is the canvas's top left quarter.
        visible = {i: np.clip(box, 0, SIDE).tolist() for i, box in tiles.items()}
        expected = {i: b for i, b in visible.items() if b[2] - b[0] > 1 and b[3] - b[1] > 1}
        assert dict(zip(labels.tolist(), found.tolist(), strict=True)) == expected


@pytest.mark.parametrize("mosaic", [True, False])
def test_images_without_objects_give_samples_without_boxes(mosaic):
    for plan in plans(recipe_with(), 10, mosaic=mosaic):
        none = [np.zeros((0, 4), np.float32)] * len(plan.tiles)
        boxes, labels = plan_boxes(plan, none, [np.zeros(0, np.int64)] * len(plan.tiles))
        assert boxes.shape == (0, 4)
        assert labels.shape == (0,)


def test_very_long_images_keep_at_least_a_pixel():
    sizes = np.array([[2000, 3], [3, 2000]])
    for mosaic in (True, False):
        for plan in plans(recipe_with(), 20, mosaic=mosaic, sizes=sizes):
            assert all(min(tile.size) == 1 for tile in plan.tiles)
            assert all(max(tile.size) == SIDE for tile in plan.tiles)
