"""Writing an exported file: under a temporary name, until it is proven."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from yolox_ela.errors import UserError
from yolox_ela.export import (
    coreml_file,
    ncnn_file,
    onnx_file,
    openvino_file,
    tensorrt_file,
    torch_export_file,
    torchscript_file,
)
from yolox_ela.export.formats import Format
from yolox_ela.export.network import ToExport

WRITERS: dict[str, Callable[[ToExport, Path], None]] = {
    "onnx": onnx_file.write,
    "openvino": openvino_file.write,
    "torchscript": torchscript_file.write,
    "torch_export": torch_export_file.write,
    "coreml": coreml_file.write,
    "tensorrt": tensorrt_file.write,
    "ncnn": ncnn_file.write,
}


def write_proven(
    job: ToExport, kind: Format, path: Path, prove: Callable[[Path], None]
) -> list[Path]:
    """Write a file, let `prove` look at it, and only then give it its name.

    Args:
        job: what to write.
        kind: the format.
        path: the file to write; one that exists is replaced.
        prove: gets the file under a temporary name; raises UserError if it is wrong.

    Returns:
        The files that were written, `path` last.

    Raises:
        UserError: `prove` did, the format's own packages fail, or the disk cannot be written. Then
            nothing of the file is left, and an older one is as it was.
    """
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        try:
            WRITERS[kind.name](job, temporary)
        except UserError:
            raise
        except Exception as error:  # the packages raise whatever they like
            raise UserError(
                f"{kind.title} cannot be written: {type(error).__name__}: {error}"
            ) from error
        prove(temporary)
        written = sorted(Path(folder).iterdir(), key=lambda file: file == temporary)
        return [_put(file, path.parent / file.name) for file in written]


def _put(source: Path, target: Path) -> Path:
    if target.is_dir():
        shutil.rmtree(target)
    try:
        return source.replace(target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error}") from error
