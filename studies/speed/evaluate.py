"""Average precision: this package beside upstream's voc_eval, pycocotools and faster-coco-eval.

Everything runs on one random set (see `synthetic`) with the same detections. Each comparison first
shows that all evaluators compute the same figures, then times them in turns.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from studies.speed.coco_tools import (
    CocoTool,
    installed_tools,
    plain_objects,
    twelve_figures,
)
from studies.speed.synthetic import (
    SPLIT,
    YEAR,
    random_detections,
    random_objects,
    write_voc,
)
from studies.speed.table import format_timings, timings_as_json
from studies.speed.upstream_voc import PATCHES, UpstreamVoc
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.average_precision import (
    all_points,
    average_precision,
    eleven_point,
    hundred_one_points,
)
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.matching import match
from yolox_ela.evaluate.objects import Objects
from yolox_ela.evaluate.rules import COCO_IOUS, COCO_RULES, VOC_RULES
from yolox_ela.evaluate.scores import score_split
from yolox_ela.system.environment import describe_environment
from yolox_ela.tables.timing import Timing, interleave

Timer = Callable[[Mapping[str, Callable[[], object]]], dict[str, Timing]]

OURS = "yolox_ela"
PARTS = ("voc", "end-to-end", "coco", "coco-arrays", "coco-summary")


@dataclass(frozen=True)
class Task:
    """Something to time.

    Attributes:
        call: the function to time.
        includes: description of the work that is timed.
    """

    call: Callable[[], object]
    includes: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the size of the set, and for the comparisons."""
    parser.add_argument("--images", type=int, default=4952, help="default: 4952, VOC2007 test")
    parser.add_argument(
        "--detections", type=int, default=100, help="detections per image; default: 100"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the random set; default: 0")
    parser.add_argument(
        "--min-seconds",
        type=float,
        default=0.5,
        help="shortest time to measure; faster tasks are repeated within a round; default: 0.5",
    )
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="comparisons; default: all"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Make the comparisons, print their tables, and return everything as plain JSON values."""
    split = random_objects(args.images, args.seed)
    found = random_detections(split, args.detections, args.seed + 1)
    print(
        f"{len(split)} images, {len(split.labels)} objects ({split.difficult.sum()} difficult), "
        f"{len(found)} detections, {len(split.classes)} classes, seed {args.seed}"
    )
    versions = {name: metadata.version(name) for name in ("pixeltable-yolox", *installed_tools())}
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    results: dict[str, Any] = {
        "environment": describe_environment(torch.device("cpu"), 1) | {"compared": versions},
        "set": {
            "images": len(split),
            "objects": len(split.labels),
            "detections": len(found),
            "seed": args.seed,
        },
    }
    # Computing the figures to compare has warmed everything up.
    timer = partial(interleave, rounds=args.rounds, warmup=0, min_seconds=args.min_seconds)
    with tempfile.TemporaryDirectory() as folder:
        if "voc" in args.parts or "end-to-end" in args.parts:
            for patch in PATCHES:
                print(f"patched for {patch}")
            root = Path(folder)
            write_voc(split, root)
            upstream = UpstreamVoc(root, split, found)
            if "voc" in args.parts:
                results["voc"] = compare_voc(upstream, split, found, timer)
            if "end-to-end" in args.parts:
                results["end-to-end"] = compare_end_to_end(upstream, split, found, timer)
    coco_parts = [part for part in args.parts if part.startswith("coco")]
    return results | compare_coco(split, found, timer, coco_parts)


def compare_voc(
    upstream: UpstreamVoc, split: VocSplit, found: Detections, timer: Timer
) -> dict[str, Any]:
    """Compare AP by VOC's rules at ten IoU thresholds."""
    objects = Objects.of_split(split)

    def ours() -> tuple[np.ndarray, np.ndarray]:
        matches = match(found, objects, VOC_RULES, COCO_IOUS)
        return average_precision(matches, eleven_point), average_precision(matches, all_points)

    eleven, area = ours()
    theirs = upstream.from_memory(COCO_IOUS)
    agreement = {
        "voc_eval, all points": largest(
            area - upstream.from_memory(COCO_IOUS, use_07_metric=False)
        ),
        "voc_eval, 11 points": largest(eleven - theirs),
    }
    tasks = {
        OURS: Task(ours, "matching, both averages; from parsed arrays"),
        "voc_eval, parsed before": Task(
            lambda: upstream.from_memory(COCO_IOUS), "matching, 11 points; nothing to parse"
        ),
        "voc_eval": Task(
            lambda: upstream.from_files(COCO_IOUS),
            "as installed: also annots.pkl and detection files, read for each class and threshold",
        ),
    }
    return measure("VOC's rules, 10 IoU thresholds, all classes", tasks, agreement, timer)


def compare_end_to_end(
    upstream: UpstreamVoc, split: VocSplit, found: Detections, timer: Timer
) -> dict[str, Any]:
    """Compare the computation of all scores from detections and XML files."""
    limits = np.searchsorted(found.images, np.arange(len(split) + 1))
    parts = [
        Detections(*(array[a:b] for array in vars(found).values())) for a, b in pairwise(limits)
    ]

    def ours() -> float:
        loaded = load_split(upstream.root, [f"{YEAR}/{SPLIT}"], split.classes)
        return float(np.nanmean(score_split(Detections.concatenate(parts), loaded).ap50_95))

    matches = match(found, Objects.of_split(split), VOC_RULES, COCO_IOUS)
    exact = average_precision(matches, eleven_point).mean()
    agreement = {
        "VocEvaluator's mean AP, from rounded text": largest(upstream.end_to_end() - exact)
    }
    tasks = {
        OURS: Task(ours, "XML and image headers read and checked, VOC and COCO figures"),
        "yolox VocEvaluator": Task(
            upstream.end_to_end, "gathering, detection files, XML, ten thresholds"
        ),
    }
    return measure("End to end, from detections by image", tasks, agreement, timer)


def compare_coco(
    split: VocSplit, found: Detections, timer: Timer, parts: Sequence[str]
) -> dict[str, Any]:
    """Compare COCO's rules: AP alone, AP from arrays, and COCO's twelve figures."""
    if not parts:
        return {}
    classes = installed_tools()
    if "faster-coco-eval" not in classes:
        print("faster-coco-eval is not installed, so it is left out")
    tools = {name: CocoTool(pair, split, found) for name, pair in classes.items()}
    objects = plain_objects(split)

    def compare(title: str, ours: Callable[[], np.ndarray], method: str, includes: str) -> Any:
        theirs = {name: getattr(tool, method) for name, tool in tools.items()}
        expected = ours()
        agreement = {name: largest(call() - expected) for name, call in theirs.items()}
        calls = {OURS: ours, **theirs}
        tasks = {name: Task(call, includes) for name, call in calls.items()}
        return measure(title, tasks, agreement, timer)

    def ours(objects: Objects) -> np.ndarray:
        matches = match(found, objects, COCO_RULES, COCO_IOUS)
        return average_precision(matches, hundred_one_points)

    title = "COCO's rules, 10 IoU thresholds, all areas, 100 detections"
    comparisons = {
        "coco": lambda: compare(
            title,
            lambda: ours(objects),
            "average_precision",
            "matching, 101 points; from each tool's structures",
        ),
        "coco-arrays": lambda: compare(
            f"{title}, from arrays",
            lambda: ours(plain_objects(split)),
            "from_arrays",
            "the making of each tool's structures as well",
        ),
        "coco-summary": lambda: compare(
            "COCO's twelve figures",
            lambda: twelve_figures(found, objects),
            "twelve",
            "4 ranges of area, 3 numbers of detections",
        ),
    }
    return {part: comparisons[part]() for part in parts}


def largest(difference: np.ndarray | float) -> float:
    """The largest absolute difference."""
    return float(np.abs(difference).max())


def measure(
    title: str, tasks: dict[str, Task], agreement: dict[str, float], timer: Timer
) -> dict[str, Any]:
    """Time tasks in turns and print a table, largest differences of their figures first."""
    print(f"\n{title}")
    for what, difference in agreement.items():
        print(f"  largest difference to {OURS}, {what}: {difference:.1e}")
    timings = timer({name: task.call for name, task in tasks.items()})
    includes = {name: task.includes for name, task in tasks.items()}
    print(format_timings(timings, includes, OURS), flush=True)
    return {"agreement": agreement, "timings": timings_as_json(timings, includes, OURS)}
