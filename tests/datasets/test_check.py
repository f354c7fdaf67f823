"""The doctor for data sets: finds everything in one pass, each thing once, and hurts nothing."""

import json
from collections import Counter

import pytest
from PIL import Image

from yolox_ela.datasets.check import check_dataset
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError

CLASSES = ("car", "dog", "person")
SETS = ("2007/trainval", "2007/test")
CAR = ("car", 11, 6, 30, 20)


def cut(path, kept=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])


def sick_set(voc):
    """A data set with every kind of problem once; the expected (severity, kind, file)."""
    error, warning, found = "error", "warning", []

    def case(severity, kind, file, image_id, objects=(CAR,), **options):
        voc.add(image_id, objects, **options)
        found.append((severity, kind, file))

    case(error, "missing image", "e1.jpg", "e1")
    voc.image("e1").unlink()
    case(error, "missing annotation", "e2.xml", "e2")
    voc.xml("e2").unlink()
    case(error, "bad annotation", "e3.xml", "e3")
    voc.xml("e3").write_text("<annotation>")
    case(error, "unreadable image", "e4.jpg", "e4")
    cut(voc.image("e4"))
    case(error, "unreadable image", "e5.png", "e5", suffix=".png")
    cut(voc.image("e5", ".png"))
    case(error, "unreadable image", "e6.jpg", "e6")
    voc.image("e6").write_bytes(b"no image")
    case(error, "size mismatch", "e7.xml", "e7")
    Image.new("RGB", (40, 60)).save(voc.image("e7"))
    case(error, "unknown class", "e8.xml", "e8", [CAR, ("unicorn", 1, 1, 9, 9)])
    case(error, "inverted box", "e9.xml", "e9", [CAR, ("dog", 9, 1, 1, 9)])
    case(error, "box outside the image", "e10.xml", "e10", [("dog", 90, 1, 99, 9)])
    case(error, "leakage", "e11.jpg", "e11")
    voc.split("test").write_text("e11\n")

    case(warning, "no size", "w1.xml", "w1")
    voc.annotate("w1", size=None)
    case(warning, "empty box", "w2.xml", "w2", [CAR, ("dog", 9, 9, 9, 9)])
    case(warning, "box over the edge", "w3.xml", "w3", [("dog", 0, 1, 9, 9)])
    with voc.split().open("a") as file:
        file.write("\nw3\n")
    found.append((warning, "blank line", "trainval.txt"))
    found.append((warning, "duplicate id", "trainval.txt"))
    case(warning, "more than an id", "train.txt", "w4", split="train")
    voc.split("train").write_text("w4 -1\n")
    voc.split("val").write_text("")
    found.append((error, "empty split", "val.txt"))
    voc.add("fine", [CAR], split="train")
    return found


def test_everything_is_found_in_one_pass_and_each_thing_once(voc):
    expected = sick_set(voc)
    before = voc.files()
    report = check_dataset(voc.root, [*SETS, "2007/train", "2007/val"], CLASSES)
    assert voc.files() == before
    found = Counter((p.severity.value, p.kind, p.file.name) for p in report.problems)
    assert found == Counter(expected)

    numbers = Counter(severity for severity, _, _ in expected)
    assert report.errors == numbers["error"] == 12
    content = json.loads(json.dumps(report.to_dict()))
    assert (content["errors"], content["warnings"]) == (12, numbers["warning"])
    assert content["root"] == str(voc.root)
    listed = Counter((p["severity"], p["kind"], p["file"]) for p in content["problems"])
    assert listed == Counter((p.severity.value, p.kind, str(p.file)) for p in report.problems)

    lines = report.to_text().splitlines()
    for problem in report.problems:
        assert sum(problem.kind in line and str(problem.file) in line for line in lines) == 1
    assert lines[-1] == f"12 errors, {numbers['warning']} warnings: do not train on this"


def test_details_say_what_to_fix(voc):
    sick_set(voc)
    report = check_dataset(voc.root, SETS, CLASSES)
    details = {p.file.name: p.detail for p in report.problems}
    assert details["e7.xml"].startswith("XML says 60x40, the image is 40x60: one of the two may")
    assert details["e8.xml"] == "object 2, unicorn at 1, 1, 9, 9 in 60x40"
    assert details["e11.jpg"] == "in 2007/trainval and in 2007/test"
    assert (
        details["trainval.txt"]
        == f"line {len(voc.split().read_text().splitlines())}: w3, read once"
    )


def test_a_sound_set_is_counted_and_fit_for_training(voc):
    voc.add("a", [CAR, ("dog", 1, 1, 9, 9, 1), CAR])
    voc.add("b")
    voc.add("c", [("dog", 1, 1, 9, 9)], split="test")
    report = check_dataset(voc.root, SETS, CLASSES)
    assert (report.errors, report.problems) == (0, [])
    assert report.to_dict()["sets"] == [
        {
            "name": "2007/trainval",
            "images": 2,
            "objects": 3,
            "difficult": 1,
            "negatives": 1,
            "per_class": {"car": 2, "dog": 1},
        },
        {
            "name": "2007/test",
            "images": 1,
            "objects": 1,
            "difficult": 0,
            "negatives": 0,
            "per_class": {"dog": 1},
        },
    ]
    rows = {line.split()[0]: line.split()[1:] for line in report.to_text().splitlines() if line}
    assert rows["2007/trainval"] == ["2", "3", "1", "1"]
    assert rows["car"] == ["2", "0"]
    assert rows["dog"] == ["1", "1"]
    assert report.to_text().endswith("0 errors, 0 warnings: fit for training")


