"""Values of more than 8 bits: which range they are in, and that it is the same everywhere."""

import re

import cv2
import numpy as np
import pytest
from loguru import logger
from PIL import Image
from reading import CAR, CLASSES, TRAINVAL, load

from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.train_and_test import share_values
from yolox_ela.errors import UserError
from yolox_ela.images.read import read_image
from yolox_ela.images.values import UNDECIDED, ValueRange, to_eight_bits


def integers(*largest):
    return [ValueRange(integers=value) for value in largest]


def floats(*largest):
    return [ValueRange(floats=value) for value in largest]


@pytest.mark.parametrize(
    ("largest", "white"),
    [
        ([], (0, 0)),
        ([UNDECIDED], (0, 0)),
        (integers(0), (0, 0)),
        (integers(1), (255, 0)),
        (integers(2), (255, 0)),
        (integers(255), (255, 0)),
        (integers(256), (1023, 0)),
        (integers(1024), (4095, 0)),
        (integers(100, 4080, 3), (4095, 0)),
        (integers(4096), (16383, 0)),
        (integers(16384), (65535, 0)),
        (integers(65535), (65535, 0)),
        (floats(0.2), (0, 1)),
        (floats(0.2, 1.0), (0, 1)),
        (floats(0.5, 200.0), (0, 255)),
        (floats(4000.0), (0, 4095)),
        (integers(4080) + floats(0.7), (4095, 1)),
    ],
)
def test_the_range_is_the_smallest_that_holds_all(largest, white):
    assert ValueRange.holding(largest) == white


@pytest.mark.parametrize("largest", [floats(1.02), floats(2.0), integers(65536), floats(1e6)])
def test_what_values_mean_may_be_unknown(largest):
    with pytest.raises(UserError, match=r"[Ss]cale"):
        ValueRange.holding(largest)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize("white", [255, 1023, 4095, 65535])
def test_scaling_rounds(dtype, white):
    values = np.arange(0, white + 1, dtype=dtype).reshape(1, -1)
    expected = np.rint(values * (255 / white))
    found = to_eight_bits(values, ValueRange(white, white))
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() == 0
    assert np.array_equal(to_eight_bits(values, UNDECIDED), found), "its own range"


def test_eight_bits_stay(tmp_path):
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert to_eight_bits(picture, ValueRange(4095, 1)) is picture
    black = np.zeros((2, 2), np.float32)
    assert not to_eight_bits(black, UNDECIDED).any()


BAD = {
    "negative": (np.array([[-1.0, 0.5]]), "negative values"),
    "nan": (np.array([[np.nan, 0.5]]), "not finite"),
    "infinite": (np.array([[np.inf, 0.5]]), "not finite"),
    "in between": (np.array([[0.0, 1.5]]), "is white 1 or 255"),
    "large": (np.array([[0.0, 1e5]]), "more than 16 bits"),
}


@pytest.mark.parametrize("name", BAD)
def test_values_that_mean_nothing_are_named(voc, name):
    """In a lone picture and in a data set, before anything is trained."""
    pixels, said = BAD[name]
    voc.add("a", [CAR], suffix=".tif")
    path = voc.image("a", ".tif")
    Image.fromarray(np.resize(pixels, (40, 60)).astype(np.float32)).save(path)
    for read in (read_image, lambda _: load(voc)):
        with pytest.raises(UserError, match=rf"(?s)a\.tif.*{said}"):
            read(path)
    report = check_dataset(voc.root, TRAINVAL, CLASSES)
    assert report.errors == 1
    assert re.search(said, report.problems[0].detail)


def write_deep(path, largest, seed=0):
    """A gray ramp of 16-bit numbers up to `largest`."""
    ramp = np.linspace(0, largest, 2400).astype(np.uint16).reshape(40, 60)
    Image.fromarray(ramp).save(path)
    return ramp


class TestSets:
    @pytest.fixture
    def deep(self, voc):
        """A dark and a bright picture of 12 bits to train on, one of 10 bits to test on."""
        for image_id, largest, split in (
            ("dark", 200, "trainval"),
            ("bright", 4000, "trainval"),
            ("test", 900, "test"),
        ):
            voc.add(image_id, [CAR], suffix=".png", split=split)
            write_deep(voc.image(image_id, ".png"), largest)
        voc.add("plain", [CAR])
        return voc

    def test_the_whole_set_decides(self, deep):
        split = load(deep)
        assert split.values == (4095, 0)
        assert [split.read(i).max() for i in range(2)] == [round(200 / 4095 * 255), 249]
        assert np.array_equal(split.read(2), read_image(deep.image("plain")))
        assert load(deep, ["2007/test"]).values == (1023, 0)

    def test_training_and_test_set_share_it(self, deep):
        train, test = share_values(load(deep), load(deep, ["2007/test"]))
        assert train.values == test.values == (4095, 0)
        assert test.read(0).max() == round(900 / 4095 * 255)

    def test_weights_bring_theirs(self, deep):
        recorded = ValueRange.recorded({"value_range": [16383.0, 0.0]})
        split = load_split(deep.root, ["2007/test"], CLASSES, recorded)
        assert split.read(0).max() == round(900 / 16383 * 255)
        with pytest.raises(UserError, match=r"bright\.png has values up to 4000.*white is 1023"):
            load_split(deep.root, TRAINVAL, CLASSES, ValueRange(integers=1023))

    def test_subsets_keep_it(self, deep):
        split = load(deep)
        assert split.subset([0]).read(0).max() == split.read(0).max()

    def test_it_is_said(self, deep):
        said = []
        handler = logger.add(lambda message: said.append(message.record["message"]), level="INFO")
        load(deep)
        logger.remove(handler)
        (line,) = said
        assert line.endswith("in files of whole numbers of more than 8 bits 4095 is white")


@pytest.mark.parametrize("mode", ["gray", "rgb", "rgba"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_of_every_number_of_channels(tmp_path, suffix, mode):
    """OpenCV writes them, Pillow would cut colours to 8 bits."""
    channels = {"gray": (), "rgb": (3,), "rgba": (4,)}[mode]
    deep = np.random.default_rng(0).integers(0, 4096, (40, 60, *channels), dtype=np.uint16)
    deep[0, 0] = 4095
    path = tmp_path / f"a{suffix}"
    assert cv2.imwrite(str(path), deep)
    expected = np.rint(deep * (255 / 4095)).astype(np.uint8)
    expected = np.stack([expected] * 3, axis=2) if mode == "gray" else expected[:, :, :3]
    assert np.array_equal(read_image(path), expected)


def test_an_inverted_tiff_is_not_read_as_its_negative(tmp_path):
    """OpenCV ignores that white is 0 in it."""
    ramp = write_deep(tmp_path / "a.tif", 4000)
    Image.fromarray(ramp).save(tmp_path / "b.tif", tiffinfo={262: 0})
    assert read_image(tmp_path / "a.tif").max() == 249
    with pytest.raises(UserError, match=r"b\.tif.*not supported.*photometric interpretation 0"):
        read_image(tmp_path / "b.tif")
