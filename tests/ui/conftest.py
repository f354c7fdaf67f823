"""The page as a browser or a client gets it, served by this process."""

import sys
import threading
from pathlib import Path

import cv2
import pytest

from yolox_ela.choices import DETECTOR
from yolox_ela.commands.ui_options import parse
from yolox_ela.export import torchscript_file
from yolox_ela.export.metadata import Metadata
from yolox_ela.export.network import ToExport, exported_network
from yolox_ela.network.model import build_yolox
from yolox_ela.predict import Detector

PROJECT = Path(__file__).resolve().parents[2]
PLAIN = "$x$ <b>plain</b>"  # a network without attention, whose names would be markup
EXPORTED = "plain.torchscript"  # the same network as a file
CLASSES = ("<img src=x onerror=alert(1)>", "$\\frac$")


@pytest.fixture(scope="session")
def photo(tmp_path_factory):
    """A photograph of a cat, without the box that it has in the documentation."""
    sheet = cv2.imread(str(PROJECT / "docs/pictures/detections.jpg"))
    path = tmp_path_factory.mktemp("photo") / "cats & dogs.png"
    cv2.imwrite(str(path), sheet[:, : sheet.shape[1] // 3])
    return path


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """The package's own detector; one without attention that finds objects everywhere, and the file
    that it is exported to.
    """
    detector = Detector.from_pretrained(image_size=224, device="cpu")
    plain = Detector.from_model(
        build_yolox(len(CLASSES)), CLASSES, image_size=64, device="cpu", score_threshold=0
    )
    path = tmp_path_factory.mktemp("exported") / EXPORTED
    meta = Metadata(CLASSES, (64, 64), score_threshold=0.0)
    network = exported_network(plain.model, meta, "torchscript")
    torchscript_file.write(ToExport(network, meta, 17), path)
    return {
        DETECTOR: detector,
        PLAIN: plain,
        EXPORTED: Detector.from_checkpoint(path, device="cpu"),
    }


@pytest.fixture(scope="session")
def address(networks):
    """The address of a page that is served until the last test."""
    pytest.importorskip("gradio", reason="gradio, of the extra ui, is not installed")
    from yolox_ela.ui.page import build_page
    from yolox_ela.ui.server import address_of, listen, server, upload_folder

    with listen("127.0.0.1", 0) as listening, upload_folder():
        running = server(build_page(networks, 0.3))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        yield address_of(listening)
        running.should_exit = True
        thread.join()


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """The options as parsed from these words."""
    monkeypatch.chdir(tmp_path)

    def parsed(*words):
        monkeypatch.setattr(sys, "argv", ["ui", *map(str, words)])
        return parse(tmp_path)

    return parsed
