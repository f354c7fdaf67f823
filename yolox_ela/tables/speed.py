"""Latency and images per second of every network, all measured in turns in one run."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from yolox_ela.choices import MODES, SPEED_PRECISIONS
from yolox_ela.errors import UserError
from yolox_ela.experiment import BASELINE, Experiment, network_of
from yolox_ela.input_size import FORM, ImageSize, InputSize, is_image_size
from yolox_ela.network.fuse import fuse, fuse_batchnorm
from yolox_ela.network.model import Yolox
from yolox_ela.system.device import synchronise
from yolox_ela.system.environment import describe_environment
from yolox_ela.tables.layout import Column, Table
from yolox_ela.tables.paper import PAPER
from yolox_ela.tables.timing import interleave, ratio

PRECISIONS = dict(zip(SPEED_PRECISIONS, (torch.float32, torch.bfloat16), strict=True))


@dataclass(frozen=True)
class SpeedSettings:
    """What is measured: every mode at every precision and batch size.

    Args:
        device: where to compute, as torch names it.
        modes: some of `MODES`.
        precisions: some of `PRECISIONS`; bf16 is autocast of backbone and neck.
        batches: images at a time; 1 gives the latency, more the throughput.
        image_size: size of the input, as the recipe's field.
        rounds: times that each network is measured.
    """

    device: str
    modes: tuple[str, ...] = tuple(MODES)
    precisions: tuple[str, ...] = ("fp32",)
    batches: tuple[int, ...] = (1, 16)
    image_size: ImageSize = 640
    rounds: int = 20

    def __post_init__(self) -> None:
        for name, values in (("--mode", self.modes), ("--batch-size", self.batches)):
            if not values or len(set(values)) < len(values):
                raise UserError(f"{name} {values} must name each value once")
        if min(self.batches) < 1 or self.rounds < 1:
            raise UserError("--batch-size and --rounds must be at least 1")
        if not is_image_size(self.image_size):
            raise UserError(f"--image-size {self.image_size} must be {FORM}")


def measure_speed(
    experiments: Sequence[Experiment], settings: SpeedSettings, *, backend: str = "inductor"
) -> dict[str, Any]:
    """Time the networks of experiments, from an image tensor to decoded boxes, without NMS.

    The networks of one mode, precision and batch size take turns, so that drift of the machine
    falls on all alike; a ratio is the median of the ratios of one round to the baseline's.

    Args:
        experiments: whose networks to build; the baseline must be among them.
        settings: what to measure.
        backend: the backend of torch.compile.

    Returns:
        `settings`, `environment` and `rows`: for each experiment, precision, batch size and mode
        `ms` (median of one batch), `ms_q1`, `ms_q3`, `fps` and `speed`, the images per second as
        a share of the baseline's, with its quartiles `speed_q1` and `speed_q3`.

    Raises:
        UserError: the baseline is not among the experiments, or one is there twice.
    """
    names = [exp.name for exp in experiments]
    if BASELINE not in names or len(set(names)) < len(names):
        raise UserError(f"speed is compared with {BASELINE}: name it once, and every other once")
    device = torch.device(settings.device)
    groups = [
        (precision, batch, mode)
        for precision in settings.precisions
        for batch in settings.batches
        for mode in settings.modes
    ]
    networks = {exp.name: network_of(exp) for exp in experiments}
    rows = []
    for precision, batch, mode in tqdm(groups, "measuring", unit="group", disable=None):
        images = _images(batch, InputSize.of(settings.image_size), mode, device)
        tasks = {
            name: _task(_prepare(network, mode, precision, backend).to(device), images, precision)
            for name, network in networks.items()
        }
        # All networks are versions of one function, of which torch.compile would keep only eight.
        torch.compiler.reset()
        with torch._dynamo.config.patch(recompile_limit=len(tasks) + 1):  # type: ignore[attr-defined]
            timings = interleave(
                tasks,
                rounds=settings.rounds,
                synchronise=partial(synchronise, device),
                min_seconds=0.02,
            )
        for name, timing in timings.items():
            speed, low, high = ratio(timings[BASELINE], timing)
            q1, q3 = timing.quartiles
            rows.append(
                {
                    "exp": name,
                    "precision": precision,
                    "batch": batch,
                    "mode": mode,
                    "ms": 1e3 * timing.median,
                    "ms_q1": 1e3 * q1,
                    "ms_q3": 1e3 * q3,
                    "fps": batch / timing.median,
                    "speed": speed,
                    "speed_q1": low,
                    "speed_q3": high,
                }
            )
    return {
        "settings": asdict(settings),
        "environment": describe_environment(device, 1) | {"threads": torch.get_num_threads()},
        "rows": rows,
    }


def speed_tables(measurement: dict[str, Any]) -> list[Table]:
    """A table for each precision and batch size: a row an experiment, columns for each mode."""
    settings, environment = measurement["settings"], measurement["environment"]
    kind = environment["gpu"] or (
        f"{environment['processor']}, {environment['cores']} cores, "
        f"{environment['threads']} threads"
    )
    notes = [
        f"{kind}; torch {environment['versions']['torch']}, commit {environment['commit'][:7]}"
        f"{'+changes' if environment['commit'].endswith('+changes') else ''}. Medians of "
        f"{settings['rounds']} rounds in which all networks take turns, from image tensor to "
        "decoded boxes, without NMS. Speed: images per second as a share of the baseline's, "
        "median over rounds (quartiles). Times drift between runs, shares hold.",
        *(f"{mode}: {MODES[mode]}." for mode in settings["modes"]),
        "Paper: the same share from Table 7's FPS, measured on the authors' machine.",
    ]
    tables = []
    for precision in settings["precisions"]:
        for batch in settings["batches"]:
            rows = [
                row
                for row in measurement["rows"]
                if (row["precision"], row["batch"]) == (precision, batch)
            ]
            what = "latency" if batch == 1 else "throughput"
            title = (
                f"Speed on {environment['device']}: {what} with {_images_word(batch)} of "
                f"{InputSize.of(settings['image_size'])} px at a time, {precision}"
            )
            tables.append(Table(title, _columns(settings["modes"]), _wide(rows), []))
    tables[-1] = Table(tables[-1].title, tables[-1].columns, tables[-1].rows, notes)
    return tables


def _wide(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row an experiment, with the values of each mode side by side."""
    wide: dict[str, dict[str, Any]] = {}
    for row in rows:
        common = {key: row[key] for key in ("exp", "precision", "batch")}
        mine = wide.setdefault(row["exp"], common)
        mode = row["mode"]
        mine |= {f"{mode}_{key}": row[key] for key in row if key not in (*common, "mode")}
    for name, row in wide.items():
        row["paper_speed"] = _paper_speed(name)
    return list(wide.values())


