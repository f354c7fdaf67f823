"""Decoding JPEG files strictly: what other decoders patch up with a warning is damage.

Measured by zeroing parts of photographs: lost data show as "premature end of data segment" or
"bad Huffman code", and at qualities above 90 mostly as "extraneous bytes before marker", since the
decoder is done before the data are. Nothing at all shows where zeros happen to be valid codes.
"""

import re
from collections.abc import Iterator

import numpy as np
import simplejpeg
from PIL import Image

SURPLUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
END, START_OF_SCAN, HUFFMAN_TABLES = b"\xff\xd9", 0xDA, 0xC4
SEQUENTIAL = (0xC0, 0xC1)  # frames whose scans are coded one coefficient after the other
ALONE = (0x01, *range(0xD0, 0xD8))  # markers without a length
LOST = 64  # zero bytes in a row
END_OF_BLOCK, ZEROS = 0x00, 0xF0  # Huffman symbols of coefficients that are all 0
MAX_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # where Pillow, too, refuses


def decode_jpeg(data: bytes) -> tuple[np.ndarray, str]:
    """Decode completely, as stored.

    Returns:
        (H, W, 3) uint8 BGR, and what is odd about the file but does no harm to its pixels.

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

    A run of zeros is legitimate only where zero bits mean "nothing more in this block", as in
    flat pictures with Huffman tables of their own.
    """
    segments = list(_segments(data))
    if not segments or segments[-1][0] != START_OF_SCAN:
        return False
    scan_start, scan = segments[-1][1], segments[-1][2]
    if not any(marker in SEQUENTIAL for marker, _, _ in segments):
        return False
    if data.find(bytes(LOST), scan_start, data.find(END, scan_start)) < 0:
        return False
    table = scan[2] & 15  # of the first component's coefficients
    first = _first_symbols(b"".join(body for m, _, body in segments if m == HUFFMAN_TABLES))
    return first.get(table, END_OF_BLOCK) not in (END_OF_BLOCK, ZEROS)


def _decode(data: bytes) -> np.ndarray:
    height, width, colors, _ = simplejpeg.decode_jpeg_header(data)
    if height * width > MAX_PIXELS:
        raise ValueError(f"{width}x{height} pixels are too many")
    if colors not in ("CMYK", "YCCK"):
        return simplejpeg.decode_jpeg(data, "BGR", strict=True)
    inks = 255 - simplejpeg.decode_jpeg(data, "CMYK", strict=True)  # stored inverted, as by Adobe
    rgb = Image.frombytes("CMYK", (width, height), inks.tobytes()).convert("RGB")
    return np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1])


def _segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Marker, start and content of each segment up to and with the first scan's header."""
    position = 2
    while 0 <= (start := data.find(b"\xff", position)) < len(data) - 3:
        marker = data[start + 1]
        if marker in (0x00, 0xFF):
            position = start + 1
            continue
        length = 0 if marker in ALONE else int.from_bytes(data[start + 2 : start + 4], "big")
        position = start + 2 + length
        yield marker, start, data[start + 4 : position]
        if marker == START_OF_SCAN:
            return


def _without_surplus(data: bytes) -> bytes:
    """Without bytes between the segments ahead of the picture's data, and without padding of one
    value behind these; libjpeg skips both with a warning.
    """
    segments = list(_segments(data))
    if not segments or segments[-1][0] != START_OF_SCAN:
        return data
    ahead = [
        data[start : start + 2] if marker in ALONE else data[start : start + 4] + body
        for marker, start, body in segments[:-1]
    ]
    tidy = b"".join([data[:2], *ahead, data[segments[-1][1] :]])
    try:
        simplejpeg.decode_jpeg(tidy, "GRAY", strict=True)
    except ValueError as error:
        surplus = SURPLUS.search(str(error))
        end = tidy.find(END, sum(map(len, ahead)) + 2)
        if surplus and end >= 0:
            padding = tidy[end - int(surplus[1]) : end]
            if len(set(padding)) == 1:
                return tidy[: end - len(padding)] + tidy[end:]
    return tidy


def _first_symbols(tables: bytes) -> dict[int, int]:
    """For each table of coefficients, the symbol whose code is all zero bits."""
    first, position = {}, 0
    while position + 17 < len(tables):
        kind, count = tables[position], sum(tables[position + 1 : position + 17])
        if kind >> 4:
            first[kind & 15] = tables[position + 17]
        position += 17 + count
    return first
