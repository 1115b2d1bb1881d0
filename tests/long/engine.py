"""A Docker engine for a test: the one that DOCKER_HOST names or that listens where Docker's does,
else one of our own for as long as the test runs."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from steps import WORK, debian_tar, run

BASE = "picket-debian:bookworm"


def answers(host=None):
    env = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    return subprocess.run(["docker", "info"], env=env, capture_output=True).returncode == 0


def has_bridge():
    return pathlib.Path("/sys/class/net/docker0").exists()


class Engine:
    def __init__(self):
        self.child = self.run_dir = self.rules = None
        self.had_bridge = False

    def start(self):
        if answers():
            return
        self.rules, self.had_bridge = run("iptables-save").stdout, has_bridge()
        # The path of a socket has 107 characters, so it does not lie in the build folder.
        self.run_dir = pathlib.Path(tempfile.mkdtemp(prefix="picket-docker-"))
        host = f"unix://{self.run_dir}/docker.sock"
        log = open(self.run_dir / "log", "ab")
        self.child = subprocess.Popen(
            ["dockerd", "--data-root", WORK / "docker", "--exec-root", self.run_dir / "exec",
             "--pidfile", self.run_dir / "pid", "-H", host, "--log-level", "warn"],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while not answers(host):
            if time.monotonic() > until or self.child.poll() is not None:
                raise SystemExit(f"dockerd does not start:\n{(self.run_dir / 'log').read_text()}")
            time.sleep(0.5)
        os.environ["DOCKER_HOST"] = host

    def base_image(self):
        """Debian 12 under a name of our own, made by debootstrap; nothing is pulled."""
        if run("docker", "image", "inspect", BASE, check=False).returncode != 0:
            run("docker", "import", debian_tar(), BASE)
        return BASE

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait(60)
            # An engine leaves a bridge and rules behind, and forwards nobody else's packets.
            run("iptables-restore", input=self.rules)
            if has_bridge() and not self.had_bridge:
                run("ip", "link", "delete", "docker0")
            shutil.rmtree(self.run_dir, ignore_errors=True)


class Project:
    """One compose project."""

    def __init__(self, name, files, env):
        self.name, self.env = name, {**os.environ, **env}
        self.words = ["docker-compose", "-p", name]
        for file in files:
            self.words += ["-f", str(file)]

    def run(self, *words, **more):
        return run(*self.words, *words, env=self.env, **more)

    def exec(self, service, *words, **more):
        return self.run("exec", "-T", service, *words, **more)

    def container(self, service):
        return self.run("ps", "-q", service).stdout.strip()

    def inspect(self, service, form):
        return run("docker", "inspect", "-f", form, self.container(service)).stdout.strip()

    def health(self, service):
        return self.inspect(service, "{{.State.Health.Status}}")

    def logs(self, service):
        done = run("docker", "logs", self.container(service), check=False)
        return done.stdout + done.stderr

    def memory(self, service):
        return run("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}",
                   self.container(service)).stdout.split("/")[0].strip()
