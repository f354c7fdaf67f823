"""Decoding: the same upright pixels for everyone, damage is never silent."""

import io

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps

from yolox_ela.augment.loader import TrainDataset
from yolox_ela.datasets.load import load_split
from yolox_ela.errors import UserError
from yolox_ela.evaluate.loader import EvalDataset
from yolox_ela.images.read import IMAGE_SUFFIXES, image_header, image_size, read_image
from yolox_ela.recipe import Recipe

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def picture():
    """30 wide, 20 high; the left half red, the right half blue."""
    image = Image.new("RGB", (30, 20), RED)
    image.paste(BLUE, (15, 0, 30, 20))
    return image


@pytest.fixture(scope="module")
def photograph(tiny_voc):
    return Image.open(min(tiny_voc.rglob("000506.jpg"))).convert("RGB").resize((60, 44))


def save(picture, path, orientation=1, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(path, exif=exif, **options)
    return path


def test_pixels_are_blue_green_red(picture, tmp_path):
    image = read_image(save(picture, tmp_path / "a.png"))
    assert (image.shape, image.dtype) == ((20, 30, 3), np.uint8)
    assert image[0, 0].tolist() == [0, 0, 255]
    assert image[-1, -1].tolist() == [255, 0, 0]
    assert image.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGBA", "RGB"])
@pytest.mark.parametrize("suffix", [s for s in IMAGE_SUFFIXES if not s.startswith(".jp")])
def test_every_kind_of_pixel_becomes_three_channels(photograph, tmp_path, mode, suffix):
    """Colours count and alpha is dropped, whichever library decodes."""
    converted = photograph.convert(mode)
    if mode in ("LA", "RGBA"):
        converted.putalpha(Image.linear_gradient("L").resize(photograph.size))
    path = tmp_path / f"a{suffix}"
    try:
        converted.save(path, **({"lossless": True} if suffix == ".webp" else {}))
    except OSError:
        pytest.skip(f"Pillow writes no {suffix} of mode {mode}")
    expected = np.asarray(Image.open(path).convert("RGB"))[:, :, ::-1]
    assert np.array_equal(read_image(path), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_pictures_are_read_upright(photograph, tmp_path, suffix, orientation):
    options = {".jpg": {"quality": 95}, ".webp": {"lossless": True}}.get(suffix, {})
    path = save(photograph, tmp_path / f"a{suffix}", orientation, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))[:, :, ::-1]
    assert np.array_equal(read_image(path), expected)
    assert image_size(path) == expected.shape[1::-1]
    if suffix != ".tif":
        assert image_header(path)[1] == orientation


def test_an_orientation_behind_the_pixels_of_a_png(picture, tmp_path):
    """The standard allows it, and OpenCV and Pillow write it ahead of them."""
    data = save(picture, tmp_path / "a.png", 6).read_bytes()
    start = data.index(b"eXIf") - 4
    length = int.from_bytes(data[start : start + 4], "big") + 12
    end = data.index(b"IEND") - 4
    chunk = data[start : start + length]
    (tmp_path / "b.png").write_bytes(data[:start] + data[start + length : end] + chunk + data[end:])
    assert read_image(tmp_path / "b.png").shape == (30, 20, 3)
    assert image_size(tmp_path / "b.png") == (20, 30)


def test_damaged_exif_is_as_none(picture, tmp_path):
    path = save(picture, tmp_path / "a.jpg", 6)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\0x"))
    assert path.read_bytes() != data
    assert read_image(path).shape == (20, 30, 3)
    assert image_size(path) == (30, 20)


def test_official_photographs_are_decoded_as_by_opencv(tiny_voc):
    """Which other trainings read them with."""
    for path in sorted(tiny_voc.rglob("*.jpg")):
        expected = cv2.imread(str(path))
        assert np.array_equal(read_image(path), expected)
        assert image_size(path) == expected.shape[1::-1]


# Everyone reads alike

DEMO_INPUTS = (
    "cmyk.jpg",
    "exif6.jpg",
    "float01.tif",
    "gray12in16.png",
    "gray16.png",
    "photo.gif",
    "photo.tif",
    "rgba.png",
)


@pytest.mark.parametrize("name", DEMO_INPUTS)
def test_training_evaluation_and_prediction_see_the_same(shared, voc, name):
    """One photograph in many formats: each is the photograph again."""
    source = shared / "cases" / "18-demo-inputs" / name
    plain = read_image(source.parent / "mac" / "photo.jpg").astype(int)
    if name.startswith(("gray", "float")):
        plain = np.repeat(plain.mean(axis=2, keepdims=True), 3, axis=2)
    found = read_image(source)
    height, width = found.shape[:2]
    assert found.shape == plain.shape
    assert np.abs(found - plain).mean() < 8
    voc.add("a", [("car", 1, 1, 20, 20)], size=(width, height), suffix=source.suffix)
    voc.image("a", source.suffix).write_bytes(source.read_bytes())
    split = load_split(voc.root, ["2007/trainval"], ("car",))
    side = max(width, height)
    (_, evaluated, _) = EvalDataset(split, side)[0]
    assert np.array_equal(evaluated, found)
    recipe = Recipe(image_size=side + -side % 32, multiscale=0)
    assert np.array_equal(TrainDataset(split, recipe).images.split.read(0), found)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".bmp", ".tif"])
def test_the_content_and_not_the_name_decides_the_format(photograph, tmp_path, suffix):
    photograph.save(tmp_path / f"a{suffix}")
    before = read_image(tmp_path / f"a{suffix}")
    (tmp_path / f"a{suffix}").rename(tmp_path / "b.jpeg")
    assert np.array_equal(read_image(tmp_path / "b.jpeg"), before)


