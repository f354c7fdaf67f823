"""Which folder a run gets, and what is found in it."""

import os

import pytest

from yolox_ela.errors import UserError
from yolox_ela.system.claim import claim_folder
from yolox_ela.train.run_claim import claim_run, required_path
from yolox_ela.train.run_folder import RunFolder


def make(folder, **times):
    """A folder with files of these times of change; `state` stands for state.pth."""
    folder.mkdir(parents=True)
    for name, time in times.items():
        path = folder / {"state": "state.pth", "config": "config.json"}[name]
        path.touch()
        os.utime(path, (time, time))


@pytest.mark.parametrize(
    ("runs", "newest"),
    [
        ({}, "nano"),
        ({"nano": {"state": 5}, "nano-2": {"state": 9}, "nano-10": {"state": 7}}, "nano-2"),
        ({"nano": {"state": 5}, "nano_ela": {"state": 9}, "nano-x": {"state": 9}}, "nano"),
        # Begun last, and ended before it had kept anything.
        ({"nano": {"config": 1, "state": 5}, "nano-2": {"config": 9}}, "nano"),
        ({"nano": {"config": 1}, "nano-2": {"config": 9}}, "nano-2"),
        ({"nano": {"config": 1, "state": 9}, "nano-2": {"config": 5}}, "nano"),
        ({"nano": {"state": 5}, "nano-2": {}}, "nano"),
    ],
)
def test_the_last_run_is_resumed(tmp_path, runs, newest):
    for name, times in runs.items():
        make(tmp_path / name, **times)
    if (tmp_path / newest / "state.pth").exists():
        assert required_path(None, tmp_path, "nano", resume=True) == tmp_path / newest
    else:
        with pytest.raises(UserError, match=rf"nothing to resume: no .*{newest}.state\.pth"):
            required_path(None, tmp_path, "nano", resume=True)


def test_the_last_run_is_in_use(tmp_path):
    make(tmp_path / "nano", state=5)
    make(tmp_path / "nano-2", state=9)
    with (
        claim_folder(tmp_path / "nano-2", ""),
        pytest.raises(UserError, match=r"nano-2 is in use by process .*; stop that run, or wait"),
    ):
        required_path(None, tmp_path, "nano", resume=True)


def test_the_last_run_has_saved_nothing_so_far(tmp_path):
    """It goes on in another process: the one before is not meant."""
    make(tmp_path / "nano", state=5)
    make(tmp_path / "nano-2", config=9)
    with (
        claim_folder(tmp_path / "nano-2", ""),
        pytest.raises(UserError, match=r"nano-2 is in use by process"),
    ):
        required_path(None, tmp_path, "nano", resume=True)


@pytest.mark.parametrize(
    "name",
    ["metrics.csv", "last.pth", "best.pth", "evaluation.npz", "results.json"],
)
def test_no_new_run_among_files_of_another(tmp_path, name):
    (tmp_path / name).touch()
    for act in (required_path, claim_run):
        with pytest.raises(UserError, match=rf"already holds files .*\({name}\).*delete them"):
            act(tmp_path, tmp_path, "nano", resume=False)
    with claim_folder(tmp_path, ""):
        pass  # it was given up


@pytest.mark.parametrize("name", ["slurm.out", "config.json", "train.log", "tensorboard"])
def test_a_new_run_among_foreign_files(tmp_path, name):
    """Or in the place of a run that was killed before it had anything to keep."""
    (tmp_path / name).touch()
    with claim_run(tmp_path, tmp_path, "nano", resume=False) as claim:
        assert claim.path == tmp_path


def test_a_report_replaces_reports_only(tmp_path):
    (tmp_path / "evaluation.npz").touch()
    RunFolder(tmp_path).check_report()
    (tmp_path / "config.json").touch()
    with pytest.raises(UserError, match=r"already holds a run \(config\.json\)"):
        RunFolder(tmp_path).check_report()
