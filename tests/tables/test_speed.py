"""The speed table: what is timed, that all take turns, and how it is shown."""

import json
from dataclasses import replace

import pytest
import torch
from shallow import shallow_yolox

from yolox_ela.attention import ela_s
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.tables.layout import render
from yolox_ela.tables.measurement import read_measurement
from yolox_ela.tables.speed import (
    SpeedSettings,
    measure_speed,
    speed_tables,
)

pytestmark = pytest.mark.slow


class Shallow(Experiment):
    def build_model(self):
        return shallow_yolox(len(self.classes), self.attention)


ATTENTION = {"nano": None, "nano_ela_s": ela_s}
SETTINGS = SpeedSettings(
    "cpu",
    modes=("eager", "fused"),
    precisions=("fp32", "bf16"),
    batches=(1, 2),
    image_size=32,
    rounds=2,
)


def experiments(*names):
    return [Shallow(name=name, attention=ATTENTION[name]) for name in names]


@pytest.fixture(scope="module")
def measurement():
    return measure_speed(experiments("nano", "nano_ela_s"), SETTINGS)


def test_every_combination_is_measured(measurement):
    rows = measurement["rows"]
    assert len(rows) == 2 * 2 * 2 * 2
    assert len({(r["exp"], r["precision"], r["batch"], r["mode"]) for r in rows}) == len(rows)
    for row in rows:
        assert 0 < row["ms_q1"] <= row["ms"] <= row["ms_q3"]
        assert 0 < row["speed_q1"] <= row["speed"] <= row["speed_q3"]
        assert row["fps"] == pytest.approx(1e3 * row["batch"] / row["ms"])
    assert all(row["speed"] == 1 for row in rows if row["exp"] == "nano")


def test_shown_beside_the_papers_share(measurement):
    tables = speed_tables(measurement)
    assert [table.title.split(": ")[1] for table in tables] == [
        "latency with 1 image of 32 px at a time, fp32",
        "throughput with 2 images of 32 px at a time, fp32",
        "latency with 1 image of 32 px at a time, bf16",
        "throughput with 2 images of 32 px at a time, bf16",
    ]
    lines = render(tables[:1], "text").splitlines()
    (ela,) = (line for line in lines if line.startswith("nano_ela_s"))
    assert ela.endswith("0.913"), "75.68 of 82.87 images a second"
    assert "torch" in tables[-1].notes[0]


def test_a_saved_measurement_gives_the_same_tables(measurement, tmp_path):
    path = tmp_path / "speed.json"
    path.write_text(json.dumps(measurement), encoding="utf-8")
    assert render(speed_tables(read_measurement(path)), "markdown") == render(
        speed_tables(measurement), "markdown"
    )


def test_csv_and_json_hold_all_modes(measurement):
    (first, *_) = json.loads(render(speed_tables(measurement), "json"))
    row = next(row for row in first["rows"] if row["exp"] == "nano_ela_s")
    assert {
        f"{mode}_{value}" for mode in ("eager", "fused") for value in ("ms", "fps", "speed")
    } <= (row.keys())


def test_compiled_networks_are_all_compiled():
    """More networks than torch.compile by itself keeps versions of one function."""
    exps = experiments("nano")
    exps.append(replace(exps[0], name="copy"))
    settings = replace(SETTINGS, modes=("compiled",), precisions=("fp32",), batches=(1,), rounds=1)
    with torch._dynamo.config.patch(recompile_limit=1):  # torch's own is 8, which takes long
        rows = measure_speed(exps, settings, backend="eager")["rows"]
    assert len(rows) == 2


@pytest.mark.parametrize("names", [("nano_ela_s",), ("nano", "nano")])
def test_needs_the_baseline_once(names):
    with pytest.raises(UserError, match="nano: name it once"):
        measure_speed(experiments(*names), SETTINGS)


@pytest.mark.parametrize("text", ["", "[]", '{"rows": []}'])
def test_other_files_are_refused(text, tmp_path):
    path = tmp_path / "speed.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"speed\.json"):
        read_measurement(path)
    with pytest.raises(UserError, match="cannot read"):
        read_measurement(tmp_path / "missing.json")