def _paper_speed(name: str) -> float | None:
    """A method's FPS in Table 7 as a share of the baseline's."""
    mine, baseline = PAPER.get(name), PAPER[BASELINE].fps
    return mine.fps / baseline if mine and mine.fps and baseline else None


def _columns(modes: Sequence[str]) -> list[Column]:
    columns = [Column("exp", "experiment")]
    for mode in modes:
        columns += [
            Column(f"{mode}_ms", f"{mode} ms", "{:.1f}".format),
            Column(
                f"{mode}_speed",
                "speed",
                "{:.3f} ({:.3f}-{:.3f})".format,
                (f"{mode}_speed_q1", f"{mode}_speed_q3"),
            ),
        ]
    return [*columns, Column("paper_speed", "paper", "{:.3f}".format)]


def _images_word(batch: int) -> str:
    return "1 image" if batch == 1 else f"{batch} images"


def _images(batch: int, size: InputSize, mode: str, device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch, 3, *size, generator=generator) * 255
    layout = torch.contiguous_format if mode == "eager" else torch.channels_last
    return images.to(device, memory_format=layout)


def _prepare(model: Yolox, mode: str, precision: str, backend: str) -> nn.Module:
    model = model.eval()
    if mode == "eager":
        return model
    # As `predictor` decides it.
    fast = mode == "fused" and precision == "fp32"
    model = (fuse if fast else fuse_batchnorm)(model).to(memory_format=torch.channels_last)
    if mode == "compiled":
        model.compile(backend=backend, fullgraph=True, dynamic=False)
    return model


def _task(model: nn.Module, images: Tensor, precision: str) -> Callable[[], object]:
    dtype, kind = PRECISIONS[precision], images.device.type

    def run() -> object:
        autocast = torch.autocast(kind, dtype, enabled=dtype != torch.float32)
        with torch.inference_mode(), autocast:
            return model(images)

    return run
