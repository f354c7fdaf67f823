"""Data sets as they lie on disk, read into one `Split`."""
