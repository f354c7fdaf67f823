"""Finding WebP files with damage to the picture's data that the decoder does not report.

The decoder accepts any bytes as picture data. Zeros mean "end of block", so a run of zeros decodes
to more blocks than the data that it replaced, and the picture is complete before the data end. A
long run of zeros alone is no damage: flat areas have thousands of them.
"""

import io
import re

from PIL import Image

LOST = re.compile(rb"\0{64,}[^\0]")  # zeros at the end would be padding
PICTURES = (b"VP8 ", b"VP8L")
SPARE = 32  # bytes at the end without which an intact picture of either kind is refused


def has_lost_data(data: bytes) -> bool:
    """Whether a part of the picture's data was replaced by zeros.

    The rule was measured on photographs and graphics of many kinds; see tests/images/test_webp.py.

    Args:
        data: the content of a file that can be decoded.
    """
    for name, start, length in _chunks(data):
        if name in PICTURES and LOST.search(data, start, start + length):
            return _is_complete(_shortened(data, start, length))
    return False


def _chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Name, start and length of each chunk's content."""
    found, position = [], 12
    while position + 8 <= len(data):
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        found.append((data[position : position + 4], position + 8, length))
        position += 8 + length + length % 2
    return found


def _shortened(data: bytes, start: int, length: int) -> bytes:
    """The file without the last bytes of a chunk, with adapted lengths."""
    kept = max(0, length - SPARE)
    chunk = kept.to_bytes(4, "little") + data[start : start + kept] + bytes(kept % 2)
    body = data[8 : start - 4] + chunk + data[start + length + length % 2 :]
    return data[:4] + len(body).to_bytes(4, "little") + body


def _is_complete(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except (OSError, ValueError):
        return False
    return True
