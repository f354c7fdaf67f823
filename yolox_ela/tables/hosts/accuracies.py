"""What the paper (arXiv 2403.01123) prints of its other networks' accuracy, and what is odd in it.

Numbers are the printed digits, in percent.
"""

from typing import NamedTuple

from yolox_ela.tables.hosts.rows import DEEPLAB, MOBILE, R18, R50, R101, ROWS, YOLOF
from yolox_ela.tables.layout import Column, Table

CLASSIFIERS = (R18, R50, R101, MOBILE)
SCORES = {
    **dict.fromkeys(CLASSIFIERS, ("top-1", "top-5")),
    YOLOF: ("AP50:95", "AP50", "AP75", "AP small", "AP medium", "AP large"),
    DEEPLAB: ("mean IoU",),
}
DATA = {
    **dict.fromkeys(CLASSIFIERS, "ImageNet"),
    YOLOF: "COCO val2017",
    DEEPLAB: "VOC2012",
}
TASKS = {
    **dict.fromkeys(CLASSIFIERS, "classification"),
    YOLOF: "detection",
    DEEPLAB: "segmentation",
}


class PrintedScores(NamedTuple):
    """The scores in one row of a table.

    Attributes:
        table: the table's number.
        host: one of `choices.HOSTS`.
        method: the row's label.
        values: the scores as printed, in the order of `SCORES`.
    """

    table: int
    host: str
    method: str
    values: str


