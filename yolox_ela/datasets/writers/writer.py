"""What a writer of a data set's format offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from yolox_ela.datasets.checked import CheckedImage


@dataclass(frozen=True)
class WrittenSet:
    """A set of images as a format can hold it.

    Attributes:
        images: what reading the written set gives, in its order, apart from the images' places.
        annotated: whether there are annotations to write.
    """

    images: list[CheckedImage]
    annotated: bool = True


class Writer(Protocol):
    """Writes sets in one of the formats.

    Attributes:
        layout: the format in words, the same as its reader's.
        shares_names: whether all sets lie in one folder, so that an id must be unique among them.
    """

    layout: str
    shares_names: bool

    def set_names(self, names: Sequence[str]) -> dict[str, str]:
        """What the format calls each set; sets of the same new name are joined."""
        ...

    def held(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> dict[str, WrittenSet]:
        """The sets with what this format can hold of them, in the order in which it reads them."""
        ...

    def unwritable(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> str:
        """Why a name among the classes or images cannot be written; empty if all can."""
        ...

    def image_file(self, folder: Path, set_name: str, image: CheckedImage) -> Path:
        """Where the image goes."""
        ...

    def write(
        self,
        folder: Path,
        sets: Mapping[str, WrittenSet],
        classes: Sequence[str],
        categories: Mapping[str, int],
    ) -> None:
        """Write the annotations, and whatever else the format has besides its images.

        Args:
            folder: the data set's folder.
            sets: as `held` gave them, their images in place.
            classes: the class names that labels index.
            categories: numbers of the classes in COCO JSON.
        """
        ...

    def notes(self, sets: Mapping[str, WrittenSet], classes: Sequence[str]) -> list[str]:
        """What other programs, or the next reader, should be told about the written sets."""
        ...


def safe_id(image_id: str) -> str:
    """An image's id as a path below its set's folder, without steps out of it."""
    parts = PurePosixPath(image_id.replace("\\", "/")).parts
    return "/".join(part for part in parts if part not in ("..", "/"))


def not_text(names: Sequence[str]) -> str:
    """The first name that has bytes which are no text, as an error; empty if there is none."""
    for name in names:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            return f"the name {name.encode('utf-8', 'backslashreplace').decode()} is no text"
    return ""
