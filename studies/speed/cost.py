"""What attention costs: networks with it beside the plain one, fused and exported.

python -m studies.speed cost --rounds 60 --image-size 640 416
"""

import argparse
import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from studies.speed.table import format_timings, timings_as_json
from yolox_ela.errors import UserError
from yolox_ela.exp_file import own_experiments
from yolox_ela.experiment import BASELINE, load_experiment
from yolox_ela.export.metadata import Metadata
from yolox_ela.export.network import ela_form
from yolox_ela.network.fuse import exportable
from yolox_ela.network.inference import FAST, predictor
from yolox_ela.network.model import Yolox
from yolox_ela.system.environment import describe_environment
from yolox_ela.tables.timing import interleave

WAYS = {
    "fused": "PyTorch as in Detector: BatchNorm folded, channels last",
    "onnxruntime": "ONNX file of fixed size, all graph optimizations",
    "openvino": "OpenVINO file of fixed size, fp32, for latency",
}
OPSET = 17
Task = Callable[[], object]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for experiments, ways and sizes."""
    default = ["nano_ela_s", "nano_ela_t", "nano_ca_r16"]
    parser.add_argument(
        "--exp", nargs="+", default=default, metavar="NAME", help=f"default: {' '.join(default)}"
    )
    parser.add_argument("--way", nargs="+", choices=WAYS, default=list(WAYS), help="default: all")
    parser.add_argument("--image-size", type=int, nargs="+", default=[416], help="default: 416")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Time each way at each size on one thread with one square image, and print a table for each.

    Raises:
        UserError: an experiment is none of the package's, or a runtime is not installed.
    """
    for name in (*args.exp, *args.way):
        if name not in own_experiments() and name not in WAYS:
            raise UserError(f"{name} is none of {', '.join(own_experiments())}")
        if name in WAYS and name != "fused" and importlib.util.find_spec(name) is None:
            raise UserError(f"{name} is not installed; install it, or leave it out of --way")
    torch.set_num_threads(1)
    networks = {name: _network(name) for name in dict.fromkeys([BASELINE, *args.exp])}
    results: dict[str, Any] = {"environment": describe_environment(torch.device("cpu"), 1)}
    with TemporaryDirectory() as folder:
        for size in args.image_size:
            generator = torch.Generator().manual_seed(0)
            images = torch.randint(0, 256, (1, 3, size, size), generator=generator).float()
            for way in args.way:
                task = TASKS[way]
                tasks = {
                    name: task(network, images, Path(folder, f"{name}_{size}_{way}.onnx"))
                    for name, network in networks.items()
                }
                timings = interleave(tasks, rounds=args.rounds, min_seconds=0.02)
                case = f"{way}, {size} px"
                print(f"{case}, one image, one thread")
                includes = dict.fromkeys(tasks, WAYS[way])
                print(format_timings(timings, includes, BASELINE))
                results[case] = timings_as_json(timings, includes, BASELINE)
    return results


def _network(name: str) -> Yolox:
    torch.manual_seed(0)
    return load_experiment(own_experiments()[name]).build_model().eval()


def _fused(network: Yolox, images: torch.Tensor, _: Path) -> Task:
    return partial(predictor(network, torch.device("cpu"), FAST), images)


def _onnxruntime(network: Yolox, images: torch.Tensor, file: Path) -> Task:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(_exported(network, images, file, "onnx"), options)
    return partial(session.run, None, {"images": images.numpy()})


def _openvino(network: Yolox, images: torch.Tensor, file: Path) -> Task:
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    model = _exported(network, images, file, "openvino")
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()
    return lambda: [request.infer({0: images.numpy()})[compiled.output(0)]]


TASKS: dict[str, Callable[[Yolox, torch.Tensor, Path], Task]] = {
    "fused": _fused,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}


def _exported(network: Yolox, images: torch.Tensor, file: Path, kind: str) -> Path:
    meta = Metadata((), (images.shape[2], images.shape[3]))
    model = exportable(network, ela_form(meta, kind))
    with torch.no_grad():
        torch.onnx.export(
            model, (images,), file, input_names=["images"], opset_version=OPSET, dynamo=False
        )
    return file
