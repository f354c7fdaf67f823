"""The paper's other networks: all rows counted again, each disagreement with its reason."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from torchvision.models.detection import (
    FasterRCNN_ResNet50_FPN_Weights,
    MaskRCNN_ResNet50_FPN_Weights,
    RetinaNet_ResNet50_FPN_Weights,
)

from yolox_ela.attention import ela_l
from yolox_ela.choices import ECA_NETS_DETECTORS as DETECTOR_NAMES
from yolox_ela.choices import HOSTS as NAMES
from yolox_ela.hosts.classifiers import resnet18
from yolox_ela.tables.hosts.complexity import host_tables
from yolox_ela.tables.hosts.counts import HOSTS, count, count_host
from yolox_ela.tables.hosts.detectors import METHODS, count_detector
from yolox_ela.tables.hosts.rows import ROWS

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project():
    return PROJECT


def test_every_printed_number_is_there(shared):
    """As transcribed by somebody else."""
    titles = {host.title: name for name, host in HOSTS.items()}
    mine = {}
    for row in ROWS:
        mine[row.table, row.host, row.method, "params_M"] = row.parameters
        if row.macs is not None:
            unit = "MFLOPs" if row.host == "mobilenet_v2" else "GFLOPs"
            mine[row.table, row.host, row.method, unit] = row.macs
    with (shared / "reference" / "paper_tables_hosts.csv").open(encoding="utf-8") as file:
        printed = {
            (int(row["table"]), titles[row["host"]], row["method"], row["metric"]): row["value"]
            for row in csv.DictReader(file)
            if row["metric"] in ("params_M", "GFLOPs", "MFLOPs")
        }
    assert mine == printed


def test_names():
    assert tuple(HOSTS) == NAMES
    assert {row.host for row in ROWS} == set(NAMES)


def test_counts_of_parts_add_up():
    """A whole ResNet-18 with attention, in which one module serves two sites."""
    with torch.device("meta"):
        model = resnet18(ela_l)
    whole = count(model, (1, 3, 224, 224))
    assert whole == count_host("resnet18", ela_l)
    assert (whole.parameters, whole.thop_parameters) == (11_856_552, 11_850_792)


@pytest.mark.parametrize("name", DETECTOR_NAMES)
def test_detectors_have_torchvisions_parameters(name):
    """As many as torchvision says of its weights, and the 53,120 of BatchNorm, frozen there."""
    build = {
        "faster_rcnn": FasterRCNN_ResNet50_FPN_Weights,
        "mask_rcnn": MaskRCNN_ResNet50_FPN_Weights,
        "retinanet": RetinaNet_ResNet50_FPN_Weights,
    }[name]
    row = count_detector(name, METHODS[0])
    assert row["parameters"] == build.COCO_V1.meta["num_params"] + 53_120
    assert row["parameters"] == row["thop_parameters"]


def test_useless_options_are_refused(call):
    words = ("complexity", "--host", "yolof", "--size", "s", "--image-size", "320")
    error = call("tools/table.py", *words, expect=2).stderr
    assert "without effect on them: --image-size, --size" in error


@pytest.mark.slow
def test_all_rows_and_claims(call, tmp_path):
    """In docs/hosts.md as generated, and as JSON."""
    page, file = tmp_path / "hosts.md", tmp_path / "hosts.json"
    shutil.copy(PROJECT / "docs/hosts.md", page)
    names = [*NAMES, *DETECTOR_NAMES]
    call("tools/table.py", "complexity", "--host", *names, "--into", page, "--json", file)
    assert page.read_text(encoding="utf-8") == (PROJECT / "docs/hosts.md").read_text(
        encoding="utf-8"
    ), f"python tools/table.py complexity --host {' '.join(names)} --into docs/hosts.md"
    *tables, detectors, claims, properties = json.loads(file.read_text(encoding="utf-8"))
    rows = [row for table in tables for row in table["rows"]]
    assert len(rows) == len(ROWS) == 66
    assert sum(row["parameters_agree"] for row in rows) == 55
    with_macs = [row for row in rows if row["printed_macs"] is not None]
    assert (len(with_macs), sum(row["macs_agree"] for row in with_macs)) == (56, 50)
    for row in rows:
        agrees = row["parameters_agree"] and row["macs_agree"] is not False
        assert bool(row["reason"]) is not agrees, row
        if row["reason"]:
            assert any(row["reason"] in note for table in tables for note in table["notes"])
    counts = {(row["host"], row["method"]): row for row in rows}
    assert counts["resnet101", "ELA-S"]["parameters"] == 44_713_128
    assert counts["yolof", "ELA-L"]["thop_parameters"] == 44_335_209
    assert counts["deeplabv3", "ELA-S"]["macs"] == pytest.approx(51.374269e9, rel=1e-8)

    added = [
        row["parameters"] - detectors["rows"][0]["parameters"] for row in detectors["rows"][:4]
    ]
    assert added == [0, 86, 42 * 15_104, 42 * 3_904], "k of 16 modules; 42 for each channel"

    held = {row["claim"]: (row["counted"], row["holds"]) for row in claims["rows"]}
    assert held["ELA has fewer parameters than CA, on YOLOX-Nano"] == (
        *("ELA-L 970,987, CA (r=32) 923,959", "NO"),
    )
    eca = [row for row in claims["rows"] if row["source"] == "ECA-Net"]
    assert [row["holds"] for row in eca] == ["yes", "NO", "yes", "NO", "not reproduced"]
    assert [row["counted"] for row in eca[:3]] == ["80", "86", "24.37M"]
    all_three = [
        row["module"]
        for row in properties["rows"]
        if row["spatial"] and row["keeps_channels"] and row["light"]
    ]
    assert all_three == ["SA", "ELA-T", "ELA-B", "ELA-S", "ELA-L"]


def test_some_hosts_alone():
    first, second = host_tables(["yolof", "resnet101", "yolof"])
    assert (len(first.rows), len(second.rows)) == (3, 4)
    assert first.notes[0].startswith("Printed parameters")
    assert "both counts are those of r = 16" in second.notes[0]
