"""What each row of the matrix begins with: a centre, a bad wire before each of its parts, and
agents under load whose ledgers are held against the database at the end."""

from ledger import check, drain, memory_mib, open_files, read_ledger
from lab import wait_for
from packets import write_load
from proxy import Proxy

MEMORY_GROWS_MIB = 64  # of one program during a fault; design, rules of reliability
FILES_GROW = 20
SOCKET = ".s.PGSQL.5432"


class Site:
    """`agents_wire`, `centre_wire` and `database_wire` are the paths that can be made bad."""

    def __init__(self, lab):
        self.lab, self.kills, self.wires, self.at_rest = lab, {}, [], {}
        self.capture = lab.dir / "load.pcap"
        write_load(self.capture, flows=600, seconds=10)

    def start(self, names=("pisa-1",), cap="256MiB"):
        lab, server = self.lab, ("127.0.0.1", self.lab.nats_port)
        self.names = list(names)
        folder = lab.dir / "wire"
        folder.mkdir()
        self.database_wire = self.wire(str(lab.dir / "postgres" / SOCKET), str(folder / SOCKET))
        self.centre_wire, self.agents_wire = self.wire(server), self.wire(server)
        lab.database_url = f"host={folder} dbname=picket user=picket"
        lab.nats_url = f"nats://127.0.0.1:{self.centre_wire.port}"
        self.api = lab.start_centre()
        lab.nats_url = f"nats://127.0.0.1:{self.agents_wire.port}"
        for name in self.names:
            lab.agent(name, f"file:{self.capture}?loop&pace=1", cap=cap)
        for name in self.names:
            self.wait_up(name)
        self.flowing()
        self.at_rest = {p.name: (memory_mib(p), open_files(p)) for p in self.programs()}
        return self

    def wire(self, *ends):
        self.wires.append(Proxy(*ends))
        return self.wires[-1]

    def programs(self):
        return [self.lab.aggregator, *self.lab.agents.values()]

    def state(self, name):
        row = self.api.instance(name)
        return row and row["state"]

    def wait_up(self, name, timeout=60):
        wait_for(lambda: self.state(name) in ("up", "degraded"), timeout, f"{name} is up")

    def accepted(self, name):
        return sum(len(keys) for keys in read_ledger(self.lab.ledgers[name]).values())

    def flowing(self, records=100, timeout=60):
        """Waits until each agent has accepted so many more records: the load is on."""
        goal = {name: self.accepted(name) + records for name in self.names}
        wait_for(lambda: all(self.accepted(name) >= goal[name] for name in self.names), timeout,
                 "the agents accept records", step=0.2)

    def kill(self, process):
        """kill -9 and start again; of an agent a record may be in hand."""
        process.kill()
        self.kills[process.name] = self.kills.get(process.name, 0) + 1
        process.start()
        if process is self.lab.database:
            wait_for(self.database_is_back, 60, "PostgreSQL is back")

    def database_is_back(self):
        """A postmaster does not start while a child of the killed one still ends."""
        if self.lab.database.child.poll() is not None:
            self.lab.database.start()
        return self.lab.database_answers()

    def settle(self, timeout=180):
        """After the fault: all is stored or told, states are true again, nothing has grown."""
        drain(self.lab, self.names, self.kills, timeout)
        for name in self.names:
            self.wait_up(name)
        for process in self.programs():
            if process.name in self.at_rest and process.name not in self.kills:
                memory, files = self.at_rest[process.name]
                assert memory_mib(process) < memory + MEMORY_GROWS_MIB, f"{process.name} has grown"
                assert open_files(process) <= files + FILES_GROW, f"{process.name} keeps files open"
        return self.finish()

    def finish(self, timeout=60):
        """Stops the agents and holds their whole ledgers against the database."""
        for name in self.names:
            assert self.lab.agents[name].stop(60) == 0
        write_load(self.capture, flows=2, seconds=10)  # what could not be sent, by a new start
        for name in self.names:
            self.lab.agents[name].start()
        for name in self.names:
            self.wait_up(name)
        drain(self.lab, self.names, self.kills, timeout)
        for name in self.names:
            assert self.lab.agents[name].stop(60) == 0
        wait_for(lambda: all(self.holds(name) for name in self.names), timeout,
                 "the last words are stored", step=0.5)
        sums = {name: check(self.lab, name, self.kills.get(name, 0)) for name in self.names}
        print(sums)
        assert all(sum(of.values()) > 200 for of in sums.values()), "no load: this shows nothing"
        return sums

    def holds(self, name):
        try:
            return check(self.lab, name, self.kills.get(name, 0))
        except AssertionError:
            return None

    def close(self):
        for wire in self.wires:
            wire.close()
