"""The tables of size and cost of the paper's other networks."""

from collections.abc import Sequence
from typing import Any

from yolox_ela.tables.hosts.counts import HOSTS, count_host
from yolox_ela.tables.hosts.rows import ROWS, PrintedRow
from yolox_ela.tables.layout import Column, Table

CONVENTION = (
    "Printed parameters are thop's / 10^6 (the tables call them MB, M or P), printed operations "
    "its multiply-adds / 10^9 (MobileNetV2: / 10^6), which the paper calls FLOPs. thop counts no "
    "GroupNorm, no parameter outside a layer, no mean and no sigmoid; ELA has 2 parameters more "
    "for each channel than it says."
)


def host_tables(hosts: Sequence[str]) -> list[Table]:
    """A table for each network: every row of the paper, counted, with a mark where they differ.

    Args:
        hosts: keys of `counts.HOSTS`.
    """
    first, *others = dict.fromkeys(hosts)
    return [_table(first, [CONVENTION]), *(_table(host, []) for host in others)]


def _table(name: str, notes: Sequence[str]) -> Table:
    host = HOSTS[name]
    rows = [_counted(row) for row in ROWS if row.host == name]
    unit = "M" if host.unit == 1e6 else "G"
    columns = [
        Column("table", "table"),
        Column("method", "method"),
        Column("parameters", "parameters", "{:,}".format),
        Column("thop_parameters", "thop's", "{:,}".format),
        Column("printed_parameters", "paper, 10^6"),
        Column("parameters_agree", "agrees", yes_or_no),
        Column("macs", f"{unit}MACs (thop)", lambda macs: f"{macs / host.unit:.6f}"),
        Column("printed_macs", "paper"),
        Column("macs_agree", "agrees", yes_or_no),
    ]
    height, width = host.image_size
    reasons = [
        f"Table {row['table']}, {row['method']}: {row['reason']}." for row in rows if row["reason"]
    ]
    title = f"{host.title}, one image of {height} x {width}"
    return Table(title, columns, rows, [*notes, *reasons])


def _counted(row: PrintedRow) -> dict[str, Any]:
    counts = count_host(row.host, row.build)
    return {
        "host": row.host,
        "table": row.table,
        "method": row.method,
        "parameters": counts.parameters,
        "thop_parameters": counts.thop_parameters,
        "printed_parameters": row.parameters,
        "parameters_agree": as_printed(counts.thop_parameters / 1e6, row.parameters),
        "macs": counts.macs,
        "printed_macs": row.macs,
        "macs_agree": row.macs and as_printed(counts.macs / HOSTS[row.host].unit, row.macs),
        "reason": row.reason,
    }


def as_printed(value: float, printed: str) -> bool:
    """Whether a value rounded to the digits of a printed number gives this number."""
    digits = len(printed.partition(".")[2])
    return f"{value:.{digits}f}" == printed


def yes_or_no(agrees: bool) -> str:
    """How a table marks agreement."""
    return "yes" if agrees else "NO"
