"""The program `yolox-ela`, which works in the current folder, beside the scripts in tools/."""

import subprocess
import sys

import pytest
from command_line import PROJECT, environment

from yolox_ela.commands.entry import COMMANDS
from yolox_ela.commands.launcher import launch


def program(folder, *words, expect=0):
    done = subprocess.run(
        [sys.executable, "-m", "yolox_ela", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(PROJECT)},
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def test_names_its_commands(tmp_path):
    done = program(tmp_path, "--help")
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    done = program(tmp_path, "trian", expect=2)
    assert "error: no command 'trian'" in done.stderr


@pytest.mark.parametrize("words", [["-m", "yolox_ela", "--help"], ["tools/train.py", "--fields"]])
def test_ends_quietly_when_nobody_reads_its_output(tmp_path, words):
    """As in `yolox-ela --help | head -1`."""
    command = [sys.executable, str(PROJECT / words[0]) if words[0] != "-m" else "-m", *words[1:]]
    env = {**environment(), "PYTHONPATH": str(PROJECT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, env=env, **pipes) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, b"")


def test_ctrl_c_at_its_very_end(tmp_path):
    """When the work is done and Python closes what is left: the exit code stays as it is."""
    lines = ["import atexit, os, signal", "from yolox_ela.commands.entry import run"]
    lines += ["atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))", "run(lambda: 0)"]
    env = {**environment(), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_while_an_object_is_deleted(tmp_path):
    """As loaders are at the end of a training that has been asked to stop: nothing is printed."""
    lines = ["import os, signal", "from yolox_ela.commands.entry import run", "class Kept:"]
    lines += ["    def __del__(self):", "        os.kill(os.getpid(), signal.SIGINT)"]
    lines += ["def main():", "    kept = Kept()", "    del kept", "    return 0", "run(main)"]
    env = {**environment(), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_process_that_has_told_of_an_error_ends_at_once(capfd, monkeypatch):
    """Else the launcher would kill it, and take it for one that has not said why."""
    lines = ["import atexit, os, time", "from yolox_ela.commands.entry import run"]
    lines += ["from yolox_ela.errors import EndedElsewhereError, UserError", "def main():"]
    lines += ["    atexit.register(time.sleep, 60)"]  # as long as connections may take to close
    lines += ["    raise (UserError, EndedElsewhereError)[int(os.environ['RANK'])]('not finite')"]
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    assert launch([sys.executable, "-c", "\n".join([*lines, "run(main)"])], 2) == 2
    assert capfd.readouterr().err.splitlines() == ["error: rank 0: not finite"]
