"""The random choices behind an augmented training sample, and what they do to its boxes.

`plan_sample` generates all random numbers, as a `SamplePlan`. From the plan, `plan_boxes` computes
the objects' boxes, and `render.render` the pixels. The distribution is YOLOX's: a mosaic of four
images on a canvas of twice the size, one random affine map, HSV jitter, and a horizontal flip.
"""

import math
from dataclasses import dataclass

import numpy as np

from yolox_ela.images.letterbox import letterbox_scale, resized
from yolox_ela.input_size import InputSize
from yolox_ela.recipe import Recipe

HSV_GAINS = (5, 30, 30)  # largest shifts: hue (range 0-179), saturation and value (0-255)


@dataclass(frozen=True)
class Tile:
    """One image on the canvas.

    Attributes:
        index: the image's position in the set.
        size: (width, height) to which the whole image is resized.
        offset: (x, y) of the resized image's top left corner on the canvas; may be negative.
        window: (x1, y1, x2, y2) of the canvas that this tile fills.
    """

    index: int
    size: tuple[int, int]
    offset: tuple[int, int]
    window: tuple[int, int, int, int]


@dataclass(frozen=True)
class SamplePlan:
    """How a training sample is made.

    Attributes:
        tiles: the images, on a canvas of `canvas` (width, height) pixels, grey elsewhere.
        scales: each tile's resized size over its original size (one factor for both axes).
        matrix: (2, 3) affine map from canvas to output pixels, or None if the canvas is the output.
        output: size of the output.
        hsv: shifts of hue, saturation and value; zeros change nothing.
        mirror: width of the part that is flipped left to right (x becomes width - x); 0 for none.
    """

    tiles: tuple[Tile, ...]
    scales: tuple[float, ...]
    canvas: tuple[int, int]
    matrix: np.ndarray | None
    output: InputSize
    hsv: tuple[int, int, int]
    mirror: int


def sample_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random generator of one sample, the same in every process."""
    # numpy pads seeds with zeros: without "+ 1", image 0 would get the same random numbers as the
    # order of the epoch's images, whose seed is [seed, epoch].
    return np.random.default_rng([seed, epoch, index + 1])


def plan_sample(
    generator: np.random.Generator, index: int, sizes: np.ndarray, recipe: Recipe, mosaic: bool
) -> SamplePlan:
    """Plan a training sample at random.

    Args:
        generator: the source of all random numbers.
        index: the sample's first image; a mosaic adds three random images.
        sizes: (I, 2) width and height of all images.
        recipe: the augmentation's settings.
        mosaic: False in the last epochs, where only HSV jitter and flip remain.
    """
    output = InputSize.of(recipe.image_size)
    size = np.array([output.width, output.height])
    if mosaic and generator.random() < recipe.mosaic_prob:
        others = generator.integers(0, len(sizes), size=3)
        center = generator.uniform(0.5 * size, 1.5 * size).astype(int)
        indices = (index, *(int(i) for i in others))
        placed = [
            _mosaic_tile(i, sizes[i].tolist(), corner, (int(center[0]), int(center[1])), output)
            for corner, i in enumerate(indices)
        ]
        canvas, matrix = (2 * output.width, 2 * output.height), _random_affine(generator, recipe)
    else:
        placed = [_letterbox_tile(index, sizes[index].tolist(), output)]
        canvas, matrix = (output.width, output.height), None

    hsv = (0, 0, 0)
    if generator.random() < recipe.hsv_prob:
        gains = generator.uniform(-1, 1, 3) * HSV_GAINS * generator.integers(0, 2, 3)
        hsv = (int(gains[0]), int(gains[1]), int(gains[2]))
    mirror = 0
    if generator.random() < recipe.flip_prob:
        # Without mosaic YOLOX mirrors the image before it pads it on the right.
        mirror = output.width if matrix is not None else placed[0][0].size[0]
    tiles, scales = zip(*placed, strict=True)
    return SamplePlan(tiles, scales, canvas, matrix, output, hsv, mirror)


def plan_boxes(
    plan: SamplePlan, boxes: list[np.ndarray], labels: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The objects of a sample, in output pixels.

    Args:
        plan: the sample's plan.
        boxes: each tile's (N, 4) boxes x1, y1, x2, y2 in pixels of the original image.
        labels: each tile's (N,) class indices.

    Returns:
        (M, 4) float32 boxes inside the output and (M,) labels. Boxes with a side of 1 pixel or
        less are dropped.
    """
    counts = [len(tile_boxes) for tile_boxes in boxes]
    scales = np.repeat(np.array(plan.scales, np.float32), counts)
    offsets = np.repeat(np.array([tile.offset * 2 for tile in plan.tiles]), counts, axis=0)
    all_boxes = np.concatenate(boxes) * scales[:, None] + offsets
    all_labels = np.concatenate(labels)
    all_boxes = np.clip(all_boxes, 0, np.array(plan.canvas * 2))
    if plan.matrix is not None:
        all_boxes = transform_boxes(all_boxes, plan.matrix)
    if plan.mirror:
        all_boxes[:, [0, 2]] = plan.mirror - all_boxes[:, [2, 0]]
    # Clipped after the flip: the width of flipped images is rounded down, so that a box may end
    # beyond it.
    all_boxes = np.clip(all_boxes, 0, np.array([plan.output.width, plan.output.height] * 2))
    keep = (all_boxes[:, 2:] - all_boxes[:, :2]).min(axis=1) > 1
    return all_boxes[keep].astype(np.float32), all_labels[keep]


def transform_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The axis-aligned boxes around (N, 4) boxes that a (2, 3) affine map has transformed."""
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    corners = corners @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def _letterbox_tile(index: int, size: tuple[int, int], output: InputSize) -> tuple[Tile, float]:
    scale = letterbox_scale(size, output)
    width, height = resized(size, scale)
    return Tile(index, (width, height), (0, 0), (0, 0, width, height)), scale


def _mosaic_tile(
    index: int, size: tuple[int, int], corner: int, center: tuple[int, int], output: InputSize
) -> tuple[Tile, float]:
    """The tile of a mosaic, with one corner at the mosaic's centre.

    Tiles 0 to 3 lie to the top left, top right, bottom left and bottom right of the centre.
    """
    scale = letterbox_scale(size, output)
    width, height = resized(size, scale)
    x = center[0] - width if corner % 2 == 0 else center[0]
    y = center[1] - height if corner < 2 else center[1]
    right, bottom = min(x + width, 2 * output.width), min(y + height, 2 * output.height)
    window = (max(x, 0), max(y, 0), right, bottom)
    return Tile(index, (width, height), (x, y), window), scale


def _random_affine(generator: np.random.Generator, recipe: Recipe) -> np.ndarray:
    """YOLOX's map from the canvas to the output: rotation, zoom, shear, then a shift."""
    angle = math.radians(generator.uniform(-recipe.degrees, recipe.degrees))
    zoom = generator.uniform(*recipe.mosaic_scale)
    shear_x, shear_y = np.tan(np.radians(generator.uniform(-recipe.shear, recipe.shear, size=2)))
    height, width = InputSize.of(recipe.image_size)
    shift = generator.uniform(-recipe.translate, recipe.translate, size=2) * (width, height)
    # Positive angles turn counter-clockwise on the screen, where y points down.
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    rotation = np.array([[cos, sin], [-sin, cos]])
    shear = np.array([[1, shear_y], [shear_x, 1]])
    return np.concatenate([shear @ rotation, shift[:, None]], axis=1)
