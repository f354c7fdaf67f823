"""Input that is wrong in unusual ways: one error that names it, and nothing hangs."""

import io
import pickle
import struct
import sys
import textwrap

import numpy as np
import pytest
from forked import run_script
from PIL import Image

from yolox_ela.augment.loader import SampleKey, TrainDataset
from yolox_ela.augment.plan import plan_boxes, plan_sample, sample_generator
from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.load import load_split
from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.images.read import image_size, read_image
from yolox_ela.recipe import Recipe

CLASSES = ("car", "dog", "person")
TRAINVAL = ["2007/trainval"]
CAR = ("car", 11, 6, 30, 20)

ENDS = """
    from pathlib import Path
    from yolox_ela.commands.entry import run
    from yolox_ela.augment.loader import train_loader
    from yolox_ela.datasets.load import load_split
    from yolox_ela.recipe import Recipe

    def main():
        root = Path({root!r})
        split = load_split(root, ["2007/trainval"], ("car",))
        next(root.rglob("5.jpg")).write_bytes(b"garbage")
        list(train_loader(split, Recipe(image_size=64, epochs=2, batch_size=4, workers=2)))

    run(main)
"""


@pytest.mark.slow
def test_a_program_ends_when_an_image_breaks_in_a_worker(voc, tmp_path):
    for number in range(9):
        voc.add(f"{number}")
    script = tmp_path / "train_on_it.py"
    script.write_text(textwrap.dedent(ENDS.format(root=str(voc.root))))
    done = run_script([str(script)], tmp_path)
    assert done.returncode == 2
    assert "5.jpg" in done.stderr
    assert "Traceback" not in done.stderr


def test_mirrored_boxes_stay_inside_the_output():
    recipe = Recipe(image_size=64, multiscale=0, flip_prob=1.0)
    for w, h in [(333, 500), (1333, 4000), (199, 500)]:  # scaled widths are not whole
        plan = plan_sample(sample_generator(0, 0, 0), 0, np.array([[w, h]]), recipe, False)
        boxes, _ = plan_boxes(plan, [np.array([[w / 2, 1, w - 1, h - 1]])], [np.array([0])])
        assert boxes.min() >= 0


def test_sample_and_order_have_streams_of_their_own():
    order = np.random.default_rng([3, 5])
    assert order.random() != sample_generator(3, 5, 0).random()


def bmp_of(width, height):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "BMP")
    data = bytearray(buffer.getvalue())
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


@pytest.mark.parametrize("read", [image_size, read_image])
def test_an_image_that_claims_to_be_huge_is_refused_by_name(tmp_path, read):
    path = tmp_path / "huge.bmp"
    path.write_bytes(bmp_of(60000, 60000))
    with pytest.raises(UserError, match=r"huge\.bmp"):
        read(path)


def test_a_byte_order_mark_is_no_part_of_an_id(voc):
    voc.add("a", [CAR])
    voc.split().write_bytes(b"\xef\xbb\xbfa\n")
    assert load_split(voc.root, TRAINVAL, CLASSES).ids.tolist() == ["a"]


def test_a_split_file_that_is_not_utf8_is_named(voc):
    voc.add("a", [CAR])
    voc.split().write_bytes(b"a\xe9\n")
    with pytest.raises(UserError, match=r"trainval\.txt is not UTF-8"):
        load_split(voc.root, TRAINVAL, CLASSES)


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0" encoding="nonsense"?><annotation/>',
        '<?xml version="1.0" encoding="hex"?><annotation/>',
    ],
)
def test_unknown_encodings_are_bad_annotations(voc, text):
    voc.add("a", [CAR])
    voc.xml("a").write_text(text)
    with pytest.raises(UserError, match="bad annotation"):
        load_split(voc.root, TRAINVAL, CLASSES)


def test_infinite_size(voc):
    voc.add("a", [CAR])
    voc.annotate("a", "<size><width>inf</width><height>3</height></size>", size=None)
    assert load_split(voc.root, TRAINVAL, CLASSES).sizes.tolist() == [[60, 40]]


def test_fingerprint_sees_moved_objects_and_difficult_flags(voc):
    voc.add("a", [CAR, ("dog", 1, 1, 9, 9)])
    voc.add("b")

    def now():
        return load_split(voc.root, TRAINVAL, CLASSES).fingerprint()

    seen = [now()]
    voc.add("a", [CAR])
    voc.add("b", [("dog", 1, 1, 9, 9)])
    voc.split().write_text("a\nb\n")
    seen.append(now())
    voc.add("b", [("dog", 1, 1, 9, 9, 1)])
    voc.split().write_text("a\nb\n")
    seen.append(now())
    assert len(set(seen)) == 3


# not in the patch
def test_sets_that_share_images_are_refused(voc):
    voc.add("a", [CAR])
    with pytest.raises(UserError, match=r"a\.jpg"):
        load_split(voc.folder, ["2007/trainval", "2012/trainval"], CLASSES)


def test_two_image_files_for_one_id_are_reported(voc):
    voc.add("a", [CAR])
    voc.add("a", [CAR], suffix=".png")
    voc.split().write_text("a\n")
    assert check_dataset(voc.root, TRAINVAL, CLASSES).problems


def test_a_malformed_set_is_the_users_mistake(voc):
    voc.add("a", [CAR])
    for read in (load_split, check_dataset):
        with pytest.raises(UserError, match="trainval"):
            read(voc.root, ["trainval"], CLASSES)


def is_of_file(module, path):
    return getattr(module, "__file__", None) == str(path)


def test_loader_processes_need_not_know_the_experiment(voc, tmp_path, monkeypatch):
    """Where processes are spawned, not forked, an experiment's class cannot be imported there."""
    voc.add("1")
    exp = tmp_path / "mine.py"
    exp.write_text(
        "from dataclasses import dataclass\nfrom yolox_ela.experiment import Experiment\n"
        "@dataclass\nclass Exp(Experiment):\n    name: str = 'mine'\n    image_size: int = 64\n"
    )
    dataset = TrainDataset(load_split(voc.root, TRAINVAL, CLASSES), load_experiment(exp))
    pickled = pickle.dumps(dataset)
    for name in [name for name, module in sys.modules.items() if is_of_file(module, exp)]:
        monkeypatch.delitem(sys.modules, name)  # as in a new process, which knows the package alone
    sample = pickle.loads(pickled)[SampleKey(0, 0, True)]
    assert tuple(sample.images.shape) == (1, 3, 64, 64)
