"""Where the time of training steps goes, by torch.profiler: operators, GPU kernels, idle time.

python -m studies.speed profile -f nano_ela_s --compile --json profile.json --trace step.json.gz
"""

import argparse
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from studies.speed import train
from studies.speed.our_training import OurTraining
from studies.speed.pictures import pictures
from yolox_ela.experiment import load_experiment, network_of
from yolox_ela.system.device import synchronise
from yolox_ela.system.environment import describe_environment
from yolox_ela.system.files import require_writable
from yolox_ela.system.text_table import text_table
from yolox_ela.tables.timing import interleave
from yolox_ela.train.accelerator import build_accelerator

SHOWN = 20  # rows of each table on the screen; the JSON file has all
NAME_LENGTH = 70  # kernels of templates have names of hundreds of letters


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`, the experiment, and a file for the trace."""
    train.add_options(parser)
    parser.add_argument("-f", "--experiment", default="nano_ela_s", help="default: nano_ela_s")
    parser.add_argument(
        "--trace", type=Path, metavar="FILE.json.gz", help="write the trace of one step here"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Time an experiment's steps, then trace as many with the profiler, and print the tables."""
    if args.trace:
        require_writable(args.trace)
    exp = replace(load_experiment(args.experiment), **train.settings(args))
    accelerator = build_accelerator(args.device, args.precision)
    device = accelerator.device
    wait = partial(synchronise, device)
    with pictures(args) as given:
        training = OurTraining(
            network_of(exp),
            given.split,
            exp,
            accelerator,
            augment=args.augment,
            compile=args.compile,
        )
        steps = training.steps()

        def take(count: int) -> None:
            deque(islice(steps, count), maxlen=0)

        tasks = {"steps": partial(take, args.steps)}
        timing = interleave(tasks, rounds=args.rounds, warmup=1, synchronise=wait)["steps"]
        traced = partial(_traced, take, wait, on_cuda=device.type == "cuda")
        traced(1)  # the profiler's own start is slow
        profiler = traced(args.steps)
        if args.trace:
            traced(1).export_chrome_trace(str(args.trace))
        print(
            f"{exp.name}, {given.text}, {args.image_size} px, batch {args.batch}, "
            f"{args.precision}{', compiled' if args.compile else ''}, on {device}"
        )
    result = summary(profiler, args.steps, timing.median / args.steps)
    print_tables(result)
    return {"environment": describe_environment(device, 1), **result}


def _traced(
    take: Callable[[int], None], wait: Callable[[], None], count: int, *, on_cuda: bool
) -> profile:
    """The finished profile of some steps."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_cuda else [])]
    with profile(activities=activities) as profiler:
        take(count)
        wait()
    return profiler


def summary(profiler: profile, steps: int, seconds: float) -> dict[str, Any]:
    """What a step consists of, as plain JSON values.

    Args:
        profiler: the finished profile.
        steps: the number of steps in it.
        seconds: the time of a step without the profiler, which slows the CPU down.

    Returns:
        `step` with the time and, on a GPU, the kernels (copies included), the time in which at
        least one was running, and the share of `seconds` in which none was; `operators` and
        `kernels`, whose `calls`, `cpu` and `gpu` are numbers and seconds per step, without what
        they have called themselves.
    """
    spans = [
        (event.time_range.start, event.time_range.end)
        for event in profiler.events() or ()
        if _is_kernel(event)
    ]
    step: dict[str, Any] = {"seconds": seconds, "kernels": len(spans) / steps}
    if spans:
        step["busy"] = covered(spans) / 1e6 / steps
        step["idle_share"] = max(0.0, 1 - step["busy"] / seconds)
    averages = profiler.key_averages()
    return {
        "step": step,
        "operators": _rows((a for a in averages if a.device_type == DeviceType.CPU), steps),
        "kernels": _rows(filter(_is_kernel, averages), steps),
    }


def _is_kernel(event: Any) -> bool:
    # Named regions of the program, such as the optimizer's step, are reported as if a GPU ran them.
    return event.device_type != DeviceType.CPU and not event.is_user_annotation


def _rows(averages: Iterable[Any], steps: int) -> list[dict[str, Any]]:
    return [
        {
            "name": average.key,
            "calls": average.count / steps,
            "cpu": average.self_cpu_time_total / 1e6 / steps,
            "gpu": average.self_device_time_total / 1e6 / steps,
        }
        for average in averages
    ]


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """The length of the union of some spans, each a start and an end."""
    length, reached = 0.0, -torch.inf
    for start, end in sorted(spans):
        length += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return length


def print_tables(result: dict[str, Any]) -> None:
    """Print what `summary` gives: a line on the step, and the first rows of each table."""
    step = result["step"]
    line = f"a step: {1e3 * step['seconds']:.1f} ms"
    if "busy" in step:
        line += (
            f"; {step['kernels']:.0f} kernels that keep the GPU busy for "
            f"{1e3 * step['busy']:.1f} ms; idle for {step['idle_share']:.0%}"
        )
        print_table("operators by their own time on the GPU", result["operators"], "gpu")
        print_table("kernels", result["kernels"], "gpu")
    print_table("operators by their own time on the CPU", result["operators"], "cpu")
    print(line)


def print_table(title: str, rows: Sequence[dict[str, Any]], by: str) -> None:
    """Print the rows that take the longest on the CPU or on the GPU."""
    whole = sum(row[by] for row in rows) or 1.0  # graphs of kernels may belong to no operator
    cells = [
        [
            row["name"][:NAME_LENGTH],
            f"{row['calls']:.1f}",
            f"{1e3 * row[by]:.3f}",
            f"{row[by] / whole:.1%}",
        ]
        for row in sorted(rows, key=lambda row: -row[by])[:SHOWN]
    ]
    print(text_table([title, "calls a step", "ms a step", "share"], cells, align="lrrr"))
