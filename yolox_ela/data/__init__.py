"""Pascal VOC data: download, check, index, augmentation, loading."""
