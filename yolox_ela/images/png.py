"""How the package's PNG files are compressed."""

# Level 4 of zlib takes 0.4 of the time of Pillow's usual 6 on photographs, for 3 % more bytes.
PNG_OPTIONS = {"compress_level": 4}
