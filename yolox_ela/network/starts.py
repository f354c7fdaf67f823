"""Weights that are found by name, and what any file of weights is called as a start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from yolox_ela.choices import DEFAULT_START as DEFAULT
from yolox_ela.choices import DETECTOR, LEGACY_START
from yolox_ela.errors import UserError
from yolox_ela.network.normalisation import FOLDED
from yolox_ela.network.weights import plain_state, read_checkpoint, weights_digest
from yolox_ela.system.fetch import DownloadError, fetch, file_digest
from yolox_ela.system.files import as_path, default_cache, exists, is_file

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
        title: the name in tables and reports.
        url: the address of the download.
        file: the file's name in the cache.
        digest_of: the function whose value identifies the weights.
        digest: the value of `digest_of` for these weights.
    """

    title: str
    url: str
    file: str
    digest_of: Callable[[Path], str]
    digest: str


RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
# SHA-256 of the release's files, as public projects that keep copies of them state it.
RELEASED = {
    "nano": "cd28f55fbbc1829f99d9ac9b38a16d259a22889739c8728ea877610201feff7b",
    "tiny": "9de513de589ac98bb92d3bca53b5af7b9acfa9b0bacb831f7999d0f7afaee8f0",
    "s": "f55ded7181e1b0c13285c56e7790b8f0e8f8db590fe4edb37f0b7f345c913a30",
    "m": "60076992b32da82951c90cfa7bd6ab70eba9eda243e08b940a396f60ac2d19b6",
    "l": "1e6b7fa6240375370b2a8a8eab9066b3cdd43fd1d0bfa8d2027fd3a51def2917",
    "x": "5652330b6ae860043f091b8f550a60c10e1129f416edfdb65c259be6caf355cf",
}
# The default start of each size of YOLOX.
COCO = {
    size: NamedStart(
        title="COCO weights (release 0.1.1rc0)",
        url=f"{RELEASE}/yolox_{size}.pth",
        file=f"yolox_{size}.pth",
        digest_of=sha256_of_file,
        digest=digest,
    )
    for size, digest in RELEASED.items()
}
# By the name that `-c` takes; the files are those of YOLOX-Nano.
STARTS = {
    DEFAULT: COCO["nano"],
    # No published checksum of this file was found, so it is recognised by its tensors.
    LEGACY_START: NamedStart(
        title="COCO weights (legacy release, folded)",
        url="https://github.com/Megvii-BaseDetection/storage/releases/download/0.0.1/yolox_nano.pth",
        file="yolox_nano_legacy.pth",
        digest_of=sha256_of_kept_tensors,
        digest="0b8b22635a1e028162f5efa1e6b8fb3d9a70aeb9bf37c7b0e668bf2e44a21457",
    ),
}


PRETRAINED = Path(__file__).resolve().parents[1] / "pretrained"  # weights in the package


def pretrained_file(name: str = DETECTOR) -> Path:
    """The package's own weights of a name.

    Raises:
        UserError: the package has no weights of this name.
    """
    path = PRETRAINED / f"{name}.pth"
    if not is_file(path):
        names = ", ".join(sorted(p.stem for p in PRETRAINED.glob("*.pth"))) or "none"
        raise UserError(
            f"this installation has no weights '{name}' (no {path}; it has {names}): give other "
            "weights with -c, as in -c coco"
        )
    return path


def start_file(given: str | Path, cache: Path | None = None, *, size: str = "nano") -> Path:
    """The file behind `-c`: that of a name, downloaded once if need be, or the one that is given.

    Args:
        given: a key of `STARTS`, the name of weights in the package, or a path.
        cache: the folder of downloads; by default that of `default_cache()`.
        size: a key of `SIZES`: that of the network that starts from the file.

    Raises:
        UserError: no connection, a full disk, the download is something else, or there are no
            weights of this name or size.
    """
    wanted = as_path(given, "the name of weights")
    start = STARTS.get(str(given))  # a Path has no `./`, which makes `./coco` a file
    if start is None:
        is_name = wanted.name == str(given) and not wanted.suffix and not exists(wanted)
        return pretrained_file(wanted.name) if is_name else wanted
    if size != "nano":
        if str(given) != DEFAULT:
            raise UserError(
                f"the weights {given} are for size nano only, and the network is of size {size}: "
                f"give -c {DEFAULT}, which has all sizes, or a file"
            )
        start = COCO[size]
    path = (default_cache() if cache is None else Path(cache)) / start.file
    try:
        return fetch(
            [start.url],
            path,
            algorithm="sha256",
            digest=start.digest,
            label=f"{start.title} of YOLOX-{size.capitalize()}",
            digest_of=start.digest_of,
        )
    except DownloadError as error:
        raise UserError(
            f"{error}\nWithout a connection, either\n"
            f"  download {start.url} elsewhere and put it at {path}, or\n"
            "  give other weights with -c FILE, or\n"
            "  (to train only) start from random weights with -c none."
        ) from error


@dataclass(frozen=True)
class Start:
    """The origin of a training's initial weights.

    Attributes:
        name: as records have it: `random`, a key of `STARTS`, or a file's name.
        sha256: see `weights_digest`; of the file's network before its class rows are changed, or of
            the random one. Empty where it is unknown.
        report: a line for the log: which tensors were loaded.
        detects: whether a training's network detects all its classes before any step, so that it
            can be compared with its start.
    """

    name: str
    sha256: str
    report: str
    detects: bool = False

    def __str__(self) -> str:
        digest = f", SHA-256 of its tensors {self.sha256}" if self.sha256 else ""
        return f"{self.report} (start: {self.name}{digest})"


def start_of_file(path: Path, state: Mapping[str, Tensor], report: str = "") -> Start:
    """The start from a file of weights, named by its key in `STARTS` if its content is known.

    Args:
        path: the file.
        state: its network, as `state_dict_of` gives it.
        report: a line for the log: which tensors were loaded.
    """
    # The file's own tensors need not be read again: only FOLDED ones were changed since.
    digests: dict[Callable[[Path], str], str] = {
        sha256_of_file: sha256_of_file(path),
        sha256_of_kept_tensors: weights_digest(state, without=FOLDED),
    }
    names = [*STARTS.items(), *((DEFAULT, named) for named in COCO.values())]
    known = (name for name, named in names if digests[named.digest_of] == named.digest)
    other = f"file {path.name}" if path.name in (RANDOM, *STARTS) else path.name
    text = f"{path}: {report}" if report else str(path)
    return Start(next(known, other), weights_digest(state), text)


def start_of_run(content: Mapping[str, Any], path: Path) -> Start:
    """The start that a run recorded in its checkpoint, or in state.pth, at `path`."""
    name, digest = content.get("start") or "unknown", content.get("start_sha256", "")
    return Start(name, digest, f"those of {path}")


def title_of_start(name: str) -> str:
    """The name of a recorded start in tables and reports."""
    if name == RANDOM:
        return "random weights"
    return STARTS[name].title if name in STARTS else name
