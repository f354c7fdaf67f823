"""Fixtures for all tests: the real pieces in ../shared, and a file server on 127.0.0.1."""

import gc
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from loguru import logger
from voc_files import voc, voc_writer, warnings  # noqa: F401

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.split import VocSplit
from yolox_ela.evaluate.detections import Detections
from yolox_ela.network.class_rows import COCO_CLASSES, pick_rows
from yolox_ela.network.model import build_yolox
from yolox_ela.network.weights import read_weights
from yolox_ela.system.interrupts import SIGNALS

if "PYTEST_XDIST_WORKER" in os.environ:  # there are as many processes as cores already
    torch.set_num_threads(1)

# Autograd chooses its threads at the first backward pass. If something had been compiled before, it
# would start some for devices, and refuse to work in forked processes.
torch.ones(1, requires_grad=True).sum().backward()


def pytest_collection_finish():
    """What modules define stays: looking for garbage there took a tenth of the time of tests."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish():
    """Libraries complain of what is left at the end of the program."""
    gc.unfreeze()


class Server(ThreadingHTTPServer):
    """Serves `files`; remembers each request as (path, Range header, bytes of the answer)."""

    def __init__(self, ranges: bool):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges = ranges
        self.files: dict[str, bytes] = {}
        self.cut: dict[str, int] = {}  # path -> bytes after which the connection breaks
        self.promised: dict[str, int] = {}  # path -> Content-Length other than the true one
        self.kinds: dict[str, str] = {}  # path -> Content-Type
        self.requests: list[tuple[str, str | None, int]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def add(self, path: str, content: bytes) -> str:
        self.files[path] = content
        return self.url(path)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        content = self.server.files.get(self.path)
        asked = self.headers.get("Range")
        if content is None:
            self.server.requests.append((self.path, asked, 0))
            self.send_error(404)
            return
        body = content
        if asked and self.server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(content):
                self.server.requests.append((self.path, asked, 0))
                self.send_error(416)
                return
            body = content[start:]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.server.requests.append((self.path, asked, len(body)))
        if kind := self.server.kinds.get(self.path):
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(self.server.promised.get(self.path, len(body))))
        self.end_headers()
        self.wfile.write(body[: self.server.cut.get(self.path)])

    def log_message(self, *args):
        """Keep the test output clean."""


def _serve(ranges):
    server = Server(ranges)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server():
    yield from _serve(ranges=True)


@pytest.fixture
def plain_server():
    """A server that ignores Range."""
    yield from _serve(ranges=False)


@pytest.fixture
def closed_port(monkeypatch):
    """A port that refuses connections, and stands as the proxy to all but 127.0.0.1."""
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        port = bound_but_deaf.getsockname()[1]
        for scheme in ("http", "https"):
            monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(urllib.request, "_opener", None)  # it keeps the proxies it first saw
        yield port


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Records of verified images go where no later run finds them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLOX_ELA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared():
    """The folder beside the project with real photographs and weights."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared beside the project: no real photographs, no COCO weights")
    return folder


@pytest.fixture(scope="session")
def tiny_voc(shared, tmp_path_factory):
    """The parent of a VOCdevkit with 48 + 48 real photographs of VOC2007."""
    root = tmp_path_factory.mktemp("tiny_voc")
    with tarfile.open(shared / "data" / "voc2007_tiny.tar") as archive:
        archive.extractall(root)
    return root


@pytest.fixture
def case(shared, tiny_voc, tmp_path):
    """Restore a folder of ../shared/cases by the start of its name, as in `case("01")`.

    A copy, with the photographs put back that its IMAGES.txt lists.
    """

    def restore(name):
        (source,) = (shared / "cases").glob(f"{name}*")
        root = tmp_path / source.name
        shutil.copytree(source, root, copy_function=shutil.copyfile)
        for folder in (root, *root.rglob("*")):
            if folder.is_dir():
                folder.chmod(0o755)  # the original may be read-only
        listed = root / "IMAGES.txt"
        for line in listed.read_text().splitlines() if listed.is_file() else ():
            target, _, image_id = line.rpartition(" ")
            (photograph,) = tiny_voc.rglob(f"JPEGImages/{image_id}.jpg")
            (root / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photograph, root / target)
        return root

    return restore


@pytest.fixture(scope="session")
def zero_shot_weights(shared):
    """YOLOX-Nano as trained on COCO, its class predictors cut to VOC's classes."""
    path = shared / "weights" / "yolox_nano_coco.pth"
    return pick_rows(read_weights(path), COCO_CLASSES, VOC_CLASSES, path)


@pytest.fixture
def zero_shot(zero_shot_weights):
    """The network with these weights, a fresh one for each test."""
    model = build_yolox(len(VOC_CLASSES))
    model.load_state_dict(zero_shot_weights)
    return model.eval()


@pytest.fixture(scope="session")
def build_split():
    """A VocSplit from a list of images, each a list of (label, box) or (label, box, difficult)."""

    def build(images, classes=("cat", "dog", "cow")):
        objects = [(*row, False)[:3] for rows in images for row in rows]
        return VocSplit(
            classes=classes,
            ids=np.array([f"{i:06}" for i in range(len(images))]),
            paths=np.array([f"{i:06}.jpg" for i in range(len(images))]),
            sizes=np.full((len(images), 2), 1000, np.int32),
            offsets=np.cumsum([0, *map(len, images)]),
            boxes=np.array([box for _, box, _ in objects], np.float32).reshape(-1, 4),
            labels=np.array([label for label, _, _ in objects], np.int64),
            difficult=np.array([difficult for _, _, difficult in objects], bool),
        )

    return build


@pytest.fixture(scope="session")
def build_detections():
    """Detections from rows of (image, label, score, box), kept in this order."""

    def build(rows):
        return Detections(
            images=np.array([image for image, _, _, _ in rows], np.int64),
            boxes=np.array([box for _, _, _, box in rows], np.float32).reshape(-1, 4),
            scores=np.array([score for _, _, score, _ in rows], np.float32),
            labels=np.array([label for _, label, _, _ in rows], np.int64),
        )

    return build


@pytest.fixture
def call(project, capsys, monkeypatch):
    """Run a tool of `project`, which the test's module has, in this process.

    A process of its own would take seconds to import what is imported here already.
    """

    def call(*words, expect=0, root=project):
        monkeypatch.setattr(sys, "argv", [str(root / words[0]), *map(str, words[1:])])
        monkeypatch.chdir(root / "exps")
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as end:
                runpy.run_path(sys.argv[0], run_name="__main__")
            out, err = capsys.readouterr()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            # The tool logs to what capsys takes away again.
            logger.remove()
            logger.add(sys.__stderr__)
        assert (end.value.code or 0) == expect, out + err
        return subprocess.CompletedProcess(words, expect, out, err)

    return call


@pytest.fixture(autouse=True)
def precision_of_each_test():
    """Accelerate keeps one precision for all of a process; a test may have left another one."""
    yield
    state = sys.modules.get("accelerate.state")
    if state is not None:
        state.AcceleratorState._reset_state(reset_partial_state=True)
