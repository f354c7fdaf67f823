"""Whatever a data set's files hold: they are read, or one UserError says why not."""

import json
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from yolox_ela.datasets.annotation import parse_annotation
from yolox_ela.datasets.lists import FilesById, read_split
from yolox_ela.datasets.readers.coco import CocoReader
from yolox_ela.datasets.readers.coco_file import CocoFile
from yolox_ela.datasets.readers.yolo import YoloReader
from yolox_ela.datasets.readers.yolo_yaml import read_yolo_yaml
from yolox_ela.errors import UserError

fuzzed = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,  # the same cases in every run
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXT = st.text(max_size=12)
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from(["0", "1", "1e999", "-0", "nan", "0x10", "\u0661", "1_0", " 2 ", "9" * 5000]),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a picture."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("fuzz")
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    return folder


def element(children):
    return st.builds(
        lambda tag, text, inner: f"<{tag}>{text}{''.join(inner)}</{tag}>",
        st.sampled_from(
            [
                "object",
                "name",
                "bndbox",
                "xmin",
                "ymin",
                "xmax",
                "ymax",
                "difficult",
                "size",
                "width",
                "height",
                "filename",
                "part",
                "polygon",
            ]
        ),
        st.one_of(NUMBERS.map(str), st.sampled_from(["cat", "", " ", "&amp;", "&x;", "<"])),
        st.lists(children, max_size=5),
    )


XML = st.one_of(
    st.binary(max_size=60),
    st.recursive(st.just(""), element, max_leaves=12).map(
        lambda inner: f"<annotation>{inner}</annotation>".encode("utf-8", "replace")
    ),
    st.tuples(st.sampled_from(["utf-8", "utf-16", "gbk", "rot13", "zlib", "x", "idna"]), TEXT).map(
        lambda pair: f'<?xml version="1.0" encoding="{pair[0]}"?><annotation>{pair[1]}</annotation>'
        .encode("utf-8", "replace")
    ),
)  # fmt: skip


@fuzzed
@given(data=XML)
@example(data=b'<?xml version="1.0" encoding="zlib"?><annotation/>')
@example(data=b"<!DOCTYPE a [<!ENTITY b 'bb'>]><annotation>&b;</annotation>")
def test_annotations(place, data):
    """Problems of single files are ValueErrors, which the reports of a set collect."""
    path = place / "a.xml"
    path.write_bytes(data)
    with suppress(ValueError):
        parse_annotation(path)


@fuzzed
@given(data=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
@example(data=b"a\0b")
@example(data=("x" * 300).encode())
@example(data=b"../../etc/passwd\n/\n.\n..\n")
def test_split_files(place, data):
    lists = place / "ImageSets" / "Main"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / "train.txt").write_bytes(data)
    with suppress(UserError):
        read_split(place, "2007", "train", FilesById(place, (".png",)))


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
IMAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": st.one_of(st.just(1), VALUES),
        "file_name": st.one_of(st.sampled_from(["a.png", "b/a.png", "..", "", "a\0"]), VALUES),
        "width": st.one_of(st.just(40), VALUES),
        "height": st.one_of(st.just(30), VALUES),
    },
)
ANNOTATION = st.fixed_dictionaries(
    {},
    optional={
        "id": VALUES,
        "image_id": st.one_of(st.just(1), VALUES),
        "category_id": st.one_of(st.just(1), VALUES),
        "bbox": st.one_of(st.lists(st.floats() | st.integers(), min_size=4, max_size=4), VALUES),
        "iscrowd": VALUES,
        "ignore": VALUES,
        "segmentation": VALUES,
        "area": VALUES,
    },
)
CATEGORY = st.fixed_dictionaries(
    {},
    optional={
        "id": st.one_of(st.integers(0, 3), VALUES),
        "name": st.one_of(st.sampled_from(["cat", "dog"]), VALUES),
        "supercategory": VALUES,
    },
)
COCO = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {
            "images": st.lists(IMAGE, max_size=3) | VALUES,
            "categories": st.lists(CATEGORY, max_size=3) | VALUES,
        },
        optional={"annotations": st.lists(ANNOTATION, max_size=4) | VALUES},
    ),
)


