"""Zeroed data in WebP files are found, and zeros that flat pictures have are none."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from yolox_ela.errors import UserError
from yolox_ela.images.read import decode_undamaged
from yolox_ela.images.webp import LOST, has_lost_data

LOSSY = [{"quality": quality, "method": method} for quality in (20, 80, 100) for method in (0, 4)]
LOSSLESS = [{"lossless": True, "quality": 0, "method": 0}, {"lossless": True, "quality": 60}]


def encoded(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", **options)
    return buffer.getvalue()


def zeroed(data, count):
    middle = len(data) // 2
    return data[: middle - count // 2] + bytes(count) + data[middle - count // 2 + count :]


def is_refused(data):
    try:
        decode_undamaged(data, Path("a.webp"))
    except UserError:
        return True
    return False


def graphics():
    for side in (40, 200, 320):
        for colour in ("black", "white", "red"):
            yield Image.new("RGB", (side, side), colour)
            dot = Image.new("RGB", (side, side), colour)
            dot.putpixel((side // 2, side // 2), (9, 200, 9))
            yield dot
        text = Image.new("RGB", (side, side), "white")
        for y in range(0, side, 20):
            ImageDraw.Draw(text).text((3, y), "The same text again " * 9, fill="black")
        yield text
        half = np.zeros((side, side, 3), np.uint8)
        half[side // 2 :] = np.random.default_rng(side).integers(0, 256, half[side // 2 :].shape)
        yield Image.fromarray(half)
        yield Image.fromarray(half[::-1])
        yield Image.fromarray(np.dstack([half, half[:, :, 0]]))
        ramp = np.tile(np.linspace(0, 255, side).astype(np.uint8), (side, 1))
        yield Image.fromarray(ramp).convert("RGB")


@pytest.mark.slow
def test_intact_graphics_have_long_zeros_and_are_no_damage():
    with_zeros = 0
    for picture in graphics():
        for options in [*LOSSY, *LOSSLESS]:
            data = encoded(picture, **options)
            with_zeros += LOST.search(data, 30) is not None
            assert not has_lost_data(data), (picture, options)
    assert with_zeros > 20, "or the test would say nothing"


@pytest.fixture(scope="module")
def photographs(tiny_voc):
    return [Image.open(path) for path in sorted(tiny_voc.rglob("*.jpg"))[:3]]


def test_intact_photographs(photographs):
    for photograph in photographs:
        for options in [*LOSSY, *LOSSLESS]:
            assert not has_lost_data(encoded(photograph, **options))


@pytest.mark.slow
@pytest.mark.parametrize("count", [100, 200, 1000])
def test_zeroed_photographs(photographs, count):
    """Every lossy one; in a lossless one zeros may mean as many pixels as were there."""
    lossless = 0
    files = [{"quality": q} for q in (50, 80, 95)] + LOSSLESS[1:]
    for photograph in photographs:
        for options in files:
            damaged = zeroed(encoded(photograph, **options), count)
            if "lossless" in options:
                lossless += is_refused(damaged)
            else:
                with pytest.raises(UserError, match=r"a\.webp: it is damaged"):
                    decode_undamaged(damaged, Path("a.webp"))
    assert lossless >= 1
