"""Images verified before use: damage is found, and contents are decoded once."""

import os
import shutil
import sqlite3
import threading

import numpy as np
import pytest
from PIL import Image
from reading import CAR, CLASSES, TRAINVAL, box_xml, load, object_in, turned

from yolox_ela.datasets import verification as verification_module
from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.verification import verify_images
from yolox_ela.datasets.verified import Content, VerifiedImages
from yolox_ela.errors import UserError
from yolox_ela.images.read import read_image
from yolox_ela.images.values import UNDECIDED, ValueRange
from yolox_ela.system.files import default_cache

SETS = [*TRAINVAL, "2007/test"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A record of this test's own."""
    monkeypatch.setenv("YOLOX_ELA_CACHE", str(tmp_path / "cache"))
    return default_cache() / "verified_images.sqlite"


@pytest.fixture
def decoded(monkeypatch):
    """Names of the images that are decoded from now on."""
    names = []
    original = verification_module.decode_undamaged

    def decode(data, path):
        names.append(path.name)
        return original(data, path)

    monkeypatch.setattr(verification_module, "decode_undamaged", decode)
    return names


@pytest.fixture
def images(voc):
    for image_id in "abc":
        voc.add(image_id, [CAR])
    return [voc.image(image_id) for image_id in "abc"]


class TestRecord:
    def test_each_content_is_decoded_once(self, images, decoded, tmp_path, cache):
        first = verify_images(images)
        assert sorted(decoded) == ["a.jpg", "b.jpg", "c.jpg"]
        assert len(set(first.hashes.tolist())) == 3
        decoded.clear()
        assert np.array_equal(verify_images(images).hashes, first.hashes)
        moved = shutil.copytree(images[0].parent, tmp_path / "elsewhere")
        paths = [moved / path.name for path in images]
        for path in paths:
            os.utime(path, ns=(1, 1))
        elsewhere = verify_images(paths)
        assert np.array_equal(elsewhere.hashes, first.hashes)
        assert not np.array_equal(elsewhere.stamps, first.stamps)
        assert np.array_equal(verify_images(images, again=True).hashes, first.hashes)
        assert decoded == []

    def test_unchanged_files_are_not_even_read(self, images, monkeypatch):
        verify_images(images)
        for name in ("_hash_file", "_verify_file"):
            monkeypatch.setattr(verification_module, name, lambda name: pytest.fail("was read"))
        assert len(verify_images(images).hashes) == 3

    @pytest.mark.parametrize("keeps_time", [False, True])
    def test_other_content_is_decoded(self, images, decoded, keeps_time):
        """Also of the same size and time."""
        before = verify_images(images)
        decoded.clear()
        path, status = images[1], images[1].stat()
        changed = Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        changed.save(path, quality=60)
        path.write_bytes(path.read_bytes().ljust(status.st_size, b"\0")[: status.st_size])
        if keeps_time:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        after = verify_images(images)
        assert decoded == ["b.jpg"]
        assert [a == b for a, b in zip(before.hashes, after.hashes, strict=True)] == [1, 0, 1]

    @pytest.mark.parametrize("content", [b"no database", b"", "cut", "old"])
    def test_a_damaged_one_is_begun_anew(self, images, decoded, cache, content):
        verify_images(images)
        decoded.clear()
        if content == "cut":
            cache.write_bytes(cache.read_bytes()[:5000])
        elif content == "old":
            with sqlite3.connect(cache) as database:
                database.execute("DROP TABLE contents")
                database.execute("PRAGMA user_version = 99")
            database.close()
        else:
            cache.write_bytes(content)
        assert len(verify_images(images).hashes) == 3
        assert len(decoded) == 3
        decoded.clear()
        verify_images(images)
        assert decoded == []

    def test_one_that_cannot_be_written_is_said(self, images, cache, warnings):
        cache.mkdir(parents=True)  # a folder in its place
        assert verify_images(images).problems == []
        assert any("YOLOX_ELA_CACHE" in message for message in warnings)

    def test_several_processes_may_write(self, tmp_path):
        """Threads with connections of their own stand for them."""
        path, failures = tmp_path / "record.sqlite", []

        def write(number):
            try:
                for index in range(20):
                    name = f"{number}-{index}"
                    content = Content(ValueRange(integers=number), "", name)
                    VerifiedImages(path).add({name: ((1, 2, 3), name)}, {name: content})
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        names = [f"{number}-{index}" for number in range(4) for index in range(20)]
        assert failures == []
        assert VerifiedImages(path).files(names) == {n: ((1, 2, 3), n) for n in names}
        found = VerifiedImages(path).contents(names)
        assert found["3-7"] == Content(ValueRange(integers=3), "", "3-7")
        assert len(found) == 80

    def test_many_files(self, tmp_path):
        record = VerifiedImages(tmp_path / "record.sqlite")
        files = {str(n): ((n, n, n), f"{n:064}") for n in range(1300)}
        record.add(files, {})
        assert record.files([*files, "unknown"]) == files


def damage(path):
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes(200) + data[middle + 200 :])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".gif"])
@pytest.mark.parametrize("used_for", ["trainval", "test"])
def test_damage_inside_an_image_is_found_before_training(voc, suffix, used_for):
    voc.add("a", [CAR])
    voc.add("b", [CAR], size=(600, 400), suffix=suffix, split=used_for)
    if suffix == ".tif":
        Image.open(voc.image("b", suffix)).save(voc.image("b", suffix), compression="tiff_lzw")
    damage(voc.image("b", suffix))
    for _ in range(2):  # it is not taken for verified later
        with pytest.raises(UserError, match=rf"unreadable image .*b\{suffix}"):
            load_split(voc.root, [f"2007/{used_for}"], CLASSES)
    report = check_dataset(voc.root, [f"2007/{used_for}"], CLASSES)
    assert [(p.kind, p.file.name) for p in report.problems] == [("unreadable image", f"b{suffix}")]