@fuzzed
@given(content=COCO)
@example(content={"images": [{"id": 1, "file_name": "a\0"}], "categories": []})
@example(content={"images": [{"id": 1, "file_name": "x" * 300}], "categories": []})
def test_coco_json(place, content):
    path = place / "instances.json"
    path.write_text(json.dumps(content))
    with suppress(UserError):
        reader = CocoReader(place, {"train": CocoFile(path, [place])}, path)
        reader.read("train", reader.class_names(["train"]))


def test_coco_names_in_thousands_of_folders(place):
    """They are sought below each of a few folders, not of all."""
    path = place / "instances.json"
    images = [{"id": 1, "file_name": "a/" * 3000 + "x.jpg"}, {"id": 2, "file_name": "b/c/a.png"}]
    path.write_text(json.dumps({"images": images, "categories": [], "annotations": []}))
    start = process_time()
    (image,) = CocoReader(place, {"train": CocoFile(path, [place])}, path).read("train", ()).images
    assert image.path == place / "a.png"
    assert process_time() - start < 2


LINE = st.lists(
    st.one_of(st.sampled_from(["0", "1", "0.5", "0.2", "-1"]), NUMBERS.map(str), TEXT), max_size=9
).map(" ".join)


@fuzzed
@given(data=st.one_of(st.binary(max_size=40), st.lists(LINE, max_size=4).map("\n".join)))
def test_yolo_lines(place, data):
    (place / "data.yaml").write_text("names: [cat, dog]\ntrain: .\n")
    encoded = data.encode("utf-8", "replace") if isinstance(data, str) else data
    (place / "a.txt").write_bytes(encoded)
    reader = YoloReader(place, read_yolo_yaml(place / "data.yaml"))
    with suppress(UserError):
        reader.read("train", reader.class_names(["train"]))


KEYS = st.sampled_from(["names", "nc", "train", "val", "valid", "test", "path", "kpt_shape"])
YAML = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60),
    st.dictionaries(KEYS, VALUES | st.sampled_from(["a\0", "~nobody", "x" * 300]), max_size=6).map(
        json.dumps
    ),
)


@fuzzed
@given(data=YAML)
@example(data='{"names": ["a"], "train": "a\\u0000b", "path": "x\\u0000"}')
@example(data="a: &a [*a]")
@example(data='{"names": {"99999999999999999999": "a"}, "train": "."}')
@example(data='{"names": ["a"], "train": ".", "kpt_shape": ["9", "' + "9" * 5000 + '"]}')
@example(data="{" * 1000)
def test_yolo_yaml(place, data):
    path = place / "fuzzed.yaml"
    path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
    with suppress(UserError):
        read = read_yolo_yaml(path)
        for name in read.sets:
            read.places(name)


@pytest.mark.parametrize("name", ["path", "nc", "kpt_shape", "names", "train"])
def test_yolo_yaml_whose_aliases_multiply(place, name):
    """A few lines stand for a list of millions, which no message writes out."""
    lines = ["x0: &x0 [z, z, z, z, z, z, z, z]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 8)}]" for n in range(1, 7)]
    entries = {"names": "[cat]", "train": "."} | {name: "*x6"}
    path = place / "aliases.yaml"
    path.write_text("\n".join([*lines, *(f"{key}: {value}" for key, value in entries.items())]))
    with pytest.raises(UserError, match=rf"aliases\.yaml.*{name}") as caught:
        read_yolo_yaml(path)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("shape", ["12", "[17]", "[-1, 3]", "[1, 2, 3]", "[a, 3]"])
def test_yolo_yaml_with_keypoints_of_no_shape(place, shape):
    path = place / "keypoints.yaml"
    path.write_text(f"names: [cat]\ntrain: .\nkpt_shape: {shape}\n")
    with pytest.raises(UserError, match=r"keypoints\.yaml: kpt_shape must be two whole numbers"):
        read_yolo_yaml(path)
