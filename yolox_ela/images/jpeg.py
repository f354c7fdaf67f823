"""Decoding JPEG files strictly: what other decoders repair with a warning counts as damage.

In measurements with zeroed parts of photographs, lost data cause the warnings "premature end of
data segment" or "bad Huffman code", and at qualities above 90 mostly "extraneous bytes before
marker", because the picture is complete before the data end. Where zeros are valid codes, there is
no warning.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

SURPLUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # a marker in or behind the data of a scan
START_OF_SCAN, HUFFMAN_TABLES, END = 0xDA, 0xC4, 0xD9
HUFFMAN_FRAMES = (0xC0, 0xC1, 0xC2)  # sequential and progressive
ALONE = (0x01, *range(0xD0, 0xD8))  # markers without a length
LOST = 64  # number of consecutive zero bytes that count as lost data
MAX_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # the limit above which Pillow refuses, too


class Segment(NamedTuple):
    """A part of a file.

    Attributes:
        marker: the second byte of the segment's marker.
        start: the position in the file at which the segment begins.
        body: the content, without marker and length.
        scan: the coded data behind the header of a scan; empty for other segments.
    """

    marker: int
    start: int
    body: bytes
    scan: bytes = b""


def decode_jpeg(data: bytes) -> tuple[np.ndarray, str]:
    """Decode a whole file, without turning the picture by its EXIF orientation.

    Returns:
        (H, W, 3) uint8 BGR, and a description of what is unusual about the file but harmless.

    Raises:
        ValueError: it is damaged, cut short, or of a kind that libjpeg-turbo does not read.
    """
    try:
        return _decode(data), ""
    except ValueError:
        tidy = _without_surplus(data)
        if tidy == data:
            raise
        return _decode(tidy), f"{len(data) - len(tidy)} surplus bytes between its parts"


def has_lost_data(data: bytes) -> bool:
    """Whether a part of the picture's data was replaced by zeros that are valid codes.

    A long run of zeros is legitimate where zero bits mean "end of block", as in flat pictures with
    optimised Huffman tables. Where zero bits are the code of a coefficient, the run would stand for
    hundreds of equal coefficients in a row, which no picture has.
    """
    symbols: dict[int, int] = {}
    zeros, is_huffman = bytes(LOST), False
    for marker, _, body, scan in _segments(data):
        if marker in HUFFMAN_FRAMES:
            is_huffman = True
        elif marker == HUFFMAN_TABLES:
            symbols |= _first_symbols(body)
        elif marker == START_OF_SCAN and is_huffman and len(body) >= 6:
            last = body[-2]  # index of the last coefficient that the scan holds
            symbol = symbols.get(body[2] & 15, 0)  # by the table of its first component
            if last and symbol & 15 and zeros in scan:
                return True
    return False


def _decode(data: bytes) -> np.ndarray:
    height, width, colors, _ = simplejpeg.decode_jpeg_header(data)
    if height * width > MAX_PIXELS:
        raise ValueError(f"{width}x{height} pixels are too many")
    if colors not in ("CMYK", "YCCK"):
        return simplejpeg.decode_jpeg(data, "BGR", strict=True)
    inks = 255 - simplejpeg.decode_jpeg(data, "CMYK", strict=True)  # stored inverted, as by Adobe
    rgb = Image.frombytes("CMYK", (width, height), inks.tobytes()).convert("RGB")
    return np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1])


def _segments(data: bytes) -> Iterator[Segment]:
    """The segments of the first picture, without surplus bytes between them."""
    position = 2
    while 0 <= (start := data.find(b"\xff", position)) < len(data) - 1:
        marker = data[start + 1]
        if marker in (0x00, 0xFF):
            position = start + 1
            continue
        if marker == END:
            yield Segment(marker, start, b"")
            return
        length = 0 if marker in ALONE else int.from_bytes(data[start + 2 : start + 4], "big")
        position = start + 2 + length
        body, scan = data[start + 4 : position], b""
        if marker == START_OF_SCAN:
            end = MARKER.search(data, position)
            stop = end.start() if end else len(data)
            scan, position = data[position:stop], stop
        yield Segment(marker, start, body, scan)


def _without_surplus(data: bytes) -> bytes:
    """The file without surplus bytes, which libjpeg skips with a warning.

    These are bytes between the segments before the picture's data, and padding of equal bytes
    behind the data.
    """
    segments = list(_segments(data))
    scans = [part.start for part in segments if part.marker == START_OF_SCAN]
    if not scans:
        return data
    ahead = [data[:2]]
    for marker, start, body, _ in segments:
        if start < scans[0]:
            ahead.append(data[start : start + 2 + (0 if marker in ALONE else 2 + len(body))])
    tidy = b"".join([*ahead, data[scans[0] :]])
    try:
        simplejpeg.decode_jpeg(tidy, "GRAY", strict=True)
    except ValueError as error:
        surplus = SURPLUS.search(str(error))
        if surplus and segments[-1].marker == END:
            end = segments[-1].start - (len(data) - len(tidy))
            padding = tidy[end - int(surplus[1]) : end]
            if len(set(padding)) == 1:
                return tidy[: end - len(padding)] + tidy[end:]
    return tidy


def _first_symbols(tables: bytes) -> dict[int, int]:
    """For each Huffman table of coefficients, the symbol whose code consists of zero bits.

    The lower four bits of a symbol are the number of bits of a coefficient; 0 for no coefficient.
    """
    first, position = {}, 0
    while position + 17 < len(tables):
        kind, count = tables[position], sum(tables[position + 1 : position + 17])
        if kind >> 4:
            first[kind & 15] = tables[position + 17]
        position += 17 + count
    return first
