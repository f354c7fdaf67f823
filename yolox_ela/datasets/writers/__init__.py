"""Data sets written in each of the formats; see `writer.py`."""
