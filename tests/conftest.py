"""Which process loads `common_fixtures.py`, and in which order files are handed to processes."""

import gc


def pytest_configure(config):
    """Import all that tests share, but not where tests are only handed out to those of `-n`.

    That takes ten seconds.
    """
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    if runs_tests:
        gc.disable()  # what is imported stays; see common_fixtures
        config.pluginmanager.import_plugin("common_fixtures")
    config.option.loadscopereorder = False  # pytest-xdist would start with files of many tests


def pytest_collection_modifyitems(config, items):
    """Start with files that have slow tests: none is left for one process to end alone with."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)
