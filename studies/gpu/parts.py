"""Files in parts that a command can take along: packed here, received there.

Only Python's own library is used: on the machine nothing is installed yet when parts arrive.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MIB = 1 << 20
TAR, INDEX, RECEIVED = "part.tar", "part.json", "received.json"


@dataclass(frozen=True)
class Part:
    """What is said about a part in its `part.json`.

    Attributes:
        number: from 0.
        total: number of all parts.
        sha256: of its tar file.
        files: number of files in it.
    """

    number: int
    total: int
    sha256: str
    files: int


def pack(sources: Mapping[str, Path], folder: Path, part_bytes: int) -> list[Path]:
    """Pack files and folders into parts, each a folder `part_00`, `part_01`, and so on.

    Args:
        sources: files or folders by their name on the machine, the first ones into the first parts.
        folder: where the parts are written; it must be new or empty.
        part_bytes: the largest size of a part.

    Returns:
        The folders of the parts.

    Raises:
        ValueError: a file is larger than a part, or there is no file.
        OSError: `folder` is not empty, or a file cannot be read.
    """
    if folder.exists() and any(folder.iterdir()):
        raise OSError(f"{folder} is not empty: name another folder, or delete it")
    groups = list(_groups(_files(sources), part_bytes))
    if not groups:
        raise ValueError(f"no file in {', '.join(map(str, sources.values()))}")
    parts = []
    for number, group in enumerate(groups):
        part = folder / f"part_{number:02}"
        part.mkdir(parents=True)
        with tarfile.open(part / TAR, "w") as archive:
            for name, path in group:
                archive.add(path.resolve(), name, recursive=False)
        about = Part(number, len(groups), _sha256(part / TAR), len(group))
        (part / INDEX).write_text(json.dumps(asdict(about)))
        parts.append(part)
    return parts


def receive(parts: Sequence[Path], work: Path) -> int:
    """Unpack parts that have arrived, each once, and note them.

    Args:
        parts: their folders.
        work: the folder that all parts are unpacked into.

    Returns:
        The number of parts that are still to come, 0 where none has ever arrived.

    Raises:
        ValueError: a part is damaged, or of another packing.
    """
    work.mkdir(parents=True, exist_ok=True)
    noted = work / RECEIVED
    there: dict[str, str] = json.loads(noted.read_text()) if noted.exists() else {}
    total = None
    for folder in parts:
        about = Part(**json.loads((folder / INDEX).read_text()))
        total, key = about.total, f"{about.number} of {about.total}"
        if there.get(key) == about.sha256:
            continue
        if any(not name.endswith(f" of {total}") for name in there) or key in there:
            raise ValueError(f"{folder} is of another packing than what {work} holds: empty it")
        if _sha256(folder / TAR) != about.sha256:
            raise ValueError(f"{folder / TAR} is damaged: pack and send it again")
        with tarfile.open(folder / TAR) as archive:
            # Python before 3.11.4 and 3.10.12 has no filters.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(work)
        there[key] = about.sha256
        noted.write_text(json.dumps(there))
    if total is None:
        total = int(next(iter(there)).split()[-1]) if there else 0
    return total - len(there)


def _files(sources: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for name, source in sources.items():
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                if path.is_file():
                    yield f"{name}/{path.relative_to(source).as_posix()}", path
        else:
            yield f"{name}/{source.name}", source


def _groups(files: Iterable[tuple[str, Path]], part_bytes: int) -> Iterator[list[tuple[str, Path]]]:
    group: list[tuple[str, Path]] = []
    size = 2 * tarfile.RECORDSIZE  # the end of a tar file, filled up to a whole record
    used = size
    for name, path in files:
        # Long names take further headers, and contents are filled up to whole blocks.
        blocks = -(-path.stat().st_size // tarfile.BLOCKSIZE) + 4
        needed = blocks * tarfile.BLOCKSIZE
        if size + needed > part_bytes:
            raise ValueError(f"{path} is larger than a part of {part_bytes / MIB:.0f} MiB")
        if used + needed > part_bytes:
            yield group
            group, used = [], size
        group.append((name, path))
        used += needed
    if group:
        yield group


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
