"""What `yolox-ela explain` says at its end, and of pictures that it could not explain."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from yolox_ela.commands.json_results import write_result
from yolox_ela.errors import UserError
from yolox_ela.predict.sources import Item, Video
from yolox_ela.report.page import plain_values


def name_in_messages(item: Item) -> str:
    """A picture's path or address."""
    return str(item.source if isinstance(item, Video) else item)


def require_picture(item: Item) -> Any:
    """The item, unless it is a video."""
    if isinstance(item, Video):
        raise UserError("it is a video or camera: name pictures, such as saved frames of it")
    return item


def skipped(item: Item, error: UserError) -> dict[str, Any]:
    """Say why a picture is left out; its entry in the results."""
    name = name_in_messages(item)
    message = str(error) if name in str(error) else f"{name}: {error}"
    print(f"skipped: {message}", file=sys.stderr)
    return {"image": name, "error": str(error)}


def finish(args: argparse.Namespace, entries: Sequence[Mapping[str, Any]]) -> int:
    """Write what --json asks for, and count what was left out; the exit code."""
    if args.json:
        write_result(plain_values(entries), args.json)
    failures = sum("error" in entry for entry in entries)
    if failures:
        print(f"{failures} of {len(entries)} pictures could not be explained", file=sys.stderr)
    return 1 if failures else 0
