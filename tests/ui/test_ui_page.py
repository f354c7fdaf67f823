"""The page: its server, and its answers as a client of gradio and as a browser get them."""

import json
import os
import shutil
import socket

import cv2
import numpy as np
import pytest
from loguru import logger
from PIL import Image

from yolox_ela.choices import DETECTOR
from yolox_ela.errors import UserError
from yolox_ela.images.read import read_image
from yolox_ela.network.starts import start_file
from yolox_ela.ui.answers import MOST_PIXELS

gradio_client = pytest.importorskip("gradio_client", reason="gradio is not installed")
httpx = pytest.importorskip("httpx", reason="gradio is not installed")

PLAIN, EXPORTED = "$x$ <b>plain</b>", "plain.torchscript"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="module")
def client(address, tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    return gradio_client.Client(
        address, verbose=False, download_files=folder, analytics_enabled=False
    )


def test_objects_and_threshold(client, networks, photo):
    file = gradio_client.handle_file(photo)
    plot, entry = client.predict(file, DETECTOR, 0.3, api_name="/detect")
    expected = networks[DETECTOR](photo)
    assert entry["detections"] == expected.to_dicts()
    assert "cat" in expected.names
    height, width = expected.image.shape[:2]
    assert (entry["network"], entry["threshold"]) == (DETECTOR, 0.3)
    assert (entry["image"], entry["width"], entry["height"]) == (photo.name, width, height)
    shown = cv2.imread(plot)
    losses, without_boxes = cv2.absdiff(shown, expected.plot()), cv2.absdiff(shown, expected.image)
    assert losses.mean() < 8, "those of JPEG"
    assert losses.mean() < without_boxes.mean()
    _, entry = client.predict(file, DETECTOR, 1.0, api_name="/detect")
    assert entry["detections"] == []


def test_reads_what_the_package_reads(client, networks, photo, tmp_path):
    """Turned by EXIF, and of 16 bits, as no browser shows it: the same objects."""
    pixels = read_image(photo)
    expected = networks[DETECTOR](pixels).to_dicts()
    deep, turned = tmp_path / "deep.tif", tmp_path / "turned.png"
    cv2.imwrite(str(deep), pixels.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[274] = 6  # to be turned clockwise by a quarter
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
    image.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    for path in (deep, turned):
        _, entry = client.predict(
            gradio_client.handle_file(path), DETECTOR, 0.3, api_name="/detect"
        )
        assert entry["detections"] == expected, path.name


def test_gates(client, photo):
    file = gradio_client.handle_file(photo)
    figure, reading = client.predict(file, DETECTOR, True, api_name="/gates")
    assert Image.open(figure["value"]).width == 1500
    assert reading["value"].startswith("Along a strip the gates of one channel have a standard")
    assert "each strip has a line for each channel" in reading["value"].lower()
    figure, reading = client.predict(file, PLAIN, True, api_name="/gates")
    assert not figure["visible"]
    assert reading["value"] == "This network has no attention."
    for part in client.predict(file, DETECTOR, False, api_name="/gates"):
        assert not part["visible"]


def test_an_exported_file_detects_the_same_and_has_no_gates(client, photo):
    file = gradio_client.handle_file(photo)
    (_, wanted), (_, found) = (
        client.predict(file, name, 0, api_name="/detect") for name in (PLAIN, EXPORTED)
    )
    assert len(found["detections"]) == len(wanted["detections"]) > 0
    figure, reading = client.predict(file, EXPORTED, True, api_name="/gates")
    assert not figure["visible"]
    assert "exported file" in reading["value"]


def test_without_a_picture_nothing_is_shown(client):
    assert client.predict(None, DETECTOR, 0.3, api_name="/detect") == (None, None)


def test_a_broken_file_is_one_message(client, tmp_path, capfd):
    path = tmp_path / "cats & dogs.jpg"
    path.write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(gradio_client.exceptions.AppError) as failed:
        client.predict(gradio_client.handle_file(path), DETECTOR, 0.3, api_name="/detect")
    message = str(failed.value)
    assert message.startswith("cannot decode image cats &amp; dogs.jpg: "), "pages read it as HTML"
    assert capfd.readouterr().err == "", "no traceback"
    _, reading = client.predict(gradio_client.handle_file(path), DETECTOR, True, api_name="/gates")
    assert reading["value"].startswith("cannot decode image cats & dogs.jpg: "), "plain text"


@pytest.mark.parametrize("network", ["another", None, 3, [DETECTOR]])
def test_a_network_that_there_is_not(networks, photo, network):
    from gradio import Error

    from yolox_ela.ui.page import build_page

    functions = {each.fn.__name__: each.fn for each in build_page(networks, 0.3).fns.values()}
    with pytest.raises(Error, match="no network is called"):
        functions["show_objects"](str(photo), network, 0.3)
    _, reading = functions["show_gates"](str(photo), network, True)
    assert reading["value"].startswith("no network is called")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_large_pictures_are_refused(client, address, tmp_path):
    path = tmp_path / "large.png"
    Image.new("1", (10_000, MOST_PIXELS // 10_000 + 1)).save(path)
    with pytest.raises(gradio_client.exceptions.AppError, match="10000 x 10001 pixels: make it"):
        client.predict(gradio_client.handle_file(path), DETECTOR, 0.3, api_name="/detect")
    from yolox_ela.ui.server import LARGEST_FILE

    assert json.loads(httpx.get(f"{address}config").text)["max_file_size"] == LARGEST_FILE


def test_nothing_leaves_this_machine(address):
    answer = httpx.get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self' ")
    config = json.loads(httpx.get(f"{address}config").text)
    assert config["analytics_enabled"] is False
    foreign = httpx.get(address, headers={"Host": "example.org"})
    assert foreign.status_code == 400, "a name that was made to mean this machine"


def test_files_that_were_not_uploaded_stay_unread(client, address, photo):
    assert httpx.get(f"{address}gradio_api/file={photo}").status_code == 403
    payload = {"path": str(photo), "meta": {"_type": "gradio.FileData"}}
    url = f"{address}gradio_api/call/detect"
    event = httpx.post(url, json={"data": [payload, DETECTOR, 0.3]}).json()["event_id"]
    assert "event: error" in httpx.get(f"{url}/{event}").text


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason=f"this machine has no {' or '.join(BROWSERS)}")
def test_upload_threshold_and_gates_in_headless_chromium(address, photo):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    requests, dialogs = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(60_000)  # milliseconds, for a busy machine
        page.on("request", lambda request: requests.append(request.url))
        page.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
        page.goto(address)
        page.set_input_files("input[type=file]", photo)
        page.get_by_text('"cat"').first.wait_for()
        page.get_by_label("Show the gates of its attention").check()
        page.get_by_alt_text("Gates at each site").wait_for()
        lowest = page.locator("input[type=number]")
        lowest.fill("1")
        lowest.press("Enter")
        page.get_by_text('"cat"').first.wait_for(state="detached")
        # Names that would be markup are text, in the list of networks and in what is found.
        page.get_by_label("Network").click()
        page.get_by_role("option").filter(has_text=PLAIN).click()
        lowest.fill("0")
        lowest.press("Enter")
        page.get_by_text("onerror=alert").first.wait_for()
        browser.close()
    assert not dialogs
    foreign = [url for url in requests if not url.startswith((address, "data:", "blob:"))]
    assert not foreign, "it asks no other host"


@pytest.fixture
def listen():
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
