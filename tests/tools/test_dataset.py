"""tools/dataset.py as a user runs it, and --help of every tool."""

import json
import shutil

import numpy as np
import pytest
from command_line import tree

from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.recognise import open_data


def test_clean(call, project, data):
    done = call("tools/dataset.py", "check", "--data", data)
    assert "0 errors" in done.stdout


def test_errors_as_json_and_exit_code(call, project, data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    xml = min((copy / "VOCdevkit" / "VOC2007" / "Annotations").iterdir())
    xml.write_text("<annotation>")
    done = call("tools/dataset.py", "check", "--data", copy, "--json", "-", expect=1)
    report = json.loads(done.stdout)
    assert report["errors"] == 1
    assert report["problems"][0]["file"] == str(xml)


def test_the_sets_that_are_taken_from_the_data_are_named(call, project, data, tmp_path):
    """Which ones they are, which are left out, and that there may be none to train on."""
    voc, yolo = data / "VOCdevkit", tmp_path / "yolo"
    call("tools/dataset.py", "convert", "--data", voc, "--to", "yolo", "-o", yolo)
    done = call("tools/dataset.py", "check", "--data", yolo)
    assert "sets of the data: train_sets train test_sets test" in done.stderr
    assert "not used" not in done.stderr
    parted = tmp_path / "parted"
    words = ["split", "--data", yolo, "--shares", "0.5,0.25,0.25", "-o", parted]
    call("tools/dataset.py", *words)
    done = call("tools/dataset.py", "check", "--data", parted)
    assert "train_sets train test_sets test (not used: val)" in done.stderr
    single = tmp_path / "single"
    call(
        "tools/dataset.py",
        "convert",
        "--data",
        voc,
        "--sets",
        "2007/test",
        "--to",
        "coco",
        "-o",
        single,
    )
    done = call("tools/dataset.py", "check", "--data", single)
    assert "there is no set to train on; checked is test" in done.stderr
    assert "0 errors" in done.stdout


def test_statistics_as_tables_numbers_and_a_picture(call, project, data, tmp_path):
    before = tree(data)
    for folder in ("stats", "stats-2"):  # an earlier picture is not overwritten
        done = call("tools/dataset.py", "stats", "--data", data, "--json", tmp_path / "s.json")
        assert f"picture: {project / 'runs' / folder / 'stats.png'}" in done.stdout
        assert (project / "runs" / folder / "stats.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((tmp_path / "s.json").read_text())
    assert [s["images"] for s in found["sets"]] == [20, 8]
    assert found["classes"] == list(VOC_CLASSES)
    words = ["--sets", "2007/test", "--json", "-", "-o", tmp_path / "here"]
    screen = json.loads(call("tools/dataset.py", "stats", "--data", data, *words).stdout)
    assert screen["sets"] == found["sets"][1:]
    assert (tmp_path / "here" / "stats.png").is_file()
    for option in ("-o", "--json"):
        words = [option, data / "VOCdevkit" / "file"]
        done = call("tools/dataset.py", "stats", "--data", data, *words, expect=2)
        assert "lies inside the data set" in done.stderr
    assert tree(data) == before


@pytest.mark.parametrize("target", ["voc", "coco", "yolo"])
def test_a_converted_set_is_used_as_it_is(call, data, tmp_path, target):
    """The same boxes; the sample's difficult objects are said to become ordinary ones."""
    before, out = tree(data), tmp_path / "out"
    command = ["tools/dataset.py", "convert", "--data", data, "--to", target, "-o", out]
    done = call(*command)
    assert ("objects marked as difficult become ordinary" in done.stdout) == (target != "voc")
    assert f"use it with: --data {out}" in done.stdout
    mine = load_split(data, ["2007/trainval"], VOC_CLASSES)
    train, _ = open_data(out).default_sets()
    theirs = load_split(out, train, VOC_CLASSES)
    assert mine.ids.tolist() == theirs.ids.tolist()
    np.testing.assert_allclose(mine.boxes, theirs.boxes, rtol=0, atol=1e-3)
    assert mine.labels.tolist() == theirs.labels.tolist()
    assert mine.hashes.tolist() == theirs.hashes.tolist()
    assert "exists and is not empty" in call(*command, expect=2).stderr
    assert tree(data) == before


@pytest.mark.parametrize("target", ["voc", "coco", "yolo"])
def test_a_divided_set_has_the_format_of_its_source(call, data, tmp_path, target):
    """The same for a seed; a copy of a training image is found among the other's."""
    source = tmp_path / "source"
    call("tools/dataset.py", "convert", "--data", data, "--to", target, "-o", source)
    words = ["tools/dataset.py", "split", "--data", source, "--shares", "0.7,0.3"]
    done = call(*words, "-o", tmp_path / "out", "--images", "symlink")
    assert "0 pairs of images are nearly the same" in done.stdout
    reader = open_data(tmp_path / "out")
    assert reader.layout == open_data(source).layout
    train, test = reader.default_sets()
    ids = [load_split(reader, names, VOC_CLASSES).ids.tolist() for names in (train, test)]
    assert [len(part) for part in ids] == pytest.approx([19.6, 8.4], abs=2)
    assert len({*ids[0], *ids[1]}) == 28
    for seed, same in ((0, True), (1, False)):
        call(*words, "-o", tmp_path / f"again{seed}", "--seed", seed)
        again = load_split(tmp_path / f"again{seed}", train, VOC_CLASSES).ids.tolist()
        assert (again == ids[0]) == same


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["split", "--shares", "0.8,0.3"], "that sum to 1, as in 0.8,0.2, not 0.8,0.3"),
        (["split", "--shares", "80%"], "'80%' is no list of numbers"),
        (["convert", "--to", "coco", "--sets", "2007/none"], "no split file"),
        (
            ["convert", "--to", "coco", "classes", "cat,dog"],
            "or leave the objects of others out: other_classes ignore",
        ),
        (["split", "train_sets", "2007/test"], "not train_sets; name sets with --sets"),
        (
            ["convert", "--to", "coco", "lr", "1"],
            "the recipe fields classes, other_classes, xml_counts_from, not",
        ),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(call, data, tmp_path, words, says):
    head = ["tools/dataset.py", words[0], "--data", data, "-o", tmp_path / "out"]
    assert says in call(*head, *words[1:], expect=2).stderr
    assert not list(tmp_path.iterdir())


def test_a_part_of_the_classes(call, data, tmp_path):
    words = [
        "--to",
        "coco",
        "-o",
        tmp_path / "out",
        "classes",
        "dog,cat",
        "other_classes",
        "ignore",
    ]
    call("tools/dataset.py", "convert", "--data", data, *words)
    reader = open_data(tmp_path / "out")
    assert reader.class_names(reader.sets()) == ("dog", "cat")
    xml = "".join(path.read_text() for path in data.rglob("Annotations/*.xml"))
    found = [load_split(reader, [name], ("cat", "dog")).labels for name in reader.sets()]
    counts = np.bincount(np.concatenate(found)).tolist()
    assert counts == [xml.count("<name>cat<"), xml.count("<name>dog<")]


def test_every_tool_explains_itself(call, project):
    for tool in sorted((project / "tools").glob("*.py")):
        assert "usage" in call(f"tools/{tool.name}", "--help").stdout
