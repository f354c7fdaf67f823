"""Commands side by side: a crash leaves the others, and all can be stopped."""

import sys
import time

from yolox_ela.study.side_by_side import Job, Processes


def job(tmp_path, name, code):
    return Job([sys.executable, "-S", "-c", code], tmp_path / "logs" / f"{name}.log")


def never():
    return False


def test_a_crash_leaves_the_others(tmp_path):
    jobs = [
        job(tmp_path, "first", "print('one')"),
        job(tmp_path, "crash", "raise RuntimeError('out of luck')"),
        job(tmp_path, "last", "print('two')"),
    ]
    assert dict(Processes([{}], never).run(jobs)) == {0: 0, 1: 1, 2: 0}
    assert jobs[1].tail().endswith("RuntimeError: out of luck")
    assert jobs[2].log.read_text() == "two\n"


def test_each_slot_has_its_environment_and_one_command(tmp_path):
    code = "import os; print(os.environ['GPU'])"
    jobs = [job(tmp_path, str(number), code) for number in range(4)]
    assert set(dict(Processes([{"GPU": "3"}, {"GPU": "5"}], never).run(jobs)).values()) == {0}
    seen = [one.log.read_text().strip() for one in jobs]
    assert set(seen) == {"3", "5"}
    assert seen[:2] == ["3", "5"], "two at a time"


def test_stopped_commands_may_finish_what_they_do(tmp_path):
    """SIGTERM reaches the one that runs; the next one is not started."""
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(130)))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    jobs = [job(tmp_path, "first", code), job(tmp_path, "second", code)]

    def ready():
        return jobs[0].log.is_file() and "ready" in jobs[0].log.read_text()

    started = time.monotonic()
    assert dict(Processes([{}], ready).run(jobs)) == {0: 130}
    assert time.monotonic() - started < 30
    assert jobs[0].log.read_text() == "ready\nsaved\n"
    assert not jobs[1].log.exists()
