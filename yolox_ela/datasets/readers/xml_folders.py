"""Folders of images with VOC's XML, without VOC's lists."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from yolox_ela.datasets.layout import (
    annotated_folders,
)
from yolox_ela.datasets.lists import FilesById
from yolox_ela.datasets.problems import Problem, Severity
from yolox_ela.datasets.readers.reader import ReadSet, sets_by_name, unknown_set
from yolox_ela.datasets.readers.xml_set import XmlSet, read_annotated, sorted_names, xml_fields
from yolox_ela.errors import UserError
from yolox_ela.images.read import IMAGE_SUFFIXES


class XmlFolderReader:
    """Folders of XML with images beside them, or in a folder of their own, as Roboflow and labelImg
    write them; each folder is a set. See `Reader`.

    Args:
        root: the folder that holds them.
        folders: by the set's name, the folder of its XML and that of its images.
        counts_from: see `parse_annotation`.
    """

    layout = "images with VOC XML"
    headline = "ap50_voc07"

    def __init__(
        self, root: Path, folders: Mapping[str, tuple[Path, Path]], counts_from: int = 1
    ) -> None:
        self.root = self.named = root
        self.counts_from, self.fields = counts_from, xml_fields(counts_from)
        self.folders = dict(folders)

    def sets(self) -> list[str]:
        """See `Reader`."""
        return list(self.folders)

    def default_sets(self) -> tuple[list[str], list[str]]:
        """See `Reader`."""
        return sets_by_name(self.sets())

    def class_names(self, sets: Sequence[str]) -> tuple[str, ...]:
        """All names in the XML of the sets, sorted."""
        return sorted_names([self._files(name) for name in sets])

    def read(self, name: str, classes: Sequence[str], *, ignore_others: bool = False) -> ReadSet:
        """See `Reader`; an image without XML is left out with a warning."""
        files = self._files(name)
        folder = files.images.folder
        stems = {path.stem for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES}
        bare = sorted(stem for stem in stems if stem not in files.annotations)
        problems = []
        if bare:
            detail = (
                f"{len(bare)} images have no XML and are left out: give those without objects an "
                "XML without <object>"
            )
            path = folder / bare[0]
            problems.append(Problem(path, "image without XML", detail, Severity.WARNING))
        return read_annotated(files, problems, classes, ignore_others=ignore_others)

    def _files(self, name: str) -> XmlSet:
        if name not in self.folders:
            raise unknown_set(name, self.sets(), self.root)
        annotated, pictured = self.folders[name]
        ids = sorted(path.stem for path in annotated.iterdir() if path.suffix.lower() == ".xml")
        return XmlSet(
            name,
            ids,
            FilesById(pictured, IMAGE_SUFFIXES),
            FilesById(annotated, (".xml",)),
            self.counts_from,
        )


def find_xml_folders(root: Path, counts_from: int = 1) -> XmlFolderReader | None:
    """Folders of XML and images of the same names below a folder; None if there are none.

    Args:
        root: this folder.
        counts_from: see `parse_annotation`.

    Raises:
        UserError: two folders have the XML of one set.
    """
    pairs = list(annotated_folders(root))
    if not pairs:
        return None
    folders: dict[str, tuple[Path, Path]] = {}
    for annotated, pictured in pairs:
        name = _set_name(annotated, root)
        if name in folders:
            raise UserError(
                f"the XML of the set '{name}' is in {folders[name][0]} and in {annotated}: put it "
                "into one folder, or give one of these with --data"
            )
        folders[name] = annotated, pictured
    return XmlFolderReader(root, folders, counts_from)


def _set_name(annotated: Path, root: Path) -> str:
    """The first folder below the root tells sets apart, unless it only holds all XML."""
    parts = [
        part
        for part in annotated.relative_to(root).parts
        if part.lower() not in ("annotations", "annotation", "xml", "labels", "images")
    ]
    return "/".join(parts) or "all"
