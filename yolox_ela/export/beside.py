"""The metadata of formats that have no room for them: in a .json file beside the file."""

import json
from pathlib import Path

from yolox_ela.errors import UserError
from yolox_ela.export.metadata import Metadata
from yolox_ela.system.files import read_text


def write_beside(metadata: Metadata, path: Path) -> None:
    """Write the metadata beside the file `path`."""
    text = json.dumps(metadata.texts(), indent=2, ensure_ascii=False)
    file_beside(path).write_text(text, encoding="utf-8")


def file_beside(path: Path) -> Path:
    """The file of the metadata of `path`."""
    return path.with_name(f"{path.name}.json")


def read_beside(path: Path) -> Metadata:
    """Read what `write_beside` wrote.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    file = file_beside(path)
    try:
        texts = json.loads(read_text(file))
    except FileNotFoundError as error:
        raise UserError(f"{path} has its metadata in {file}, which is missing") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged: {error}") from error
    return Metadata.of_texts(texts, str(file))
