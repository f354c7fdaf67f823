"""The package's experiments with other networks: the paper's recipes, and its printed scores."""

import re

import pytest
from tiny_tasks import experiment

from yolox_ela.commands import train_options
from yolox_ela.commands.fields import fields_text
from yolox_ela.commands.trial_options import with_trial
from yolox_ela.errors import UserError
from yolox_ela.exp_file import host_experiments, own_experiments, trains_other_network
from yolox_ela.experiment import load_experiment, load_trainable
from yolox_ela.overrides import override
from yolox_ela.run_settings import setting_fields
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


@pytest.mark.parametrize("name", host_experiments())
def test_fields(name):
    """--fields lists every setting once, as the experiment has it, with a rule and a meaning."""
    exp = load_trainable(name)
    text = "\n".join(fields_text(exp))
    shown = re.findall(r"^  (\w+) = (.*?)  \((.+)\)\n      \S", text, re.M)
    assert sorted(name for name, *_ in shown) == sorted(f.name for f in setting_fields(exp))
    values = {name: value for name, value, _ in shown}
    assert values["attention"] == f"ela_{name[-1]}"
    assert float(values["lr"]) == exp.lr
    sections = re.findall(r"^\S.*", text, re.M)
    assert len(sections) == len(set(sections))


def test_fields_of_a_command(monkeypatch, capsys, tmp_path):
    """The experiment may stand behind --fields."""
    monkeypatch.setattr("sys.argv", ["yolox-ela train", "--fields", "-f", "yolof_ela_s"])
    with pytest.raises(SystemExit):
        train_options.parse(tmp_path)
    assert "\n  longest_side = 1333  (between 32 and 8,192)\n" in capsys.readouterr().out


@pytest.mark.parametrize(("kind", "images"), [("classification", (2, 1)), ("yolof", (1, 1))])
def test_a_quick_trial(kind, images, data_of):
    """A tenth of epochs and images, and a name that says so."""
    exp = with_trial(experiment(kind, epochs=25, warmup_steps=101), {"quick": "true"})
    assert (exp.name, exp.epochs, exp.warmup_steps) == (f"{kind}-quick", 3, 2)
    train, test = exp.trial_images(*exp.load(data_of[kind]))
    assert (len(train), len(test)) == images


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
