"""Which format a data set is in: told by the files of the folder, or by the file that was named."""

from pathlib import Path

from loguru import logger

from yolox_ela.datasets.layout import PARTS, voc_years
from yolox_ela.datasets.readers.find_coco import find_coco
from yolox_ela.datasets.readers.reader import Reader
from yolox_ela.datasets.readers.voc import VocReader
from yolox_ela.datasets.readers.xml_folders import XmlFolderReader, find_xml_folders
from yolox_ela.datasets.readers.yolo import find_yolo
from yolox_ela.errors import UserError

FORMATS = (
    "a VOCdevkit; a folder, or one for each of train, valid and test, of images with XML beside "
    "them; COCO JSON (annotations/instances_train.json, or train/_annotations.coco.json, with the "
    "images); or YOLO txt with its data.yaml"
)


def open_data(path: Path, xml_counts_from: int = 1) -> Reader:
    """The reader of a data set.

    Args:
        path: its folder, a JSON file of COCO's annotations, or a data.yaml.
        xml_counts_from: the number of the first column and row of pixels in VOC's XML, 1 or 0; the
            other formats say it themselves.

    Raises:
        UserError: there is nothing, it is in none of the formats, or in several.
    """
    reader = _reader_of(Path(path), xml_counts_from)
    if xml_counts_from != 1 and isinstance(reader, (VocReader, XmlFolderReader)):
        logger.info("boxes in the XML of {} are counted from {}", path, xml_counts_from)
    elif xml_counts_from != 1:
        logger.warning("xml_counts_from has no effect on {} ({})", path, reader.layout)
    return reader


def _reader_of(path: Path, xml_counts_from: int) -> Reader:
    if path.is_file():
        return _open_file(path)
    if not path.is_dir():
        raise UserError(f"no data set at {path}: there is no such folder or file")
    if voc_years(path) or (all((path / part).is_dir() for part in PARTS)):
        return VocReader(path, xml_counts_from)
    found: list[Reader] = [
        reader
        for reader in (
            find_coco(path),
            find_yolo(path),
            find_xml_folders(path, xml_counts_from),
        )
        if reader is not None
    ]
    if len(found) > 1:
        layouts = " and ".join(reader.layout for reader in found)
        raise UserError(
            f"{path} holds {layouts}, and which is meant cannot be told: give the JSON file or the "
            "data.yaml itself, or a folder with one of them alone"
        )
    if not found:
        below = [str(folder) for folder in sorted(path.iterdir()) if _holds_data(folder)]
        hint = f"; there is one in {' and one in '.join(below[:3])}: give that" if below else ""
        raise UserError(f"no data set found in {path}{hint}. What is read: {FORMATS}")
    return found[0]


def _holds_data(folder: Path) -> bool:
    """Whether a folder below the one that was named is a data set."""
    if not folder.is_dir():
        return False
    readers = (find_coco, find_yolo, find_xml_folders)
    return bool(voc_years(folder)) or any(find(folder) is not None for find in readers)


def _open_file(path: Path) -> Reader:
    suffix = path.suffix.lower()
    reader: Reader | None = None
    if suffix == ".json":
        reader = find_coco(path)
    elif suffix in (".yaml", ".yml"):
        reader = find_yolo(path)
    if reader is None:
        raise UserError(f"{path} is no data set: give a folder, a COCO JSON file or a data.yaml")
    return reader
