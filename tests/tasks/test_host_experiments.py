"""The package's experiments with other networks: the paper's recipes, and its printed scores."""

import pytest

from yolox_ela.errors import UserError
from yolox_ela.exp_file import host_experiments, own_experiments, trains_other_network
from yolox_ela.experiment import load_experiment, load_trainable
from yolox_ela.overrides import override
from yolox_ela.tables.hosts.accuracies import PRINTED, REMARKS, printed_table
from yolox_ela.tables.hosts.results import append_results, read_results, result_rows

# Section 4 of the paper, where it states a number.
PAPER = {
    "resnet18_ela_s": {"epochs": 90, "batch_size": 256, "momentum": 0.99, "weight_decay": 1e-4},
    "mobilenet_v2_ela_s": {
        "epochs": 200,
        "lr": 0.025,
        "momentum": 0.9,
        "weight_decay": 4e-5,
        "schedule": "cosine",
        "batch_size": 256,
    },
    "yolof_ela_l": {
        "epochs": 12,
        "batch_size": 16,
        "lr": 0.003,
        "warmup_steps": 1500,
        "drops": (8 / 12, 11 / 12),
        "image_size": 800,
        "longest_side": 1333,
        "nms_iou": 0.6,
    },
    "deeplabv3_ela_s": {
        "lr": 0.025,
        "batch_size": 12,
        "image_size": 513,
        "batchnorm_momentum": 0.0003,
    },
}


@pytest.mark.parametrize("name", host_experiments())
def test_each_file(name):
    exp = load_trainable(name)
    assert exp.name == exp.package_name == name
    assert {key: getattr(exp, key) for key in PAPER.get(name, {})} == PAPER.get(name, {})
    assert exp.attention is not None
    assert trains_other_network(name)
    with pytest.raises(UserError, match="trains another network than YOLOX"):
        load_experiment(name)


def test_detectors_are_apart():
    assert not set(own_experiments()) & set(host_experiments())
    assert not any(map(trains_other_network, own_experiments()))
    assert load_trainable("nano_ela_s") == load_experiment("nano_ela_s")


def test_a_file_with_a_setting_that_nothing_reads(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from yolox_ela.hosts.classifiers import resnet18\n"
        "from yolox_ela.tasks.classification import Classification\n"
        "lr = 0.5\nexp = Classification(network=resnet18)\n"
    )
    with pytest.raises(UserError, match="'lr'"):
        load_trainable(path)
    path.write_text(path.read_text().replace("lr = 0.5\n", "").replace("18)", "18, lr=-1)"))
    with pytest.raises(UserError, match=r"'lr' = -1 must be greater than 0"):
        load_trainable(path)


def test_overrides_from_words():
    exp = override(load_trainable("yolof_ela_s"), {"drops": "0.5,0.75", "classes": "cat,dog"})
    exp.validate()
    assert (exp.drops, exp.classes) == ((0.5, 0.75), ("cat", "dog"))
    with pytest.raises(UserError, match="ascending"):
        override(exp, {"drops": "0.75,0.5"}).validate()
    with pytest.raises(UserError, match="has no field 'mosaic_prob'"):
        override(exp, {"mosaic_prob": "1"})


def test_printed_scores():
    """Two of them against the paper's tables, every row with its parameters and remarks."""
    table = printed_table()
    shown = {(r["table"], r["host"], r["method"], r["score"]): r["value"] for r in table.rows}
    assert shown[5, "mobilenet_v2", "ELA-L", "top-5"] == "90.68"
    assert shown[6, "yolof", "CA", "AP small"] == "18.8"
    assert {row[:3] for row in PRINTED} >= REMARKS.keys()
    assert all(row["parameters"] for row in table.rows)


def test_recorded_rows(tmp_path):
    exp = override(load_trainable("resnet18_ela_s"), {"classes": "a,b", "attention": "ela_s"})
    results = {"top1": 0.5, "top5": 1.0}
    rows = result_rows(exp.to_dict(), results, data="mine", parameters=7)
    for _ in range(2):
        append_results(tmp_path / "rows.csv", rows)
    read = read_results(tmp_path / "rows.csv")
    assert [(row["score"], row["value"]) for row in read] == 2 * [
        ("top1", "50.0"),
        ("top5", "100.0"),
    ]
    assert read[0]["experiment"].startswith("resnet18_ela_s")
    (tmp_path / "other.csv").write_text("exp,seed\n")
    with pytest.raises(UserError, match="has other columns"):
        append_results(tmp_path / "other.csv", rows)
