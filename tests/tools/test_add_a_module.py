"""README's template of a module, word for word: it passes the contract tests and trains."""

import re
import shutil
import subprocess

import pytest
from command_line import PROJECT
from forked import run_script

pytestmark = pytest.mark.slow

README = (PROJECT / "README.md").read_text(encoding="utf-8")
SIMAM = '''
"""SimAM (Yang et al., ICML 2021): gates without parameters."""

from torch import Tensor, nn


class SimAM(nn.Module):
    """A map (N, C, H, W) times the sigmoid of how far each value is from its channel's mean."""

    def __init__(self, channels: int, *, eps: float = 1e-4) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x by the gates."""
        square = (x - x.mean((2, 3), keepdim=True)).square()
        variance = square.mean((2, 3), keepdim=True)
        return x * (square / (4 * (variance + self.eps)) + 0.5).sigmoid().to(x.dtype)
'''
NANO_SIMAM = '''
"""YOLOX-Nano + SimAM on VOC2007.

python tools/train.py -f exps/nano_simam.py
"""

from yolox_ela.attention.simam import SimAM
from yolox_ela.experiment import Experiment

exp = Experiment(attention=SimAM)
'''
SCRIPT = """
import runpy, sys
import pytest

tests = ["attention/test_contract.py", "attention/test_gated.py", "attention/test_imports.py"]
tests += ["test_exps.py", "test_exp_file.py", "test_examples.py"]
code = pytest.main([*(f"tests/{name}" for name in tests), "-k", "mine.py or _mine or simam"])
assert code == 0, code

def train(*words):
    sys.argv = ["tools/train.py", *words]
    try:
        runpy.run_path("tools/train.py", run_name="__main__")
    except SystemExit as end:
        return end.code

data, weights = sys.argv[1:]
small = ["--data", data, "-b", "10", "-e", "1", "--device", "cpu", "--no-report"]
small += ["image_size", "64", "workers", "0"]
tuned = ["-c", weights, "--recipe", "tuned", *small]
assert not train("-f", "nano_mine", *tuned)
assert train("-f", "exps/nano_simam.py", *tuned) == 2
assert not train("-f", "exps/nano_simam.py", *tuned, "attention_start", "paper", "start_share", "0")
"""


def template():
    """The files of README's section, by their paths: each is named before its text."""
    section = README.partition("\n## Add a module\n")[2].partition("\n## ")[0]
    blocks = re.findall(
        r"`([\w/]+\.py)`[^`]*(?:`[^`\n]*`[^`]*)*?```python\n(.*?)```", section, re.S
    )
    return dict(blocks)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the project with the template's two files, and two for a module without weights."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("yolox_ela", "exps", "tools", "tests", "examples"):
        shutil.copytree(PROJECT / folder, root / folder, ignore=shutil.ignore_patterns("__pyc*"))
    for file in ("README.md", "pyproject.toml"):
        shutil.copy(PROJECT / file, root / file)
    files = template()
    assert files.keys() == {"yolox_ela/attention/mine.py", "exps/nano_mine.py"}
    files |= {"yolox_ela/attention/simam.py": SIMAM, "exps/nano_simam.py": NANO_SIMAM}
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_template_and_module_without_parameters(checkout, data, shared):
    weights = shared / "weights" / "yolox_nano_coco.pth"
    script = checkout / "script.py"
    script.write_text(SCRIPT)
    tests = [path.stem for path in (checkout / "tests").rglob("*.py")]
    done = run_script(
        [str(script), str(data), str(weights)],
        checkout,
        elsewhere=checkout,
        anew=("yolox_ela", "exps", "examples", *tests),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"(\d+) passed", done.stdout)
    assert found
    assert int(found[1]) > 50, "the tests found the new modules"
    assert "failed" not in done.stdout
    assert done.stderr.count("SimAM at dark3 cannot start as the identity") == 1
    runs = {path.name for path in (checkout / "runs").iterdir()}
    assert runs == {"nano_mine", "nano_simam"}
    for name in runs:
        assert (checkout / "runs" / name / "last.pth").is_file()


def test_template_is_clean(checkout):
    """By the linters that the project's own files pass."""
    new = [checkout / name for name in template()]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            ["ruff", *command, *map(str, new)], capture_output=True, text=True, cwd=checkout
        )
        assert done.returncode == 0, done.stdout + done.stderr