def test_paths_may_hold_any_letters(picture, tmp_path):
    folder = tmp_path / "Фото 画像"
    folder.mkdir()
    path = save(picture, folder / "größe.png")
    assert read_image(path).shape == (20, 30, 3)
    assert read_image(str(path)).shape == (20, 30, 3)


# Damage


@pytest.mark.parametrize("content", [b"", b"not an image", b"\xff\xd8\xff\xe0", None])
@pytest.mark.parametrize("read", [read_image, image_size])
def test_what_is_no_image_is_refused_by_name(tmp_path, read, content):
    path = tmp_path / "holiday.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"holiday\.jpg"):
        read(path)
    with pytest.raises(UserError, match=tmp_path.name):
        read(tmp_path)  # a folder


@pytest.mark.parametrize("given", [None, 3, b"holiday.jpg"])
@pytest.mark.parametrize("read", [read_image, image_size])
def test_what_is_no_path(read, given):
    with pytest.raises(UserError, match="an image must be a path"):
        read(given)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("clip.mp4", b"\0\0\0\x20ftypisom", "it is a video: `yolox-ela predict`"),
        ("phone.jpg", b"\0\0\0\x18ftypheic", "HEIC picture.*save it as JPEG"),
        ("empty.png", b"", "the file is empty"),
    ],
)
def test_what_else_a_file_is(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    for read in (read_image, image_size):
        with pytest.raises(UserError, match=said):
            read(tmp_path / name)


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_an_image_that_is_cut_short_is_refused_by_name(tmp_path, suffix, kept):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    path = tmp_path / f"holiday{suffix}"
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(UserError, match=f"holiday{suffix}"):
        read_image(path)


def zeroed(data, length):
    middle = len(data) // 2
    return data[:middle] + bytes(length) + data[middle + length :]


def cut_but_ended(data, length):
    return data[:-length] + b"\xff\xd9"


def blocks_lost(data, length):
    """The decoder has all blocks before it has read all data."""
    scan = data.index(b"\xff\xda")
    bits = np.random.default_rng(1).integers(1, 255, length, dtype=np.uint8).tobytes()
    return data[: scan + 40] + bits + data[scan + 40 :]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [70, 90, 97])
@pytest.mark.parametrize("harm", [zeroed, cut_but_ended, blocks_lost])
@pytest.mark.parametrize("length", [100, 600])
def test_what_a_jpeg_decoder_only_warns_of_is_damage(
    photograph, tmp_path, harm, length, quality, progressive
):
    """And zeros in the middle are, where they are valid codes of which no decoder says a word."""
    buffer = io.BytesIO()
    photograph.resize((300, 220)).save(buffer, "JPEG", quality=quality, progressive=progressive)
    path = tmp_path / "a.jpg"
    path.write_bytes(harm(buffer.getvalue(), length))
    with pytest.raises(UserError, match=r"a\.jpg: it is damaged"):
        read_image(path)


def test_zeros_that_no_decoder_complains_of(tiny_voc, tmp_path):
    """In a quarter of photographs that are hit so, they decode without a warning."""
    silent = 0
    for path in sorted(tiny_voc.rglob("*.jpg"))[:24]:
        data = zeroed(path.read_bytes(), 100)
        try:
            simplejpeg.decode_jpeg(data, strict=True)
            silent += 1
        except ValueError:
            pass
        (tmp_path / "a.jpg").write_bytes(data)
        with pytest.raises(UserError, match=r"a\.jpg: it is damaged"):
            read_image(tmp_path / "a.jpg")
    assert silent, "or this test could not fail"


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("color", ["white", "black", "#808080", "red"])
def test_flat_pictures_are_not_taken_for_damaged_ones(tmp_path, color, optimize, progressive):
    """Their data are long runs of few bits."""
    options = {"optimize": optimize, "progressive": progressive}
    Image.new("RGB", (900, 700), color).save(tmp_path / "a.jpg", **options)
    assert read_image(tmp_path / "a.jpg").shape == (700, 900, 3)


@pytest.mark.parametrize(
    ("where", "surplus"),
    [
        ("behind", b"maker's notes" * 1000),
        ("behind", bytes(5000)),
        ("ahead of the tables", b"\0\x01\x02"),
        ("ahead of the tables", b"\xff\xff\xff"),
        ("ahead of the end", b"\0" * 7),
        ("ahead of the end", b"\xff" * 7),
    ],
)
def test_surplus_bytes_that_do_no_harm(tiny_voc, tmp_path, where, surplus):
    original = min(tiny_voc.rglob("*.jpg"))
    data = original.read_bytes()
    at = {"behind": len(data), "ahead of the tables": data.index(b"\xff\xdb")}
    at = at.get(where, len(data) - 2)
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:at] + surplus + data[at:])
    assert np.array_equal(read_image(path), read_image(original))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_damage_inside_a_tiff(photograph, tmp_path, compression, mode):
    path = tmp_path / "a.tif"
    picture = photograph.resize((300, 220))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 16)
    picture.save(path, compression=compression)
    read_image(path)
    path.write_bytes(zeroed(path.read_bytes(), 600))
    with pytest.raises(UserError, match=r"a\.tif"):
        read_image(path)


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_a_changed_byte_of_a_png(photograph, tmp_path, at):
    path = tmp_path / "a.png"
    photograph.save(path)
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"a\.png"):
        read_image(path)


def test_a_tiff_whose_directory_lacks_the_size(picture, tmp_path):
    """Pillow raises TypeError."""
    path = tmp_path / "two.tif"
    picture.save(path, save_all=True, append_images=[picture])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"two\.tif"):
        read_image(path)
