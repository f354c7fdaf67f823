"""The size and cost table: the paper's digits, and honesty about the row that differs."""

import csv
from pathlib import Path

import pytest
import torch
from torch import nn

from yolox_ela.experiment import Experiment, load_experiment
from yolox_ela.tables.complexity import complexity_table, count_complexity
from yolox_ela.tables.layout import render
from yolox_ela.tables.paper import PAPER

EXPERIMENTS = Path(__file__).resolve().parents[2] / "exps"


class TwoLayers(nn.Module):
    """Countable by hand: on 4 x 4 pixels, 3 -> 8 channels by 3 x 3, then a matrix 8 x 5."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.linear = nn.Linear(8, 5, bias=False)

    def forward(self, x):
        return self.linear(self.conv(x).mean((2, 3)))


def test_counts_by_hand():
    counts = count_complexity(TwoLayers(), image_size=4)
    assert counts.parameters == 3 * 8 * 9 + 8 + 8 * 5
    macs = 3 * 8 * 9 * 16 + 8 * 5
    assert counts.flops == 2 * macs
    assert counts.macs == macs
    assert counts.mib == pytest.approx(counts.parameters * 4 / 1024 / 1024)


def test_a_rectangle_costs_its_share_of_the_square():
    """YOLOX-Nano consists of convolutions alone, whose cost is that of their positions."""
    model = load_experiment("nano").build_model()
    square, rectangle = count_complexity(model, 128), count_complexity(model, (96, 128))
    assert rectangle.parameters == square.parameters
    assert rectangle.flops == square.flops * 96 // 128
    assert rectangle.macs == square.macs * 96 // 128
    table = complexity_table([load_experiment("nano")], (96, 128))
    (row,) = table.rows
    assert row["gflops"] == rectangle.flops / 1e9
    assert row["paper_gmacs"] is row["agrees"] is None, "the paper counts at 640 x 640"
    assert "one image of 96 x 128" in table.notes[0]


def test_counting_leaves_the_network_alone():
    """thop adds buffers to what it counts; they must not reach anyone's checkpoint."""
    model = TwoLayers().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    count_complexity(model, image_size=4)
    assert model.training
    assert before.keys() == model.state_dict().keys()
    assert not model.conv._forward_hooks
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


@pytest.fixture(scope="module")
def table():
    names = ("nano", "nano_ela_s", "nano_ela_t")
    return complexity_table([load_experiment(EXPERIMENTS / f"{name}.py") for name in names])


def test_rows_agree_with_the_paper_or_say_that_they_do_not(table):
    assert {row["exp"]: row["agrees"] for row in table.rows} == {
        "nano": True,
        "nano_ela_s": False,
        "nano_ela_t": None,  # the paper prints no such row
    }
    text = render([table], "text")
    (line,) = (line for line in text.splitlines() if line.startswith("nano_ela_s"))
    assert line.split() == [
        *("nano_ela_s", "951,531", "3.6298", "3.50", "1.288218", "1.285", "NO"),
        line.split()[-1],
    ]
    assert text.count("ELA-S: the paper prints 3.50 MiB and 1.285 GMACs") == 1


def test_no_explanation_without_its_row():
    assert "ELA-S" not in render([complexity_table([Experiment()], 64)], "text")


def test_honest_flops_are_those_of_the_layers(table):
    """Convolutions counted by their shapes as they run, two operations a multiply-add."""
    model, flops = Experiment().build_model().eval(), []

    def count(conv, inputs, output):
        per_value = conv.in_channels // conv.groups * conv.kernel_size[0] * conv.kernel_size[1]
        flops.append(2 * output.numel() * per_value)

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, 3, 640, 640))
    assert table.rows[0]["gflops"] == pytest.approx(sum(flops) / 1e9, rel=1e-12)


def test_the_papers_rows_are_experiments():
    assert PAPER.keys() <= {path.stem for path in EXPERIMENTS.glob("*.py")}


def test_the_papers_digits(shared):
    """As transcribed by somebody else."""
    names = {
        "baseline": "nano",
        "CA": "nano_ca_r32",
        "ELA-S": "nano_ela_s",
        **{f"CA(r={r})": f"nano_ca_r{r}" for r in (16, 24, 32)},
        **{f"CA_gn(r={r})": f"nano_ca_gn_r{r}" for r in (16, 24, 32)},
        **{name: f"nano_{name.lower()}" for name in ("SE", "CBAM", "ECA", "SA")},
    }
    fields = {"mAP": "map", "params_MB": "params_mib", "GFLOPs": "gmacs", "FPS": "fps"}
    seen = set()
    with (shared / "reference" / "paper_tables.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["method"] == "CA" and row["metric"] == "mAP":
                continue  # Table 7 repeats r = 16's mAP beside the size of r = 32
            mine = getattr(PAPER[names[row["method"]]], fields[row["metric"]])
            assert mine == float(row["value"]), row
            seen.add(names[row["method"]])
    assert seen == PAPER.keys()
