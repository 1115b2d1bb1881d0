"""The fault matrix stands on the lab of the integration tests; its fixtures and hooks hold here
too."""

import importlib.util
import os
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lib")]
spec = importlib.util.spec_from_file_location("integration", TESTS / "integration/conftest.py")
integration = importlib.util.module_from_spec(spec)
spec.loader.exec_module(integration)

# What a sanitizer keeps of freed memory must not look like a program that grows.
os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=8")

pytest_configure = integration.pytest_configure
pytest_collection_modifyitems = integration.pytest_collection_modifyitems
pytest_runtest_makereport = integration.pytest_runtest_makereport
lab = integration.lab

from site_under_test import Site  # noqa: E402 (the path comes first)


@pytest.fixture
def site(lab):
    made = Site(lab)
    yield made
    made.close()
