"""The code in docs/your-network.md and docs/hosts.md does what the pages say."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import torch

from yolox_ela.commands.entry import COMMANDS
from yolox_ela.commands.train_options import configured
from yolox_ela.experiment import load_trainable

DOCS = Path(__file__).resolve().parents[2] / "docs"


def python_block(page, words):
    """The one block of Python code on a page that contains these words."""
    text = (DOCS / page).read_text(encoding="utf-8")
    (code,) = [b for b in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S) if words in b]
    return code


def run(page, words, **scope):
    with torch.device("meta"):
        exec(python_block(page, words), scope)
    return scope


def test_torchvision_and_pretrained_weights():
    scope = run("your-network.md", "torchvision")
    model = scope["model"]
    assert sum(p.numel() for p in model.parameters()) == 25_721_000
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith("attention.")}
    missing = run("your-network.md", "strict=False", model=model, weights=weights)["missing"]
    assert len(missing) == 5 * 3


def test_timm():
    pytest.importorskip("timm", reason="timm, which is optional, is not installed")
    model = run("your-network.md", "timm")["model"]
    assert list(model.attention) == ["layer1", "layer2", "layer3", "layer4"]


def test_a_host():
    model = run("hosts.md", "deeplabv3")["model"]
    assert sum(p.numel() for p in model.parameters()) == 39_797_461


def test_commands_of_the_page(tmp_path, monkeypatch):
    """Each is accepted as it stands, with its options and settings."""
    for name in ("FOLDER", "VOCdevkit", "COCO", "imagenette", "runs/resnet50_ela_s"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs" / "resnet18_ela_s").mkdir()
    for name in ("resnet50.pth", "photo.jpg", "runs/resnet50_ela_s/best.pth"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "hosts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, re.M | re.S)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("yolox-ela")]
    assert len(commands) >= 9
    for _, name, *words in commands:
        monkeypatch.setattr("sys.argv", [f"yolox-ela {name}", *words])
        options = import_module(f"yolox_ela.commands.{COMMANDS[name][0]}_options")
        args = options.parse(tmp_path)
        if name == "train":
            configured(load_trainable(args.experiment), args)
