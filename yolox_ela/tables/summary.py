"""All recorded scores in one table."""

from collections.abc import Sequence

from yolox_ela.evaluate.scores import METRIC_HEADERS
from yolox_ela.network.starts import title_of_start
from yolox_ela.tables.layout import Column, Table
from yolox_ela.tables.record import RunRow
from yolox_ela.tables.results import results_tables
from yolox_ela.tables.settings import with_recipe_name


def summary_table(rows: Sequence[RunRow]) -> Table:
    """A row for each method and set of conditions, in the order of the results tables."""
    methods = [row for table in results_tables(rows) for row in table.rows]
    columns = [
        Column("exp", "experiment"),
        Column("start", "training", _training, beside=("epochs", "settings")),
        Column("data", "data"),
        Column("test_images", "images", "{:,}".format),
        Column("image_size", "px"),
        Column("runs", "runs"),
        *(Column(metric, header, "{:.2f}".format) for metric, header in METRIC_HEADERS.items()),
    ]
    note = "Means over runs, in percent. Only rows of the same data, images and size compare."
    return Table("Recorded scores", columns, methods, [note])


def _training(start: str, epochs: int | None, settings: str) -> str:
    title = title_of_start(start)
    if epochs == 0:
        return f"none: {title}"
    if epochs is None:
        return f"elsewhere ({title})"
    return f"{epochs} epochs from {title}" + (f"; {with_recipe_name(settings)}" if settings else "")
