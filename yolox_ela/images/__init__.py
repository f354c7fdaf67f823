"""Pictures: reading them, resizing them, and boxes on them."""
