"""Downloading a file against a real server on 127.0.0.1; the rest of the net is out of reach."""

import hashlib
import re
from pathlib import Path

import pytest

from yolox_ela.errors import UserError
from yolox_ela.system.fetch import DownloadError, fetch

pytestmark = pytest.mark.usefixtures("closed_port")
CONTENT = bytes(range(256)) * 40


def get(urls, destination, content=CONTENT):
    digest = hashlib.sha256(content).hexdigest()
    return fetch(urls, destination, algorithm="sha256", digest=digest, label="the file")


def part_of(destination):
    return destination.with_name(destination.name + ".part")


class TestFetch:
    def test_fresh_download(self, server, tmp_path):
        destination = tmp_path / "new" / "folder" / "file.bin"
        assert get([server.add("/a", CONTENT)], destination) == destination
        assert destination.read_bytes() == CONTENT
        assert list(destination.parent.iterdir()) == [destination]

    def test_no_progress_bar_in_a_log_file(self, server, tmp_path, capfd):
        get([server.add("/a", CONTENT)], tmp_path / "file.bin")
        assert "%|" not in capfd.readouterr().err

    def test_no_request_when_the_file_is_there(self, server, tmp_path):
        destination = tmp_path / "file.bin"
        destination.write_bytes(CONTENT)
        assert get([server.add("/a", CONTENT)], destination) == destination
        assert server.requests == []

    def test_a_digest_of_a_part_of_the_content(self, server, tmp_path):
        words = {"algorithm": "sha256", "label": "the file", "digest_of": lambda path: "right"}
        url, destination = server.add("/a", CONTENT), tmp_path / "file.bin"
        with pytest.raises(DownloadError, match="wrong sha256 right, expected other"):
            fetch([url], destination, digest="other", **words)
        assert fetch([url], destination, digest="right", **words) == destination
        assert fetch([], destination, digest="right", **words) == destination

    def test_wrong_file_in_place_is_replaced(self, server, tmp_path):
        destination = tmp_path / "file.bin"
        destination.write_bytes(b"<html>not found</html>")
        get([server.add("/a", CONTENT)], destination)
        assert destination.read_bytes() == CONTENT

    def test_resume_asks_for_the_rest_only(self, server, tmp_path):
        destination = tmp_path / "file.bin"
        part_of(destination).write_bytes(CONTENT[:6000])
        get([server.add("/a", CONTENT)], destination)
        assert destination.read_bytes() == CONTENT
        assert server.requests == [("/a", "bytes=6000-", len(CONTENT) - 6000)]
        assert not part_of(destination).exists()

    def test_server_without_ranges_starts_over(self, plain_server, tmp_path):
        destination = tmp_path / "file.bin"
        part_of(destination).write_bytes(CONTENT[:6000])
        get([plain_server.add("/a", CONTENT)], destination)
        assert destination.read_bytes() == CONTENT
        assert plain_server.requests == [("/a", "bytes=6000-", len(CONTENT))]

    def test_part_that_is_complete(self, server, tmp_path):
        destination = tmp_path / "file.bin"
        part_of(destination).write_bytes(CONTENT)
        get([server.add("/a", CONTENT)], destination)
        assert destination.read_bytes() == CONTENT
        assert [sent for _, _, sent in server.requests] == [0]

    def test_broken_connection_is_resumed_by_the_next_call(self, server, tmp_path):
        destination = tmp_path / "file.bin"
        url = server.add("/a", CONTENT)
        server.cut["/a"] = 7000
        with pytest.raises(DownloadError, match=r"ended after 7,000 of 10,240 bytes"):
            get([url], destination)
        assert not destination.exists()

        server.cut.clear()
        get([url], destination)
        assert destination.read_bytes() == CONTENT
        assert server.requests[-1] == ("/a", "bytes=7000-", len(CONTENT) - 7000)

    def test_broken_connection_is_resumed_by_the_next_mirror(self, server, tmp_path):
        urls = [server.add("/a", CONTENT), server.add("/b", CONTENT)]
        server.cut["/a"] = 7000
        assert get(urls, tmp_path / "file.bin").read_bytes() == CONTENT
        assert server.requests[-1] == ("/b", "bytes=7000-", len(CONTENT) - 7000)

    def test_wrong_digest_goes_to_the_second_mirror(self, server, tmp_path):
        urls = [server.add("/bad", CONTENT[::-1]), server.add("/good", CONTENT)]
        assert get(urls, tmp_path / "file.bin").read_bytes() == CONTENT
        assert server.requests == [("/bad", None, len(CONTENT)), ("/good", None, len(CONTENT))]

    def test_part_of_another_file_does_not_condemn_a_good_mirror(self, server, tmp_path):
        destination = tmp_path / "file.bin"
        part_of(destination).write_bytes(b"half of something else")
        get([server.add("/a", CONTENT)], destination)
        assert destination.read_bytes() == CONTENT

    def test_all_mirrors_fail(self, server, tmp_path, closed_port):
        destination = tmp_path / "file.bin"
        bad = server.add("/bad", b"something else")
        gone, deaf = server.url("/gone"), f"http://127.0.0.1:{closed_port}/x"
        with pytest.raises(UserError) as raised:
            get([bad, gone, deaf], destination)
        lines = str(raised.value).splitlines()
        assert "the file" in lines[0]
        assert str(destination) in lines[0]
        found = hashlib.sha256(b"something else").hexdigest()
        assert lines[1].strip().startswith(f"{bad}: wrong sha256 {found}, expected ")
        assert lines[2].strip().startswith(f"{gone}: HTTP 404")
        assert lines[3].strip().startswith(f"{deaf}: ")
        assert "refused" in lines[3]
        assert list(tmp_path.iterdir()) == []

    def test_too_little_space_is_seen_before_the_download(self, server, tmp_path):
        url = server.add("/a", CONTENT)
        server.promised["/a"] = 10**18
        with pytest.raises(UserError) as raised:
            get([url, server.add("/b", CONTENT)], tmp_path / "file.bin")
        assert str(tmp_path) in str(raised.value)
        assert "1,000,000,000,000,000,000 bytes" in str(raised.value)
        assert len(server.requests) == 1, "a full disk is not the mirror's fault"
        assert not (tmp_path / "file.bin").exists()

    def test_disk_that_fills_up(self, server, tmp_path):
        full = Path("/dev/full")
        if not full.exists():
            pytest.skip("this system has no /dev/full")
        destination = tmp_path / "file.bin"
        part_of(destination).symlink_to(full)
        with pytest.raises(UserError, match="is full") as raised:
            get([server.add("/a", CONTENT)], destination)
        assert str(tmp_path) in str(raised.value)
        assert f"{len(CONTENT):,} bytes" in str(raised.value)

    def test_folder_that_cannot_be_written(self, server, tmp_path):
        (tmp_path / "folder").write_text("a file where a folder should be")
        with pytest.raises(UserError, match=re.escape(str(tmp_path / "folder"))):
            get([server.add("/a", CONTENT)], tmp_path / "folder" / "file.bin")
