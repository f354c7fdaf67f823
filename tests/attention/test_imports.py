"""`yolox_ela.attention` needs torch alone, so that it can be used outside the detector."""

import ast
import sys
from pathlib import Path

import pytest
from forked import run_script

import yolox_ela.attention

PACKAGE = "yolox_ela.attention"
FILES = sorted(Path(yolox_ela.attention.__file__).parent.rglob("*.py"))


def inside(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


# Imports the package anew where nothing can be imported but torch, with what it needs itself, and
# the standard library; an entry None in `sys.modules` lets an import fail.
ALONE = f"""
import re, sys
from importlib.metadata import requires
names = {{re.match(r"[\\w.-]+", each)[0].lower().replace("-", "_") for each in requires("torch")}}
present = names | {{"torch", *sys.stdlib_module_names}}
for name in list(sys.modules):
    if name.split(".")[0] == "yolox_ela":
        del sys.modules[name]
    elif name.split(".")[0] not in present:
        sys.modules[name] = None
before = set(sys.modules)
import {PACKAGE}
print(*(set(sys.modules) - before))
"""


def test_importing_it_needs_torch_and_nothing_else(tmp_path):
    """And loads none of the package's other files."""
    (tmp_path / "alone.py").write_text(ALONE)
    done = run_script([str(tmp_path / "alone.py")], tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert PACKAGE in loaded
    ours = {m for m in loaded - {"yolox_ela"} if m.split(".")[0] == "yolox_ela"}
    assert {m for m in ours if not inside(m)} == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_imports_torch_the_standard_library_and_its_neighbours(file):
    """Imports inside functions too, which the test above would not meet."""
    imported = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides where it leads"
            imported.append(node.module)
    allowed = {"torch", *sys.stdlib_module_names}
    foreign = {m for m in imported if m.split(".")[0] not in allowed and not inside(m)}
    assert foreign == set()
