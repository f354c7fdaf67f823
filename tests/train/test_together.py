"""Processes that go on together, or end together with one message: two real ones."""

import json

import pytest
from forked import in_two_processes

from yolox_ela.errors import EndedElsewhereError, UserError
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.together import on_main, together

pytestmark = pytest.mark.slow


def note_all(folder):
    """What one process of two finds, written into the folder."""
    accelerator = build_accelerator("cpu", "fp32")
    rank = accelerator.process_index
    found = {}

    def act(failing):
        if rank in failing:
            raise failing[rank]
        return f"done by {rank}"

    def note(name, call):
        try:
            found[name] = call()
        except EndedElsewhereError as error:
            found[name] = f"ended: {error}"
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"

    bad, bug = UserError("bad"), ZeroDivisionError("bug")
    note("all", lambda: together(accelerator, lambda: act({})))
    note("first fails", lambda: together(accelerator, lambda: act({0: bad})))
    note("second fails", lambda: together(accelerator, lambda: act({1: bad})))
    note("both fail", lambda: together(accelerator, lambda: act({0: bad, 1: bad})))
    note("both fail otherwise", lambda: together(accelerator, lambda: act({0: bad, 1: bug})))
    main = accelerator.is_main_process
    note("main first", lambda: together(accelerator, lambda: act({0: bad}), first=main))
    note("others second", lambda: together(accelerator, lambda: act({1: bad}), first=main))
    note("on main", lambda: on_main(accelerator, lambda: act({1: bad})))
    note("fails on main", lambda: on_main(accelerator, lambda: act({0: bad})))

    def in_order():
        if main:
            while not (folder / "here").exists():  # the other one has come as far as this
                pass
            (folder / "made").touch()
        return (folder / "made").exists()

    if not main:
        (folder / "here").touch()
    note("waits", lambda: together(accelerator, in_order, first=main))
    (folder / f"{rank}.json").write_text(json.dumps(found))
    accelerator.end_training()


def test_two_processes(tmp_path):
    in_two_processes(lambda: note_all(tmp_path))
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    bad = "UserError: bad"
    by_first, by_second = (f"ended: process {rank} of the run has failed" for rank in (0, 1))
    assert {name: (first[name], second[name]) for name in first} == {
        "all": ("done by 0", "done by 1"),
        "first fails": (bad, by_first),
        "second fails": (by_second, bad),
        "both fail": (bad, by_first),
        "both fail otherwise": (bad, "ZeroDivisionError: bug"),
        "main first": (bad, by_first),
        "others second": (by_second, bad),
        "on main": ("done by 0", "done by 0"),
        "fails on main": (bad, by_first),
        "waits": (True, True),
    }


@pytest.mark.parametrize("first", [True, False])
def test_one_process(first):
    accelerator = build_accelerator("cpu", "fp32")
    assert together(accelerator, lambda: 3, first=first) == 3
    assert on_main(accelerator, lambda: 4) == 4
