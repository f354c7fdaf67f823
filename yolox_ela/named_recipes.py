"""Sets of recipe fields that have a name on the command line."""

from typing import Any

# What `train --recipe NAME` changes in the paper's recipe, which experiments have. `tuned` was
# chosen by the measurements in studies/tuning, at 320 px, on images of its own.
RECIPES: dict[str, dict[str, Any]] = {
    "paper": {},
    "tuned": {
        "class_head_start": "by_name",
        "attention_start": "identity",
        "start_share": 0.25,
        "epochs": 8,
        "lr": 0.001,
        "grad_clip": 10.0,
        "warmup_steps": 200,
        "final_fraction": 0.25,
        "ema_decay": 0.998,
        "ema_ramp": 100.0,
        "multiscale": 0.2,
        "eval_interval": 1,
    },
}

# What `train --sample` changes: the same run, small enough for two CPU cores and starting from
# random weights. Pictures are small and flat, so the augmentation is milder than the paper's.
SAMPLE_SETTINGS = {
    "image_size": 160,
    "epochs": 75,
    "multiscale": 0.0,
    "mosaic_prob": 0.1,
    "hsv_prob": 0.5,
    "eval_interval": 10,
}
