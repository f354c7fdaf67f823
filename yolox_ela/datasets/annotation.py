"""Reading Pascal VOC's XML annotations strictly.

Boxes are x1, y1, x2, y2 in pixels counted from 0. VOC's XML counts from 1, so 1 is subtracted.
"""

import codecs
import math
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolox_ela.datasets.readers.numbers import NUMBER
from yolox_ela.system.files import read_bytes

# The start of an XML file that names its encoding, in ASCII characters.
DECLARATION = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']""")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
DIFFICULT = {"": False, "0": False, "0.0": False, "false": False}
DIFFICULT |= {"1": True, "1.0": True, "true": True}
# Elements that VOC's tools write about an image besides its objects.
HEADERS = {"folder", "filename", "path", "source", "owner", "size", "imagesize", "segmented"}
# Tags and attributes that hold a position in the image, in VOC's XML or in other formats.
PLACES = {"bndbox", "robndbox", "polygon", "points", "point", "pt", "box", "bbox", "rectangle"}
PLACES |= {"xmin", "xmax", "xtl", "left", "x1"}
CORNERS = ("xmin", "ymin", "xmax", "ymax")
# Flags of other tools that change or remove an object; harmless if their value is in NOT_SO or 0.
FLAGS = {"deleted", "ignore", "ignored", "iscrowd", "crowd", "isgroupof", "rotation", "angle"}
NOT_SO = {"", "false", "no", "none"}
# Attributes without influence on objects; `type` is a Python type, as in <xmin type="int">.
NAMES = {"id", "uuid", "verified", "pose", "truncated", "occluded"}
TYPES = {"str", "int", "float", "bool", "dict", "list", "number"}


@dataclass(frozen=True)
class Annotation:
    """The content of an XML file.

    Attributes:
        names: class name of each object.
        boxes: (N, 4) float64, counted from 0, neither clipped nor checked.
        difficult: (N,) bool; False where the tag is missing.
        size: (width, height) of the image, or None if the XML does not state it.
        filename: the image's file name according to the XML; empty if it does not state one.
    """

    names: tuple[str, ...]
    boxes: np.ndarray
    difficult: np.ndarray
    size: tuple[int, int] | None
    filename: str = ""


def parse_annotation(path: Path, counts_from: int = 1) -> Annotation:
    """Read an annotation.

    <size> and <difficult> may be missing, coordinates may be decimal, the encoding may be any that
    the file declares and Python knows, and namespaces are ignored.

    Args:
        path: the file.
        counts_from: the number of the first column and row of pixels in it: 1 as VOC has it, or 0.

    Raises:
        ValueError: the file is not readable as XML, or something in it is not understood: another
            root, objects under other tags, an object without exactly one name and one box of four
            finite coordinates, a <difficult> that is neither 0 nor 1, or a flag of another tool
            that an object is deleted, or that its box is rotated.
    """
    root = _read_xml(path)
    for element in root.iter():
        if "}" in element.tag:
            element.tag = element.tag.rpartition("}")[2]
    if root.tag != "annotation":
        raise ValueError(f"no VOC annotation: the root is <{root.tag}>, not <annotation>")
    items = root.findall("object")
    _require_no_other_objects(root, items)
    names, boxes, difficult = [], [], []
    for number, item in enumerate(items, 1):
        where = f"object {number}"
        _require_understood(item, where)
        names.append(_name(item, where))
        boxes.append(_corners(item, where))
        difficult.append(_difficult(item, where))
    return Annotation(
        tuple(names),
        np.array(boxes, dtype=np.float64).reshape(-1, 4) - counts_from,
        np.array(difficult, dtype=bool),
        _size(root),
        (root.findtext("filename") or "").strip(),
    )


