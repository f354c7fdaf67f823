"""TensorRT engines, built from ONNX for the GPU at hand; the metadata lie in a .json file beside.

Not tested: this was written after the documentation of TensorRT 10.
"""

from pathlib import Path

import torch
from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.export import onnx_file
from yolox_ela.export.beside import read_beside, write_beside
from yolox_ela.export.metadata import INPUT, OUTPUT
from yolox_ela.export.network import ToExport
from yolox_ela.export.opened import Opened


def write(job: ToExport, path: Path) -> None:
    """Write NAME.engine and NAME.engine.json.

    Raises:
        UserError: TensorRT cannot read the network or build the engine.
    """
    import tensorrt

    source = path.with_suffix(".onnx")
    onnx_file.write(job, source)
    builder = tensorrt.Builder(tensorrt.Logger(tensorrt.Logger.WARNING))
    network = builder.create_network(0)
    parser = tensorrt.OnnxParser(network, tensorrt.Logger(tensorrt.Logger.WARNING))
    if not parser.parse(source.read_bytes()):
        errors = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise UserError(f"TensorRT cannot read the network: {errors}")
    config = builder.create_builder_config()
    config.clear_flag(tensorrt.BuilderFlag.TF32)  # 10 bits of a number's 23
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise UserError("TensorRT cannot build the engine; its messages stand above")
    path.write_bytes(engine)
    source.unlink()
    write_beside(job.metadata, path)


def open_file(path: Path, device: str) -> Opened:
    """Open an engine, on a GPU of the kind that it was built on.

    Raises:
        UserError: there is no GPU, or the engine is damaged or of another GPU or version.
    """
    import tensorrt

    if not torch.cuda.is_available() or device.partition(":")[0] not in ("auto", "cuda"):
        raise UserError(f"{path} runs on an NVIDIA GPU only, which --device must be")
    on = torch.device("cuda" if device == "auto" else device)
    runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.WARNING))
    engine = runtime.deserialize_cuda_engine(path.read_bytes())
    if engine is None:
        raise UserError(f"{path} is damaged, or was built for another GPU or TensorRT")
    context = engine.create_execution_context()

    def run(images: Tensor) -> tuple[Tensor, ...]:
        given = images.to(on)
        answer = torch.empty(tuple(engine.get_tensor_shape(OUTPUT)), device=on)
        context.set_tensor_address(INPUT, given.data_ptr())
        context.set_tensor_address(OUTPUT, answer.data_ptr())
        context.execute_async_v3(torch.cuda.current_stream(on).cuda_stream)
        return (answer.cpu(),)

    return Opened(read_beside(path), run)
