"""A stand-in agent for the centre's tests: agent_sim as a child that does what it is told."""

import json
import queue
import subprocess
import threading

from lab import BUILD

SIM = BUILD / "tests/integration/agent_sim"


class Sim:
    """agent_sim as a child: lines in by do(), lines out by expect()."""

    def __init__(self, lab, name, token):
        state = lab.dir / f"{name}.sim"
        state.mkdir(exist_ok=True)
        self.lines = queue.Queue()
        self.child = subprocess.Popen(
            [SIM, name, f"nats://127.0.0.1:{lab.nats_port}", state, token], text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(lab.dir / f"{name}.log", "a"))
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            self.lines.put(line.strip())

    def do(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def expect(self, word, timeout=5):
        """The rest of the next line whose first word ends so; lines before it are dropped."""
        while True:
            try:
                first, _, rest = self.lines.get(timeout=timeout).partition(" ")
            except queue.Empty:
                raise AssertionError(f"no {word} within {timeout} s") from None
            if first.endswith(word):
                return rest

    def ask(self, line, word="ack"):
        self.do(line)
        return json.loads(self.expect(word))

    def enrol(self):
        self.expect("connected")
        answer = self.ask("enrol", "enrolled." + self.child.args[1])
        if answer["ok"]:
            self.do("keep " + answer["jwt"])
            self.expect("connected")
        return answer

    def close(self):
        self.child.kill()
        self.child.wait(5)
