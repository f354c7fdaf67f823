"""What a run was computed with: versions, source commit, machine, command."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

PACKAGES = (
    "yolox_ela",
    "torch",
    "torchvision",
    "pixeltable-yolox",
    "accelerate",
    "numpy",
    "opencv-python",
    "simplejpeg",
    "pillow",
    "pycocotools",
)


def describe_environment(device: torch.device, world: int, call: str = "") -> dict[str, Any]:
    """Versions, source commit, kind of machine, and the command as typed.

    Args:
        device: the device that is computed on.
        world: number of processes.
        call: the Python call to name instead of the command.
    """
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpu": gpu,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "device": str(device),
        "processes": world,
        "versions": {package: package_version(package) for package in PACKAGES},
        "commit": source_commit(),
        "command": call or " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def package_version(name: str) -> str:
    """The version of an installed package, or `not installed`."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def source_commit() -> str:
    """Commit of the source tree, with `+changes` if files differ from it; `unknown` outside git.

    Tables of results are no source: recording a run must not mark the next one.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # installed, perhaps inside somebody else's repository
        return "unknown"
    try:
        commit = _git(root, "rev-parse", "HEAD")
        source = ("--", ".", ":!exps/*.csv", ":!exps/*.json", ":!exps/README.md")
        return commit + ("+changes" if _git(root, "status", "--porcelain", *source) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _processor() -> str:
    """Model of the processor as the system names it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
