"""What is trained, one task a file; the loop that they share is in `yolox_ela/train/`."""
