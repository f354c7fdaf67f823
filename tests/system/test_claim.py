"""One process at a time writes into a folder: real processes that meet in one."""

import os
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import suppress

import pytest

from yolox_ela.errors import UserError
from yolox_ela.system.claim import claim_folder, claim_new_folder, require_unclaimed

# Fails as flock does on a file system without locks, before anything has imported it.
WITHOUT_LOCKS = """
    import errno, fcntl
    def flock(file, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")
    fcntl.flock = flock
"""
HOLD = """
    import sys
    from pathlib import Path
    from yolox_ela.system.claim import claim_folder
    with claim_folder(Path(sys.argv[1]), ""):
        print("held", flush=True)
        sys.stdin.read()  # until the test ends
"""


@pytest.fixture
def begin():
    """Start a Python program with arguments; it is killed at the end of the test."""
    begun = []

    def begin(program, *words):
        command = [sys.executable, "-c", textwrap.dedent(program), *map(str, words)]
        pipe = subprocess.PIPE
        begun.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture
def hold(begin):
    """Hold a folder in another process."""

    def hold(path, program=HOLD):
        process = begin(program, path)
        assert process.stdout.readline() == "held\n", process.communicate()[1]
        return process

    return hold


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("act", [claim_folder, require_unclaimed])
def test_the_second_is_refused_and_told_by_whom(tmp_path, hold, act):
    process = hold(tmp_path / "run")
    with pytest.raises(UserError) as refusal:
        act(tmp_path / "run", "name another one")
    message = str(refusal.value)
    assert message.startswith(f"{tmp_path / 'run'} is in use by process {process.pid} on ")
    assert f" on {socket.gethostname()} since {time.strftime('%Y-')}" in message
    assert message.endswith("; name another one")


def test_what_is_refused_stays_as_it_is(tmp_path, hold):
    hold(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match="in use"):
        claim_folder(tmp_path, "")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_process_holds_nothing(tmp_path, hold):
    """Not even through a process that it has forked, as loaders' workers are, and left behind."""
    child = "os.close(1), os.close(2), sys.stdin.read(), os._exit(0)"
    forking = HOLD.replace("print(", f"import os; os.fork() or ({child}); print(")
    process = hold(tmp_path, forking)
    process.kill()
    process.wait()
    assert ".holder.json" in names(tmp_path)
    with claim_folder(tmp_path, ""):
        assert str(os.getpid()) in (tmp_path / ".holder.json").read_text()
    assert names(tmp_path) == [".lock"]
    assert (tmp_path / ".lock").read_bytes() == b""


def test_held_again_after_the_end(tmp_path):
    for _ in range(2):
        with claim_folder(tmp_path / "run", ""):
            (tmp_path / "run" / "result").touch()
        require_unclaimed(tmp_path / "run", "")


class TestFoldersLeftBehind:
    def leave(self, path, files, error):
        with suppress(type(error)), claim_folder(path, "", ["config.json", "tensorboard"]):
            for name in files:
                (path / name).parent.mkdir(exist_ok=True)
                (path / name).touch()
            raise error

    @pytest.mark.parametrize(
        ("files", "error", "kept"),
        [
            ((), UserError("refused"), False),
            ((), KeyboardInterrupt(), False),
            (("config.json", "tensorboard/events"), UserError("refused"), False),
            (("config.json",), KeyboardInterrupt(), True),
            (("config.json",), ZeroDivisionError(), True),
            (("config.json", "state.pth"), UserError("not finite"), True),
        ],
    )
    def test_one_that_it_made(self, tmp_path, files, error, kept):
        self.leave(tmp_path / "a" / "run", files, error)
        assert (tmp_path / "a" / "run").exists() == kept
        if kept:
            expected = sorted([".lock", *files])
            assert names(tmp_path / "a" / "run") == expected

    def test_one_that_was_there(self, tmp_path):
        self.leave(tmp_path, ["config.json"], UserError("refused"))
        assert names(tmp_path) == [".lock", "config.json"]


@pytest.mark.parametrize("path", ["file", "file/run"])
def test_no_folder_can_be_made(tmp_path, path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot make the folder .*file"):
        claim_folder(tmp_path / path, "")
    with pytest.raises(UserError, match=r"cannot make the folder .*file"):
        claim_new_folder(tmp_path / "file", "run")


def test_new_folders_are_numbered(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run-2").touch()
    with claim_new_folder(tmp_path, "run") as claim:
        assert claim.path == tmp_path / "run-3"


def test_nobody_gets_the_new_folder_of_another(tmp_path, begin):
    program = """
        import sys
        from pathlib import Path
        from yolox_ela.system.claim import claim_new_folder
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(20):
            with claim_new_folder(Path(sys.argv[1]), "run") as claim:
                (claim.path / "mine").open("x").close()
    """
    processes = [begin(program, tmp_path) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in processes:  # both begin at once
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert names(tmp_path) == sorted(["run", *(f"run-{number}" for number in range(2, 41))])


def test_one_at_a_time_while_the_folder_comes_and_goes(tmp_path, begin):
    """Each finds the folder made, held, free or in the middle of its removal."""
    program = """
        import sys, time
        from pathlib import Path
        from yolox_ela.system.claim import claim_folder
        from yolox_ela.errors import UserError
        path, end, done = Path(sys.argv[1]) / "run", time.monotonic() + 0.5, 0
        while time.monotonic() < end:
            try:
                with claim_folder(path, ""):
                    (path / "mine").open("x").close()
                    (path / "mine").unlink()
                    done += 1
            except UserError as error:
                assert "in use" in str(error), error
        print(done)
    """
    processes = [begin(program, tmp_path) for _ in range(3)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert int(out) > 0
    assert names(tmp_path) in ([], ["run"])


@pytest.mark.skipif(os.name == "nt", reason="Windows has locks")
class TestWithoutLocks:
    def test_the_second_is_refused(self, tmp_path, hold, begin):
        first = hold(tmp_path, WITHOUT_LOCKS + HOLD)
        out, err = begin(WITHOUT_LOCKS + HOLD, tmp_path).communicate(timeout=60)
        assert out == ""
        assert f"in use by process {first.pid} on " in err
        assert f"if that process has been killed, delete {tmp_path / '.lock.marker'}" in err
        assert "its file system has no locks" in err

    def test_a_killed_process_is_noticed(self, tmp_path, hold):
        process = hold(tmp_path, WITHOUT_LOCKS + HOLD)
        process.kill()
        process.wait()
        assert ".lock.marker" in names(tmp_path)
        hold(tmp_path, WITHOUT_LOCKS + HOLD)
