"""What an evaluation by `yolox-ela eval` found, and the folder of its report."""

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from yolox_ela.commands.data_of_options import data_name
from yolox_ela.network.starts import Start
from yolox_ela.system.claim import claim_folder, require_unclaimed
from yolox_ela.system.environment import describe_environment
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.task import Samples

HELD_REMEDY = "name another folder with --report"


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation found.

    Attributes:
        samples: the images.
        scores: the names of the scores that the results have.
        headline: the one of them that decides.
        results: the scores as plain values; None for images without annotations.
        page: the report, if one was asked for.
    """

    samples: Samples
    scores: tuple[str, ...]
    headline: str
    results: dict[str, Any] | None = None
    page: Path | None = None


def report_folder(args: argparse.Namespace) -> RunFolder | None:
    """The folder that --report names, which must be free; None without one."""
    if not args.report:
        return None
    report = RunFolder(args.report)
    require_unclaimed(report.path, HELD_REMEDY)
    report.check_report()
    return report


def hold(report: RunFolder, held: ExitStack) -> None:
    """Keep others out of the folder from here on; it is released at the end of `held`."""
    held.enter_context(claim_folder(report.path, HELD_REMEDY))
    report.check_report()  # a training may have begun there meanwhile


def keep_results(
    report: RunFolder,
    args: argparse.Namespace,
    device: torch.device,
    experiment: str,
    start: Start,
    results: Mapping[str, Any],
) -> None:
    """Write what a report is made from, apart from detections."""
    report.append_environment(
        describe_environment(device, 1, args.call)
        | {"data": data_name(args), "weights": f"{args.checkpoint} in {experiment}"}
        | {"start": start.name, "start_sha256": start.sha256}
    )
    report.write_json(report.results.name, results)
