"""Files are whole or absent, and safe to read."""

import os

import pytest
import torch
from forked import Program

from yolox_ela.errors import UserError
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.recipe import Recipe
from yolox_ela.system.files import write_atomically
from yolox_ela.train.checkpoint import require_same_run, save_checkpoint


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "state.pth"
    save_checkpoint(path, {"step": 1})

    def broken(temporary):
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, broken)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path], "no temporary file is left"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")  # noqa: PTH110
def test_full_disk_is_named(tmp_path):
    path = tmp_path / "state.pth"
    save_checkpoint(path, {"step": 1})

    def to_full_disk(temporary):
        temporary.unlink(missing_ok=True)
        temporary.symlink_to("/dev/full")
        temporary.write_bytes(b"x" * 10)

    with pytest.raises(UserError, match=r"state\.pth.*no space is left.*--resume"):
        write_atomically(path, to_full_disk)
    assert torch.load(path, weights_only=True) == {"step": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and a limit on files")
def test_full_disk_under_torch_save(tmp_path):
    """torch hides the system's reason; a limit on the size of files fails its write for real."""
    program = """
import resource, signal, sys, torch
from pathlib import Path
from yolox_ela.train.checkpoint import save_checkpoint
from yolox_ela.errors import UserError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    save_checkpoint(Path(sys.argv[1]), {"weights": torch.zeros(1_000_000)})
except UserError as error:
    print("refused:", error, file=sys.stderr)
"""
    script, folder = tmp_path / "save.py", tmp_path / "folder"
    script.write_text(program)
    folder.mkdir()
    done = Program([str(script), str(folder / "big.pth")], folder)
    said = done.rest()
    assert done.returncode == 0, said
    assert "refused: cannot write" in said
    assert not list(folder.iterdir())


class TestRequireSameRun:
    def content(self, **changes):
        return {"recipe": Recipe(**changes).to_dict()}

    def test_workers_may_change(self, tmp_path):
        require_same_run(self.content(workers=3), Recipe(workers=0), tmp_path)

    def test_a_setting_that_was_called_otherwise(self, tmp_path):
        """A run of an earlier version goes on."""
        save_checkpoint(tmp_path / "state.pth", self.content(class_head_start="coco"))
        recipe = Recipe(class_head_start="by_name")
        require_same_run(read_checkpoint(tmp_path / "state.pth"), recipe, tmp_path)

    def test_other_settings_are_listed(self, tmp_path):
        with pytest.raises(UserError, match=r"lr was 0.01, is 0.02; seed was 4, is 0"):
            require_same_run(self.content(lr=0.01, seed=4), Recipe(), tmp_path)
