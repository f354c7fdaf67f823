"""The tiny data sets of all tasks, and a finished run of each."""

import pytest
from tiny_tasks import KINDS

import yolox_ela

# The import says that the file trains another network than YOLOX.
FILE = """
from tiny_tasks import experiment
from yolox_ela.tasks.classification import Classification

exp = experiment("{kind}")
"""


@pytest.fixture(scope="session")
def data_of(tmp_path_factory):
    """The folder of a task's data, by the task's name."""
    root = tmp_path_factory.mktemp("tiny_tasks")
    return {name: make(root / name) for name, (_, _, make, _) in KINDS.items()}


@pytest.fixture(scope="session")
def train_tiny(data_of, tmp_path_factory):
    """Trains a task's tiny experiment by the command; the file and the run."""

    def train(kind, **settings):
        home = tmp_path_factory.mktemp(kind)
        (home / f"{kind}.py").write_text(FILE.format(kind=kind))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(home)
            run = yolox_ela.train(
                home / f"{kind}.py", data=data_of[kind], output=home / kind, tracker="none",
                no_report=True, epochs=3, ema_decay=0.0, device="cpu", threads=1, **settings,
            )  # fmt: skip
        return home / f"{kind}.py", run

    return train


@pytest.fixture(scope="session")
def run_of(train_tiny):
    """For each task the file of its tiny experiment, and a finished run."""
    return {kind: train_tiny(kind) for kind in KINDS}
