"""Loads `common_fixtures.py`, except into the process that only hands out tests to those of `-n`.

What is imported there takes ten seconds.
"""


def pytest_configure(config):
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    if runs_tests:
        config.pluginmanager.import_plugin("common_fixtures")
