"""Reading JSON files whose content is known."""

import json
from pathlib import Path
from typing import Any

from yolox_ela.errors import UserError
from yolox_ela.schema import Kind, require
from yolox_ela.system.files import read_text


def read_json(path: Path, kind: Kind, remedy: str) -> Any:
    """The content of a JSON file.

    Args:
        path: the file.
        kind: what its content must be.
        remedy: what to do if it is not.

    Raises:
        UserError: the file cannot be read, is damaged, or holds something else.
    """
    try:
        content = json.loads(read_text(path))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}): {remedy}") from error
    require(content, kind, path, remedy)
    return content
