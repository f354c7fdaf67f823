"""Rules of the recipe's settings that need more than a number or a choice; see `field_rules`."""

import os

from yolox_ela.attention_text import FORM, is_attention
from yolox_ela.class_weights_text import FORM as CLASS_WEIGHTS_FORM
from yolox_ela.class_weights_text import is_class_weights
from yolox_ela.field_rules import Rule, one_of
from yolox_ela.input_size import FORM as IMAGE_SIZE_FORM
from yolox_ela.input_size import is_image_size
from yolox_ela.sizes import SITES, SIZES


def _is_folder_name(name: str) -> bool:
    plain = not any(c in '/\\:*?"<>|' or ord(c) < 32 for c in name)
    try:
        return plain and name.strip(". ") != "" and len(os.fsencode(name)) <= 200
    except UnicodeEncodeError:  # half a character
        return False


def _are_different(entries: tuple[str, ...]) -> bool:
    return len(set(entries)) == len(entries) > 0 and all(entry.strip() for entry in entries)


FOLDER_NAME = Rule(
    'the name of a folder: 1 to 200 bytes, not only dots and spaces, without / \\ : * ? " < > |',
    _is_folder_name,
)
DIFFERENT = Rule("one or more texts, all different and none of them blank", _are_different)
SETS = Rule("one or more sets, all different, as in 2007/trainval or train", _are_different)
SIZE = Rule(f"{', '.join(SIZES)} (the size of the input is image_size)", lambda size: size in SIZES)
ATTENTION = Rule(FORM, is_attention)
NETWORK_SITES = Rule(
    f"one or more of {', '.join(SITES)}, all different",
    lambda sites: _are_different(sites) and set(sites) <= set(SITES),
)
IMAGE_SIZE = Rule(IMAGE_SIZE_FORM, is_image_size)
CLASS_WEIGHTS = Rule(CLASS_WEIGHTS_FORM, is_class_weights)
MODULES = Rule(
    "names of modules or patterns of names, all different, as in backbone.backbone.dark2, and not "
    "a number of layers",
    lambda names: not names or (_are_different(names) and not any(n.isdigit() for n in names)),
)
EVALUATE_START = one_of(
    "auto",
    "always",
    "never",
    renamed={True: "always", False: "never", "true": "always", "false": "never"},
)
ZOOM = Rule("two numbers with 0 < low <= high <= 10", lambda zoom: 0 < zoom[0] <= zoom[1] <= 10)
