"""`yolox-ela ui` until it serves, and what it refuses."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys

import pytest
from loguru import logger

from yolox_ela.choices import DETECTOR
from yolox_ela.commands.ui_options import parse
from yolox_ela.errors import UserError
from yolox_ela.network.starts import start_file


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """The options as parsed from these words."""
    monkeypatch.chdir(tmp_path)

    def parsed(*words):
        monkeypatch.setattr(sys, "argv", ["ui", *map(str, words)])
        return parse(tmp_path)

    return parsed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-f", "nano"], "-f nano says how a network is built"),
        (["-c", "nothing.pth"], "-c nothing.pth: there is no such file"),
        (["--conf", "2"], "'2' is not a number from 0 to 1"),
        (["--port", "70000"], "--port: '70000' is not a whole number of at least 0 and at most"),
    ],
)
def test_mistakes(typed, words, message):
    with pytest.raises(UserError, match=message):
        typed(*words)


def test_gradio_is_missing(typed, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'yolox_ela\[ui\]'"):
        typed()


def test_help_needs_neither_torch_nor_gradio():
    code = (
        "import sys; from pathlib import Path; from yolox_ela.commands.ui_options import parse\n"
        "try: parse(Path())\n"
        "except SystemExit: assert not {'torch', 'gradio'} & sys.modules.keys()\n"
    )
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", code, "--help"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr
    assert "--host ADDRESS" in done.stdout


@pytest.fixture
def listen():
    pytest.importorskip("gradio", reason="gradio, of the extra ui, is not installed")
    from yolox_ela.ui.server import listen

    return listen


def test_only_this_machine_unless_asked(typed, listen):
    said = []
    sink = logger.add(said.append, level="WARNING")
    try:
        with listen(typed().host, 0) as listening:
            assert listening.getsockname()[0] == "127.0.0.1"
        assert not said
        with listen("0.0.0.0", 0):
            assert "no password" in said[0]
    finally:
        logger.remove(sink)


def test_port_that_is_taken(listen):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port}: .* another port with --port"):
            listen("127.0.0.1", port)
    with pytest.raises(UserError, match=r"cannot listen at no\.such.host.invalid"):
        listen("no.such.host.invalid", 0)


def test_uploads_go_with_the_program(listen, monkeypatch):
    from yolox_ela.ui.server import upload_folder

    monkeypatch.setenv("GRADIO_TEMP_DIR", "earlier")
    with upload_folder():
        folder = os.environ["GRADIO_TEMP_DIR"]
        assert os.path.isdir(folder)  # noqa: PTH112
    assert not os.path.exists(folder)  # noqa: PTH110
    assert os.environ["GRADIO_TEMP_DIR"] == "earlier"


@pytest.mark.slow
def test_networks_to_choose_from(typed, listen, tmp_path):
    """The given ones first; files of equal names are told apart by their folders."""
    from yolox_ela.commands.ui import networks

    (tmp_path / "run").mkdir()
    shutil.copy(start_file(DETECTOR), tmp_path / "run" / "best.pth")
    words = ["-c", "run/best.pth", tmp_path / "run" / "best.pth", "--size", 64]
    found = networks(typed(*words, "--device", "cpu"))
    assert list(found) == ["run/best.pth", f"{tmp_path}/run/best.pth", DETECTOR]
    assert {one.settings.image_size for one in found.values()} == {64}
