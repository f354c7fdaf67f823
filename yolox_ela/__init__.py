"""YOLOX with plug-in attention (ELA and its rivals), fine-tuned on Pascal VOC.

Nothing is imported here, so `yolox_ela.attention` stays usable with torch alone.
"""