def _read_xml(path: Path) -> ET.Element:
    """The root of an XML file, decoded by the encoding that it declares."""
    data = read_bytes(path)
    declared = DECLARATION.match(data)
    encoding = declared[1].decode() if declared else ""
    try:
        codecs.lookup(encoding or "utf-8")
        if data.startswith(codecs.BOM_UTF8):
            return ET.fromstring(data.decode("utf-8-sig"))
        # Expat decodes these itself; of others it knows only those with one byte per character.
        if encoding and not encoding.lower().startswith(("utf-", "iso-8859-1", "us-ascii")):
            return ET.fromstring(data.decode(encoding))
        return ET.fromstring(data)
    except LookupError as error:  # no such encoding, or one that is not for text
        raise ValueError(f"unknown encoding: {error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(_blame_encoding(data, encoding, error)) from error
    except ET.ParseError as error:
        try:
            data.decode("utf-16" if data.startswith(UTF_16) else encoding or "utf-8")
        except UnicodeDecodeError as reason:
            raise ValueError(_blame_encoding(data, encoding, reason)) from reason
        raise ValueError(f"malformed XML: {error}") from error


def _blame_encoding(data: bytes, encoding: str, error: UnicodeDecodeError) -> str:
    says = f"declares the encoding {encoding} and" if encoding else "declares no encoding and"
    line = data.count(b"\n", 0, error.start) + 1
    return (
        f"{says} is not {error.encoding} (byte 0x{data[error.start]:02x} in line {line}): save it "
        'as UTF-8, or declare its encoding at its start, as in <?xml version="1.0" '
        'encoding="GBK"?>'
    )


def _require_no_other_objects(root: ET.Element, items: Sequence[ET.Element]) -> None:
    """Raise ValueError for elements that may be objects but are not read as such.

    These are elements with a position in the image, and other spellings of <object>. In a file
    without any <object>, only VOC's headers and elements of plain text are accepted.
    """
    for child in root:
        if child.tag in HEADERS or child.tag == "object":
            continue
        structured = len(child) > 0 or bool(child.attrib)
        inside = {word.lower() for part in child.iter() for word in (part.tag, *part.attrib)}
        if inside & PLACES or "object" in inside or (structured and not items):
            raise ValueError(
                f"no VOC annotation: <{child.tag}> may hold objects and is not understood; VOC's "
                "objects are <object> directly inside <annotation>"
            )
    if sum(1 for _ in root.iter("object")) > len(items):
        raise ValueError("no VOC annotation: an <object> is inside another")


def _name(item: ET.Element, where: str) -> str:
    tag = _only(item, "name", where)
    name = (tag.text or "").strip() if tag is not None else ""
    if not name:
        raise ValueError(f"{where} has no <name>")
    return unicodedata.normalize("NFC", name)


def _corners(item: ET.Element, where: str) -> list[float]:
    """The box of an object; boxes of its parts are nested in <part> and not read."""
    box = _only(item, "bndbox", where)
    if box is None:
        others = [child.tag for child in item if child.tag.lower() in PLACES]
        instead = f", but <{others[0]}>, which is not understood" if others else ""
        raise ValueError(f"{where} has no usable <xmin>: it has no <bndbox>{instead}")
    if _is_rotated(item):
        raise ValueError(f"{where} is rotated: give it the upright box around it")
    return [_number(box, tag, where) for tag in CORNERS]


def _is_rotated(item: ET.Element) -> bool:
    """Whether an attribute that CVAT writes says that the box is rotated."""
    for attribute in item.find("attributes") or ():
        if (attribute.findtext("name") or "").strip() == "rotation":
            return not _is_not_so(attribute.findtext("value") or "")
    return False


def _require_understood(item: ET.Element, where: str) -> None:
    """Raise ValueError for tags and attributes that may change the meaning of an object."""
    advice = "take it out, or give the object as VOC has it"
    for element in item:
        tag = element.tag.lower()
        if tag in FLAGS and (len(element) or not _is_not_so(element.text or "")):
            raise ValueError(
                f"{where}: <{element.tag}> is '{(element.text or '').strip()}', which is not "
                f"understood; {advice}"
            )
    own = [element for element in item if element.tag in ("name", "difficult", "bndbox")]
    corners = [corner for box in own if box.tag == "bndbox" for corner in box]
    for element in (item, *own, *corners):
        for name, value in element.attrib.items():
            harmless = (
                name.startswith("{")  # from another namespace, such as xml:space
                or name.lower() in NAMES
                or (name == "type" and value in TYPES)
                or (name.lower() in FLAGS | {"difficult"} and _is_not_so(value))
            )
            if not harmless:
                raise ValueError(
                    f'{where}: {name}="{value}" in <{element.tag}> is not understood; {advice}'
                )
    for corner in corners:
        if corner.tag not in CORNERS:
            raise ValueError(f"{where}: <{corner.tag}> in its box is not understood; {advice}")


def _is_not_so(text: str) -> bool:
    """Whether the value of a flag means False, or an angle is 0."""
    text = text.strip().lower()
    return text in NOT_SO or (NUMBER.fullmatch(text) is not None and float(text) == 0)


def _number(box: ET.Element, tag: str, where: str) -> float:
    element = _only(box, tag, where)
    text = element.text if element is not None else None
    value = _parsed(text or "")
    if not math.isfinite(value):
        raise ValueError(f"{where} has no usable <{tag}>: {text!r}")
    return value


def _parsed(text: str) -> float:
    """The number in a text; NaN for anything else, also for Python's spellings such as 1_00."""
    return float(text) if NUMBER.fullmatch(text.strip()) else math.nan


def _difficult(item: ET.Element, where: str) -> bool:
    tag = _only(item, "difficult", where)
    text = (tag.text or "").strip() if tag is not None else ""
    if text.lower() not in DIFFICULT:
        raise ValueError(f"{where}: <difficult> is '{text}', neither 0 nor 1")
    return DIFFICULT[text.lower()]


def _size(root: ET.Element) -> tuple[int, int] | None:
    """Width and height according to the XML; None if they are missing or 0."""
    size = _only(root, "size", "the annotation")
    if size is None:
        return None
    try:
        width = int(_parsed(size.findtext("width") or "0"))
        height = int(_parsed(size.findtext("height") or "0"))
    except (ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _only(parent: ET.Element, tag: str, where: str) -> ET.Element | None:
    """The only child with this tag, or None if there is none.

    Raises:
        ValueError: there are several children with this tag.
    """
    found = parent.findall(tag)
    if len(found) > 1:
        hint = "; give each box an <object> of its own" if tag == "bndbox" else ""
        raise ValueError(f"{where} has {len(found)} <{tag}>{hint}")
    return found[0] if found else None
