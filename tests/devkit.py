"""VOC's evaluation, one detection and one object at a time, in exact numbers but for the sampling
points of recall, which are the field's.

Slow, and written apart from the package. As in the paper of the challenge (and the Python ports) an
overlap must exceed the threshold.
"""

from fractions import Fraction

from yolox_ela.evaluate.matching import Verdict


def devkit(split, detections, label, threshold):
    """(11-point AP, AP) of a class, None if no object of it counts; and each detection's fate."""
    objects = []  # of each image: [box, difficult, detected, row]
    positives = 0
    for image in range(len(split)):
        here = []
        for row in range(split.offsets[image], split.offsets[image + 1]):
            if split.labels[row] == label:
                here.append([split.boxes[row].tolist(), bool(split.difficult[row]), False, row])
                positives += not split.difficult[row]
        objects.append(here)

    mine = [d for d in range(len(detections)) if detections.labels[d] == label]
    mine.sort(key=lambda d: -float(detections.scores[d]))  # Python's sort is stable
    points, fates = [], {}
    hits = false = 0
    for d in mine:
        best, best_overlap = None, -1
        for item in objects[detections.images[d]]:
            overlap = inclusive_iou(detections.boxes[d].tolist(), item[0])
            if overlap > best_overlap:
                best, best_overlap = item, overlap
        if best is None or best_overlap <= Fraction(threshold):
            fates[d] = (Verdict.FALSE, -1)
        elif best[1]:
            fates[d] = (Verdict.IGNORED, best[3])
        else:
            fates[d] = (Verdict.FALSE, -1) if best[2] else (Verdict.TRUE, best[3])
            best[2] = True
        if fates[d][0] == Verdict.IGNORED:
            continue
        hits += fates[d][0] == Verdict.TRUE
        false += fates[d][0] == Verdict.FALSE
        if positives:
            points.append((Fraction(hits, positives), Fraction(hits, hits + false)))
    if positives == 0:
        return None, fates

    eleven = sum(
        max((p for r, p in points if float(r) >= 0.1 * tenth), default=Fraction(0))
        for tenth in range(11)
    )
    area, last = Fraction(0), Fraction(0)
    for i, (recall, _) in enumerate(points):
        area += (recall - last) * max(p for _, p in points[i:])
        last = recall
    return (float(eleven / 11), float(area)), fates


def inclusive_iou(a, b):
    a, b = [Fraction(v) for v in a], [Fraction(v) for v in b]
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0
    area_a = (a[2] - a[0] + 1) * (a[3] - a[1] + 1)
    area_b = (b[2] - b[0] + 1) * (b[3] - b[1] + 1)
    return width * height / (area_a + area_b - width * height)
