"""What is typed: refused or explained before torch is loaded, in one line that names the remedy."""

import json
import os
import re
import resource
import subprocess
import sys
from argparse import SUPPRESS, Namespace
from pathlib import Path

import pytest
from command_line import PROJECT, environment
from forked import run_script

from yolox_ela.choices import START_NAMES
from yolox_ela.commands import (
    evaluate_options,
    explain_options,
    export_options,
    predict_options,
    train_options,
)
from yolox_ela.commands.entry import COMMANDS
from yolox_ela.commands.option_checks import require_file, require_outputs, require_weights
from yolox_ela.errors import UserError
from yolox_ela.named_recipes import RECIPES
from yolox_ela.network.starts import STARTS
from yolox_ela.recipe import Recipe
from yolox_ela.run_settings import setting_fields
from yolox_ela.train.tracker_names import TRACKER_NAMES
from yolox_ela.train.trackers import TRACKERS

HEAVY = {"torch", "numpy", "cv2", "matplotlib", "scipy", "accelerate", "pandas", "yolox"}
# Runs commands one after the other, in one process, which must not load a heavy module.
SCRIPT = """
import contextlib, io, json, sys
from yolox_ela.commands.entry import main

found = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["yolox-ela", *words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    found.append([code, out.getvalue(), err.getvalue()])
print(json.dumps([found, sorted(sys.modules)]))
"""
TRAIN = "train -f nano"
EVAL = "eval -f nano -c coco"
PREDICT = "predict -f nano -c coco"
REFUSED = [
    # numbers
    (f"{TRAIN} --threads 0", "--threads: '0' is not a whole number of at least 1 and at most 1024"),
    (f"{TRAIN} --threads 5000", "--threads: '5000' is not a whole number"),
    (f"{TRAIN} -d 0", "-d/--devices: '0' is not a whole number of at least 1"),
    (f"{TRAIN} -b 0", "-b/--batch-size: '0' is not a whole number of at least 1"),
    (f"{TRAIN} -e 0", "-e/--epochs: '0' is not"),
    (f"{TRAIN} -e -3", "-e/--epochs: '-3' is not"),
    (f"{TRAIN} -e 2.5", "-e/--epochs: '2.5' is not"),
    (f"{TRAIN} --seed -1", "--seed: '-1' is not"),
    (f"{TRAIN} --time-limit 2", "--time-limit: '2' is not a length of time, as in 2h, 30m"),
    (f"{TRAIN} --time-limit 0s", "'0s' is not a length of time"),
    (f"{TRAIN} --time-limit 30m1h", "'30m1h' is not a length of time"),
    (f"{TRAIN} --seed 4294967296", "at most 4294967295"),
    (f"{TRAIN} --image-size 100", "'100' is not a multiple of 32"),
    (f"{TRAIN} --imgsz 480,100", "'480,100' is not a multiple of 32 between 32 and 8,192, or two"),
    (f"{TRAIN} image_size 480x640", "'image_size' takes a multiple of 32 between 32 and 8,192, or"),
    (f"{TRAIN} --imgsz 480 640", "'640' has no value; numbers of one field are joined by commas"),
    (f"{TRAIN} input_size 480,640", "'input_size'; it is called image_size here"),
    (f"{EVAL} -b -1", "-b/--batch-size: '-1' is not"),
    (f"{EVAL} --conf 7", "--conf: '7' is not a number from 0 to 1"),
    (f"{EVAL} --nms nan", "--nms: 'nan' is not a number from 0 to 1"),
    (f"{PREDICT} --nms -1 a.jpg", "--nms: '-1' is not a number from 0 to 1"),
    (f"{PREDICT} --size 0 a.jpg", "'0' is not a multiple of 32"),
    ("table speed --rounds 0", "--rounds: '0' is not"),
    ("table speed --batch-size 1,0", "-b/--batch-size: '0' is not"),
    # names
    (f"{TRAIN} --device gpu", "--device: 'gpu' is not auto, cpu, cuda, cuda:N or mps"),
    (f"{PREDICT} --device 0 a.jpg", "for GPU 0, write cuda:0"),
    (f"{TRAIN} --cache disc", "--cache: invalid choice: 'disc' (choose from"),
    (f"{TRAIN} --tracker tensorbord", "--tracker tensorbord: choose from tensorboard, wandb"),
    (f"{TRAIN} --tracker none,tensorboard", "'none' goes with no other tracker"),
    ("table speed --mode quick", "--mode: invalid choice: 'quick' (choose from"),
    ("table speed --mode eager eager", "--mode must name each value once"),
    ("table results --style json -o t.json", "--style: JSON is written with --json FILE"),
    ("train -f nanx", "did you mean nano"),
    ("train -n nanx", "did you mean nano"),
    ("train -f nano.py", "no experiment file at nano.py"),
    ("eval -f nano -c nowhere.pth", "-c nowhere.pth: there is no such file"),
    ("predict -f nano -c nowhere.pth a.jpg", "-c nowhere.pth: there is no such file"),
    (f"{TRAIN} -c .", "-c . is a folder: give the file in it"),
    (f"{TRAIN} --data nowhere", "--data nowhere: there is no such folder or file"),
    (f"{TRAIN} --data data.yaml", "--data data.yaml: there is no such folder or file"),
    (f"{TRAIN} --archives nowhere", "--archives nowhere is not a folder"),
    (f"{EVAL} --ids nowhere.txt", "--ids nowhere.txt: there is no such file"),
    ("report nowhere", "nowhere is not a folder"),
    ("table results --from nowhere.csv", "--from nowhere.csv: there is no such file"),
    ("dataset check --sets trainval", "a set must read year/split"),
    ("dataset chek", "invalid choice: 'chek'"),
    # nothing where a value is needed
    ("train", "-f/-n/--experiment is missing; yolox-ela train --help"),
    (f"{TRAIN} -o=", "-o has an empty value"),
    (f"{TRAIN} -o --resume", "-o needs a value"),
    (f"{TRAIN} --cache", "--cache needs a value: auto, ram, disk, off"),
    (
        f"{TRAIN} --tracker lr 0.1",
        "--tracker needs at least one value before the recipe field 'lr'",
    ),
    (f"{TRAIN} --resume=yes", "--resume takes no value, but has 'yes'"),
    ("report --side a b", "no run is named: give the folders of the runs, before --side"),
    # twice, or without effect
    (f"{TRAIN} -e 3 -e 4", "-e is given twice, as 3 and as 4"),
    (f"{TRAIN} -e 3 epochs=4", "recipe field 'epochs' is given twice"),
    (f"{TRAIN} -n nano_se", "-n is given twice, as nano and as nano_se"),
    (f"{TRAIN} --data . --archives .", "give one of them"),
    (f"{TRAIN} --sample --data .", "--sample generates its own data"),
    (f"{TRAIN} --data-name mine", "--data-name names the data in the record: add --record"),
    (f"{EVAL} --data-name mine", "add --record or --report"),
    (f"{EVAL} --split val test_sets 2007/test", "--split and the recipe field test_sets"),
    (f"{EVAL} --record --precision bf16", "--record keeps scores of fp32"),
    (f"{EVAL} --record results", "'results' does not end in .csv"),
    ("table speed --from {file} --rounds 3", "without effect on it: --rounds"),
    ("table results --from {file} --style csv --into README.md", "--style is the look"),
    # recipe fields
    (f"{TRAIN} learning_rat 0.1", "no field 'learning_rat'; did you mean"),
    (f"{TRAIN} epochs ten", "recipe field 'epochs' takes a whole number, not 'ten'"),
    (f"{TRAIN} lr -1e-3", "recipe field 'lr' = -0.001 must be greater than 0"),
    (f"{TRAIN} lr=-1", "recipe field 'lr' = -1.0 must be greater than 0"),
    (f"{TRAIN} --record lr -1", "recipe field 'lr' = -1.0 must be greater than 0"),
    (
        f"{TRAIN} --tracker none image_size 100",
        "'image_size' = 100 must be a multiple of 32",
    ),
    ("dataset check --sets 2007/train workers x", "'workers' takes a whole number, not 'x'"),
    (f"{TRAIN} lr", "'lr' has no value"),
    ("dataset check my/pets", "'my/pets' has no value; a folder or file of data is named by its"),
    (f"{TRAIN} my/pets", "option: --data my/pets"),
    (f"{TRAIN} --lr 0.1", "--lr: this is a field of the recipe, written without dashes: lr VALUE"),
    # names from elsewhere
    (f"{TRAIN} patience -1", "recipe field 'patience' = -1 must be at least 0"),
    (f"{TRAIN} imgsz=640", "'imgsz'; it is called image_size here"),
    (f"{TRAIN} --tracker none imgsz 320", "'imgsz'; it is called image_size here"),
    (f"{TRAIN} lr0=0.01", "the learning rate is the recipe field lr, for a batch of 16"),
    (f"{TRAIN} basic_lr_per_img 0.0001", "YOLOX's basic_lr_per_img times 16"),
    (f"{TRAIN} freeze=10", "must be names of modules or patterns of names"),
    (f"{TRAIN} --freeze 10", "this is a field of the recipe, written without dashes"),
    (f"{TRAIN} freeze_backbone true", "freeze takes names of modules, as in: freeze backbone"),
    (f"{TRAIN} data=data.yaml", "the data are the option --data PATH"),
    (f"{TRAIN} data.yaml", "a data.yaml is given as --data data.yaml"),
    (f"{TRAIN} device=cpu", "use --device NAME"),
    (f"{TRAIN} -expn mine", "no option -expn: instead, use -o FOLDER"),
    (f"{TRAIN} --fp16", "no option --fp16: half precision is --precision fp16"),
    (f"{TRAIN} --max-epoch 3", "no option --max-epoch: it is called epochs here"),
    (f"{TRAIN} --occupy", "no option --occupy: not needed: no memory is reserved ahead"),
    (f"{TRAIN} -dcpu", "no option -dcpu; to give -d a value, write -d cpu"),
    (f"{TRAIN} --epoch 3", "no option --epoch; did you mean --epochs"),
    (f"{TRAIN} --time-limit {'9' * 400}h", "is not a length of time, as in 2h"),
    (f"{EVAL} --trt", "no option --trt: not supported: TensorRT is not used"),
    (f"{EVAL} --fuse", "eval always folds BatchNorm"),
    (f"{PREDICT} image --path a.jpg", "use the pictures' paths themselves"),
    (f"{PREDICT} video a.mp4", "there is no picture 'video'"),
    ("trian", "no command 'trian'; did you mean train?"),
]
SHOWN = [
    "--help",
    *(f"{name} --help" for name in COMMANDS),
    *(f"dataset {name} -h" for name in ("check", "download", "sample")),
    *(f"table {name} -h" for name in ("complexity", "speed", "results", "summary")),
    "train --fields",
]


