"""Videos in and out: rate, length, orientation; the newest frame of live sources."""

import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import cv2
import numpy as np
import pytest
import torch

from yolox_ela.errors import UserError
from yolox_ela.network.runner import Runner
from yolox_ela.predict import Detector
from yolox_ela.predict.video import Frames, NewestFrames, VideoWriter

NTSC = 30000 / 1001


def frame(number, size=(96, 64)):
    """Grey in the strength of its number, with a white upper left corner."""
    picture = np.full((size[1], size[0], 3), 8 * number, np.uint8)
    picture[: size[1] // 4, : size[0] // 4] = 255
    return picture


def write(path, numbers, rate=NTSC, size=(96, 64)):
    writer = VideoWriter(path, rate)
    for number in numbers:
        writer.add(frame(number, size))
    writer.close()
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write(tmp_path_factory.mktemp("clip") / "clip.mp4", range(20))


def numbers_in(frames):
    return [round(float(picture[-10:, -10:].mean()) / 8) for picture in frames]


def box_runner(batch=1, parallel=1):
    """A runtime that sees the same box in every picture."""
    row = torch.tensor([32.0, 16.0, 20.0, 10.0, 0.9, 0.1, 0.8])
    return Runner(
        lambda images: row.repeat(len(images), 1, 1),
        ("cat", "dog"),
        64,
        batch=batch,
        parallel=parallel,
    )


def test_same_rate_and_length(clip, tmp_path):
    with Frames(clip) as frames:
        assert frames.rate == pytest.approx(NTSC, abs=1e-3)
        assert frames.count == 20
        copy = VideoWriter(tmp_path / "copy.mp4", frames.rate)
        for picture in frames:
            copy.add(picture)
        copy.close()
    with Frames(tmp_path / "copy.mp4") as frames:
        assert frames.rate == pytest.approx(NTSC, abs=1e-3)
        grey = [float(picture[-10:, -10:].mean()) for picture in frames]
    np.testing.assert_allclose(grey, 8 * np.arange(20), atol=7)  # the codec loses a little


def test_odd_and_changing_sizes(tmp_path):
    """A row and a column more, none less; later frames get the size of the first."""
    path = tmp_path / "odd.mp4"
    writer = VideoWriter(path, 10)
    for size in ((97, 63), (97, 63), (50, 40)):
        writer.add(frame(10, size))
    writer.close()
    with Frames(path) as frames:
        assert [picture.shape for picture in frames] == [(64, 98, 3)] * 3


def test_turned_phone_video(clip, tmp_path):
    """Stored lying, with a note that it is to be turned: it comes upright, 64 wide and 96 high."""
    content = clip.read_bytes()
    at = content.index(b"tkhd") + 44
    one = 1 << 16
    matrix = struct.pack(">9i", 0, one, 0, -one, 0, 0, 64 * one, 0, 1 << 30)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(content[:at] + matrix + content[at + len(matrix) :])
    with Frames(turned) as frames:
        first = next(iter(frames))
    assert first.shape == (96, 64, 3)
    corner = first[:20, -12:], first[:20, :12]
    assert corner[0].mean() > 200 > 100 > corner[1].mean(), "the white corner is at the upper right"


@pytest.mark.parametrize(("batch", "parallel"), [(1, 1), (4, 1), (1, 3)])
def test_detector_on_a_video_among_pictures(clip, tmp_path, batch, parallel):
    """All frames in order, numbered, with their rate; what cannot be read is reported in place."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    picture = tmp_path / "photo.png"
    cv2.imwrite(str(picture), frame(3))
    detector, failed = Detector(box_runner(batch, parallel)), []
    results = list(
        detector.stream(
            [picture, broken, clip, frame(5)], on_error=lambda *pair: failed.append(pair)
        )
    )
    assert len(results) == 22
    assert [result.frame for result in results] == [None, *range(20), None]
    assert [result.source for result in results[:2]] == [picture, clip]
    assert numbers_in(result.image for result in results) == [3, *range(20), 5]
    assert results[1].rate == pytest.approx(NTSC, abs=1e-3)
    ((source, error),) = failed
    assert source == broken
    assert "cannot open video" in str(error)
    with pytest.raises(UserError, match=r"broken\.mp4"):
        list(detector.stream(broken))
    with pytest.raises(UserError, match=r"missing\.mp4: there is no such file"):
        list(detector.stream(tmp_path / "missing.mp4"))
    with pytest.raises(UserError, match=r"it is a video: .*Detector\.stream"):
        detector(clip)


def test_frames_are_not_hoarded(tmp_path):
    """However long the video: only a few frames are decoded ahead of their results."""
    path = write(tmp_path / "long.mp4", [1] * 60, size=(16, 16))
    decoded = 0
    counted = Frames._next

    def count(self):
        nonlocal decoded
        decoded += 1
        return counted(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Frames, "_next", count)
        stream = Detector(box_runner()).stream(path)
        for _ in range(10):
            next(stream)
        assert decoded < 30
        stream.close()


def test_damaged_end(clip, tmp_path):
    """An AVI file states its length at the start."""
    path = tmp_path / "whole.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 64))
    for number in range(30):
        writer.write(frame(number))
    writer.release()
    cut = tmp_path / "cut.avi"
    content = path.read_bytes()
    cut.write_bytes(content[: len(content) * 6 // 10])
    with Frames(cut) as frames, pytest.raises(UserError, match=r"ends after \d+ of 30 frames"):
        list(frames)


def test_live_drops_frames_instead_of_lagging(clip):
    """A file at its own rate, 0.67 s; who comes late gets the newest frame, and then the end."""
    with NewestFrames(clip) as frames:
        assert frames.rate == pytest.approx(NTSC, abs=1e-3)
        taken = iter(frames)
        first, _ = next(taken)
        frames._thread.join(20)
        last, picture = next(taken)
        assert (first < 19, last) == (True, 19)
        assert numbers_in([picture]) == [19]
        assert next(taken, None) is None
    begin = time.monotonic()
    numbers = [result.frame for result in Detector(box_runner()).stream(clip, live=True)]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 19
    assert time.monotonic() - begin > 19 / NTSC - 0.05, "not faster than it was filmed"


class Camera(BaseHTTPRequestHandler):
    """Motion JPEG, as network cameras send it, until the test says `lost`."""

    lost: Event

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        data = cv2.imencode(".jpg", frame(10))[1].tobytes()
        head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
        try:
            while not self.lost.wait(0.01):
                self.wfile.write(head + data + b"\r\n")
        except OSError:
            return

    def log_message(self, *args):
        """Keep the test output clean."""


def test_a_camera_that_is_lost():
    """It is seen while it is there; then one message, and the results until then stay."""
    handler = type("ThisCamera", (Camera,), {"lost": Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        url = f"http://127.0.0.1:{server.server_port}/live.mjpg"
        results, failed = [], []
        stream = Detector(box_runner()).stream(url, on_error=lambda *pair: failed.append(pair))
        for result in stream:
            results.append(result)
            if len(results) == 3:
                handler.lost.set()
        with pytest.raises(UserError, match=r"--live \(live=True\) follows"):
            Detector(box_runner())(url.replace("live.mjpg", "photo.jpg"))
        server.shutdown()
    assert len(results) >= 3
    assert {result.source for result in results} == {url}
    assert numbers_in([results[0].image]) == [10]
    ((source, error),) = failed
    assert source == url
    assert "has ended, or was lost, after" in str(error)


def test_what_does_not_open(tmp_path):
    with pytest.raises(UserError, match="camera 97 does not open"):
        list(Detector(box_runner()).stream(97))
    with pytest.raises(UserError, match="no answer, or no video"):
        list(Detector(box_runner()).stream("http://127.0.0.1:1/clip.mp4"))
    with pytest.raises(UserError, match="cannot write video"):
        write(tmp_path / "no" / "folder.mp4", [1])
