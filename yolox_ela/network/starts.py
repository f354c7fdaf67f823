"""The pretrained weights that can be chosen by name, and the names of files of weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.network.normalisation import FOLDED
from yolox_ela.network.weights import plain_state, read_checkpoint, weights_digest
from yolox_ela.system.fetch import DownloadError, fetch, file_digest
from yolox_ela.system.files import default_cache

RANDOM = "random"


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, as `sha256sum` prints it."""
    return file_digest(path, "sha256")


def sha256_of_kept_tensors(path: Path) -> str:
    """`weights_digest` of the tensors that `fold_normalisation` does not change."""
    try:
        return weights_digest(plain_state(read_checkpoint(path), path), without=FOLDED)
    except UserError:  # an incomplete download, or a web page instead of the file
        return "of no weights"


@dataclass(frozen=True)
class NamedStart:
    """Weights that can be given as `-c NAME`.

    Attributes:
        title: name in tables and reports.
        url: address of the download.
        file: file name in the cache.
        digest_of: function that computes the digest of a file.
        digest: the right value of the digest.
    """

    title: str
    url: str
    file: str
    digest_of: Callable[[Path], str]
    digest: str


DEFAULT = "coco"
STARTS = {
    DEFAULT: NamedStart(
        title="COCO weights (release 0.1.1rc0)",
        url="https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.pth",
        file="yolox_nano.pth",
        digest_of=sha256_of_file,
        digest="cd28f55fbbc1829f99d9ac9b38a16d259a22889739c8728ea877610201feff7b",
    ),
    # No published checksum of this file was found: its tensors tell it.
    "coco_legacy": NamedStart(
        title="COCO weights (legacy release, folded)",
        url="https://github.com/Megvii-BaseDetection/storage/releases/download/0.0.1/yolox_nano.pth",
        file="yolox_nano_legacy.pth",
        digest_of=sha256_of_kept_tensors,
        digest="0b8b22635a1e028162f5efa1e6b8fb3d9a70aeb9bf37c7b0e668bf2e44a21457",
    ),
}


def start_file(given: str | Path, cache: Path | None = None) -> Path:
    """The file for `-c`: the given path, or the download of a named start.

    Args:
        given: a key of `STARTS`, or a path.
        cache: the folder for downloads; by default `default_cache()`.

    Raises:
        UserError: there is no connection, the disk is full, or the download is a wrong file.
    """
    start = STARTS.get(str(given))
    if start is None:
        return Path(given)
    path = (default_cache() if cache is None else Path(cache)) / start.file
    try:
        return fetch(
            [start.url],
            path,
            algorithm="sha256",
            digest=start.digest,
            label=f"{start.title} of YOLOX-Nano",
            digest_of=start.digest_of,
        )
    except DownloadError as error:
        raise UserError(
            f"{error}\nWithout a connection, either\n"
            f"  download {start.url} elsewhere and put it at {path}, or\n"
            "  give other weights with -c FILE, or\n"
            "  train from random weights with -c none."
        ) from error


@dataclass(frozen=True)
class Start:
    """The origin of a training's initial weights.

    Attributes:
        name: name in records: `random`, a key of `STARTS`, or the name of a file.
        sha256: `weights_digest` of the file's network before its class rows are changed, or of the
            random network; empty if it is unknown.
        report: description of how the weights were used, for the log.
    """

    name: str
    sha256: str
    report: str

    def __str__(self) -> str:
        digest = f", SHA-256 of its tensors {self.sha256}" if self.sha256 else ""
        return f"{self.report} (start: {self.name}{digest})"


def start_of_file(path: Path, state: Mapping[str, Tensor], report: str = "") -> Start:
    """The start from a file of weights, named by its key in `STARTS` if its content is known.

    Args:
        path: path of the file.
        state: its network, as `state_dict_of` returns it.
        report: description of how the weights are used, for the log.
    """
    known = (key for key, named in STARTS.items() if named.digest_of(path) == named.digest)
    other = f"file {path.name}" if path.name in (RANDOM, *STARTS) else path.name
    text = f"{path}: {report}" if report else str(path)
    return Start(next(known, other), weights_digest(state), text)


def start_of_run(content: Mapping[str, Any], path: Path) -> Start:
    """The start that a run has recorded in its checkpoint or state at `path`."""
    name, digest = content.get("start") or "unknown", content.get("start_sha256", "")
    return Start(name, digest, f"those of {path}")


def title_of_start(name: str) -> str:
    """The name of a recorded start in tables and reports."""
    if name == RANDOM:
        return "random weights"
    return STARTS[name].title if name in STARTS else name
