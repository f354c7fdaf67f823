"""Decoding: stored pixels for data sets, upright ones for photographs, damage is never silent."""

import cv2
import numpy as np
import pytest
from PIL import Image

from yolox_ela.data.image import decode_check, image_size, read_image, read_photograph
from yolox_ela.errors import UserError

RED, BLUE = (255, 0, 0), (0, 0, 255)
TURNED = 6  # EXIF: to be turned by 90 degrees clockwise before it is shown


@pytest.fixture
def picture():
    """30 wide, 20 high; the left half red, the right half blue."""
    image = Image.new("RGB", (30, 20), RED)
    image.paste(BLUE, (15, 0, 30, 20))
    return image


def save(picture, path, orientation=1, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(path, exif=exif, **options)
    return path


def test_pixels_are_blue_green_red(picture, tmp_path):
    path = save(picture, tmp_path / "a.png")
    for read in (read_image, read_photograph):
        image = read(path)
        assert (image.shape, image.dtype) == ((20, 30, 3), np.uint8)
        assert image[0, 0].tolist() == [0, 0, 255]
        assert image[-1, -1].tolist() == [255, 0, 0]
        assert image.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGBA", "RGB"])
def test_every_kind_of_pixel_becomes_three_channels(picture, tmp_path, mode):
    picture.convert(mode).save(tmp_path / "a.png")
    expected = np.asarray(picture.convert(mode).convert("RGB"))[:, :, ::-1]
    for read in (read_image, read_photograph):
        assert np.array_equal(read(tmp_path / "a.png"), expected)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_data_sets_ignore_the_rotation_that_photographs_obey(picture, tmp_path, suffix):
    path = save(picture, tmp_path / f"a{suffix}", TURNED)
    stored = read_image(path)
    assert stored.shape == (20, 30, 3)
    assert image_size(path) == (30, 20)
    upright = read_photograph(path)
    assert upright.shape == (30, 20, 3)
    assert upright[2, 10, 2] > 200  # red is at the top now
    assert upright[-2, 10, 0] > 200


def test_a_jpeg_is_decoded_like_opencv_does(tiny_voc):
    for path in sorted(tiny_voc.rglob("*.jpg"))[:5]:
        expected = cv2.imread(str(path))
        assert np.array_equal(read_image(path), expected)
        assert image_size(path) == expected.shape[1::-1]
        assert np.abs(read_photograph(path).astype(int) - expected).max() <= 3


def test_paths_may_hold_any_letters(picture, tmp_path):
    folder = tmp_path / "Фото 画像"
    folder.mkdir()
    path = save(picture, folder / "größe.png")
    assert read_image(path).shape == (20, 30, 3)
    assert read_image(str(path)).shape == (20, 30, 3)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\xff\xd8\xff\xe0", None])
@pytest.mark.parametrize("read", [read_image, read_photograph, image_size, decode_check])
def test_what_is_no_image_is_refused_by_name(tmp_path, read, content):
    path = tmp_path / "holiday.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"holiday\.jpg"):
        read(path)
    with pytest.raises(UserError, match=tmp_path.name):
        read(tmp_path)  # a folder


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
def test_an_image_that_is_cut_short_is_refused_by_name(tmp_path, suffix, kept):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    path = tmp_path / f"holiday{suffix}"
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    for read in (decode_check, read_photograph):
        with pytest.raises(UserError, match=f"holiday{suffix}"):
            read(path)
    if suffix == ".jpg":  # which OpenCV would fill up with grey
        with pytest.raises(UserError, match="holiday"):
            image_size(path)


def test_bytes_after_a_jpeg_do_no_harm(picture, tmp_path):
    path = save(picture, tmp_path / "a.jpg")
    before = read_image(path)
    path.write_bytes(path.read_bytes() + b"maker's notes" * 1000)
    assert image_size(path) == (30, 20)
    decode_check(path)
    assert np.array_equal(read_image(path), before)


def test_sixteen_bit_grayscale(tmp_path):
    ramp = np.tile(np.arange(0, 65536, 512, dtype=np.uint16), (64, 1))
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    found = read_photograph(tmp_path / "deep.png")[0, :, 0].astype(int)
    assert np.abs(found - ramp[0] // 256).max() <= 1
