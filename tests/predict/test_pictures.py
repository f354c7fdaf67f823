"""Pictures as paths, addresses, arrays, PIL images and bytes have the same pixels."""

import io
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from yolox_ela.errors import UserError
from yolox_ela.images.values import UNDECIDED
from yolox_ela.predict.download import download
from yolox_ela.predict.pictures import as_bgr

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)  # RGB


@pytest.fixture
def png():
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # a camera held sideways
    Image.fromarray(np.rot90(PIXELS, 1)).save(stream, "png", exif=exif)
    return stream.getvalue()


def test_every_kind(png, server, tmp_path):
    (tmp_path / "photo.png").write_bytes(png)
    url = server.add("/photo", png)
    bgr = PIXELS[:, :, ::-1]
    for given in (tmp_path / "photo.png", str(tmp_path / "photo.png"), url, png, bgr):
        np.testing.assert_array_equal(as_bgr(given, UNDECIDED), bgr)
    np.testing.assert_array_equal(as_bgr(Image.open(io.BytesIO(png)), UNDECIDED), bgr)
    np.testing.assert_array_equal(as_bgr(PIXELS, UNDECIDED, rgb=True), bgr)
    np.testing.assert_array_equal(as_bgr(png, UNDECIDED, rgb=True), bgr)
    for mode in ("L", "RGBA", "P", "1", "CMYK", "I;16"):
        assert as_bgr(Image.new(mode, (5, 4)), UNDECIDED).shape == (4, 5, 3)


def test_refused_downloads(server, closed_port, png):
    large = server.add("/large", bytes(5000))
    with pytest.raises(UserError, match="more than"):
        download(large, most=4999)
    with pytest.raises(UserError, match="answers 404"):
        as_bgr(server.url("/nothing.jpg"), UNDECIDED)
    cut = server.add("/cut.png", png)
    server.cut["/cut.png"] = 50
    with pytest.raises(UserError, match=r"cut\.png: the connection ended after 50"):
        as_bgr(cut, UNDECIDED)
    page = server.add("/page", b"<!doctype html><p>photo</p>")
    with pytest.raises(UserError, match="not an image"):
        as_bgr(page, UNDECIDED)
    server.kinds["/page"] = "text/html; charset=utf-8"
    with pytest.raises(UserError, match="it is a web page"):
        as_bgr(page, UNDECIDED)
    with pytest.raises(UserError, match="check address and connection"):
        as_bgr("http://127.0.0.1:1/photo.jpg", UNDECIDED)
    with pytest.raises(UserError, match="cannot be downloaded"):
        as_bgr("https://nowhere.invalid/photo.jpg", UNDECIDED)


def test_time_limit():
    """A server that never falls silent and never comes to an end."""

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while True:
                    self.wfile.write(bytes(10))

        def log_message(self, *args):
            """Keep the test output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        with pytest.raises(UserError, match=r"more than 0\.2 seconds"):
            download(f"http://127.0.0.1:{server.server_port}/", seconds=0.2, most=2**40)
        server.shutdown()


@pytest.mark.parametrize("given", [5, None, {}, b"", b"no picture"])
def test_no_picture(given):
    with pytest.raises(UserError):
        as_bgr(given, UNDECIDED)


def test_pil_images_whose_file_is_damaged_or_closed(png):
    cut = Image.open(io.BytesIO(png[:500]))
    closed = Image.open(io.BytesIO(png))
    closed.close()
    for image in (cut, closed):
        with pytest.raises(UserError, match=r"\(a PIL image\): it is damaged"):
            as_bgr(image, UNDECIDED)
