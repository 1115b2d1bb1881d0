"""The code that parses hostile packets has no rights. Only the release build is asserted: the
sanitizers need system calls that the sandbox refuses."""

import subprocess

import pytest

from lab import TOP

RELEASE_AGENT = TOP / "build/release/agent/picket-agent"


@pytest.mark.skipif(not RELEASE_AGENT.exists(), reason="no release build in build/release")
@pytest.mark.parametrize("deed", ["open", "execve", "socket"])
def test_the_engine_cannot(deed):
    done = subprocess.run([RELEASE_AGENT, "--sandbox-test", deed], capture_output=True, text=True,
                          timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused" in done.stdout


@pytest.mark.skipif(not RELEASE_AGENT.exists(), reason="no release build in build/release")
def test_the_engine_may_still_do_its_work():
    done = subprocess.run([RELEASE_AGENT, "--sandbox-test", "clock"], capture_output=True,
                          text=True, timeout=20)
    assert done.returncode == 0 and "allowed" in done.stdout
