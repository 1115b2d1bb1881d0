import ctypes
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from lab import Lab  # noqa: E402 (the path comes first)

CLONE_NEWNET = 0x40000000  # of sched.h
MARKS = ("alone: holds us to a short time, or takes all of the machine: no other test runs beside it",
         "slow: waits for about a minute or longer, and so begins before the others")


def pytest_configure(config):
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    if os.getuid() == 0:
        own_network()


def own_network():
    """A network that holds nothing but this process and its children, so that tests of other
    processes neither take a port that was found free nor show in a capture of this one's lo."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in the same hook
def pytest_collection_modifyitems(items):
    """Tests that share what a module sets up stay in one process; the others go where there is
    room. Read by pytest-xdist with --dist loadgroup. A module with a slow test comes early."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    for item in items:
        module = item.getparent(pytest.Module)
        if any(definition.scope == "module" for name in item.fixturenames
               for definition in item._fixtureinfo.name2fixturedefs.get(name, ())):
            item.add_marker(pytest.mark.xdist_group(module.path.stem))


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
