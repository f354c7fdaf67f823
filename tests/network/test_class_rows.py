"""Which class a row of the predictors belongs to: names decide, positions never."""

from functools import cache
from pathlib import Path

import pytest
import torch
from loguru import logger

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.network.class_rows import (
    COCO_CLASSES,
    known_names,
    pick_rows,
    positions,
    row_names,
    same_classes,
    start_rows,
)
from yolox_ela.network.model import build_yolox
from yolox_ela.network.weights import load_trained

SOURCE = Path("weights.pth")
CLASS_TENSORS = {
    f"head.cls_preds.{level}.{kind}" for level in range(3) for kind in ("weight", "bias")
}

# COCO's 80 classes are numbered 0-79 in the order of its category ids; these are VOC's twenty.
COCO_NUMBERS = {
    "aeroplane": 4,
    "bicycle": 1,
    "bird": 14,
    "boat": 8,
    "bottle": 39,
    "bus": 5,
    "car": 2,
    "cat": 15,
    "chair": 56,
    "cow": 19,
    "diningtable": 60,
    "dog": 16,
    "horse": 17,
    "motorbike": 3,
    "person": 0,
    "pottedplant": 58,
    "sheep": 18,
    "sofa": 57,
    "train": 6,
    "tvmonitor": 62,
}
COCO_SPELLINGS = ["airplane", "dining table", "motorcycle", "potted plant", "couch", "tv"]
VOC_SPELLINGS = ["aeroplane", "diningtable", "motorbike", "pottedplant", "sofa", "tvmonitor"]


def network(classes):
    torch.manual_seed(0)
    return build_yolox(classes)


@cache
def initial(classes):
    return network(classes).state_dict()


def numbered(classes):
    """Weights whose class predictors carry the number of their row."""
    state = dict(initial(classes))
    for name in CLASS_TENSORS:
        numbers = torch.arange(float(classes)).reshape(-1, *[1] * (state[name].dim() - 1))
        state[name] = numbers.expand_as(state[name]).clone()
    return state


def numbers_of(state):
    """The number that each row carries in all six predictors; None where they are random."""
    tensors = [state[name].reshape(len(state[name]), -1) for name in sorted(CLASS_TENSORS)]
    found = []
    for parts in zip(*tensors, strict=True):
        values = torch.cat(parts).unique()
        found.append(int(values) if len(values) == 1 else None)
    return found


@pytest.fixture
def log():
    """Levels and messages of what is logged."""
    lines = []
    sink = logger.add(lambda m: lines.append((m.record["level"].name, m.record["message"])))
    yield lines
    logger.remove(sink)


class TestPositions:
    @pytest.mark.parametrize(
        ("names", "wanted", "expected"),
        [
            (["dog", "person", "car"], ["person", "car", "dog"], [1, 2, 0]),
            (["dog", "person"], ["cat", "dog"], [None, 0]),
            (COCO_SPELLINGS, VOC_SPELLINGS, [0, 1, 2, 3, 4, 5]),
            (VOC_SPELLINGS, COCO_SPELLINGS, [0, 1, 2, 3, 4, 5]),
            (["couch"], ["sofa", "couch"], [None, 0]),  # never one row for two classes
            (["sofa", "couch"], ["couch", "sofa"], [1, 0]),
            (["Dog"], ["dog"], [None]),
            ([], ["dog"], [None]),
        ],
    )
    def test_by_name(self, names, wanted, expected):
        assert positions(names, wanted) == expected

    def test_same_classes(self):
        assert same_classes(["cat", "sofa"], ["couch", "cat"])
        assert not same_classes(["cat", "dog"], ["cat"])
        assert not same_classes(["cat"], ["cat", "dog"])
        assert not same_classes(["cat", "dog"], ["cat", "cow"])


class TestPickRows:
    def test_vocs_of_cocos(self):
        state = numbered(80)
        cut = pick_rows(state, COCO_CLASSES, VOC_CLASSES, SOURCE)
        assert numbers_of(cut) == [COCO_NUMBERS[name] for name in VOC_CLASSES]
        others = state.keys() - CLASS_TENSORS
        assert cut.keys() == state.keys()
        assert all(torch.equal(cut[name], state[name]) for name in others)
        assert all(len(state[name]) == 80 for name in CLASS_TENSORS), "the argument is untouched"
        load_trained(network(20), cut, SOURCE)

    def test_any_order_and_choice(self):
        names = ["dog", "person", "car"]
        assert numbers_of(pick_rows(numbered(3), names, ["car", "dog"], SOURCE)) == [2, 0]
        assert numbers_of(pick_rows(numbered(3), names, names, SOURCE)) == [0, 1, 2]

    def test_unknown_class(self):
        with pytest.raises(UserError) as raised:
            pick_rows(numbered(2), ["dog", "person"], ["person", "cat", "cow"], SOURCE)
        assert str(raised.value) == (
            "weights.pth does not know cat, cow: its classes are dog, person, and those asked for "
            "are person, cat, cow"
        )


