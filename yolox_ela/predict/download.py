"""Pictures from the web, within limits of size and time."""

import time
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from yolox_ela.errors import UserError

SILENCE = 15.0  # seconds without a byte
SECONDS = 60.0  # for a whole picture
BYTES = 64 * 2**20
CHUNK = 1 << 16
STREAM = "multipart/x-mixed-replace"  # motion JPEG, as many network cameras send it


def is_web(source: object) -> bool:
    """Whether something is an address of the web."""
    return str(source).lower().startswith(("http://", "https://")) if _is_text(source) else False


def _is_text(source: object) -> bool:
    return isinstance(source, str)


def download(url: str, *, seconds: float = SECONDS, most: int = BYTES) -> bytes:
    """The content behind an address.

    Args:
        url: an address that begins with http:// or https://.
        seconds: the longest time that it may take.
        most: the largest number of bytes that it may have.

    Raises:
        UserError: there is no answer, an answer that is no picture, or one beyond the limits.
    """
    end = time.monotonic() + seconds
    try:
        request = Request(url, headers={"User-Agent": "yolox_ela"})
        with urlopen(request, timeout=min(SILENCE, seconds)) as response:
            kind = response.headers.get_content_type()
            if kind == STREAM or kind.startswith("video/"):
                raise UserError(f"it is a video ({kind}), which --live (live=True) follows")
            if kind in ("text/html", "application/xhtml+xml"):
                raise UserError("it is a web page; give the address of the picture itself")
            content = bytearray()
            while chunk := response.read1(CHUNK):
                content += chunk
                if len(content) > most:
                    raise UserError(f"it has more than {most / 2**20:g} MiB; save it as a file")
                if time.monotonic() > end:
                    raise UserError(f"it took more than {seconds:g} seconds; save it as a file")
            promised = response.headers.get("Content-Length", "")
            if promised.isdigit() and len(content) < int(promised):
                raise UserError(f"the connection ended after {len(content)} of {promised} bytes")
    except HTTPError as error:
        raise UserError(f"the server answers {error.code} {error.reason}") from error
    except (URLError, TimeoutError, OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"cannot be downloaded: {reason}; check address and connection") from error
    return bytes(content)
