"""Images kept as pixels: the same as read from their files, and never out of date."""

import os
import pickle
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from yolox_ela.data import bank as bank_module
from yolox_ela.data.bank import (
    ImageBank,
    ImageFiles,
    bank_bytes,
    choose_cache,
    disk_bank,
    open_images,
)
from yolox_ela.data.loader import train_loader
from yolox_ela.data.machine import available_memory
from yolox_ela.data.voc import load_split
from yolox_ela.errors import UserError
from yolox_ela.recipe import Recipe

SIDE = 64
SIZES = [(60, 40), (40, 60), (200, 120), (64, 64), (7, 301)]


@pytest.fixture
def split(voc):
    for number, size in enumerate(SIZES):
        voc.add(f"{number:02}", [("car", 1, 1, 6, 30)], size=size)
    return load_split(voc.root, ["2007/trainval"], ("car",))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def assert_same_images(images, split):
    files = ImageFiles(split.paths, SIDE)
    for index in range(len(split)):
        assert np.array_equal(images[index], files[index])


@pytest.mark.parametrize("cache", ["auto", "ram", "disk", "off"])
def test_images_are_the_same_however_they_are_kept(split, folder, cache):
    images = open_images(split, SIDE, choose_cache(split, SIDE, cache), folder)
    assert isinstance(images, ImageFiles if cache == "off" else ImageBank)
    assert images.side == SIDE
    assert_same_images(images, split)
    again = pickle.loads(pickle.dumps(images))  # as a process that is not forked gets them
    assert_same_images(again, split)
    assert folder.exists() == (cache == "disk")


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("cache", ["ram", "disk"])
def test_batches_do_not_depend_on_the_cache(split, folder, cache, workers):
    recipe = Recipe(image_size=SIDE, multiscale=0, epochs=2, batch_size=3, mosaic_prob=0.7)
    recipe.workers = workers
    images = open_images(split, SIDE, cache, folder)
    cached = list(train_loader(split, recipe, images))
    plain = list(train_loader(split, recipe))
    for one, other in zip(cached, plain, strict=True):
        assert one.keys == other.keys
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.targets, other.targets)


def test_the_size_is_known_beforehand(split):
    expected = sum(ImageFiles(split.paths, SIDE)[index].nbytes for index in range(len(split)))
    assert bank_bytes(split, SIDE) == expected


# The file


def test_a_second_run_does_not_decode(split, folder, monkeypatch):
    disk_bank(split, SIDE, folder)
    (file,) = folder.iterdir()
    before = file.stat().st_mtime_ns
    monkeypatch.setattr(bank_module, "read_image", lambda path: pytest.fail("decoded again"))
    disk_bank(split, SIDE, folder)
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize("change", ["pixels", "touched", "cut short"])
def test_a_change_is_noticed(split, folder, voc, change):
    disk_bank(split, SIDE, folder)
    (file,) = folder.iterdir()
    if change == "pixels":
        picture = np.full((60, 40, 3), 255, np.uint8)
        voc.image("01").write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
    elif change == "touched":
        status = voc.image("01").stat()
        os.utime(voc.image("01"), ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    else:
        file.write_bytes(file.read_bytes()[:-40])
    old = file.read_bytes()
    assert_same_images(disk_bank(split, SIDE, folder), split)
    assert file.read_bytes() != old
    assert [path.name for path in folder.iterdir()] == [file.name]


def test_another_size_has_a_file_of_its_own(split, folder):
    first, second = disk_bank(split, SIDE, folder), disk_bank(split, 2 * SIDE, folder)
    assert len(list(folder.iterdir())) == 2
    assert max(first[0].shape) == SIDE
    assert max(second[0].shape) == 2 * SIDE


def test_a_full_disk_is_told_before_decoding(split, folder, monkeypatch):
    room = SimpleNamespace(free=bank_bytes(split, SIDE) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: room)
    with pytest.raises(UserError, match=r"needs .* GiB, and its disk has .* left"):
        disk_bank(split, SIDE, folder)
    assert list(folder.iterdir()) == []


# Trouble


@pytest.mark.parametrize("cache", ["ram", "disk"])
def test_a_damaged_image_is_named_and_leaves_no_file(split, folder, voc, cache):
    voc.image("03").write_bytes(b"garbage")
    with pytest.raises(UserError, match=r"03\.jpg: it is damaged"):
        open_images(split, SIDE, cache, folder)
    assert not folder.exists() or list(folder.iterdir()) == []


def test_an_image_that_was_replaced_by_one_of_another_shape_is_named(split, folder, voc):
    voc.image("00").write_bytes(voc.image("01").read_bytes())
    with pytest.raises(UserError, match=r"00\.jpg is not the picture of \[60, 40\] pixels"):
        open_images(split, SIDE, "ram", folder)


class TestMemory:
    @pytest.fixture
    def little(self, split, monkeypatch):
        """Room for one and a half banks."""
        free = bank_bytes(split, SIDE) * 3 // 2
        monkeypatch.setattr(bank_module, "available_memory", lambda: free)

    def test_automatic_is_off_where_it_would_take_most_of_it(self, little, split):
        assert choose_cache(split, SIDE, "auto") == "off"

    def test_asked_for_it_takes_what_fits(self, little, split):
        assert choose_cache(split, SIDE, "ram") == "ram"

    def test_refused_where_it_does_not(self, little, split):
        with pytest.raises(UserError, match="use --cache disk, or off"):
            choose_cache(split, SIDE, "ram", processes=2)
        assert choose_cache(split, SIDE, "disk", processes=2) == "disk"

    def test_a_container_limits_it(self, tmp_path):
        (tmp_path / "memory.max").write_text("1000000\n")
        (tmp_path / "memory.current").write_text("700000\n")
        (tmp_path / "memory.stat").write_text("anon 100\ninactive_file 200000\n")
        assert available_memory(tmp_path) == 500_000

    def test_without_a_container_it_is_the_machine(self, tmp_path):
        machine = available_memory(tmp_path)
        (tmp_path / "memory.max").write_text("max\n")
        assert available_memory(tmp_path) == pytest.approx(machine, rel=0.2)
        assert machine > 10**8
