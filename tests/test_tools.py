"""The command lines as a user runs them, in a copy of tools/ and exps/ elsewhere."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from yolox_ela.data.sample import draw_sample

PROJECT = Path(__file__).parents[1]
# The sample run, small enough for a test: 3 epochs of 4 steps.
REPORTED = ["-b", "6", "-e", "3", "--device", "cpu"]
REPORTED += [
    "image_size",
    "64",
    "eval_interval",
    "3",
    "final_fraction",
    "0.33",
    "workers",
    "1",
]
SMALL = ["--no-report", *REPORTED]


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A checkout of its own, so that runs/ and datasets/ of the real one stay untouched."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("tools", "exps"):
        shutil.copytree(PROJECT / folder, root / folder)
    return root


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A drawn data set of 20 and 8 images, which no tool may change."""
    return draw_sample(tmp_path_factory.mktemp("data"), train_images=20, test_images=8)


def environment():
    """Threads of their own would only fight over a small machine's cores."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run(project, *words, expect=0):
    """Run a tool from a foreign folder; its output, with the exit code checked."""
    command = [sys.executable, str(project / words[0]), *map(str, words[1:])]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), cwd=project / "exps"
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def exp(project, name="nano_ela_s"):
    return project / "exps" / f"{name}.py"


def tree(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="session")
def trained(project, data):
    """Folder and output of one small training run on `--data`."""
    before = tree(data)
    output = run(
        project,
        "tools/train.py",
        "-f",
        exp(project),
        "--data",
        f"{data}/",
        "-c",
        "none",
        "--json",
        project / "final.json",
        *REPORTED,
        "seed",
        "3",
    )
    assert tree(data) == before, "nothing is written into a data set"
    return project / "runs" / "nano_ela_s", output


class TestTrain:
    def test_run_folder(self, trained, project):
        folder, output = trained
        assert "weights: random, seed 3" in output.stderr
        assert "epoch 3/3" in output.stderr
        assert "mean" in output.stdout
        config = json.loads((folder / "config.json").read_text())
        assert config["seed"] == 3
        assert config["image_size"] == 64
        assert config["momentum"] == 0.937
        (environment,) = json.loads((folder / "environment.json").read_text())
        assert environment["versions"]["torch"] == torch.__version__.split("+")[0]
        assert "epoch 3/3" in (folder / "train.log").read_text()
        final = json.loads((project / "final.json").read_text())
        assert final == json.loads((folder / "results.json").read_text())
        files = {path.name for path in folder.iterdir()}
        assert {"best.pth", "last.pth", "state.pth", "curves.png"} <= files
        assert any((folder / "tensorboard").glob("events.out.tfevents.*"))
        page = (folder / "report.html").read_text(encoding="utf-8")
        for part in ("Learning curves", "Training batches", "What is taken for what", "dark3"):
            assert part in page, part

    def test_writes_into_the_run_folder_only(self, trained, project):
        assert {path.name for path in project.iterdir()} <= {"tools", "exps", "runs", "final.json"}
        there = {path.name for path in (project / "exps").iterdir()}
        assert there <= {path.name for path in (PROJECT / "exps").iterdir()}

    def test_evaluation_repeats_the_final_scores(self, call, trained, project, data):
        folder, _ = trained
        json_file, detections = project / "eval.json", project / "detections.json"
        call(
            "tools/eval.py",
            "-f",
            exp(project),
            "-c",
            folder / "last.pth",
            "--data",
            data,
            "--split",
            "test",
            "--device",
            "cpu",
            "--json",
            json_file,
            "--save-detections",
            detections,
        )
        results = json.loads(json_file.read_text())
        expected = json.loads((folder / "results.json").read_text())
        for key in ("ap50_voc07", "ap50", "ap50_95", "images", "per_class", "detections"):
            assert results[key] == expected[key], key
        assert results["settings"]["image_size"] == 64, "as trained, not the recipe's 640"
        entries = json.loads(detections.read_text())
        assert len(entries) == results["detections"]
        assert set(entries[0]) >= {"image_id", "category_id", "bbox", "score"}

    def test_reports_of_evaluations_side_by_side(self, call, trained, project, data, tmp_path):
        folder, _ = trained
        words = ["-f", exp(project), "--data", data, "--device", "cpu"]
        for weights in ("best", "last"):
            report = tmp_path / weights
            call(
                "tools/eval.py",
                *words,
                "-c",
                folder / f"{weights}.pth",
                "--report",
                report,
                "--rectangular",
            )
            assert "Choosing a score threshold" in (report / "report.html").read_text("utf-8")
        call("tools/report.py", tmp_path / "best", tmp_path / "last", "-o", tmp_path / "c")
        assert "last against best" in (tmp_path / "c" / "report.html").read_text("utf-8")
        done = call("tools/report.py", folder, tmp_path, expect=2)
        assert "no " in done.stderr
        assert "evaluation.npz" in done.stderr
        # A training run's folder is not overwritten by an evaluation's report.
        done = call(
            "tools/eval.py",
            *words,
            "-c",
            folder / "best.pth",
            "--report",
            folder,
            expect=2,
        )
        assert "already holds a run" in done.stderr

    def test_a_second_run_gets_its_own_folder(
        self, call, trained, project, data, tmp_path, monkeypatch
    ):
        """And decoded images a folder outside all, where a third run would find them."""
        monkeypatch.setenv("YOLOX_ELA_CACHE", str(tmp_path))
        before = tree(trained[0])
        words = ["-f", exp(project), "--data", data, "-c", trained[0] / "last.pth", *SMALL]
        words += ["-e", "1", "--cache", "disk", "--augment", "device", "--device", "cpu"]
        call("tools/train.py", *words)
        second = project / "runs" / "nano_ela_s-2"
        assert (second / "last.pth").is_file()
        assert json.loads((second / "timing.json").read_text())["images_per_second"] > 0
        assert tree(trained[0]) == before
        (cache,) = (tmp_path / "images").iterdir()
        assert cache.stat().st_size > 20 * 64 * 40 * 3

    def test_interrupt_of_the_whole_group_and_resume(self, trained, project, data):
        """Ctrl-C reaches loader processes too; the resumed run equals the uninterrupted one."""
        folder = project / "runs" / "interrupted"
        words = ["-f", exp(project), "--data", data, "-c", "none", *SMALL, "seed", "3"]
        words += ["-o", folder]
        command = [sys.executable, "tools/train.py", *map(str, words)]
        process = subprocess.Popen(
            command,
            cwd=project,
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for line in process.stderr:
            if "epoch 1/3" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        rest = process.communicate(timeout=120)[1]
        if process.returncode == 0:
            pytest.fail("the run ended before the signal came")
        assert process.returncode == 130, rest
        assert "continue with the same command and --resume" in rest
        assert "Traceback" not in rest

        run(project, "tools/train.py", *words, "--resume")
        resumed = torch.load(folder / "last.pth", weights_only=True)
        whole = torch.load(trained[0] / "last.pth", weights_only=True)
        for name, tensor in whole["model"].items():
            assert torch.equal(resumed["model"][name], tensor), name

    def test_two_processes_follow_the_same_schedule(self, trained, project, data):
        run(
            project,
            "tools/train.py",
            "-f",
            exp(project),
            "--data",
            data,
            "-c",
            "none",
            "-d",
            2,
            "-o",
            project / "runs" / "two",
            *SMALL,
            "seed",
            "3",
        )
        rows = []
        for folder in (trained[0], project / "runs" / "two"):
            with (folder / "metrics.csv").open() as file:
                rows.append(list(csv.DictReader(file)))
        for one, two in zip(*rows, strict=True):
            assert one["step"] == two["step"]
            assert one["lr"] == two["lr"]
            # Halves of a batch have their own BatchNorm and their own number of positives.
            assert float(two["loss"]) == pytest.approx(float(one["loss"]), rel=0.3)
        results = json.loads((project / "runs" / "two" / "results.json").read_text())
        assert results["images"] == 8, "every image once, over both processes"


class TestMistakes:
    """One message that names the culprit and the remedy, exit code 2, before any training."""

    def error(self, call, project, *words):
        done = call("tools/train.py", "-f", exp(project), *words, expect=2)
        assert "Traceback" not in done.stderr
        assert done.stderr.count("error:") == 1
        return done.stderr.partition("error:")[2]

    def test_unknown_recipe_field(self, call, project):
        assert "did you mean" in self.error(call, project, "learning_rat", "0.1")

    def test_wrong_type(self, call, project):
        assert "'epochs' takes a whole number, not 'ten'" in self.error(
            call, project, "epochs", "ten"
        )

    def test_experiment_that_does_not_exist(self, call, project):
        done = call("tools/train.py", "-f", "nano_elephant.py", expect=2)
        assert "nano_ela_s.py" in done.stderr, "lists what there is"

    def test_sample_with_a_recipe_for_other_weights(self, call, project):
        assert "--sample starts from random weights, --recipe tuned from COCO's" in self.error(
            call, project, "--sample", "--recipe", "tuned"
        )

    def test_data_that_does_not_exist(self, call, project):
        assert "--data /nowhere is not a folder" in self.error(call, project, "--data", "/nowhere")

    def test_batch_over_processes(self, call, project, data):
        assert "cannot be split over 3" in self.error(call, project, "--data", data, "-d", "3")

    def test_foreign_weights(self, call, project, data, tmp_path):
        path = tmp_path / "resnet.pth"
        torch.save({"conv1.weight": torch.zeros(3)}, path)
        message = self.error(
            call, project, "--data", data, "-c", path, "-o", tmp_path / "r", *SMALL
        )
        assert "resnet.pth is not a YOLOX-Nano checkpoint" in message

    def test_corrupt_image_before_training(self, call, project, data, tmp_path):
        copy = tmp_path / "data"
        shutil.copytree(data, copy)
        image = min((copy / "VOCdevkit" / "VOC2007" / "JPEGImages").iterdir())
        image.write_bytes(image.read_bytes()[:500])
        message = self.error(
            call, project, "--data", copy, "-c", "none", "-o", tmp_path / "r", *SMALL
        )
        assert image.name in message
        assert not (tmp_path / "r").exists(), "nothing is begun"
        assert "tools/dataset.py check" in message

    def test_images_to_train_and_to_test_on(self, call, project, data, tmp_path):
        copy = tmp_path / "data"
        shutil.copytree(data, copy)
        sets = copy / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
        first = (sets / "trainval.txt").read_text().split()[0]
        with (sets / "test.txt").open("a") as file:
            file.write(f"{first}\n")
        message = self.error(
            call, project, "--data", copy, "-c", "none", "-o", tmp_path / "r", *SMALL
        )
        assert "1 images are in the sets to train on and to evaluate on" in message
        assert first in message

    def test_result_that_cannot_be_written(self, call, project, data, tmp_path):
        message = self.error(
            call, project, "--data", data, "--json", tmp_path, "-c", "none", *SMALL
        )
        assert "cannot write" in message

    def test_no_network(self, call, project, closed_port, tmp_path):
        message = self.error(call, project, "-o", tmp_path / "r", *SMALL)
        for way_out in ("--archives DIR", "--data DIR", "VOCtrainval_06-Nov-2007.tar"):
            assert way_out in message

    def test_no_network_for_weights(self, call, project, data, closed_port, tmp_path, monkeypatch):
        monkeypatch.setenv("YOLOX_ELA_CACHE", str(tmp_path / "cache"))
        message = self.error(call, project, "--data", data, "-o", tmp_path / "r", *SMALL)
        assert "-c none" in message
        assert str(tmp_path / "cache" / "yolox_nano.pth") in message

    def test_output_that_holds_a_run(self, call, trained, project, data):
        message = self.error(call, project, "--data", data, "-o", trained[0], *SMALL)
        assert "--resume" in message

    def test_resume_with_other_settings(self, call, trained, project, data):
        words = ["--data", data, "-o", trained[0], "--resume", *SMALL, "lr", "0.5"]
        assert "lr was 0.02, is 0.5" in self.error(call, project, *words)


class TestDemo:
    def test_pictures_json_and_exit_code(self, call, trained, project, data, tmp_path):
        images = data / "VOCdevkit" / "VOC2007" / "JPEGImages"
        (tmp_path / "in").mkdir()
        for path in sorted(images.iterdir())[:2]:
            shutil.copy(path, tmp_path / "in")
        broken = tmp_path / "in" / "zebra.jpg"
        broken.write_bytes(b"not a picture")
        out = tmp_path / "out"
        done = call(
            "tools/demo.py",
            "-f",
            exp(project),
            "-c",
            trained[0] / "best.pth",
            tmp_path / "in",
            sorted(images.iterdir())[0],
            "-o",
            out,
            "--device",
            "cpu",
            "--conf",
            "0.001",
            expect=1,
        )
        assert "zebra.jpg" in done.stderr
        entries = json.loads((out / "detections.json").read_text())
        assert [bool(entry.get("error")) for entry in entries] == [False, False, True, False]
        pictures = [out / entry["picture"] for entry in entries if "picture" in entry]
        assert len(set(pictures)) == 3, "the same name twice does not overwrite"
        assert all(path.is_file() for path in pictures)
        boxes = np.array([d["box"] for d in entries[0]["detections"]])
        assert (boxes >= 0).all()
        assert (boxes[:, 2] <= entries[0]["width"]).all()

    def test_wrong_experiment_for_the_weights(self, call, trained, project, data):
        done = call(
            "tools/demo.py",
            "-f",
            exp(project, "nano"),
            "-c",
            trained[0] / "best.pth",
            data,
            expect=2,
        )
        assert "does not fit this experiment" in done.stderr


class TestDataset:
    def test_clean(self, call, project, data):
        done = call("tools/dataset.py", "check", "--data", data)
        assert "0 errors" in done.stdout

    def test_errors_as_json_and_exit_code(self, call, project, data, tmp_path):
        copy = tmp_path / "data"
        shutil.copytree(data, copy)
        xml = min((copy / "VOCdevkit" / "VOC2007" / "Annotations").iterdir())
        xml.write_text("<annotation>")
        done = call("tools/dataset.py", "check", "--data", copy, "--json", "-", expect=1)
        report = json.loads(done.stdout)
        assert report["errors"] == 1
        assert report["problems"][0]["file"] == str(xml)


def test_every_tool_explains_itself(call, project):
    for tool in sorted((project / "tools").glob("*.py")):
        assert "usage" in call(f"tools/{tool.name}", "--help").stdout
