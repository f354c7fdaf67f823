"""The calls of `studies.gpu`: what is sent arrives, what comes back is whole, limits are kept."""

import json
import os
import sys

import pytest

from studies.gpu import jobs
from studies.gpu.beside import compare
from studies.gpu.jobs import Place, Step
from studies.gpu.parcel import FILE_BYTES, unwrap, wrap
from studies.gpu.parts import MIB, TAR, pack, receive
from studies.speed import __main__ as speed
from yolox_ela.commands import study_options, table_options, train_options


@pytest.fixture
def data(tmp_path):
    """Ten files of 100 kB, which no compression makes smaller."""
    folder = tmp_path / "data"
    (folder / "inner").mkdir(parents=True)
    for number in range(10):
        content = bytes((7 * number * place) % 251 for place in range(100_000))
        (folder / "inner" / f"{number}.jpg").write_bytes(content)
    return folder


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class TestParts:
    def test_arrive_in_any_order(self, data, tmp_path):
        parts = pack({"data": data}, tmp_path / "parts", MIB // 3)
        assert len(parts) == 4
        assert all((part / TAR).stat().st_size <= MIB // 3 for part in parts)
        work = tmp_path / "work"
        assert receive(parts[2:], work) == 2
        assert receive(parts[:2], work) == 0
        assert content(work / "data") == content(data)
        assert receive([], work) == 0, "a later call brings none"

    def test_a_damaged_part_is_refused(self, data, tmp_path):
        (part,) = pack({"data": data}, tmp_path / "parts", 2 * MIB)
        with (part / TAR).open("r+b") as file:
            file.seek(2000)
            file.write(b"?")
        with pytest.raises(ValueError, match=r"part\.tar is damaged: pack and send it again"):
            receive([part], tmp_path / "work")
        assert not (tmp_path / "work" / "data").exists()

    def test_of_two_packings(self, data, tmp_path):
        first = pack({"data": data}, tmp_path / "one", MIB)
        second = pack({"data": data}, tmp_path / "two", MIB // 2)
        receive(first[:1], tmp_path / "work")
        with pytest.raises(ValueError, match="of another packing"):
            receive(second[:1], tmp_path / "work")

    def test_too_large_a_file(self, data, tmp_path):
        with pytest.raises(ValueError, match=r"0\.jpg is larger than a part of 0 MiB"):
            pack({"data": data}, tmp_path / "parts", 50_000)


class TestParcel:
    def test_comes_back_whole(self, data, tmp_path):
        assert wrap(data, tmp_path / "out") == []
        unwrap(tmp_path / "out", tmp_path / "back")
        assert content(tmp_path / "back") == content(data)

    def test_pieces_and_what_does_not_fit(self, tmp_path):
        """Numbers come before weights, and these before states."""
        results = tmp_path / "results" / "run"
        results.mkdir(parents=True)
        (results / "results.json").write_text("{}")
        noise = os.urandom(20 * MIB)
        for name in ("best.pth", "state.pth", "last.pth", "other.bin", "another.bin"):
            (results / name).write_bytes(noise)
        assert wrap(results.parent, tmp_path / "out") == ["run/other.bin"]
        sizes = [path.stat().st_size for path in sorted((tmp_path / "out").iterdir())]
        assert len(sizes) <= 8
        assert max(sizes) <= FILE_BYTES
        unwrap(tmp_path / "out", tmp_path / "back")
        names = {path.name for path in (tmp_path / "back").rglob("*") if path.is_file()}
        there = {"results.json", "best.pth", "state.pth", "another.bin", "left_out.txt"}
        assert names == there

    def test_a_lost_piece(self, data, tmp_path):
        wrap(data, tmp_path / "out")
        (tmp_path / "out" / "results.tar.00").rename(tmp_path / "out" / "results.tar.01")
        with pytest.raises(ValueError, match="lacks a piece"):
            unwrap(tmp_path / "out", tmp_path / "back")


def test_a_job_within_its_time(tmp_path, monkeypatch):
    """What overran is ended, what ended well is not run again, what has no time left is said."""
    monkeypatch.setattr(jobs, "LEAST_SECONDS", 0.2)
    monkeypatch.setattr(jobs, "END_SECONDS", 0.1)
    count = "from pathlib import Path; p = Path('count'); p.write_text(p.exists() * 'again')"

    def some(place):
        return [
            Step("well", [sys.executable, "-c", count]),
            Step("long", [sys.executable, "-c", "import time; time.sleep(60)"], 0.5),
            Step("wrong", [sys.executable, "-c", "raise SystemExit(3)"]),
        ]

    monkeypatch.setitem(jobs.JOBS, "some", some)
    place = Place(tmp_path / "work", "cpu")
    for _ in range(2):
        said = jobs.run("some", place, 60.0, checkout=tmp_path)
        assert said == {"00 well": 0, "01 long": "ended after 0 s", "02 wrong": 3}
    assert (tmp_path / "count").read_text() == ""
    assert json.loads((place.results / "some.json").read_text()) == said
    said = jobs.run("some", place, 0.2, checkout=tmp_path)
    assert said["02 wrong"] == "not run: no time left in this call"


def test_runs_beside_a_plain_one(tmp_path):
    def run(name, losses):
        (tmp_path / name).mkdir()
        lines = ["epoch,loss,ap50_95,raw_ap50_95", "0,,0.2,0.2"]
        lines += [f"{epoch},{loss},0.5,0.4" for epoch, loss in enumerate(losses, 1)]
        (tmp_path / name / "metrics.csv").write_text("\n".join(lines) + "\n")

    run("plain", [4.0, 2.0])
    run("other", [4.1, 2.0])
    other, plain = compare(tmp_path, "plain")
    assert plain == {"run": "plain", "epochs": 2, "loss": 0, "average": 50, "weights": 40}
    assert other["loss"] == pytest.approx(0.025)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_package_takes_every_command(tmp_path, monkeypatch, device):
    """A word that `train`, `table`, `study` or `studies.speed` refuses would cost a call."""
    folder = tmp_path / "data"
    folder.mkdir()
    place = Place(tmp_path, device, fields=["image_size", "64"], options=["--rounds", "1"])
    steps = [step for job in jobs.JOBS.values() for step in job(place)]
    assert len({step.name for step in steps}) == len(steps)
    parsers = {
        "train": train_options.parse,
        "table": table_options.parse,
        "study": study_options.parse,
    }
    taken = set()
    for step in steps:
        words = list(step.words)
        if "yolox_ela" in words or "studies.gpu.one_card" in words:
            words = words[words.index("train" if "train" in words else words[3]) :]
            if "--resume" in words:  # there is no run yet
                words.remove("--resume")
            with monkeypatch.context() as patch:
                patch.setattr(sys, "argv", ["yolox-ela", *words[1:]])
                parsers[words[0]](tmp_path)
            taken.add(words[0])
        elif "studies.speed" in words:
            with monkeypatch.context() as patch:
                patch.setattr(sys, "argv", ["studies.speed", *words[3:]])
                speed.parse_arguments()
            taken.add("speed")
    assert taken == {"train", "table", "study", "speed"}
