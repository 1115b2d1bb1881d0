import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from lab import Lab  # noqa: E402 (the path comes first)


@pytest.fixture
def lab(tmp_path):
    """An empty lab, taken down at the end of the test."""
    made = Lab(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory):
    """One lab for a whole module of tests that do it no harm."""
    made = Lab(tmp_path_factory.mktemp("lab"))
    yield made
    made.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failing test shows the ends of its lab's logs."""
    report = (yield).get_result()
    made = item.funcargs.get("lab") or item.funcargs.get("shared_lab")
    if report.when == "call" and report.failed and made:
        for log in sorted(made.dir.glob("*.log")):
            tail = log.read_text(errors="replace").splitlines()[-25:]
            report.sections.append((log.name, "\n".join(tail)))