@pytest.mark.parametrize(
    ("suffix", "options", "said"),
    [
        (".gif", {"save_all": True}, "the first of 2 pictures"),
        (".tif", {"save_all": True}, "the first of 2 pictures"),
        (".jpg", {}, "surplus bytes"),
    ],
)
def test_odd_files_are_used_and_said(voc, suffix, options, said):
    voc.add("a", [CAR], suffix=suffix)
    path = voc.image("a", suffix)
    first = Image.open(path).convert("RGB")
    if options:
        options["append_images"] = [first.transpose(Image.Transpose.FLIP_TOP_BOTTOM)]
        first.save(path, **options)
    else:
        path.write_bytes(path.read_bytes()[:-2] + bytes(9) + b"\xff\xd9")
    assert len(load(voc)) == 1
    (problem,) = check_dataset(voc.root, TRAINVAL, CLASSES).problems
    assert (problem.severity.value, problem.file) == ("warning", path)
    assert said in problem.detail


@pytest.mark.parametrize(
    ("orientation", "stored", "written", "kind"),
    [
        (6, (60, 40), (40, 60), None),
        (6, (60, 40), (60, 40), "size mismatch"),
        (6, (60, 40), (50, 50), "size mismatch"),
        (6, (40, 40), (40, 40), "turned by EXIF"),
        (3, (60, 40), (60, 40), "turned by EXIF"),
        (6, (60, 40), None, "turned by EXIF"),
        (1, (60, 40), (60, 40), None),
    ],
)
def test_boxes_count_upright_pixels(voc, orientation, stored, written, kind):
    voc.add("a", size=stored)
    turned(voc.image("a"), orientation)
    voc.annotate("a", object_in(box_xml(3, 4, 20, 21)), size=written)
    problems = check_dataset(voc.root, TRAINVAL, CLASSES).problems
    kinds = {p.kind: p for p in problems if p.kind != "no size"}
    assert set(kinds) == ({kind} if kind else set())
    if kind == "size mismatch":
        with pytest.raises(UserError, match="size mismatch"):
            load(voc)
        assert ("exiftool" in kinds[kind].detail) == (written == stored)
    else:
        (size,) = load(voc).sizes.tolist()
        assert size == (list(stored[::-1]) if orientation == 6 else list(stored))
        assert load(voc).read(0).shape[1::-1] == tuple(size)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_twice_in_a_set_is_said(voc, warnings, suffix):
    voc.add("a", [CAR])
    voc.add("b", [CAR])
    voc.image("b").unlink()
    if suffix == ".jpg":
        shutil.copy(voc.image("a"), voc.image("b"))
    else:
        Image.open(voc.image("a")).save(voc.image("b", suffix))
    assert len(load(voc)) == 2
    assert warnings
    (problem,) = check_dataset(voc.root, TRAINVAL, CLASSES).problems
    assert (problem.kind, problem.severity.value) == ("same picture twice", "warning")
    assert "a.jpg" in problem.detail


def test_the_fingerprint_knows_pixels(voc):
    voc.add("a", [CAR])
    before = load(voc)
    Image.new("RGB", (60, 40), "red").save(voc.image("a"))
    after = load(voc)
    assert after.fingerprint() != before.fingerprint()
    assert after.labels_fingerprint() == before.labels_fingerprint()
    assert not after.has_same_data(before)
    assert after.values == UNDECIDED


# Real cases


def test_photographs_turned_by_exif(case, tiny_voc):
    """The upright object lies under its box, in a square picture as well."""
    root = case("07-exif")
    split = load_split(root, TRAINVAL, VOC_CLASSES)
    square, other = (split.ids.tolist().index(image_id) for image_id in ("000627", "000506"))
    stored = np.asarray(Image.open(split.paths[square]))[:, :, ::-1]
    (box,) = split.boxes[split.objects(square)].astype(int)
    assert box.tolist() == [10, 300, 99, 389]
    window = split.read(square)[300:390, 10:100]
    assert np.array_equal(window, np.rot90(stored[300:390, 300:390], -1))
    official = read_image(min(tiny_voc.rglob("000506.jpg"))).astype(int)
    assert split.sizes[other].tolist() == [375, 500]
    assert np.abs(split.read(other) - official).mean() < 6


def test_twelve_bits_in_a_set_of_eight(case, tiny_voc):
    split = load_split(case("24-sixteen-bit"), TRAINVAL, VOC_CLASSES)
    assert split.values == (4095, 0)
    index = split.ids.tolist().index("000506")
    plain = read_image(min(tiny_voc.rglob("000506.jpg"))).mean(axis=2)
    assert np.abs(split.read(index)[:, :, 0] - plain).mean() < 12
