"""Pascal VOC: a VOCdevkit with its lists."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from yolox_ela.datasets.layout import (
    PICTURES,
    find_voc_folder,
    split_names,
    voc_years,
)
from yolox_ela.datasets.lists import FilesById, read_split
from yolox_ela.datasets.names import VOC_CLASSES, parse_set
from yolox_ela.datasets.problems import Problem
from yolox_ela.datasets.readers.reader import ReadSet
from yolox_ela.datasets.readers.xml_set import (
    XmlSet,
    names_in,
    read_annotated,
    read_pictures,
    sorted_names,
    xml_fields,
    xml_files,
)
from yolox_ela.images.read import IMAGE_SUFFIXES

SAMPLED = 200  # annotations that tell whether a VOCdevkit has VOC's own classes


class VocReader:
    """Sets `year/split` of a VOCdevkit, of the folder that holds one, or of a single year's folder;
    see `Reader`.

    Args:
        root: the folder.
        counts_from: see `parse_annotation`.
    """

    layout = "VOCdevkit"
    headline = "ap50_voc07"

    def __init__(self, root: Path, counts_from: int = 1) -> None:
        self.root = self.named = root
        self.counts_from, self.fields = counts_from, xml_fields(counts_from)

    def sets(self) -> list[str]:
        """See `Reader`."""
        return [
            f"{year}/{split}"
            for year in voc_years(self.root)
            for split in split_names(find_voc_folder(self.root, year, PICTURES))
        ]

    def default_sets(self) -> tuple[list[str], list[str]]:
        """trainval and test of the year; train and val where there is no other list."""
        years = voc_years(self.root)
        year = "2007" if "2007" in years or not years else years[-1]
        there = set(self.sets())
        pairs = (("trainval", "test"), ("train", "test"), ("train", "val"))
        named = [(f"{year}/{train}", f"{year}/{test}") for train, test in pairs]
        train, test = next((pair for pair in named if set(pair) <= there), named[0])
        return [train], [test]

    def class_names(self, sets: Sequence[str]) -> tuple[str, ...]:
        """VOC's twenty, unless most of the objects have other names: then those, sorted."""
        files = [self._files(entry, PICTURES)[0] for entry in sets]
        first = [path for of_set in files for path in xml_files(of_set)][:SAMPLED]
        counts = Counter(name for path in first for name in names_in(path))
        official = sum(counts[name] for name in VOC_CLASSES)
        if 2 * official >= counts.total():
            return VOC_CLASSES
        return sorted_names(files)

    def read(self, name: str, classes: Sequence[str], *, ignore_others: bool = False) -> ReadSet:
        """See `Reader`."""
        files, problems = self._files(name, PICTURES)
        if not files.annotations.folder.is_dir() or not files.is_annotated:
            return read_pictures(files, problems)
        return read_annotated(files, problems, classes, ignore_others=ignore_others)

    def _files(self, entry: str, parts: Sequence[str]) -> tuple[XmlSet, list[Problem]]:
        """The files of a set and what is odd about its list."""
        year, split = parse_set(entry)
        folder = find_voc_folder(self.root, year, parts)
        images = FilesById(folder / "JPEGImages", IMAGE_SUFFIXES)
        ids, problems = read_split(folder, year, split, images)
        annotations = FilesById(folder / "Annotations", (".xml",))
        return XmlSet(entry, ids, images, annotations, self.counts_from), problems
