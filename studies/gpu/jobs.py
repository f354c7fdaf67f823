"""What a call runs on the machine: commands of the package, each ended when its time is over."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LEAST_SECONDS = 20.0  # a command that would get less is left for the next call
END_SECONDS = 30.0  # for a command that was told to end, such as a training that saves


@dataclass(frozen=True)
class Place:
    """Where a job finds things and leaves them.

    Attributes:
        work: the folder that parts were unpacked into: `data`, `cache`, `wheels`, `results`.
        device: as `--device` takes it.
        fields: recipe fields and values for every training of `check`.
        options: further options for every measurement of `speed`.
        quick: whether the study is only tried.
    """

    work: Path
    device: str
    fields: Sequence[str] = ()
    options: Sequence[str] = ()
    quick: bool = False

    @property
    def results(self) -> Path:
        """The folder of everything that goes back."""
        return self.work / "results"

    @property
    def data(self) -> Path:
        """The data set."""
        return self.work / "data"

    @property
    def start(self) -> str:
        """The weights to start from: those of COCO that were sent along, or random ones."""
        names = {"yolox_nano.pth": "coco", "yolox_nano_legacy.pth": "coco_legacy"}
        there = [name for file, name in names.items() if (self.work / "cache" / file).exists()]
        return there[0] if there else "none"


@dataclass(frozen=True)
class Step:
    """A command of a job.

    Attributes:
        name: of its log.
        words: the command.
        seconds: the longest time that it may take, unless the call has less left.
        environment: variables beside those of the call.
        again: whether it runs in every call, as what resumes by itself does; otherwise it runs
            until it has once ended as it should.
        expected: the exit code of a command that ended as it should.
    """

    name: str
    words: Sequence[str]
    seconds: float = 600.0
    environment: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    expected: int = 0


PYTHON = sys.executable


def check(place: Place) -> list[Step]:
    """Correct first: CUDA's tests, fast ways beside the plain one, resumption, two processes."""
    folder = place.results / "check"
    common = ["-c", place.start, "--data", str(place.data), "--device", place.device, "--quick"]
    common += ["--no-report", "--tracker", "none", "eval_interval", "1", "evaluate_raw", "true"]

    def words(name: str, *more: str) -> list[str]:
        output = folder / name
        # A run that an earlier call has left unfinished goes on, or begins anew.
        if "--resume" in more or (output / "state.pth").exists():
            more = (*(word for word in more if word != "--resume"), "--resume")
        elif output.exists():
            shutil.rmtree(output)
        return ["train", "-f", "nano_ela_s", *common, "-o", str(output), *more, *place.fields]

    def train(name: str, *more: str, seconds: float = 150.0) -> Step:
        return Step(name, [PYTHON, "-m", "yolox_ela", *words(name, *more)], seconds)

    cuda = place.device.startswith("cuda")
    pytest = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "cuda", "tests"]
    part = Step("stopped", train("resumed", "--time-limit", "20s").words, expected=130)
    steps = [
        Step("tests", pytest),
        train("plain", "--augment", "cpu"),
        train("plain_again", "--augment", "cpu", "--deterministic"),
        train("on_device", "--augment", "device"),
        train("bf16", "--augment", "device", "--precision", "bf16"),
        part,
        train("resumed", "--resume"),
    ]
    if cuda:
        steps += [
            train("fp16", "--augment", "device", "--precision", "fp16"),
            train("compiled", "--augment", "device", "--compile", seconds=300.0),
        ]
    two = [PYTHON, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    two += ["-m", "studies.gpu.one_card", *words("two")]
    steps.append(Step("two", two, 150.0, {"ACCELERATE_TORCH_DEVICE": place.device}))
    compare = [PYTHON, "-m", "studies.gpu.beside", str(folder), "plain"]
    steps.append(Step("compare", [*compare, "--json", str(folder / "compared.json")], again=True))
    return steps


def speed(place: Place) -> list[Step]:
    """Then fast: a step and a training beside upstream's, where the time of steps goes, frames per
    second of all experiments.
    """
    folder = place.results / "speed"
    measured = {
        "step": ["--with", "compiled"],
        "step_bf16": ["--with", "compiled", "--precision", "bf16"],
        "train": [],
        "profile": [],
        "infer": [],
    }
    if place.device.startswith("cuda"):
        measured["profile_compiled"] = ["--compile"]
        measured["profile_compiled_bf16"] = ["--compile", "--precision", "bf16"]
    steps = []
    for name, words in measured.items():
        benchmark = name.split("_")[0]
        if benchmark == "profile":
            trace = str(folder / f"{name}_trace.json.gz")
            words = [*words, "--augment", "device", "--trace", trace]
        command = [PYTHON, "-m", "studies.speed", benchmark, *words]
        command += ["--device", place.device, "--data", str(place.data), *place.options]
        steps.append(Step(name, [*command, "--json", str(folder / f"{name}.json")], 240.0))
    table = [PYTHON, "-m", "yolox_ela", "table", "speed", "--device", place.device]
    table += ["--precision", "fp32,bf16", *place.options, "--json", str(folder / "fps.json")]
    return [*steps, Step("fps", table, 240.0)]


def study(place: Place) -> list[Step]:
    """Then the paper's experiment, run by run; it goes on where the last call left it."""
    file = Path(__file__).with_name("study.toml")
    words = [PYTHON, "-m", "yolox_ela", "study", str(file), "--data", str(place.data)]
    words += ["--device", place.device, "-o", str(place.results / "study")]
    return [Step("study", [*words, *(["--quick"] if place.quick else [])], again=True)]


JOBS: dict[str, Callable[[Place], list[Step]]] = {"check": check, "speed": speed, "study": study}


def run(
    job: str, place: Place, seconds: float, *, checkout: Path, words: Sequence[str] = ()
) -> dict[str, int | str]:
    """Run the commands of a job one after another, for at most so long.

    Args:
        job: a name of `JOBS`.
        place: see `Place`.
        seconds: the time for all commands.
        checkout: the folder of the package's files.
        words: names of the steps to run; all by default.

    Returns:
        For each command its exit code, or why it did not run. This is also written to
        `JOB.json` in the results, after every command.
    """
    end = time.monotonic() + seconds
    place.results.mkdir(parents=True, exist_ok=True)
    (place.results / job).mkdir(exist_ok=True)
    noted = place.results / f"{job}.json"
    said: dict[str, int | str] = json.loads(noted.read_text()) if noted.exists() else {}
    for number, step in enumerate(JOBS[job](place)):
        key = f"{number:02} {step.name}"
        if (said.get(key) == step.expected and not step.again) or (
            words and step.name not in words
        ):
            continue
        left = end - time.monotonic() - END_SECONDS
        if left < LEAST_SECONDS:
            said[key] = "not run: no time left in this call"
        else:
            log = place.results / job / f"{number:02}_{step.name}.log"
            said[key] = _run(step, min(step.seconds, left), log, place, checkout)
        noted.write_text(json.dumps(said, indent=1))
        print(f"{job} {key}: {said[key]}", flush=True)
    return said


def _run(step: Step, seconds: float, log: Path, place: Place, checkout: Path) -> int | str:
    paths = [str(checkout), str(place.work / "site"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "YOLOX_ELA_CACHE": str(place.work / "cache"),
        **step.environment,
    }
    limit = ["--time-limit", f"{int(seconds)}s"] if step.name == "study" else []
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*step.words, *limit],
            cwd=checkout,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.terminate()  # a training saves its state then
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return f"ended after {seconds:.0f} s"
