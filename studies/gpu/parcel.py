"""Results on their way back: few files of limited size, the most telling ones first."""

import io
import tarfile
from pathlib import Path

from studies.gpu.parts import MIB

FILE_BYTES = 15 * MIB
MOST_BYTES = 60 * MIB  # of all files together
PIECE = "results.tar."
LEFT_OUT = "left_out.txt"
# What goes first where not everything can: numbers and logs, records, weights, states of runs.
ORDER = (".json", ".csv", ".txt", ".md", ".log", ".toml", ".png", ".npz", "best.pth", "state.pth")
NEVER = ("last.pth", "start.pth")  # the state of a run holds the same


def wrap(results: Path, out: Path) -> list[str]:
    """Put a folder of results into pieces of one tar file, in `out`.

    Args:
        results: the folder.
        out: the folder of the pieces, `results.tar.00` and so on.

    Returns:
        Names of files that did not fit; they are also listed in the tar file itself.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = [path for path in results.rglob("*") if path.is_file() and path.name not in NEVER]
    files.sort(key=lambda path: (_rank(path), path.as_posix()))
    left_out: list[str] = []
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path in files:
            name = path.relative_to(results).as_posix()
            if stream.tell() + path.stat().st_size > MOST_BYTES:
                left_out.append(name)
            else:
                archive.add(path, name, recursive=False)
        if left_out:
            text = "\n".join(left_out).encode()
            entry = tarfile.TarInfo(LEFT_OUT)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    content = stream.getvalue()
    for number, start in enumerate(range(0, len(content), FILE_BYTES)):
        (out / f"{PIECE}{number:02}").write_bytes(content[start : start + FILE_BYTES])
    return left_out


def unwrap(returned: Path, results: Path) -> list[str]:
    """Unpack what `wrap` made; files that are there already are replaced.

    Args:
        returned: the folder with the pieces.
        results: where they are unpacked.

    Returns:
        The names of the files.

    Raises:
        ValueError: there are no pieces, or one is missing.
    """
    pieces = sorted(returned.rglob(f"{PIECE}*"))
    if [piece.name for piece in pieces] != [f"{PIECE}{n:02}" for n in range(len(pieces))]:
        raise ValueError(f"{returned} lacks a piece of the results: {[p.name for p in pieces]}")
    if not pieces:
        raise ValueError(f"{returned} holds no {PIECE}00")
    content = b"".join(piece.read_bytes() for piece in pieces)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        # Python before 3.11.4 and 3.10.12 has no filters.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(results)
        return archive.getnames()


def _rank(path: Path) -> int:
    return next((n for n, end in enumerate(ORDER) if path.name.endswith(end)), len(ORDER))