def test_every_image_in_two_sets_is_leakage(voc):
    for image_id in ("a", "b", "c"):
        voc.add(image_id, [CAR])
    voc.split("test").write_text("c\na\n")
    report = check_dataset(voc.root, SETS, CLASSES)
    assert {(p.kind, p.file.name) for p in report.problems} == {
        ("leakage", "a.jpg"),
        ("leakage", "c.jpg"),
    }
    assert report.errors == 2


def test_what_loads_without_complaint_has_no_errors_in_its_annotations(voc):
    """Loading and checking judge alike; only damage inside the pixels is the check's alone."""
    expected = sick_set(voc)
    for severity, kind, file in expected:
        image_id, _, suffix = file.partition(".")
        if suffix == "txt" or kind == "leakage":
            continue
        voc.split("one").write_text(image_id)
        errors = check_dataset(voc.root, ["2007/one"], CLASSES).errors
        assert errors == (severity == "error")
        if errors and suffix != "png":
            with pytest.raises(UserError, match=kind):
                load_split(voc.root, ["2007/one"], CLASSES)
        elif not errors:
            assert len(load_split(voc.root, ["2007/one"], CLASSES)) == 1


def test_what_is_to_be_trained_on_must_have_objects(voc):
    voc.add("a")
    voc.add("b", [CAR, ("dog", 1, 1, 9, 9)], split="train")
    voc.add("c", split="test")

    def found(*train_sets):
        report = check_dataset(voc.root, [*train_sets, "2007/test"], CLASSES, train_sets=train_sets)
        return report.errors, {p.kind: p.detail for p in report.problems}

    errors, problems = found("2007/trainval")
    assert errors == 1
    assert problems["nothing to train on"] == "no image of 2007/trainval has an object"
    errors, problems = found("2007/trainval", "2007/train")
    assert errors == 0
    assert "no image of 2007/test has any" in problems["no objects"]
    expected = "none to train on in 2007/trainval + 2007/train for: person"
    assert problems["class without objects"] == expected


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Dog", "did you mean dog?"),
        ("dogs", "did you mean dog?"),
        ("persn", "did you mean person?"),
        ("zebra", "in 60x40"),
    ],
)
def test_a_class_that_is_nearly_known_is_pointed_out(voc, name, says):
    voc.add("a", [(name, 1, 1, 9, 9)])
    (problem, _) = check_dataset(voc.root, SETS[:1], CLASSES).problems
    assert problem.kind == "unknown class"
    assert problem.detail.endswith(says)


@pytest.mark.parametrize(
    ("lefts", "doubted"),
    [((0, 0, 5), True), ((0, 5, 5), False), ((1, 1, 1), False), ((0, 0, *[5] * 250), False)],
)
def test_coordinates_that_seem_to_count_from_0_are_doubted(voc, lefts, doubted):
    voc.add("a", [("car", left, 3, 30, 20) for left in lefts])
    report = check_dataset(voc.root, SETS[:1], CLASSES)
    assert report.errors == 0
    details = [p.detail for p in report.problems if p.kind == "counted from 0"]
    assert len(details) == doubted
    if doubted:
        assert details[0].startswith("2 of 3 boxes of 2007/trainval begin at 0")


@pytest.mark.parametrize(
    ("filename", "doubted"),
    [("a.jpg", False), ("a", False), ("gone.jpg", False), ("b.jpg", True), ("x\\b.png", True)],
)
def test_an_annotation_that_names_another_image_is_doubted(voc, filename, doubted):
    """Names are often left as they were before files were renamed; those of images are not."""
    voc.add("a", [CAR])
    voc.add("b", [CAR])
    voc.annotate("a", f"<filename>{filename}</filename>")
    problems = check_dataset(voc.root, SETS[:1], CLASSES).problems
    assert [(p.kind, p.file.name) for p in problems] == [
        ("another image's name", "a.xml")
    ] * doubted


def test_a_set_that_does_not_exist_is_the_users_mistake(voc):
    voc.add("a", [CAR])
    with pytest.raises(UserError, match=r"no split file .*test\.txt"):
        check_dataset(voc.root, SETS, CLASSES)
    with pytest.raises(UserError, match="no VOC2012 under"):
        check_dataset(voc.root, ["2012/trainval"], CLASSES)


def test_real_images_have_no_errors(tiny_voc):
    report = check_dataset(tiny_voc, SETS, VOC_CLASSES)
    assert report.errors == 0
    assert [s.images for s in report.sets] == [48, 48]
    assert all(s.objects > s.images for s in report.sets)
