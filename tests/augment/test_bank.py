"""Images kept as pixels: the same as read from their files, and never out of date."""

import os
import pickle
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from yolox_ela.augment import bank as bank_module
from yolox_ela.augment.bank import (
    ImageBank,
    ImageFiles,
    bank_bytes,
    choose_cache,
    disk_bank,
    memory_bank,
    open_images,
)
from yolox_ela.augment.loader import train_loader
from yolox_ela.datasets.load import load_split
from yolox_ela.errors import UserError
from yolox_ela.recipe import Recipe
from yolox_ela.system.machine import available_memory

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
    files = ImageFiles(split, SIDE)
    for index in range(len(split)):
        assert np.array_equal(images[index], files[index])


@pytest.mark.parametrize("cache", ["auto", "ram", "disk", "off"])
def test_images_are_the_same_however_they_are_kept(split, folder, cache):
    images = open_images(split, SIDE, choose_cache(split, SIDE, cache), folder)
    assert isinstance(images, ImageFiles if cache == "off" else ImageBank)
    assert images.image_size == SIDE
    assert_same_images(images, split)
    again = pickle.loads(pickle.dumps(images))  # as a process that is not forked gets them
    assert_same_images(again, split)
    assert folder.exists() == (cache == "disk")


@pytest.mark.parametrize("size", [(64, 128), (128, 64)])
def test_images_for_a_rectangle(split, folder, size):
    """Each just fits into it; a file for it is neither that of a square nor of it turned."""
    files = {str(disk_bank(split, one, folder).file) for one in (64, 128, size, size[::-1])}
    assert len(files) == 4
    bank = disk_bank(split, size, folder)
    for index, (width, height) in enumerate(SIZES):
        scale = min(size[0] / height, size[1] / width)
        assert bank[index].shape == (max(1, int(height * scale)), max(1, int(width * scale)), 3)
        assert np.array_equal(bank[index], ImageFiles(split, size)[index])
    assert disk_bank(split, (64, 64), folder).file == disk_bank(split, 64, folder).file


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
    expected = sum(ImageFiles(split, SIDE)[index].nbytes for index in range(len(split)))
    assert bank_bytes(split, SIDE) == expected


# The file


def reload(root):
    return load_split(root, ["2007/trainval"], ("car",))


@pytest.mark.parametrize("change", ["nothing", "unpacked anew", "elsewhere"])
def test_the_same_data_are_decoded_once(split, folder, voc, change, tmp_path, monkeypatch):
    """Content decides, wherever it lies."""
    disk_bank(split, SIDE, folder)
    (file,) = folder.iterdir()
    before = file.stat().st_mtime_ns
    root = voc.root / "VOCdevkit"
    if change == "unpacked anew":
        for path in root.rglob("*.jpg"):
            os.utime(path, ns=(1, 1))
    elif change == "elsewhere":
        root = shutil.copytree(root, tmp_path / "another place")
    again = reload(root)
    monkeypatch.setattr(bank_module, "_decode_into", lambda *args: pytest.fail("decoded again"))
    bank = disk_bank(again, SIDE, folder)
    assert file.stat().st_mtime_ns == before
    assert_same_images(bank, again)


def test_other_pixels_are_decoded_anew(split, folder, voc):
    disk_bank(split, SIDE, folder)
    picture = np.full((60, 40, 3), 255, np.uint8)
    voc.image("01").write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
    again = reload(voc.root)
    bank = disk_bank(again, SIDE, folder)
    assert_same_images(bank, again)
    assert bank[1].min() > 250


@pytest.mark.parametrize("change", ["a pixel", "cut short", "its end", "longer"])
def test_a_damaged_file_is_noticed_and_replaced(split, folder, change, warnings):
    disk_bank(split, SIDE, folder)
    (file,) = folder.iterdir()
    good = file.read_bytes()
    bad = bytearray(good)
    if change == "a pixel":
        bad[1234] ^= 1
    elif change == "its end":
        bad[-1] ^= 1
    file.write_bytes({"cut short": good[:-40], "longer": good + b"x"}.get(change, bytes(bad)))
    assert_same_images(disk_bank(split, SIDE, folder), split)
    assert file.read_bytes() == good
    assert [path.name for path in folder.iterdir()] == [file.name]
    assert any("is damaged: images are decoded anew" in message for message in warnings)


def test_damage_is_found_in_every_piece(split, folder, monkeypatch):
    """Files are checked in pieces, of which these have many."""
    monkeypatch.setattr(bank_module, "PIECE", 1000)
    disk_bank(split, SIDE, folder)
    (file,) = folder.iterdir()
    good = file.read_bytes()
    for at in range(0, bank_bytes(split, SIDE), 997):
        file.write_bytes(good[:at] + bytes([good[at] ^ 128]) + good[at + 1 :])
        disk_bank(split, SIDE, folder)
        assert file.read_bytes() == good, at


def test_another_size_has_a_file_of_its_own(split, folder):
    first, second = disk_bank(split, SIDE, folder), disk_bank(split, 2 * SIDE, folder)
    assert len(list(folder.iterdir())) == 2
    assert max(first[0].shape) == SIDE
    assert max(second[0].shape) == 2 * SIDE


def test_a_full_disk_is_told_before_decoding(split, folder, monkeypatch):
    room = SimpleNamespace(free=bank_bytes(split, SIDE) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: room)
    with pytest.raises(UserError, match=r"needs [1-9].* KiB, and its disk has .* left"):
        disk_bank(split, SIDE, folder)
    assert list(folder.iterdir()) == []


# Trouble


@pytest.mark.parametrize("cache", ["ram", "disk", "off"])
@pytest.mark.parametrize("content", [b"garbage", "another image", "same shape", None])
def test_an_image_that_changed_is_named_and_leaves_no_file(split, folder, voc, cache, content):
    path = voc.image("03")
    if content is None:
        path.unlink()
    elif content == "same shape":
        path.write_bytes(cv2.imencode(".jpg", cv2.imread(str(path)) // 2)[1].tobytes())
    else:
        path.write_bytes(content if isinstance(content, bytes) else voc.image("01").read_bytes())
    with pytest.raises(UserError, match=r"03\.jpg has (changed|been removed) since .*--resume"):
        assert_same_images(open_images(split, SIDE, cache, folder), split)
    assert not folder.exists() or list(folder.iterdir()) == []


def test_an_image_that_was_written_anew_with_the_same_content_is_fine(split, voc):
    for path in voc.folder.rglob("*.jpg"):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, ns=(1, 1))
    assert_same_images(memory_bank(split, SIDE), split)


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
