"""Results as JSON, in the file or on the screen that --json names."""

import json
from pathlib import Path
from typing import Any

from yolox_ela.system.files import write_atomically

SCREEN = Path("-")


def write_result(content: Any, path: Path) -> None:
    """Write JSON to a file, or to the screen if the path is `-`."""
    text = json.dumps(content, indent=2)
    if path == SCREEN:
        print(text)
    else:
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
