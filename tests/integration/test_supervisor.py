"""The parent of everything that deploy/demo starts: order, restarts, and no orphan ever."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from lab import BUILD, NOBODY, postgres_bin, wait_for

SUPERVISOR = BUILD / "deploy/picket-demo-supervisor"
CAP_NET_RAW = 13


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


class Supervised:
    """A supervisor with a list of its own."""

    def __init__(self, folder, processes, options=()):
        self.dir = folder
        text = ""
        for name, keys in processes.items():
            text += f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, values in keys.items()
                                            for value in ([values] if isinstance(values, str)
                                                          else values))
        (folder / "list").write_text(text)
        self.child = subprocess.Popen([SUPERVISOR, *options, "--run", folder, folder / "list"],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def pid(self, name):
        path = self.dir / f"{name}.pid"
        try:
            return int(path.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def wait_pid(self, name, other_than=None):
        return wait_for(lambda: self.pid(name) not in (None, other_than) and self.pid(name), 5,
                        f"{name} runs")

    def end(self, number=signal.SIGTERM):
        self.child.send_signal(number)
        return self.child.communicate(timeout=20)[0]


@pytest.fixture
def supervise(tmp_path):
    made = []

    def start(processes, options=()):
        made.append(Supervised(tmp_path, processes, options))
        return made[-1]

    yield start
    for one in made:
        one.child.kill()
        one.child.wait(5)


def shell(script, **keys):
    return {"command": "/bin/sh", "argument": ["-c", script], **keys}


def test_processes_start_in_order_and_stop_in_reverse(supervise, tmp_path):
    order = tmp_path / "order"
    script = (f"trap 'echo stop-%s >> {order}; exit' TERM; sleep 0.2; echo start-%s >> {order};"
              f" touch {tmp_path}/%s.up; while :; do sleep 0.05; done")
    parts = {name: shell(script.replace("%s", name), ready=f"file:{tmp_path}/{name}.up")
             for name in ("first", "second", "third")}
    said = tmp_path / "said"
    said.write_text("all of it runs\n")
    one = supervise(parts, ["--ready-text", said])
    assert any("all of it runs" in line for line in one.child.stdout)
    one.end()
    assert order.read_text().split() == ["start-first", "start-second", "start-third",
                                         "stop-third", "stop-second", "stop-first"]
    assert one.child.returncode == 0


def test_what_dies_is_restarted_with_growing_delay_only_where_wanted(supervise):
    one = supervise({"steady": shell("sleep 60", restart="yes"), "agent": shell("sleep 60")})
    agent = one.wait_pid("agent")
    pid = one.wait_pid("steady")
    for _ in range(2):
        os.kill(pid, signal.SIGKILL)
        pid = one.wait_pid("steady", other_than=pid)
    os.kill(agent, signal.SIGKILL)
    wait_for(lambda: one.pid("agent") is None, 5, "the agent's end is noticed")
    time.sleep(0.5)
    assert one.pid("agent") is None
    os.kill(one.child.pid, signal.SIGUSR1)
    one.wait_pid("agent", other_than=agent)
    said = one.end()
    assert "again in 100 ms" in said and "again in 200 ms" in said
    assert "agent ended with signal 9 and is not restarted" in said


def test_a_process_that_ends_before_it_is_ready_fails_the_start(supervise, tmp_path):
    one = supervise({"first": shell("sleep 60"),
                     "broken": shell("exit 3", ready=f"file:{tmp_path}/never",
                                     log=f"{tmp_path}/broken.log")})
    said = one.child.communicate(timeout=10)[0]
    assert one.child.returncode == 1
    assert f"broken ended before it was ready; its log: {tmp_path}/broken.log" in said


def test_a_list_with_a_fault_is_refused_with_its_line(supervise, tmp_path):
    one = supervise({"first": {"comand": "/bin/true"}})
    said = one.child.communicate(timeout=10)[0]
    assert one.child.returncode == 2 and f"{tmp_path}/list:2: not understood: comand" in said


def test_a_stubborn_process_and_a_daemon_are_gone_at_the_end(supervise, tmp_path):
    """The one ignores SIGTERM (killed after ten seconds), the other left its parent behind."""
    one = supervise({"stubborn": shell("trap '' TERM; while :; do sleep 0.1; done"),
                     "daemon": shell(f"setsid sleep 300 & echo $! > {tmp_path}/away; sleep 60")})
    wait_for(lambda: (tmp_path / "away").exists() and one.pid("daemon"), 5, "both run")
    time.sleep(0.2)
    pids = descendants(one.child.pid)
    assert len(pids) >= 4
    said = one.end()
    assert "stubborn does not stop: killed" in said
    assert not [pid for pid in pids if alive(pid)]


def test_kill_minus_nine_of_the_supervisor_leaves_nothing(supervise, tmp_path):
    data = tmp_path / "pg"
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    for folder in list(tmp_path.parents)[:2]:
        folder.chmod(0o755)
    tmp_path.chmod(0o755)
    subprocess.run([postgres_bin() / "initdb", "-D", data, "-A", "trust", "--no-sync"], user=NOBODY,
                   group=NOBODY, extra_groups=[], cwd="/", check=True, stdout=subprocess.DEVNULL)
    one = supervise({
        "postgres": {"command": f"{postgres_bin()}/postgres", "user": "nobody", "stop": "INT",
                     "argument": ["-D", str(data), "-k", str(data), "-c", "listen_addresses="],
                     "restart": "yes", "ready": f"unix:{data}/.s.PGSQL.5432"},
        "nats": {"command": "/usr/sbin/nats-server", "user": "nobody",
                 "argument": ["-a", "127.0.0.1", "-p", "-1"]},
        "agent": {"command": "/bin/sleep", "argument": "300"},
    })
    one.wait_pid("agent")
    pids = wait_for(lambda: (lambda p: p if len(p) >= 7 else None)(descendants(one.child.pid)), 10,
                    "PostgreSQL has its children")
    one.child.kill()
    one.child.wait(5)
    wait_for(lambda: not [pid for pid in pids if alive(pid)], 5, "all are gone")


def test_with_parent_the_supervisor_ends_when_its_parent_dies(supervise, tmp_path):
    (tmp_path / "list").write_text("[one]\ncommand = /bin/sleep\nargument = 300\n")
    shell_child = subprocess.Popen(["/bin/sh", "-c", f"{SUPERVISOR} --with-parent $$ --run {tmp_path}"
                                    f" {tmp_path}/list & wait"], stdout=subprocess.DEVNULL)
    pid = int(wait_for(lambda: (tmp_path / "one.pid").exists()
                       and (tmp_path / "one.pid").read_text(), 5, "it runs"))
    shell_child.kill()
    shell_child.wait(5)
    wait_for(lambda: not alive(pid), 5, "the process is gone")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may hand rights to a plain user")
def test_a_plain_user_gets_the_capture_right_and_no_other(supervise):
    one = supervise({"capture": {"command": shutil.which("sleep"), "argument": "60",
                                 "user": "nobody", "capability": "net_raw"},
                     "plain": {"command": shutil.which("sleep"), "argument": "60",
                               "user": "nobody"}})
    wait_for(lambda: one.pid("plain"), 5, "both run")
    time.sleep(0.2)
    rights = {}
    for name in ("capture", "plain"):
        status = pathlib.Path(f"/proc/{one.pid(name)}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        assert fields["Uid"].split() == [str(NOBODY)] * 4
        rights[name] = int(fields["CapEff"], 16)
    assert rights == {"capture": 1 << CAP_NET_RAW, "plain": 0}
