"""Data of each task that tiny networks learn in a moment."""

import json

import numpy as np
from PIL import Image

COLOURS = {"blue": 2, "green": 1, "red": 0}


def picture(generator, height=36, width=40):
    return generator.integers(0, 80, (height, width, 3)).astype(np.uint8)


def image_folders(root, images=5):
    """Three classes, each with a colour of its own."""
    generator = np.random.default_rng(0)
    for name, count in (("train", images), ("val", 3)):
        for colour, channel in COLOURS.items():
            folder = root / name / colour
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = picture(generator)
                pixels[..., channel] += 150
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


def masks(root):
    """A bright rectangle of class 1 in each photograph, with an ignored edge."""
    generator = np.random.default_rng(0)
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for name, count in (("train", 6), ("val", 3)):
        ids = [f"{name}{number}" for number in range(count)]
        (root / "ImageSets" / "Segmentation" / f"{name}.txt").write_text("\n".join(ids))
        for image_id in ids:
            pixels, mask = picture(generator), np.zeros((36, 40), np.uint8)
            top, left = generator.integers(0, 20, 2)
            mask[top : top + 14, left : left + 14] = 255
            mask[top + 1 : top + 13, left + 1 : left + 13] = 1
            pixels[mask == 1] += 150
            Image.fromarray(pixels).save(root / "JPEGImages" / f"{image_id}.jpg", quality=95)
            Image.fromarray(mask).save(root / "SegmentationClass" / f"{image_id}.png")
    return root


def objects(root):
    """COCO JSON with a bright square in each photograph, of a class by its colour."""
    generator, number = np.random.default_rng(0), 0
    (root / "annotations").mkdir(parents=True)
    names = list(COLOURS)
    for name, count in (("train", 6), ("val", 4)):
        (root / name).mkdir()
        content = {
            "images": [],
            "annotations": [],
            "categories": [{"id": i + 1, "name": n} for i, n in enumerate(names)],
        }
        for _ in range(count):
            number += 1
            pixels = picture(generator, 64, 64)
            (x, y), label = generator.integers(0, 32, 2).tolist(), number % 3
            pixels[y : y + 30, x : x + 30, COLOURS[names[label]]] += 150
            file = f"{number:012d}.png"
            Image.fromarray(pixels).save(root / name / file)
            content["images"].append({"id": number, "file_name": file, "width": 64, "height": 64})
            content["annotations"].append(
                {
                    "id": number,
                    "image_id": number,
                    "category_id": label + 1,
                    "bbox": [x, y, 30, 30],
                    "area": 900,
                    "iscrowd": 0,
                }
            )
        (root / "annotations" / f"instances_{name}.json").write_text(json.dumps(content))
    return root
