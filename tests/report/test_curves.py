"""Learning curves: every column is plotted, and runs can be told apart."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from yolox_ela.errors import UserError
from yolox_ela.evaluate.scores import METRICS
from yolox_ela.report.curves import curves_section, plot_curves, read_metrics
from yolox_ela.report.style import to_png
from yolox_ela.train.progress import LOSS_PARTS
from yolox_ela.train.run_folder import RunFolder


def history(epochs=4, *, raw=False, every=2, level=0.7):
    """Rows as the training loop books them: epoch 0 evaluated alone, L1 in the last epoch."""
    rows = [{"epoch": 0, **dict.fromkeys(METRICS, 0.0)}]
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "step": 5 * epoch, "lr": 0.01 / epoch, "images_per_second": 9.0}
        row |= dict.fromkeys(LOSS_PARTS, 3.0 / epoch)
        row["l1"] = 0.5 if epoch == epochs else 0.0
        if epoch % every == 0:
            for place, name in enumerate(METRICS):
                row[name] = level * epoch / epochs - 0.01 * place
                if raw:
                    row[f"raw_{name}"] = row[name] - 0.05
        rows.append(row)
    return rows


def panels(figure):
    return {axes.get_title(): axes for axes in figure.axes}


def test_rows_survive_the_file(tmp_path):
    rows = history()
    folder = RunFolder(tmp_path)
    folder.write_metrics(rows)
    assert read_metrics(folder.metrics) == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "metrics.csv"),
        (b"name,AP\nnano,70\n", "not the metrics.csv"),
        (b"epoch,lr\n", "no epochs"),
        (b"epoch,lr\n1,fast\n", "fast"),
        (b"epoch\n1,2\n", "not the metrics.csv"),
        (b"\xff\xfe\x00", "not the metrics.csv"),
    ],
    ids=["missing", "foreign", "empty", "word", "ragged", "binary"],
)
def test_what_is_no_metrics_file_is_a_clear_error(tmp_path, content, message):
    path = tmp_path / "metrics.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_metrics(path)


def test_every_loss_score_and_the_rate_has_a_panel():
    figure = plot_curves({"nano": history()})
    assert len(figure.axes) == len(LOSS_PARTS) + len(METRICS) + 1
    assert all(len(axes.lines) == 1 for axes in figure.axes)


def test_scores_are_in_percent_at_the_epochs_that_were_evaluated():
    axes = panels(plot_curves({"nano": history()}))["AP50, 11 points (VOC07), in percent"]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [(0, 0), (2, 35), (4, 70)])


def test_the_l1_loss_is_not_plotted_where_it_is_off():
    axes = panels(plot_curves({"nano": history()}))["box loss (L1), final epochs"]
    assert axes.lines[0].get_xydata().tolist() == [[4, 0.5]]


def test_raw_weights_are_dashed_and_explained_where_they_were_evaluated():
    figure = plot_curves({"plain": history(), "both": history(raw=True)})
    scores = figure.axes[: len(METRICS)]
    assert [[line.get_linestyle() for line in axes.lines] for axes in scores] == [
        ["-", "-", "--"]
    ] * 3
    both, dashed = scores[0].lines[1:]
    assert both.get_color() == dashed.get_color()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[2:] == ["averaged (EMA) weights", "raw weights"]
    assert len(plot_curves({"plain": history()}).legends[0].get_texts()) == 1


def test_runs_differ_in_colour_or_marker_in_every_panel():
    runs = {f"run {number}": history() for number in range(9)}
    for axes in plot_curves(runs).axes:
        looks = {(to_hex(line.get_color()), line.get_marker()) for line in axes.lines}
        assert len(looks) == len(runs)


def test_the_legend_names_the_best_epoch_and_hides_no_curve():
    rows = history()
    rows[2]["ap50_voc07"] = 0.8
    figure = plot_curves({"nano": rows, "other": history()})
    to_png(figure)  # lays it out
    legend = figure.legends[0]
    assert legend.get_texts()[0].get_text() == "nano: best 80.00 AP50 (VOC07), epoch 2"
    bottom = min(axes.get_window_extent().y0 for axes in figure.axes)
    assert legend.get_window_extent().y1 < bottom


def test_a_run_whose_name_starts_with_an_underscore_is_in_the_legend():
    figure = plot_curves({"_tried": history(), "other": history()})
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [name.split(":")[0].strip() for name in legend] == ["_tried", "other"]


def test_runs_of_different_length_share_the_axis():
    for axes in plot_curves({"short": history(2), "long": history(6)}).axes:
        assert axes.get_xlim()[1] > 6


def test_the_table_sums_runs_up_also_one_that_was_never_evaluated():
    rows = history(raw=True)
    rows[2]["ap50_voc07"] = 0.8
    unevaluated = [row for row in history(1, every=9) if "loss" in row]
    section = curves_section({"nano": rows, "new": unevaluated})
    name, epochs, best, best_epoch, last, last_coco = section.table.rows[0]
    assert (name, epochs, best_epoch) == ("nano", 4, 2)
    assert (best, last, last_coco) == pytest.approx((80, 70, 68))
    assert list(section.table.rows[1]) == ["new", 1, None, None, None, None]
    assert section.figures["curves"].startswith(b"\x89PNG")
    assert section.numbers["runs"]["nano"] is rows
    assert "dashed" in section.text


def test_nothing_to_plot_is_refused():
    with pytest.raises(ValueError, match="no run"):
        plot_curves({"nano": []})
