"""The formats of data sets: one reader each, behind one interface; see `reader.py`."""
