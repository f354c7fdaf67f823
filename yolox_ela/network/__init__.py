"""YOLOX with attention at its sites: building, loss, weights in and out, running it."""
