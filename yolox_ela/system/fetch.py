"""Downloading a file by checksum: resumed, from mirrors, never half there.

Nothing here guards against other processes: under torchrun the caller lets one rank download.
"""

import errno
import hashlib
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from loguru import logger
from tqdm import tqdm

from yolox_ela.errors import UserError

TIMEOUT = 30  # seconds without an answer or without a byte
CHUNK = 1 << 18  # bytes


class DownloadError(UserError):
    """No url gave the right file."""


def fetch(
    urls: Sequence[str],
    destination: Path,
    *,
    algorithm: str,
    digest: str,
    label: str,
    digest_of: Callable[[Path], str] | None = None,
) -> Path:
    """Download one file, unless it is there already, and return its path.

    An interrupted download stays beside it as `<destination>.part` and is resumed by the next
    url or the next call. `destination` itself appears only once its digest is right; a file
    there with another digest is replaced.

    Args:
        urls: where to get the file, best first; all serve the same bytes.
        destination: the file; its folder is made.
        algorithm: "md5" or "sha256".
        digest: hexadecimal, lower case.
        label: what the file is, for the progress bar (only on a terminal) and the messages.
        digest_of: computes it where it is of a part of the content instead of the whole file.

    Raises:
        DownloadError: every url failed; each is named with its reason.
        UserError: the disk is full or not writable.
    """
    failures: dict[str, str] = {}
    measure = digest_of or (lambda path: file_digest(path, algorithm))
    if destination.is_file():
        found = measure(destination)
        if found == digest:
            return destination
        failures[str(destination)] = f"wrong {algorithm} {found}, expected {digest}"
        logger.warning(f"{destination}: {failures[str(destination)]}; it will be replaced")
    part = destination.with_name(destination.name + ".part")
    with disk_errors(destination.parent, label):
        destination.parent.mkdir(parents=True, exist_ok=True)

    waiting = deque(urls)
    while waiting:
        url = waiting.popleft()
        logger.info(f"downloading {label} from {url}")
        try:
            resumed = _download(url, part, label)
        except (OSError, HTTPException) as error:
            failures[url] = _reason(error)
        else:
            found = measure(part)
            if found == digest:
                part.replace(destination)
                return destination
            part.unlink()
            failures[url] = f"wrong {algorithm} {found}, expected {digest}"
            if resumed:  # the old half may have been the bad one: a fresh start here
                waiting.appendleft(url)
        logger.warning(f"{url}: {failures[url]}")
    reasons = "".join(f"\n  {url}: {reason}" for url, reason in failures.items())
    raise DownloadError(f"cannot download {label} to {destination}:{reasons}")


def file_digest(path: Path, algorithm: str) -> str:
    """Hexadecimal digest ("md5" or "sha256") of a file's content."""
    state = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            state.update(chunk)
    return state.hexdigest()


def _download(url: str, part: Path, label: str) -> bool:
    """Fill `part` from `url`; True if it went on where an earlier download had stopped."""
    offset = part.stat().st_size if part.is_file() else 0
    request = Request(url, headers={"User-Agent": "yolox_ela"})
    if offset:
        request.add_header("Range", f"bytes={offset}-")
    try:
        response = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        if offset and error.code == 416:  # nothing after the offset: the digest will decide
            return True
        raise
    with response:
        resumed = response.status == 206
        if not resumed:
            offset = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            raise HTTPException(f"not the range asked for: {response.headers['Content-Range']}")
        length = response.headers.get("Content-Length", "")
        missing = int(length) if length.isdigit() else None
        with (
            disk_errors(part.parent, label, missing),
            part.open("ab" if resumed else "wb") as file,
            tqdm(
                desc=label,
                initial=offset,
                total=None if missing is None else offset + missing,
                unit="B",
                unit_scale=True,
                disable=None,  # quiet unless stderr is a terminal
            ) as bar,
        ):
            require_space(part.parent, missing or 0, label)
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    # http.client does not complain about a body that ends early.
    size = part.stat().st_size
    if missing is not None and size < offset + missing:
        raise HTTPException(
            f"the connection ended after {size:,} of {offset + missing:,} bytes; "
            "the same command goes on from there"
        )
    return offset > 0


def _reason(error: OSError | HTTPException) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    if isinstance(error, URLError):
        return str(error.reason)
    return str(error) or type(error).__name__


def require_space(folder: Path, needed: int, label: str) -> None:
    """Raise a UserError unless `needed` bytes are free on the folder's disk."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise _full_disk(folder, label, needed)


def _full_disk(folder: Path, label: str, needed: int | None) -> UserError:
    amount = "more space" if needed is None else f"{needed:,} bytes"
    free = shutil.disk_usage(folder).free
    return UserError(
        f"the disk of {folder} is full: {label} needs {amount}, {free:,} bytes are free; "
        "free some space or choose a folder on another disk"
    )


@contextmanager
def disk_errors(folder: Path, label: str, needed: int | None = None) -> Iterator[None]:
    """Say plainly that the disk is full or not writable; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full_disk(folder, label, needed) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR):
            raise UserError(
                f"cannot write {label} into {folder} ({error}); choose a folder you may write to"
            ) from error
        raise
