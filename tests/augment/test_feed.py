"""Samples rendered by loader processes and on the device: the same, in the same order."""

import pytest
import torch
from warping import MOST_LEVELS

from yolox_ela.augment import feed as feed_module
from yolox_ela.augment.bank import memory_bank
from yolox_ela.augment.feed import DeviceFeed, HostFeed, renders_on_device
from yolox_ela.datasets.load import load_split
from yolox_ela.errors import UserError
from yolox_ela.recipe import Recipe

CPU = torch.device("cpu")
SIDE = 64


def recipe_with(**fields):
    settings = {"workers": 0, "epochs": 3, "batch_size": 4, "final_fraction": 1 / 3, **fields}
    return Recipe(image_size=SIDE, multiscale=0, **settings)


@pytest.fixture(scope="module")
def split(voc_writer, tmp_path_factory):
    voc = voc_writer(tmp_path_factory.mktemp("feed"))
    for number in range(6):
        size = (60 + number, 40) if number % 2 else (40, 60 + number)
        objects = [(("car", "dog")[k % 2], 2 + k, 3, 25 + k, 30) for k in range(4 * (number % 3))]
        voc.add(f"{number:02}", objects, size=size)
    return load_split(voc.root, ["2007/trainval"], ("car", "dog"))


@pytest.mark.parametrize("workers", [0, 1])
def test_both_draw_the_same_samples(split, workers):
    """With mosaic and, in the last epoch, without; also by a share of the processes."""
    recipe = recipe_with(workers=workers, mosaic_prob=0.7)
    host = HostFeed(split, recipe, CPU)
    device = DeviceFeed(split, recipe, CPU, memory_bank(split, SIDE))
    for options in ({}, {"start": 3, "rank": 1, "world": 2}):
        batches = zip(host.loader(**options), device.loader(**options), strict=True)
        for one, other in batches:
            assert one.keys == other.keys
            images, targets = host.samples(one)
            rendered, rows = device.samples(other)
            assert rendered.dtype == torch.uint8
            assert rendered.shape == images.shape
            assert (rendered.int() - images.int()).abs().max() <= MOST_LEVELS
            count = targets.shape[1]
            torch.testing.assert_close(rows[:, :count], targets, atol=1e-3, rtol=0)
            assert not rows[:, count:].any()


@pytest.mark.parametrize("mosaic_prob", [0.0, 0.6])
def test_colours_left_to_the_device_are_the_same(split, mosaic_prob):
    """Shifted there or by the loader; mirrored or not; the padding keeps its grey."""
    recipe = recipe_with(mosaic_prob=mosaic_prob, epochs=4)
    now, later = (HostFeed(split, recipe, CPU, colors_later=later) for later in (False, True))
    differing = []
    for one, other in zip(now.loader(), later.loader(), strict=True):
        assert one.colors is None
        assert not torch.equal(one.images, other.images), "not yet shifted"
        images, targets = now.samples(one)
        shifted, same = later.samples(other)
        assert torch.equal(targets, same)
        assert shifted.dtype == torch.uint8
        assert shifted.stride() == images.stride()
        assert (shifted.int() - images.int()).abs().max() <= 1
        differing.append((shifted != images).float().mean().item())
    assert sum(differing) / len(differing) < 0.05


class TestChoice:
    def test_automatic_is_the_cpu_without_a_gpu(self, split):
        assert not renders_on_device("auto", split, recipe_with(), CPU)
        assert not renders_on_device("cpu", split, recipe_with(), torch.device("cuda"))
        assert renders_on_device("device", split, recipe_with(), CPU)

    def test_compiled_feeds_can_be_made_with_this_torch(self, split, monkeypatch):
        """Its options are checked at once, what is compiled only when it is called."""
        monkeypatch.setattr(feed_module, "can_compile", lambda device: True)
        recipe = recipe_with()
        DeviceFeed(split, recipe, CPU, memory_bank(split, SIDE))
        assert HostFeed(split, recipe, CPU).colors_later

    @pytest.mark.parametrize(("share", "fits"), [(3.9, False), (4.1, True)])
    def test_automatic_is_a_gpu_with_four_times_the_room(self, split, monkeypatch, share, fits):
        monkeypatch.setattr(feed_module, "can_compile", lambda device: True)
        free = int(feed_module.bank_bytes(split, SIDE) * share)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10 * free))
        assert renders_on_device("auto", split, recipe_with(), torch.device("cuda")) == fits

    def test_mps_is_refused(self, split):
        with pytest.raises(UserError, match="use --augment cpu"):
            renders_on_device("device", split, recipe_with(), torch.device("mps"))
