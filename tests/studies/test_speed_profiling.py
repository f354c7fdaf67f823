"""Profiles of training steps: what is counted is what a step does."""

import gzip
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.autograd import DeviceType
from torch.autograd.profiler_util import EventList, FunctionEvent

from studies.speed.profiling import covered, print_tables, summary
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.experiment import load_experiment


@pytest.fixture(scope="module")
def project():
    return Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def test_profile_of_steps(call, tmp_path, device):
    """The table has each convolution of the network once a step, the trace those of one step."""
    sample = generate_sample(tmp_path, train_images=8, test_images=8)
    figures, trace = tmp_path / "figures.json", tmp_path / "trace.json.gz"
    words = ["--data", sample, "-f", "nano_ela_s", "--augment", "device", "--device", device]
    words += ["--image-size", "64", "--batch", "2", "--workers", "0", "--steps", "1"]
    words += ["--rounds", "1", "--json", figures, "--trace", trace]
    done = call("studies/speed/__main__.py", "profile", *words)
    assert "nano_ela_s" in done.stdout
    result = json.loads(figures.read_text())

    network = load_experiment("nano_ela_s").build_model()
    count = sum(isinstance(module, (nn.Conv1d, nn.Conv2d)) for module in network.modules())
    calls = {row["name"]: row["calls"] for row in result["operators"]}
    assert calls["aten::convolution"] == calls["aten::convolution_backward"] == count
    with gzip.open(trace, "rt") as file:
        events = json.load(file)["traceEvents"]
    assert sum(event["name"] == "aten::convolution_backward" for event in events) == count

    assert result["step"]["seconds"] > 0
    if device == "cuda":
        assert result["step"]["kernels"] > count
        assert result["step"]["busy"] > 0
        assert 0 <= result["step"]["idle_share"] < 1
    else:
        assert result["step"]["kernels"] == 0
        assert result["kernels"] == []


class Recorded:
    """A finished profile."""

    def __init__(self, events):
        self.recorded = EventList(events, use_device="cuda")
        self.recorded._build_tree()

    def events(self):
        return self.recorded

    def key_averages(self):
        return self.recorded.key_averages()


def event(number, name, start, end, device=DeviceType.CUDA, *, region=False):
    return FunctionEvent(
        number,
        name,
        thread=0,
        start_us=start,
        end_us=end,
        device_type=device,
        use_device="cuda",
        is_user_annotation=region,
        stack=[],
    )


def test_busy_and_idle_time(capsys):
    """Kernels at the same time count once; a named region of the program is no kernel."""
    events = [
        event(1, "aten::mm", 0.0, 400.0, DeviceType.CPU),
        event(2, "gemm", 100.0, 400.0),
        event(3, "gemm", 300.0, 600.0),
        event(4, "copy", 900.0, 1000.0),
        event(5, "Optimizer.step#SGD.step", 0.0, 2000.0, region=True),
    ]
    result = summary(Recorded(events), 2, 1e-3)
    assert result["step"]["seconds"] == 1e-3
    assert result["step"]["kernels"] == 1.5
    assert result["step"]["busy"] == pytest.approx(300e-6)  # 600 of two steps
    assert result["step"]["idle_share"] == pytest.approx(0.7)
    kernels = {row["name"]: (row["calls"], row["gpu"]) for row in result["kernels"]}
    assert kernels == {
        "gemm": (1.0, pytest.approx(300e-6)),
        "copy": (0.5, pytest.approx(50e-6)),
    }
    assert [row["name"] for row in result["operators"]] == ["aten::mm"]
    print_tables(result)
    said = capsys.readouterr().out
    assert "a step: 1.0 ms; 2 kernels that keep the GPU busy for 0.3 ms; idle for 70%" in said
    assert "85.7%" in said  # the share of gemm


def test_union_of_spans():
    assert covered([(4.0, 6.0), (0.0, 3.0), (1.0, 2.0), (2.0, 5.0), (8.0, 9.0)]) == 7.0
    assert covered([]) == 0.0
