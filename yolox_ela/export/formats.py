"""The formats that a network can be exported to, and what each of them can do.

The command line reads this; nothing here imports torch or a format's own packages.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from yolox_ela.errors import UserError

OUTPUTS = {
    "raw": "boxes in cells of the maps, as YOLOX's own export writes them; scores in 0-1",
    "decoded": "boxes in pixels of the input, and scores in 0-1",
    "nms": "what is left after threshold and NMS",
}
OPSETS = range(17, 22)
DEFAULT_OPSET = 17  # read by the most programs


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: as `--format` takes it.
        title: its name in tables.
        suffix: the end of the file's name, by which it is recognised.
        packages: the name that pip has for each Python package that it needs beside torch.
        outputs: those of `OUTPUTS` that it can have.
        free: whether batch and size of the input can be left open.
        int8: the further packages that quantize the network to 8 bits; None if nothing does.
        tested: whether this project's tests write and run such files.
    """

    name: str
    title: str
    suffix: str
    packages: dict[str, str]
    outputs: tuple[str, ...] = ("raw", "decoded")
    free: bool = True
    int8: dict[str, str] | None = None
    tested: bool = True

    def require(self, *, int8: bool = False) -> None:
        """Raise UserError unless the packages that this format needs are installed."""
        packages = self.packages | (self.int8 or {} if int8 else {})
        missing = [pip for module, pip in packages.items() if find_spec(module) is None]
        if missing:
            raise UserError(f"{self.title} needs packages: pip install {' '.join(missing)}")


ONNX_PACKAGES = {"onnx": "onnx", "onnxruntime": "onnxruntime"}
EVERY_OUTPUT = tuple(OUTPUTS)
FORMATS = {
    each.name: each
    for each in (
        Format("onnx", "ONNX", ".onnx", ONNX_PACKAGES, EVERY_OUTPUT, int8={}),
        Format(
            "openvino",
            "OpenVINO",
            ".xml",
            {"onnx": "onnx", "openvino": "openvino"},
            EVERY_OUTPUT,
            int8={"nncf": "nncf"},
        ),
        Format("torchscript", "TorchScript", ".torchscript", {}),
        Format("torch_export", "torch.export", ".pt2", {}),
        Format(
            "coreml",
            "CoreML",
            ".mlpackage",
            {"coremltools": "coremltools"},
            free=False,
            tested=False,
        ),
        Format(
            "tensorrt",
            "TensorRT",
            ".engine",
            {**ONNX_PACKAGES, "tensorrt": "tensorrt"},
            free=False,
            tested=False,
        ),
        Format(
            "ncnn",
            "ncnn",
            ".ncnn.param",
            {"pnnx": "pnnx", "ncnn": "ncnn"},
            ("raw",),
            free=False,
            tested=False,
        ),
    )
}


def format_of_file(path: Path) -> Format | None:
    """The format that a file's name says; None for weights."""
    return next((each for each in FORMATS.values() if path.name.endswith(each.suffix)), None)


def is_exported(path: str | Path | None) -> bool:
    """Whether a name is that of an exported file."""
    return path is not None and format_of_file(Path(path)) is not None
