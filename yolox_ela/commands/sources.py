"""What a command is to look at, and the folder that it writes into: predict and explain."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from yolox_ela.errors import UserError
from yolox_ela.predict.sources import Item, find_items
from yolox_ela.system.claim import claim_folder, claim_new_folder


def named_items(sources: Sequence[str], *, live: bool = False) -> list[Item]:
    """Pictures and videos, each once; what a folder has besides them is reported."""

    def omitted(sentence: str) -> None:
        print(sentence, file=sys.stderr)

    return list(dict.fromkeys(find_items(sources, live=live, on_omitted=omitted)))


def require_outside(folder: Path | None, sources: Sequence[str]) -> None:
    """Raise UserError if what is written would be read as a source the next time."""
    for source in sources:
        place = Path(source)
        if (
            folder is not None
            and place.is_dir()
            and folder.resolve().is_relative_to(place.resolve())
        ):
            raise UserError(f"-o {folder} is inside {place}, which is read: name another folder")


def output_folder(output: Path | None, home: Path, name: str, held: ExitStack) -> Path:
    """The folder of -o, or a new one in runs/, which no other command writes into meanwhile.

    Args:
        output: -o.
        home: the folder of runs/.
        name: what a new folder is called.
        held: the folder is released at its end.
    """
    if output is None:
        claim = claim_new_folder(home / "runs", name)
    else:
        claim = claim_folder(output, "name another folder with -o")
    return held.enter_context(claim).path
