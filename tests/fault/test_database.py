"""The centre's disk and database: slow, full, and put back from an older backup."""

import os
import shutil
import subprocess
import threading
import time

import psycopg2

from lab import NOBODY, postgres_bin, wait_for
from ledger import drain

LOCKED_S = int(os.environ.get("PICKET_FAULT_ABSENCE_S", "15"))


def test_a_locked_table_stops_the_store_and_loses_nothing(site, lab):
    site.start(["pisa-1", "lucca-1"])
    with psycopg2.connect(lab.conninfo) as link:
        link.cursor().execute("LOCK TABLE flow IN ACCESS EXCLUSIVE MODE")
        time.sleep(LOCKED_S)
        link.rollback()
    site.settle()
    for name in site.names:
        assert "unreachable" not in [to for to, _ in lab.state_changes(name)]


def test_a_database_put_back_from_an_older_backup_is_refilled_by_the_agents(site, lab):
    site.start()
    backup, data = lab.dir / "backup", lab.dir / "postgres"
    backup.mkdir()
    shutil.chown(backup, NOBODY, NOBODY)
    backup.chmod(0o700)
    subprocess.run([postgres_bin() / "pg_basebackup", "-h", data, "-U", "picket", "-D", backup,
                    "-c", "fast", "--no-sync"], check=True, user=NOBODY, group=NOBODY,
                   extra_groups=[], cwd="/")
    site.flowing(300)
    drain(lab, site.names)
    before = lab.sql("SELECT count(*) FROM flow")[0][0]
    lab.aggregator.stop(60)
    lab.database.kill()
    for entry in data.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for entry in backup.iterdir():
        shutil.move(entry, data)
    lab.database.start()
    wait_for(site.database_is_back, 60, "PostgreSQL is up")
    assert lab.sql("SELECT count(*) FROM flow")[0][0] < before, "the backup is no older"
    lab.aggregator.start()
    site.settle()
    assert not lab.sql("SELECT 1 FROM gap"), "all of it was still in the spool"
