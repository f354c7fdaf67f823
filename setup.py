"""Package metadata and the only statement of the dependencies."""

from pathlib import Path

from setuptools import find_packages, setup

RUNTIME = [
    "torch>=2.10,<3",  # reading weights is safe from here on: CVE-2025-32434, CVE-2026-24747
    "torchvision>=0.25,<1",
    "pixeltable-yolox>=0.4.3,<0.5",  # importable as `yolox`
    "accelerate>=1.9,<2",
    "numpy>=1.26.4,<3",
    "opencv-python>=4.10,<6",
    "pillow>=10.1,<14",
    "simplejpeg>=1.8.2,<2",
    "pycocotools>=2.0.8,<3",
    "scipy>=1.11.4,<2",
    "tabulate>=0.9,<1",
    "thop>=0.1.1.post2209072238,<1",
    "safetensors>=0.4.3,<1",
    "pyyaml>=6.0.1,<7",
    "loguru>=0.7.2,<1",
    "psutil>=5.9.8,<8",
    "tqdm>=4.67,<5",
    "matplotlib>=3.9,<4",
    "jinja2>=3.1,<4",
    "filelock>=3.32,<5",  # 3.x for Python 3.10
    "tensorboard>=2.18,<3",
    "tomli>=2.0.1,<3; python_version < '3.11'",  # in Python itself from 3.11
]

# Optional trackers of training runs, each an extra of its own.
TRACKERS = {
    "wandb": ["wandb>=0.21,<1"],
    "mlflow": ["mlflow>=3.17,<4"],
    "trackio": ["trackio>=0.40,<1"],
}
# Formats that networks are exported to. TorchScript and torch.export need torch alone.
EXPORT = {
    "export": ["onnx>=1.17,<2", "onnxruntime>=1.20,<2"],
    "openvino": ["onnx>=1.17,<2", "openvino>=2025.0,<2027", "nncf>=2.14,<4"],
    "ncnn": ["ncnn>=1.0.20260101,<2", "pnnx>=20260101,<20280101"],
    "coreml": ["coremltools>=8,<10"],
}
UI = ["gradio>=6.31,<7"]  # the local page
DEV = [
    "pytest>=8,<10",
    "pytest-xdist>=3.6,<4",
    "hypothesis>=6.100,<7",
    "ruff>=0.9,<1",
    "mypy>=1.14,<3",
    "import-linter>=2.1,<3",
    *EXPORT["export"],
    *EXPORT["openvino"],
    *UI,
    "playwright>=1.49,<2",  # drives the Chromium of the machine, where there is one
    "mkdocs>=1.6,<2",
    "mkdocstrings[python]>=0.30,<2",  # 0.x for Python 3.10
    "pymdown-extensions>=10.14,<14",
]

setup(
    name="yolox_ela",
    version="0.1.0",
    description="YOLOX-Nano with ELA and other plug-in attention, fine-tuned on Pascal VOC",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.10",
    packages=[
        *find_packages(include=["yolox_ela", "yolox_ela.*"]),
        "yolox_ela.exps",
        "yolox_ela.exps.hosts",
    ],
    package_dir={
        "yolox_ela.exps": "exps",
        "yolox_ela.exps.hosts": "exps/hosts",
    },  # so that -f nano_ela_s works without a checkout
    package_data={"yolox_ela": ["py.typed", "report/page.html.jinja", "pretrained/*"]},
    install_requires=RUNTIME,
    entry_points={"console_scripts": ["yolox-ela = yolox_ela.commands.entry:main"]},
    extras_require={"dev": DEV, **TRACKERS, **EXPORT, "ui": UI},
)
