"""Prediction: pictures in, bounding boxes with names and scores out."""

from yolox_ela.predict.detector import Detector, Found, ImageLike

__all__ = ["Detector", "Found", "ImageLike"]
