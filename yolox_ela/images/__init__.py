"""Pictures: reading them, resizing them, and rendering bounding boxes on them."""
