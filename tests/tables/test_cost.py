"""What a point costs: counted networks, and the scores that may be compared."""

import pytest

from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.tables.cost import cost_tables, experiments_of
from yolox_ela.tables.layout import render


def test_every_size_with_every_attention():
    found = experiments_of(["tiny", "nano"], ["none", "ela_s", "none"])
    assert [exp.name for exp in found] == [
        "nano-size=tiny",
        "nano-size=tiny-attention=ela_s",
        "nano",
        "nano-attention=ela_s",
    ]
    (kept,) = experiments_of([], [], [load_experiment("nano_ela_s")])
    assert kept.name == "nano_ela_s"
    (plain,) = experiments_of(["s"], ["none"], [load_experiment("nano_ela_s")])
    assert plain.name == "nano_ela_s-size=s-attention=none"
    assert not plain.build_model().backbone.attention
    with pytest.raises(UserError, match="'huge' must be nano, tiny"):
        experiments_of(["huge"], [])


def test_points_and_their_cost(build_row):
    """The control's weights at the start differ, and its size is among its settings."""
    conditions = {"start": "coco", "start_sha256": "ab" * 32, "settings": "lr=0.1"}
    control = {"start": "coco", "start_sha256": "cd" * 32, "settings": "lr=0.1; size=tiny"}
    rows = [
        build_row(exp="nano", ap50_voc07=0.70, **conditions),
        build_row(exp="nano", seed=1, ap50_voc07=0.72, **conditions),
        build_row(exp="nano_ela_s", ap50_voc07=0.72, **conditions),
        build_row(exp="nano_cbam", ap50_voc07=0.69, **conditions),
        build_row(exp="nano-size=tiny", ap50_voc07=0.81, **control),
        build_row(exp="nano-size=tiny", ap50_voc07=0.99, **{**control, "settings": "lr=0.2"}),
        build_row(exp="nano_se", ap50_voc07=0.99, **conditions),
    ]
    exps = [load_experiment(name) for name in ("nano_ela_s", "nano_cbam")]
    (table,) = cost_tables(exps, rows)
    found = {row["exp"]: row for row in table.rows}
    assert list(found) == ["nano", "nano_ela_s", "nano_cbam", "nano-size=tiny"]
    assert found["nano"]["ap50_voc07"] == pytest.approx(71)
    assert (found["nano"]["runs"], found["nano"]["gain"]) == (2, None)
    ela = found["nano_ela_s"]
    assert ela["gain"] == pytest.approx(1)
    assert ela["extra_parameters"] == 951_531 - 900_459
    assert ela["extra_parameters_per_point"] == pytest.approx(951_531 - 900_459)
    assert ela["extra_gflops_per_point"] == pytest.approx(ela["extra_gflops"] / ela["gain"])
    assert found["nano_cbam"]["gain"] == pytest.approx(-2)
    assert found["nano_cbam"]["extra_parameters_per_point"] is None, "it gains nothing"
    tiny = found["nano-size=tiny"]
    assert tiny["extra_parameters_per_point"] == pytest.approx((5_038_395 - 900_459) / 10)
    text = render([table], "text")
    assert "5,038,395" in text
    assert "+1.00" in text


def test_without_scores():
    (table,) = cost_tables([], [])
    assert [row["exp"] for row in table.rows] == ["nano", "nano-size=tiny"]
    assert all(row["ap50_voc07"] is None for row in table.rows)
    assert "no runs to compare" in table.title
