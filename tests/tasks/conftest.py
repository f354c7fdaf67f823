"""The tiny data sets of all tasks."""

import pytest
from tiny_tasks import KINDS


@pytest.fixture(scope="session")
def data_of(tmp_path_factory):
    """The folder of a task's data, by the task's name."""
    root = tmp_path_factory.mktemp("tiny_tasks")
    return {name: make(root / name) for name, (_, _, make, _) in KINDS.items()}
