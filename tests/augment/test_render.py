"""Pixels: the boxes stay on their objects, and every sample is the one that YOLOX would make."""

import math
from functools import partial

import cv2
import numpy as np
import pytest
from yolox.data import MosaicDetection, TrainTransform, VocDetection, data_augment
from yolox.data.data_augment import augment_hsv, preproc
from yolox.data.datasets import mosaicdetection

from yolox_ela.augment.loader import SampleKey, TrainDataset
from yolox_ela.augment.plan import plan_boxes, plan_sample, sample_generator
from yolox_ela.augment.render import Colors, render
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.images.letterbox import PAD_VALUE, letterbox, resize_to_fit
from yolox_ela.recipe import Recipe

SIDE = 128
UPRIGHT = {"degrees": 0.0, "shear": 0.0}
GAINS = (5, 30, 30)  # of upstream's augment_hsv


def recipe_with(**fields):
    return Recipe(image_size=SIDE, multiscale=0, **fields)


def noise(width, height, seed=0):
    """Smooth noise, so that a shift by half a pixel is seen."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def shifted(image, shifts):
    out = np.zeros_like(image)
    Colors(image.shape[0] * image.shape[1]).shift(image, shifts, out)
    return out


def fitted(images):
    """As the renderer gets them: resized to the input size."""
    return [resize_to_fit(image, SIDE)[0] for image in images]


# Boxes follow pixels


def red_rectangle(generator, width, height):
    """A black image with a red rectangle, and the rectangle's box as VOC would give it."""
    image = np.zeros((height, width, 3), np.uint8)
    x1, x2 = np.sort(generator.choice(width // 2, 2, replace=False) + width // 4)
    y1, y2 = np.sort(generator.choice(height // 2, 2, replace=False) + height // 4)
    x2, y2 = x2 + width // 4, y2 + height // 4
    image[y1 : y2 + 1, x1 : x2 + 1] = (0, 0, 255)
    return image, np.array([[x1, y1, x2, y2]], np.float32)


def extent_of_red(image):
    """Box around all pixels that are at least half red, or None."""
    blue, _, red = cv2.split(image.astype(int))
    rows, columns = np.nonzero(red - blue > 127)
    if len(rows) == 0:
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.mark.parametrize("flip", [0.0, 1.0])
@pytest.mark.parametrize("mosaic", [True, False])
@pytest.mark.parametrize("ranges", [UPRIGHT, {}], ids=["upright", "turned"])
def test_boxes_follow_their_pixels(ranges, mosaic, flip):
    recipe = recipe_with(hsv_prob=0.0, flip_prob=flip, mosaic_prob=1.0, **ranges)
    seen = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        sizes = generator.integers(150, 300, (5, 2))
        red, box = red_rectangle(generator, *sizes[0])
        # The others are blue, and without objects: only the first image has the box.
        images = {i: np.full((h, w, 3), (200, 0, 0), np.uint8) for i, (w, h) in enumerate(sizes)}
        plan = plan_sample(sample_generator(seed, 0, 0), 0, sizes, recipe, mosaic)
        none = np.zeros((0, 4), np.float32)
        boxes, labels = plan_boxes(
            plan,
            [box, *[none] * (len(plan.tiles) - 1)],
            [np.array([7]), *[np.zeros(0, np.int64)] * (len(plan.tiles) - 1)],
        )
        pixels = render(plan, fitted([red, *(images[tile.index] for tile in plan.tiles[1:])]))
        assert (pixels.shape, pixels.dtype) == ((SIDE, SIDE, 3), np.uint8)
        measured = extent_of_red(pixels)
        if len(boxes) == 0:  # outside the output, or a sliver of it
            assert measured is None or (measured[2:] - measured[:2]).min() <= 3
            continue
        assert labels.tolist() == [7]
        if measured is None:
            assert (boxes[0, 2:] - boxes[0, :2]).min() <= 3
            continue
        seen += 1
        beyond = (measured - boxes[0]) * [-1, -1, 1, 1]
        assert beyond.max() <= 1.5
        # A turned rectangle that the canvas or the output crops touches not every side.
        cropped = boxes.min() <= 0 or boxes.max() >= SIDE or min(plan.tiles[0].offset) < 0
        if ranges == UPRIGHT or not cropped:
            assert beyond.min() >= -1.5
    assert seen > 30


# Parity with YOLOX


class Script:
    """Stands in for the module `random` in upstream's code: returns the numbers sampled here."""

    def __init__(self, values):
        self.values = iter(values)

    def random(self):
        return next(self.values)

    def uniform(self, low, high):
        value = next(self.values)
        assert low <= value <= high
        return value

    def randint(self, low, high):
        return self.uniform(low, high)


def upstream_sample(monkeypatch, dataset, key, plan):
    """The sample that upstream's pipeline makes from the random numbers of a plan."""
    shifted = any(plan.hsv)
    numbers = [0.0 if shifted else 1.0, 0.0 if plan.mirror else 1.0]
    if key.mosaic:
        x, y = plan.tiles[3].offset
        numbers = [0.0, y, x, *(tile.index for tile in plan.tiles[1:]), *numbers]
    script = Script(numbers)
    # A gain is cut to a whole number, so aim between this one and the next.
    gains = [(h + 0.5 * np.sign(h)) / gain for h, gain in zip(plan.hsv, GAINS, strict=True)]
    with monkeypatch.context() as patch:
        patch.setattr(mosaicdetection, "random", script)
        patch.setattr(data_augment, "random", script)
        patch.setattr(np.random, "uniform", lambda low, high, size: np.array(gains))
        patch.setattr(np.random, "randint", lambda low, high, size: np.ones(size, int))
        patch.setattr(data_augment, "get_affine_matrix", lambda *args: (plan.matrix, 1.0))
        upstream = MosaicDetection(
            dataset,
            tuple(plan.output),
            mosaic=key.mosaic,
            preproc=TrainTransform(max_labels=100, flip_prob=0.5, hsv_prob=0.5),
            enable_mixup=False,
        )
        image, targets, _, _ = upstream[key.image]
    assert next(script.values, None) is None  # all was asked for
    return image, targets[targets[:, 3] > 0]


@pytest.fixture(scope="module", params=[(SIDE, SIDE), (160, 128), (160, 256)], ids=str)
def same_data(request, voc_writer, tmp_path_factory):
    """One data set as read here and by upstream, and the size of the input."""
    voc = voc_writer(tmp_path_factory.mktemp("same"))
    sizes = [(256, 192), (96, 128), (64, 64), (512, 320), (120, 160), (107, 160)]
    for number, (w, h) in enumerate(sizes):
        objects = [
            ("person", 1, 1, w, h),
            ("dog", w // 3, h // 4, w // 3 + 3, h // 2),  # thin: at times a pixel or less
            ("train", w // 2, h // 2, w - 5, h - 1),
        ]
        voc.add(f"{number:06}", objects[: 1 + number % 3], size=(w, h))
    split = load_split(voc.root, ["2007/trainval"], VOC_CLASSES)
    dataset = VocDetection(
        data_dir=str(voc.folder.parent), image_sets=[("2007", "trainval")], img_size=request.param
    )
    return split, dataset, request.param


@pytest.mark.parametrize("mosaic", [True, False])
def test_samples_equal_those_of_yolox(same_data, monkeypatch, mosaic):
    """The same files, the same random numbers: the same pixels, and the same targets."""
    split, dataset, size = same_data
    recipe = Recipe(image_size=size, multiscale=0, mosaic_prob=1.0)
    train = TrainDataset(split, recipe)
    compared = 0
    for epoch in range(8):
        for index in range(len(split)):
            key = SampleKey(epoch, index, mosaic)
            generator = sample_generator(recipe.seed, epoch, index)
            plan = plan_sample(generator, index, split.sizes, recipe, mosaic)
            batch = train[key]
            image = batch.images[0].permute(1, 2, 0).numpy()
            targets = batch.targets[0][batch.targets[0, :, 3] > 0].numpy()
            if len(targets) == 0:  # upstream then leaves colour and mirror out
                continue
            expected, expected_targets = upstream_sample(monkeypatch, dataset, key, plan)
            assert np.array_equal(image, expected.transpose(1, 2, 0))
            assert targets.shape == expected_targets.shape
            assert np.abs(targets - expected_targets).max() < 1e-3
            compared += 1
    assert compared > 35


@pytest.mark.parametrize("shifts", [(4, 29, 29), (-4, -29, -29), (0, 13, 0), (2, 0, -1)])
def test_colours_are_shifted_as_by_yolox(monkeypatch, shifts):
    image = noise(90, 70)
    image[:10] = np.random.default_rng(1).integers(0, 256, (10, 90, 3))
    expected = image.copy()
    gains = [(s + 0.5 * np.sign(s)) / gain for s, gain in zip(shifts, GAINS, strict=True)]
    monkeypatch.setattr(np.random, "uniform", lambda low, high, size: np.array(gains))
    monkeypatch.setattr(np.random, "randint", lambda low, high, size: np.ones(size, int))
    augment_hsv(expected)
    assert not np.array_equal(expected, image)
    before = image.copy()
    assert np.array_equal(shifted(image, shifts), expected)
    assert np.array_equal(image, before)


def test_no_shift_changes_nothing():
    image = noise(90, 70)
    assert np.array_equal(shifted(image, (0, 0, 0)), image)


@pytest.mark.parametrize("image_size", [(SIDE, SIDE), (96, 160), (160, 64)])
@pytest.mark.parametrize("size", [(500, 375), (333, 500), (64, 64), (128, 128), (30, 7), (7, 301)])
def test_letterbox_equals_that_of_yolox(size, image_size):
    image = noise(*size)
    expected, expected_scale = preproc(image, image_size)
    canvas, scale = letterbox(image, image_size)
    assert canvas.dtype == np.uint8
    assert np.array_equal(canvas, expected.transpose(1, 2, 0))
    assert scale == expected_scale
    height, width = image_size
    assert size[0] * scale <= width + 1e-9
    assert size[1] * scale <= height + 1e-9
    if height == width:
        assert np.array_equal(canvas, letterbox(image, height)[0])


# Details


def test_padding_stays_grey_and_the_given_images_untouched():
    recipe = recipe_with(flip_prob=1.0)
    sizes = np.array([[60, 40]])
    (image,) = fitted([noise(60, 40)])
    before = image.copy()
    for seed in range(10):
        plan = plan_sample(sample_generator(seed, 0, 0), 0, sizes, recipe, mosaic=False)
        pixels = render(plan, [image])
        assert np.all(pixels[math.ceil(40 * SIDE / 60) :] == PAD_VALUE)
        plan = plan_sample(sample_generator(seed, 0, 0), 0, sizes, recipe, mosaic=True)
        render(plan, [image] * len(plan.tiles))
    assert np.array_equal(image, before)


def test_a_mirrored_image_is_the_image_mirrored_beside_the_same_padding():
    image = noise(40, 60)
    sizes = np.array([[40, 60]])
    plans = [
        plan_sample(
            sample_generator(0, 0, 0), 0, sizes, recipe_with(hsv_prob=0.0, flip_prob=flip), False
        )
        for flip in (0.0, 1.0)
    ]
    plain, mirrored = (render(plan, fitted([image])) for plan in plans)
    width = int(40 * SIDE / 60)
    assert np.array_equal(plain, letterbox(image, SIDE)[0])
    assert np.array_equal(mirrored[:, :width], plain[:, :width][:, ::-1])
    assert np.all(mirrored[:, width:] == PAD_VALUE)


def test_very_long_images_are_drawn():
    sizes = np.array([[1500, 3], [3, 1500]])
    images = [noise(*size) for size in sizes]
    sample_plan = partial(plan_sample, sizes=sizes, recipe=recipe_with(mosaic_prob=1.0))
    for index, mosaic in [(0, True), (0, False), (1, True), (1, False)]:
        plan = sample_plan(sample_generator(0, 0, index), index, mosaic=mosaic)
        tiles = fitted([images[t.index] for t in plan.tiles])
        assert render(plan, tiles).shape == (SIDE, SIDE, 3)
        assert letterbox(images[index], SIDE)[0].shape == (SIDE, SIDE, 3)
