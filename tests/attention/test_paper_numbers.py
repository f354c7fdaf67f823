"""Size and cost of YOLOX-Nano with each module, as Tables 3 and 7 of arXiv 2403.01123 count.

Parameters are those of the 20-class network; GMACs are thop's multiply-adds of the unfused
network for one image of 640 x 640. The comments give the paper's "MB" (parameters x 4 / 2^20)
and "GFLOPs". ELA-S, as the paper's section 3.3 defines it, does not give the paper's 3.50 MB
and 1.285; the rivals do.
"""

from functools import partial
from pathlib import Path

import pytest
import thop
import torch

from yolox_ela.attention import CA, CBAM, ECA, SA, SE, CAGroupNorm, ela_b, ela_l, ela_s, ela_t
from yolox_ela.network.model import build_yolox

PAGE = Path(__file__).parents[2] / "exps" / "README.md"
ROWS = {
    "nano": (None, 900_459, "1.284531"),  # 3.43, 1.285
    "nano_se": (partial(SE, reduction=16), 931_691, "1.286816"),  # 3.55, 1.287
    "nano_cbam": (partial(CBAM, reduction=16), 932_377, "1.288651"),  # 3.56, 1.289
    "nano_eca": (ECA, 900_492, "1.286791"),  # 3.44, 1.287
    "nano_sa": (partial(SA, groups=8), 900_915, "1.285658"),  # 3.44, 1.286
    "nano_ca_r16": (partial(CA, reduction=16), 947_459, "1.286602"),  # 3.61, 1.287
    "nano_ca_r24": (partial(CA, reduction=24), 929_737, "1.285815"),  # 3.55, 1.286
    "nano_ca_r32": (partial(CA, reduction=32), 923_959, "1.285567"),  # 3.52, 1.286
    "nano_ca_gn_r16": (
        partial(CAGroupNorm, reduction=16, min_width=8),
        948_235,
        "1.286661",  # 3.62, 1.287
    ),
    "nano_ca_gn_r24": (
        partial(CAGroupNorm, reduction=24, min_width=8),
        934_375,
        "1.286170",  # 3.56, 1.286
    ),
    "nano_ca_gn_r32": (partial(CAGroupNorm, reduction=32), 923_959, "1.285555"),  # 3.52, 1.286
    "nano_ela_t": (ela_t, 908_971, "1.284992"),
    "nano_ela_b": (ela_b, 911_403, "1.285176"),
    "nano_ela_s": (ela_s, 951_531, "1.288218"),  # 3.50, 1.285
    "nano_ela_l": (ela_l, 970_987, "1.289692"),
}


@pytest.mark.parametrize("name", ROWS)
def test_the_page_says_so(name):
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| {name} ") and "," in line]
    _, parameters, gmacs = ROWS[name]
    assert f" {parameters:,} |" in row
    assert f" {gmacs} |" in row


@pytest.mark.parametrize(("attention", "parameters", "gmacs"), ROWS.values(), ids=ROWS)
def test_size_and_cost(attention, parameters, gmacs):
    model = build_yolox(20, attention).eval()
    assert sum(p.numel() for p in model.parameters()) == parameters
    with torch.no_grad():
        macs, _ = thop.profile(model, (torch.zeros(1, 3, 640, 640),), verbose=False)
    assert f"{macs / 1e9:.6f}" == gmacs
