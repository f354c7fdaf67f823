"""`yolox_ela.attention` needs torch alone, so that it can be used outside the detector."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import yolox_ela.attention

PACKAGE = "yolox_ela.attention"
FILES = sorted(Path(yolox_ela.attention.__file__).parent.rglob("*.py"))


def inside(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


@pytest.mark.slow
def test_importing_it_loads_torch_and_nothing_else():
    """Of what torch has not loaded itself, only the standard library and the package's files."""
    code = f"import sys, torch; before = set(sys.modules); import {PACKAGE}; "
    code += "print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert PACKAGE in loaded
    allowed = {"torch", *sys.stdlib_module_names}
    foreign = {m for m in loaded - {"yolox_ela"} if m.split(".")[0] not in allowed}
    assert {m for m in foreign if not inside(m)} == set()


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