class TestNames:
    def test_as_the_file_says(self):
        content = {"classes": ["dog", "car"]}
        assert known_names(content, numbered(2), SOURCE) == ("dog", "car")
        assert row_names(content, numbered(2), ("cat", "cow"), SOURCE) == ("dog", "car")

    @pytest.mark.parametrize(("rows", "names"), [(80, COCO_CLASSES), (20, VOC_CLASSES)])
    def test_official_numbers(self, rows, names, log):
        assert known_names({}, numbered(rows), SOURCE) == tuple(names)
        assert any("count as" in message for _, message in log)
        for wanted in (names, names[::-1], names[:3], ("unicorn",)):
            assert row_names({}, numbered(rows), wanted, SOURCE) == tuple(names)

    @pytest.mark.parametrize("rows", [3, 20, 80])
    def test_nothing_known_goes_by_position_with_a_warning(self, rows, log):
        mine = tuple(f"class{i}" for i in range(rows))
        assert row_names({}, numbered(rows), mine, SOURCE) == mine
        ((level, message),) = log
        assert level == "WARNING"
        assert "rows count as the experiment's, in order: class0, class1" in message

    def test_nothing_known_and_another_number(self):
        assert known_names({}, numbered(3), SOURCE) is None
        with pytest.raises(UserError, match=r"weights\.pth has predictors for 3 .* has 20: give"):
            row_names({}, numbered(3), VOC_CLASSES, SOURCE)

    def test_more_names_than_rows(self):
        with pytest.raises(UserError, match=r"names 2 classes \(dog, car\) and .* for 3"):
            known_names({"classes": ["dog", "car"]}, numbered(3), SOURCE)

    def test_rows_that_disagree(self):
        state = numbered(3)
        state["head.cls_preds.1.bias"] = torch.zeros(2)
        with pytest.raises(UserError, match="different numbers of classes"):
            known_names({}, state, SOURCE)

    def test_no_rows(self):
        with pytest.raises(UserError, match="not a YOLOX checkpoint"):
            known_names({}, {"conv1.weight": torch.zeros(1)}, SOURCE)


class TestStartRows:
    def start(self, names, wanted, *, by_name, rows=None):
        own = network(len(wanted)).state_dict()
        state = numbered(rows or len(names))
        return start_rows(own, state, names, wanted, by_name=by_name, source=SOURCE)

    @pytest.mark.parametrize(
        ("names", "wanted", "by_name", "expected"),
        [
            (["dog", "person", "car"], ["person", "car", "dog"], False, [1, 2, 0]),
            (["dog", "person", "car"], ["person", "car", "dog"], True, [1, 2, 0]),
            (["dog", "person", "car"], ["cat", "bus", "cow"], False, [None] * 3),
            (["dog", "person", "car"], ["cat", "car", "cow"], False, [None] * 3),
            (["dog", "person", "car"], ["cat", "car", "cow"], True, [None, 2, None]),
            (["dog", "person", "car"], ["car", "dog"], False, [None] * 2),
            (["dog", "person", "car"], ["car", "dog"], True, [2, 0]),
            (COCO_CLASSES, ["tvmonitor", "unicorn", "dog"], True, [62, None, 16]),
            (VOC_CLASSES, ["tv", "couch"], True, [19, 17]),
            (VOC_SPELLINGS, COCO_SPELLINGS[::-1], False, [5, 4, 3, 2, 1, 0]),
            (None, ["cat", "bus", "cow"], False, [None] * 3),
        ],
    )
    def test_rows(self, names, wanted, by_name, expected):
        started = self.start(names, wanted, by_name=by_name, rows=3 if names is None else None)
        assert numbers_of(started.state) == expected
        pairs = list(zip(wanted, expected, strict=True))
        assert started.kept == tuple(name for name, row in pairs if row is not None)
        assert started.new == tuple(name for name, row in pairs if row is None)
        own = network(len(wanted)).state_dict()
        for name in CLASS_TENSORS:
            for index, row in enumerate(expected):
                if row is None:
                    assert torch.equal(started.state[name][index], own[name][index])

    def test_as_text(self):
        started = self.start(["dog", "car"], ["cow", "car", "cat"], by_name=True)
        assert str(started) == "class rows kept by name: car; class rows new, random: cow, cat"

    def test_nothing_in_common(self):
        with pytest.raises(
            UserError, match=r"none of the classes unicorn.*class_head_start random"
        ):
            self.start(COCO_CLASSES, ["unicorn"], by_name=True)

    def test_rows_without_names(self):
        with pytest.raises(UserError, match=r"does not name its classes.*its entry 'classes'"):
            self.start(None, ["cat"], by_name=True, rows=3)
