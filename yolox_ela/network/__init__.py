"""YOLOX with attention at its sites: building and running it, its loss, its weights in files."""