PRINTED = (
    PrintedScores(2, R18, "baseline", "69.86"),
    PrintedScores(2, R18, "CA(r=32)", "69.77"),
    PrintedScores(2, R18, "CA(r=24)", "68.74"),
    PrintedScores(2, R18, "CA(r=16)", "69.00"),
    PrintedScores(2, R18, "CA_gn(r=32)", "70.18"),
    PrintedScores(2, R18, "CA_gn(r=24)", "70.21"),
    PrintedScores(2, R18, "CA_gn(r=16)", "70.30"),
    PrintedScores(2, R50, "baseline", "75.83"),
    PrintedScores(2, R50, "CA(r=32)", "76.35"),
    PrintedScores(2, R50, "CA(r=24)", "76.42"),
    PrintedScores(2, R50, "CA(r=16)", "76.64"),
    PrintedScores(4, R18, "baseline", "69.86"),
    PrintedScores(4, R18, "ELA-k7-g8-ng16(L)", "70.60"),
    PrintedScores(4, R18, "ELA-k7-g-ng16(B)", "70.44"),
    PrintedScores(4, R18, "ELA-k7-g8-ng32", "70.77"),
    PrintedScores(4, R18, "ELA-k7-g-ng32", "70.52"),
    PrintedScores(4, R18, "ELA-k5-g8-ng16(S)", "70.79"),
    PrintedScores(4, R18, "ELA-k5-g-ng16", "70.51"),
    PrintedScores(4, R18, "ELA-k5-g8-ng32(T)", "70.68"),
    PrintedScores(4, R18, "ELA-k5-g-ng32", "70.28"),
    PrintedScores(4, R50, "baseline", "75.83"),
    PrintedScores(4, R50, "ELA-k5-g8-ng32", "76.37"),
    PrintedScores(4, R50, "ELA-k5-g8-ng16(S)", "76.59"),
    PrintedScores(4, R50, "ELA-k7-g8-ng32", "76.54"),
    PrintedScores(4, R50, "ELA-k7-g-ng16(B)", "76.63"),
    PrintedScores(4, R50, "ELA-k7-g8-ng16(L)", "76.56"),
    PrintedScores(5, MOBILE, "baseline", "69.52 89.21"),
    PrintedScores(5, MOBILE, "CA(r=32)", "71.39 90.57"),
    PrintedScores(5, MOBILE, "CA(r=24)", "71.56 90.54"),
    PrintedScores(5, MOBILE, "CA(r=16)", "71.90 90.79"),
    PrintedScores(5, MOBILE, "ECA", "71.04 90.19"),
    PrintedScores(5, MOBILE, "SE", "71.11 90.14"),
    PrintedScores(5, MOBILE, "SA", "70.58 90.09"),
    PrintedScores(5, MOBILE, "CBAM", "71.24 90.42"),
    PrintedScores(5, MOBILE, "ELA-S", "71.52 90.57"),
    PrintedScores(5, MOBILE, "ELA-L", "71.91 90.68"),
    PrintedScores(5, R18, "baseline", "69.86 89.08"),
    PrintedScores(5, R18, "CA", "69.77 88.64"),
    PrintedScores(5, R18, "ECA", "70.15 89.45"),
    PrintedScores(5, R18, "SE", "70.41 89.65"),
    PrintedScores(5, R18, "CBAM", "70.48 89.62"),
    PrintedScores(5, R18, "SA", "70.42 89.52"),
    PrintedScores(5, R18, "ELA-T", "70.68 89.68"),
    PrintedScores(5, R18, "ELA-B", "70.79 89.75"),
    PrintedScores(5, R50, "baseline", "75.83 92.81"),
    PrintedScores(5, R50, "CA", "76.35 93.06"),
    PrintedScores(5, R50, "ECA", "76.24 93.17"),
    PrintedScores(5, R50, "SE", "76.01 92.15"),
    PrintedScores(5, R50, "CBAM", "76.09 92.90"),
    PrintedScores(5, R50, "SA", "76.30 93.08"),
    PrintedScores(5, R50, "ELA-S", "76.59 93.34"),
    PrintedScores(5, R50, "ELA-B", "76.63 93.35"),
    PrintedScores(5, R101, "baseline", "77.35 93.56"),
    PrintedScores(5, R101, "CA", "77.42 93.68"),
    PrintedScores(5, R101, "ELA-B", "77.41 93.73"),
    PrintedScores(5, R101, "ELA-S", "77.56 93.91"),
    PrintedScores(6, YOLOF, "baseline", "37.13 56.7 39.6 17.8 41.8 51.4"),
    PrintedScores(6, YOLOF, "CA", "37.45 57.3 40.1 18.8 42.2 51.8"),
    PrintedScores(6, YOLOF, "ELA-L", "37.81 57.9 40.2 18.8 42.6 52.4"),
    PrintedScores(8, DEEPLAB, "baseline", "70.47"),
    PrintedScores(8, DEEPLAB, "SE", "71.13"),
    PrintedScores(8, DEEPLAB, "CA", "71.17"),
    PrintedScores(8, DEEPLAB, "CBAM", "71.06"),
    PrintedScores(8, DEEPLAB, "ECA", "70.94"),
    PrintedScores(8, DEEPLAB, "SA", "70.50"),
    PrintedScores(8, DEEPLAB, "ELA-S", "71.55"),
)
# What is known of a row by its table, network and label; "" for all labels.
REMARKS = {
    (5, R18, "ELA-T"): "the accuracy is that of ELA-k5-g8-ng32 in Table 4, the counts are of "
    "depthwise filters, whose row there has 70.28",
    (5, R18, "ELA-B"): "the accuracy is that of ELA-k5-g8-ng16(S) in Table 4, the counts are of "
    "depthwise filters, whose row there has 70.44",
    (5, R18, "CA"): "the accuracy is that of r = 32 in Table 2, the counts are of r = 16",
    (5, R101, "CA"): "the counts are of r = 16",
    (5, R101, "ELA-B"): "the counts are of ELA-S",
    (5, R101, "ELA-S"): "the counts are of ELA-L",
    (5, MOBILE, "ELA-L"): "section 4.2 credits its gain of 2.39 to ELA-S",
    (8, DEEPLAB, "SE"): "the released log of this name ends at 71.32",
    (
        8,
        DEEPLAB,
        "ELA-S",
    ): "the best of 200 evaluations on the validation set, in the best of about "
    "four released logs; the others end at 71.10, 71.15 and 71.20",
    (8, DEEPLAB, "baseline"): "has no released log; the one log without attention reaches 69.49",
}


def printed_table() -> Table:
    """Each printed row with the parameters, the scores and what is odd."""
    parameters = {(row.table, row.host, row.method): row.parameters for row in ROWS}
    rows = [
        {
            "task": TASKS[row.host],
            "table": row.table,
            "host": row.host,
            "method": row.method,
            "data": DATA[row.host],
            "score": name,
            "value": value,
            "parameters": parameters[row[:3]],
        }
        for row in PRINTED
        for name, value in zip(SCORES[row.host], row.values.split(), strict=False)
    ]
    columns = [
        Column("task", "task"),
        Column("table", "table"),
        Column("host", "network"),
        Column("method", "method"),
        Column("data", "data"),
        Column("score", "score"),
        Column("value", "paper, %"),
        Column("parameters", "parameters, 10^6"),
    ]
    notes = [
        f"Table {table}, {host}, {method}: {text}."
        for (table, host, method), text in REMARKS.items()
    ]
    notes.append(
        "The released logs of Table 8 were trained on VOC2012's 1,464 images, not on the 10,582 of "
        "train_aug as section 4.4 says."
    )
    return Table("Accuracies that the paper prints", columns, rows, notes)
