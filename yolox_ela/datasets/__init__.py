"""Data sets on disk: downloading, generating, checking, and reading them into a `VocSplit`."""
