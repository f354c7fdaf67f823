"""The machine below everything: files, locks, downloads, logs, devices, random numbers."""
