"""Prediction: pictures and videos in, bounding boxes with names and scores out."""

from yolox_ela.predict.detector import Detector
from yolox_ela.predict.result import Result

__all__ = ["Detector", "Result"]
