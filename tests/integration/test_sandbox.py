"""The code that parses hostile packets has no rights. Only the release build is asserted: the
sanitizers need system calls that the sandbox refuses."""

import subprocess

import pytest

from lab import TOP

RELEASE_AGENT = TOP / "build/release/agent/picket-agent"
DEEDS = ["open /etc/shadow", "create a file", "execve", "socket inet", "socket packet",
         "socket unix", "fork", "signal another process", "control: execve",
         "control: socket packet", "control: signal another process",
         "control: user namespace", "control: io_uring"]


@pytest.fixture(scope="module")
def said():
    if not RELEASE_AGENT.exists():
        pytest.skip("no release build in build/release")
    done = subprocess.run([RELEASE_AGENT, "--sandbox-test"], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("deed", DEEDS)
def test_the_engine_cannot(said, deed):
    assert any(line.startswith(f"{deed}: refused") for line in said), said
