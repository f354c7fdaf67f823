"""A machine at its limits: one message each, in real conditions."""

import errno
import os
import subprocess
from contextlib import suppress

import pytest
from loguru import logger

from yolox_ela.errors import UserError
from yolox_ela.images.read import read_image
from yolox_ela.system.files import size_text, write_atomically
from yolox_ela.system.logs import log_to_file
from yolox_ela.system.resources import explained, explanation

resource = pytest.importorskip("resource")  # Windows has none


def in_child(work):
    """What the UserError says that ends `work` in a process of its own; limits end with it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with explained():
                work()
            text = "no error"
        except UserError as error:
            text = f"UserError: {error}"
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as file:
        return file.read()


def test_out_of_memory():
    import numpy as np

    def work():
        resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
        np.ones(2**34, np.uint8)

    assert in_child(work).startswith("UserError: the memory is full (Unable to allocate")


def test_out_of_memory_in_torch():
    import torch

    def work():
        resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
        torch.ones(2**34, dtype=torch.uint8)

    assert "UserError: the memory is full" in in_child(work)


def test_out_of_handles(tmp_path):
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"x")

    def exhausted(act):
        def work():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            kept = []
            while True:
                try:
                    kept.append(os.open(picture, os.O_RDONLY))
                except OSError:
                    break
            act()

        return work

    assert "UserError: too many files are open" in in_child(exhausted(picture.open))
    assert "UserError: cannot open image" in in_child(exhausted(lambda: read_image(picture)))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 100 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root alone")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_full_disks(small_disk):
    with pytest.raises(UserError, match="no space is left on its disk; free space or name another"):
        write_atomically(small_disk / "a.json", lambda path: path.write_bytes(bytes(10**6)))
    assert list(small_disk.iterdir()) == []
    with pytest.raises(UserError, match=r"the disk of .* is full: free space"), explained():
        allocate(small_disk / "b")


def test_a_log_that_cannot_be_written(small_disk, capsys):
    """One warning, and the work goes on."""
    log = small_disk / "train.log"
    with log_to_file(log, ["started\n"]):
        with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as file:
            while file.write(bytes(1024)):
                pass
        for _ in range(3):
            logger.info("logged " * 1300)
    said = [line for line in capsys.readouterr().err.splitlines() if "logged logged" not in line]
    assert said == [f"warning: {log} misses what is logged from here on: No space left on device"]
    assert log.read_text().startswith("started\n")


def allocate(path):
    """A system call that names no file in its error, as libraries make them."""
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, 10**6)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error


# What libraries say, as they say it.
SAID = {
    "unable to write to file </torch_123_4_5>: No space left on device (28)": "shared memory",
    "unable to allocate shared memory(shm) for file </torch_1>: Success (0)": "shared memory",
    "DataLoader worker (pid 5) is killed by signal: Bus error. It is possible that dataloader's "
    "workers are out of shared memory.": "shared memory",
    "[enforce fail at alloc_cpu.cpp:1] err == 0. DefaultCPUAllocator: can't allocate memory": "the "
    "memory is full",
    "CUDA out of memory. Tried to allocate 2.00 GiB": "the GPU's memory is full",
    "Too many open files. Communication with the workers is no longer possible": "too many files",
}


@pytest.mark.parametrize("text", SAID)
def test_what_libraries_say(text):
    assert SAID[text] in explanation(RuntimeError(text))


def test_mistakes_of_the_program_pass():
    for error in (
        RuntimeError("shapes differ"),
        ValueError("x"),
        OSError("no number"),
        KeyError(1),
    ):
        with pytest.raises(type(error)), explained():
            raise error
    assert explanation(BrokenPipeError(errno.EPIPE, "Broken pipe")) == ""
    assert "too long" in explanation(OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300))
    assert "permissions" in explanation(PermissionError(errno.EACCES, "Permission denied", "a"))


def test_a_file_that_has_gone(tmp_path):
    with pytest.raises(UserError, match=r"gone cannot be found .*removed meanwhile"), explained():
        (tmp_path / "gone").read_bytes()


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (5120, "5.00 KiB"), (2**22, "4.00 MiB")],
)
def test_sizes_are_never_rounded_to_nothing(size, text):
    assert size_text(size) == text
    assert size_text(3 * 2**30) == "3.00 GiB"


def test_symbolic_links_in_a_circle(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)

    def resolve():  # what pathlib says before Python 3.13
        raise RuntimeError(f"Symlink loop from '{loop}'")

    for look in (resolve, loop.read_bytes):
        with pytest.raises(UserError, match=r"loop: its symbolic links lead in"), explained():
            look()