def perform(commands, folder):
    """Each command's exit code, output and errors; no heavy module was loaded for any of them."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([command.split() for command in commands])],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(PROJECT)},
    )
    assert done.returncode == 0, done.stderr
    found, modules = json.loads(done.stdout)
    assert not HEAVY & set(modules)
    return found


def test_refusals(tmp_path):
    (tmp_path / "saved.csv").touch()
    commands = [command.replace("{file}", "saved.csv") for command, _ in REFUSED]
    for (command, says), (code, out, err) in zip(REFUSED, perform(commands, tmp_path), strict=True):
        assert code == 2, command
        assert says in err, (command, err)
        assert err.startswith("error: "), (command, err)
        assert err.count("\n") == 1 or command == "trian", (command, err)
        assert not out, command
    assert {path.name for path in tmp_path.iterdir()} == {"saved.csv"}, "nothing is written"


def test_help_of_everything(tmp_path):
    pages = dict(zip(SHOWN, perform(SHOWN, tmp_path), strict=True))
    for command, (code, out, err) in pages.items():
        assert (code, err) == (0, ""), command
        assert "None" not in out, command
    for name in COMMANDS:
        assert f"examples:\n  yolox-ela {name} " in pages[f"{name} --help"][1]
    assert "usage: yolox-ela table speed [options]" in pages["table speed -h"][1]
    fields = pages["train --fields"][1]
    for field in setting_fields(Recipe):
        assert f"  {field.name} = " in fields
    assert "  lr = 0.02  (greater than 0)\n      Initial learning rate for a batch of 16;" in fields
    assert "  mosaic_scale = 0.5,1.5  (two numbers with 0 < low" in fields
    assert "\nAugmentation\n" in fields


@pytest.mark.parametrize("tool", sorted(path.name for path in (PROJECT / "tools").glob("*.py")))
def test_help_takes_less_than_a_second(tool, tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, PROJECT / "tools" / tool, "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": str(PROJECT)},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.startswith(f"usage: {tool} ")
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def parsed(module, words, monkeypatch, home):
    monkeypatch.setattr(sys, "argv", ["yolox-ela", *words.split()])
    return module.parse(home)


@pytest.mark.parametrize(
    ("words", "trackers", "overrides"),
    [
        ("--tracker none image_size 320", (), ["image_size", "320"]),
        ("image_size 320 --tracker tensorboard", ("tensorboard",), ["image_size", "320"]),
        ("--tracker tensorboard,tensorboard lr=0.1", ("tensorboard",), ["lr=0.1"]),
        ("--tracker tensorboard --tracker tensorboard -e3", ("tensorboard",), ["epochs=3"]),
        ("--imgsz 320 workers -1", ("tensorboard",), ["image_size=320", "workers", "-1"]),
        ("--imgsz 192,320", ("tensorboard",), ["image_size=192,320"]),
        ("--imgsz 320,320", ("tensorboard",), ["image_size=320"]),
        ("--tsize=320 -- workers=-1", ("tensorboard",), ["image_size=320", "workers=-1"]),
    ],
)
def test_several_values_and_fields(words, trackers, overrides, monkeypatch, tmp_path):
    args = parsed(train_options, f"-n nano {words}", monkeypatch, tmp_path)
    assert args.tracker == trackers
    assert args.overrides == overrides


@pytest.mark.parametrize(
    ("words", "file"),
    [("--record lr 0.01", "exps/results.csv"), ("lr 0.01 --record a.csv", "a.csv")],
)
def test_record_before_a_field(words, file, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exps").mkdir()
    args = parsed(train_options, f"-f nano {words}", monkeypatch, tmp_path)
    assert tmp_path / args.record == tmp_path / file
    assert args.overrides == ["lr", "0.01"]


def test_familiar_spellings(monkeypatch, tmp_path):
    words = "-n nano --ckpt coco --conf 0.2 --nms 0.6 --tsize 416 -b 8"
    args = parsed(evaluate_options, words, monkeypatch, tmp_path)
    pairs = ["score_threshold=0.2", "nms_iou=0.6", "batch_size=8", "image_size=416"]
    assert sorted(args.overrides) == sorted(pairs)
    words = "-n nano --checkpoint coco --imgsz 416 a.jpg b.jpg"
    args = parsed(predict_options, words, monkeypatch, tmp_path)
    assert (args.size, args.sources) == (416, ["a.jpg", "b.jpg"])


def test_fields_of_an_experiment_of_ones_own(monkeypatch, tmp_path):
    """A class may have fields that only running its file tells; values that it states count."""
    path = tmp_path / "mine.py"
    lines = ["from yolox_ela.experiment import Experiment", "exp = Experiment(final_fraction=0.0)"]
    path.write_text("\n".join(lines))
    words = f"-f {path} warmup_fraction 0.97"
    assert parsed(train_options, words, monkeypatch, tmp_path).overrides
    path.write_text(f"{lines[0]}\nclass Exp(Experiment):\n    reach: int = 3\n")
    words = f"-f {path} reach 5"
    assert parsed(train_options, words, monkeypatch, tmp_path).overrides == ["reach", "5"]


def test_every_option_states_its_default(monkeypatch, tmp_path):
    parsers = [
        *(module.build_parser(tmp_path) for module in (train_options, evaluate_options)),
        predict_options.build_parser(tmp_path),
        explain_options.build_parser(),
        export_options.build_parser(),
    ]
    for parser in parsers:
        for action in parser._actions:
            if SUPPRESS not in (action.default, action.dest):
                assert re.search(r"default: |\(required\)", action.help), action.option_strings


def test_names_are_those_that_there_are():
    assert tuple(STARTS) == START_NAMES
    assert tuple(TRACKERS) == TRACKER_NAMES
    assert set(RECIPES) == {"paper", "tuned"}


@pytest.mark.skipif(os.name == "nt", reason="the names of system libraries are those of Linux")
@pytest.mark.parametrize(
    ("library", "command"),
    [
        ("libGL.so.1", "eval -f nano -c coco"),
        ("libGL.so.1", "dataset check --data ."),
        ("libgthread-2.0.so.0", "predict -f nano -c coco a.jpg"),
    ],
)
def test_a_missing_system_library(library, command, tmp_path):
    """Stands in for a machine without the library: importing OpenCV fails as it does there."""
    package = tmp_path / "site" / "cv2"
    package.mkdir(parents=True)
    text = f"{library}: cannot open shared object file: No such file or directory"
    (package / "__init__.py").write_text(f"raise ImportError({text!r})\n")
    program = [str(PROJECT / "yolox_ela" / "__main__.py"), *command.split()]
    anew = ("cv2", "yolox", "yolox_ela")
    done = run_script(program, tmp_path, elsewhere=package.parent, anew=anew)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: OpenCV cannot be loaded: {library}: ")
    assert "libgl1 libglib2.0-0" in line
    assert "opencv-python-headless" in line


def test_results_replace_no_input(tmp_path):
    """Those of an earlier run they do replace."""
    for name, content in (
        ("a.jpg", b"\xff\xd8"),
        ("a.pth", b"PK\3\4"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="is no JSON file, and would be lost"):
            require_outputs(Namespace(json=tmp_path / name), "json")
        assert (tmp_path / name).read_bytes() == content
    scores = tmp_path / "scores.json"
    scores.write_text('{"images": []}')
    require_outputs(Namespace(json=scores), "json")


def test_without_an_output_or_a_current_folder(tmp_path):
    """As `yolox-ela ... >&-`, and where another program has removed the folder."""
    gone = tmp_path / "gone"
    gone.mkdir()
    program = f"{sys.executable} -m yolox_ela table results --from none.csv"
    for start, code, said in (
        (f"{program} >&-", 2, "error: --from none.csv: there is no such file\n"),
        (f"{program} >&- 2>&-", 2, ""),
        (
            f"{sys.executable} -m yolox_ela --help >/dev/full",
            2,
            "error: the disk of the output is",
        ),
        (f"rmdir {gone}; {program}", 2, "error: the current folder: No such file or directory; "),
    ):
        folder = gone if "gone" in start else tmp_path
        env = environment() | {"PYTHONPATH": str(PROJECT)}
        done = subprocess.run(
            start, shell=True, capture_output=True, text=True, cwd=folder, env=env
        )
        assert done.returncode == code, done.stderr
        assert done.stderr.startswith(said)
        assert done.stderr.count("\n") == (1 if said else 0)


def test_what_is_there_and_no_file_is_called_what_it_is(tmp_path):
    path = tmp_path / "weights.pth"
    with pytest.raises(UserError, match=r"-c .*weights\.pth: there is no such file; give a file"):
        require_weights(path)
    os.mkfifo(path)
    with pytest.raises(UserError, match=r"weights\.pth is a pipe, not a file; .*give a file of"):
        require_weights(path)
    with pytest.raises(UserError, match="null is a device, not a file; name one with --ids"):
        require_file("--ids", Path(os.devnull))
