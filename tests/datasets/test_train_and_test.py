"""Images that are in the sets to train on and to evaluate on are found, in whatever file."""

import shutil

import numpy as np
import pytest
from PIL import Image
from reading import CAR, CLASSES, TRAINVAL, load, turned

from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.train_and_test import require_disjoint
from yolox_ela.errors import UserError


def copied(voc, name):
    """The same image under another name, in the other set."""
    voc.add("copy", [CAR], split="test")
    shutil.copy(voc.image("a"), voc.image("copy"))


def saved_as_png(voc, name):
    copied(voc, name)
    Image.open(voc.image(name)).save(voc.image("copy", ".png"))
    voc.image("copy").unlink()


def commented(voc, name):
    copied(voc, name)
    data = voc.image(name).read_bytes()
    voc.image("copy").write_bytes(data[:2] + b"\xff\xfe\x00\x07hello" + data[2:])


def turned_back(voc, name):
    """As stored upright without EXIF, and turned by EXIF."""
    voc.add("copy", [CAR], split="test")
    upright = Image.open(voc.image(name))
    upright.save(voc.image(name, ".png"))
    voc.image(name).unlink()
    upright.rotate(90, expand=True).save(voc.image("copy", ".png"))
    turned(voc.image("copy", ".png"), 6)
    voc.image("copy").unlink()


def linked_year(voc, name):
    (voc.folder.parent / "VOC2012").symlink_to(voc.folder, target_is_directory=True)


def copied_year(voc, name):
    shutil.copytree(voc.folder, voc.folder.parent / "VOC2012")


@pytest.mark.parametrize(
    ("share", "test_set"),
    [
        (copied, "2007/test"),
        (saved_as_png, "2007/test"),
        (commented, "2007/test"),
        (turned_back, "2007/test"),
        (linked_year, "2012/trainval"),
        (copied_year, "2012/trainval"),
    ],
)
def test_images_in_both_sets_are_found_by_their_content(voc, share, test_set):
    voc.add("a", [CAR])
    voc.add("b", [CAR])
    share(voc, "a")
    train = load(voc)
    with pytest.raises(UserError, match=r"to train on and to evaluate on.*a\.(jpg|png)"):
        require_disjoint(train, load_split(voc.root, [test_set], CLASSES))
    report = check_dataset(voc.root, [*TRAINVAL, test_set], CLASSES)
    assert {p.kind for p in report.problems} == {"leakage"}
    assert report.to_text().endswith("do not train on this")


def test_training_on_a_year_and_on_a_link_to_it(voc):
    voc.add("a", [CAR])
    linked_year(voc, "a")
    with pytest.raises(UserError, match="image in two sets"):
        load_split(voc.root, ["2007/trainval", "2012/trainval"], CLASSES)


def test_photographs_saved_anew_without_loss(tiny_voc, tmp_path):
    """Leakage whatever the file: stripped of EXIF and comments, or as PNG."""
    root = shutil.copytree(tiny_voc, tmp_path / "data")
    train = load_split(root, TRAINVAL, VOC_CLASSES)
    names = sorted(train.ids.tolist())[:6]
    folder = root / "VOCdevkit" / "VOC2007"
    with (folder / "ImageSets" / "Main" / "test.txt").open("a") as file:
        for name in names:
            photograph = Image.open(folder / "JPEGImages" / f"{name}.jpg")
            photograph.save(folder / "JPEGImages" / f"x{name}.png")
            shutil.copy(folder / f"Annotations/{name}.xml", folder / f"Annotations/x{name}.xml")
            file.write(f"x{name}\n")
    test = load_split(root, ["2007/test"], VOC_CLASSES)
    assert not np.isin(test.hashes, train.hashes).any()
    with pytest.raises(UserError, match=r"6 images are in the sets to train on and to evaluate on"):
        require_disjoint(train, test)
    require_disjoint(train, test.subset(range(len(test) - 6)))


def test_linked_years(case):
    root = case("20-linked-years")
    (root / "VOC2012").symlink_to("VOC2007", target_is_directory=True)
    train, test = (load_split(root, [f"{y}/trainval"], VOC_CLASSES) for y in ("2007", "2012"))
    with pytest.raises(UserError, match="8 images are in the sets to train on and to evaluate on"):
        require_disjoint(train, test)
