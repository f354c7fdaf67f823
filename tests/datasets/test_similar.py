"""Pictures that are nearly the same, found among real photographs, and no others."""

import cv2
import numpy as np
import pytest
from PIL import Image

from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.similar import SIDE, pairs_of_thumbnails, similar_pairs

CAR = ("car", 1, 1, 30, 20)


@pytest.fixture(scope="module")
def photographs(tiny_voc):
    return sorted(tiny_voc.rglob("JPEGImages/*.jpg"))[:40]


def jpeg(pixels, quality=90):
    return ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality], pixels


CHANGES = {
    "recompressed": lambda p: jpeg(p, 40),
    "halved": lambda p: jpeg(cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)),
    "stretched to a square": lambda p: jpeg(cv2.resize(p, (640, 640))),
    "darker": lambda p: jpeg(cv2.convertScaleAbs(p, alpha=0.7)),
    "grey PNG of 16 bits": lambda p: (
        ".png",
        [],
        cv2.cvtColor(p, cv2.COLOR_BGR2GRAY).astype(np.uint16) * 4,
    ),
    "a rim cut off": lambda p: jpeg(p[4:, :-4]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_copies_are_found_and_nothing_else(photographs, tmp_path, change):
    copies = []
    for path in photographs[::5]:
        suffix, options, pixels = change(cv2.imread(str(path)))
        copies.append(tmp_path / f"{path.stem}{suffix}")
        cv2.imwrite(str(copies[-1]), pixels, options)
    found = similar_pairs([*photographs, *copies])
    assert found == [(5 * at, len(photographs) + at) for at in range(len(copies))]


def test_plain_areas_and_mirrored_pictures_are_not_taken_for_the_same(photographs, tmp_path):
    for at, grey in enumerate((20, 20, 128, 255)):
        Image.new("L", (60, 40), grey).save(tmp_path / f"{at}.png")
    mirrored = cv2.imread(str(photographs[0]))[:, ::-1]
    cv2.imwrite(str(tmp_path / "mirrored.png"), mirrored)
    assert similar_pairs([photographs[0], *sorted(tmp_path.glob("*.png"))]) == []
    assert similar_pairs([]) == similar_pairs(photographs[:1]) == []


def test_pairs_across_the_blocks_of_the_comparison():
    thumbnails = np.random.default_rng(0).random((2500, SIDE, SIDE)).astype(np.float32)
    thumbnails[2400] = 0.8 * thumbnails[3] + 0.1
    thumbnails[1500] = thumbnails[1100]
    assert pairs_of_thumbnails(thumbnails) == [(3, 2400), (1100, 1500)]


def test_check_warns_of_them_with_both_files(voc, photographs):
    def add(image_id, data, split):
        voc.add(image_id, [CAR], split=split)
        voc.image(image_id).write_bytes(data)
        with Image.open(voc.image(image_id)) as image:
            voc.annotate(image_id, size=image.size)

    original = photographs[0].read_bytes()
    again = cv2.imencode(".jpg", cv2.imread(str(photographs[0])), [1, 50])[1].tobytes()
    third = cv2.imencode(".jpg", cv2.imread(str(photographs[0])), [1, 60])[1].tobytes()
    add("a", original, "trainval")
    add("b", again, "trainval")
    add("c", third, "test")
    add("d", photographs[1].read_bytes(), "test")
    report = check_dataset(voc.root, ["2007/trainval", "2007/test"], ["car"])
    found = {p.kind: (p.file.name, p.severity.value, p.detail) for p in report.problems}
    name, severity, detail = found["likely leakage"]
    assert (name, severity) == ("c.jpg", "warning")
    assert f"nearly the picture of {voc.image('a')} in 2007/trainval" in detail
    name, _, detail = found["nearly the same picture"]
    assert (name, detail) == ("b.jpg", f"it is nearly the picture of {voc.image('a')}")
    assert sum("nearly" in p.detail for p in report.problems) == 2


def test_the_same_pixels_are_reported_once(voc, photographs):
    for image_id, split in (("a", "trainval"), ("b", "test")):
        voc.add(image_id, [CAR], split=split)
        Image.open(photographs[0]).resize((60, 40)).save(voc.image(image_id), quality=95)
    report = check_dataset(voc.root, ["2007/trainval", "2007/test"], ["car"])
    assert [p.kind for p in report.problems] == ["leakage"]
