"""Nothing is imported with the package that Windows or macOS lack."""

import ast
from pathlib import Path

import pytest

import yolox_ela

PACKAGE = Path(yolox_ela.__file__).parent
# Modules of the standard library that only Unix has, or only Linux or Windows.
LACKING = {
    "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty", "curses",
    "readline", "crypt", "nis", "spwd", "ossaudiodev", "msvcrt", "winreg", "winsound", "_winapi",
}  # fmt: skip


def imported_at_once(tree):
    """The modules that importing a file imports: not those within functions, nor those that a
    `try` or an `if` guards.
    """
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).split(".")[0]


@pytest.mark.parametrize(
    ("text", "found"),
    [("import fcntl", {"fcntl"}), ("try:\n    import fcntl\nexcept ImportError: pass", set())],
)
def test_the_search(text, found):
    assert set(imported_at_once(ast.parse(text))) & LACKING == found


def test_every_file():
    files = [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "tools").glob("*.py")]
    assert len(files) > 150
    for path in files:
        found = set(imported_at_once(ast.parse(path.read_text(encoding="utf-8")))) & LACKING
        assert not found, f"{path.name} imports {', '.join(found)} for every system"
