"""A page in the browser that shows what a network detects in a photograph."""
