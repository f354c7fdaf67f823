"""Annotations of pictures with an EXIF orientation: boxes in stored or in upright pixels."""

from collections.abc import Iterator
from pathlib import Path

from yolox_ela.datasets.problems import Problem, Severity


def turn_problems(
    annotation: Path,
    path: Path,
    orientation: int,
    size: tuple[int, int],
    written: tuple[int, int] | None,
) -> Iterator[Problem]:
    """The problem of an image for which boxes may be in stored instead of upright pixels.

    Args:
        annotation: path of the annotation.
        path: path of the image.
        orientation: EXIF orientation of the image, 1 to 8.
        size: width and height of the upright picture.
        written: width and height according to the annotation; None if it does not state them.
    """
    if orientation == 1:
        return
    if written == size[::-1] != size and orientation >= 5:
        detail = (
            f"the annotation says {written[0]}x{written[1]}, which are the stored pixels of "
            f"{path.name}; by its EXIF orientation {orientation} it is looked at as "
            f"{size[0]}x{size[1]}. If the boxes count stored pixels, remove the tag from the image "
            "(exiftool -Orientation= FILE); if not, fix the size in the annotation"
        )
        yield Problem(annotation, "size mismatch", detail)
    elif orientation < 5 or size[0] == size[1] or written is None:
        detail = (
            f"EXIF orientation {orientation}: it is read upright, and its boxes are taken to "
            "count upright pixels, as labelling tools do"
        )
        yield Problem(path, "turned by EXIF", detail, Severity.WARNING)
