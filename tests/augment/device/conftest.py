"""A set of noise images with objects, as arrays for the renderer and as tensors on a device."""

import cv2
import numpy as np
import pytest
import torch

from yolox_ela.augment.device.boxes import DeviceObjects
from yolox_ela.augment.device.pixels import DeviceBank
from yolox_ela.augment.loader import to_targets
from yolox_ela.augment.plan import plan_boxes, plan_sample, sample_generator
from yolox_ela.augment.render import render
from yolox_ela.images.letterbox import letterbox_scale, resized
from yolox_ela.recipe import Recipe

# Original sizes: wide, high, square, larger and smaller than the output, and very long ones.
SIZES = [(500, 375), (333, 500), (64, 64), (96, 128), (31, 45), (200, 150), (1500, 3), (3, 1500)]
OBJECTS = [0, 3, 1, 9, 2, 0, 1, 4]  # of each image


class ImageSet:
    """Images resized to fit into an input of a size; every second one is coarse noise."""

    def __init__(self, image_size):
        self.image_size = image_size
        generator = np.random.default_rng(image_size)
        self.sizes = np.array(SIZES, dtype=np.int32)
        self.images = []
        for number, size in enumerate(SIZES):
            fitted = resized(size, letterbox_scale(size, image_size))
            grain = fitted[::-1] if number % 2 else (9, 9)
            noise = generator.integers(0, 256, (*grain, 3), dtype=np.uint8)
            self.images.append(cv2.resize(noise, fitted, interpolation=cv2.INTER_CUBIC))
        self.offsets = np.cumsum([0, *OBJECTS])
        corners = generator.uniform(0, 1, (len(OBJECTS) * 9, 2, 2))[: self.offsets[-1]]
        owners = np.repeat(self.sizes, OBJECTS, axis=0)[:, None]
        self.boxes = (np.sort(corners, axis=1) * owners).reshape(-1, 4).astype(np.float32)
        self.labels = generator.integers(0, 20, len(self.boxes))

    def bank(self, device):
        starts = np.cumsum([0, *(image.size for image in self.images)])[:-1]
        sizes = [image.shape[1::-1] for image in self.images]
        pixels = np.concatenate([image.ravel() for image in self.images])
        return DeviceBank(
            torch.from_numpy(pixels).to(device),
            torch.from_numpy(starts).to(device),
            torch.tensor(sizes, device=device),
        )

    def objects(self, device):
        arrays = (self.boxes, self.labels, self.offsets)
        return DeviceObjects(*(torch.from_numpy(array).to(device) for array in arrays))

    def plans(self, count, seed=0, mosaic=None, **fields):
        """`count` plans, by turns with and without mosaic, or all as `mosaic` says."""
        fields = {"mosaic_prob": 1.0, **fields}
        recipe = Recipe(image_size=self.image_size, multiscale=0, **fields)
        return [
            plan_sample(
                sample_generator(seed, 0, number),
                number % len(SIZES),
                self.sizes,
                recipe,
                number // len(SIZES) % 2 == 0 if mosaic is None else mosaic,
            )
            for number in range(count)
        ]

    def render(self, plan):
        """(H, W, 3) uint8 of the renderer that defines the pixels."""
        return render(plan, [self.images[tile.index] for tile in plan.tiles])

    def targets(self, plan):
        """(N, 5) float32 of the functions that define the boxes."""
        rows = [slice(*self.offsets[tile.index : tile.index + 2]) for tile in plan.tiles]
        return to_targets(
            *plan_boxes(plan, [self.boxes[r] for r in rows], [self.labels[r] for r in rows])
        )


@pytest.fixture(scope="session")
def image_sets():
    """Sets by the size of their output."""
    return {size: ImageSet(size) for size in (64, 96, 128, (64, 160), (160, 96))}


@pytest.fixture(params=["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def device(request):
    return request.param


class OnDeviceOnly(torch.utils._python_dispatch.TorchDispatchMode):
    """Fails on tensors of other devices, and so on copies from the host, which may wait."""

    def __init__(self, device):
        super().__init__()
        self.device = torch.device(device)
        self.operators = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.operators += 1
        result = function(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves((args, kwargs, result)):
            if isinstance(tensor, torch.Tensor):
                assert tensor.device == self.device, function
        return result


@pytest.fixture
def shapes_alone():
    """For tensors on "meta", which have no values: reading one back is an error there."""
    with OnDeviceOnly("meta") as mode:
        yield mode
