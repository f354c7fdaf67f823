"""ncnn files through pnnx: NAME.ncnn.param, with .bin and the metadata in .json beside."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.export import torchscript_file
from yolox_ela.export.beside import read_beside, write_beside
from yolox_ela.export.network import ToExport
from yolox_ela.export.opened import Opened

INPUT, OUTPUT = "in0", "out0"  # as pnnx names them


def write(job: ToExport, path: Path) -> None:
    """Write NAME.ncnn.param, NAME.ncnn.bin and NAME.ncnn.param.json.

    Raises:
        UserError: more than one image at a time is asked for, or pnnx does not write the files.
    """
    import pnnx

    if job.metadata.batch != 1:
        raise UserError("ncnn takes one image at a time: leave --batch out")
    height, width = job.metadata.image_size
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "network.pt"
        torchscript_file.write(job, source)
        # pnnx is a program, which says much; weights would be rounded to 16 bits by default.
        words = [pnnx.EXEC_PATH, str(source), f"inputshape=[1,3,{height},{width}]", "fp16=0"]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        for suffix in (".param", ".bin"):
            made = source.with_suffix(f".ncnn{suffix}")
            if not made.is_file():
                raise UserError(f"pnnx cannot convert the network: {done.stderr[-500:]}")
            shutil.move(made, path.with_suffix(suffix))
    write_beside(job.metadata, path)


def open_file(path: Path, device: str) -> Opened:
    """Open an ncnn file, on the CPU.

    Raises:
        UserError: a file is missing or damaged, or another device is asked for.
    """
    import ncnn

    if device.partition(":")[0] not in ("auto", "cpu"):
        raise UserError(f"ncnn files run on the CPU here, not on {device}: use --device cpu")
    meta = read_beside(path)
    net = ncnn.Net()
    net.opt.num_threads = torch.get_num_threads()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    if net.load_param(os.fspath(path)) or net.load_model(os.fspath(path.with_suffix(".bin"))):
        raise UserError(f"{path} or its .bin file is damaged or missing")

    def run(images: Tensor) -> tuple[Tensor, ...]:
        with net.create_extractor() as extractor:
            extractor.input(INPUT, ncnn.Mat(images[0].numpy()).clone())
            failed, answer = extractor.extract(OUTPUT)
            if failed:
                raise UserError(f"ncnn cannot run {path}: it has layers that ncnn does not know")
            return (torch.from_numpy(np.array(answer))[None],)

    return Opened(meta, run)
