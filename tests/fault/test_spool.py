"""The agent's disk: full, read-only, cut by a power failure; its spool with a torn tail, without a
segment, or put back from an older copy."""

import shutil
import subprocess
import time

import pytest

from ledger import TABLES, assert_in_order, drain, lost_to_gaps, stored
from lab import wait_for
from packets import write_load


SYNCED_S = 3  # one second is promised; the machine may be slow


class Disk:
    """A small file system of our own: a tmpfs, or an image on a loop device."""

    def __init__(self, folder, *words):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        subprocess.run(["mount", *words, folder], check=True)

    def remount(self, option):
        subprocess.run(["mount", "-o", f"remount,{option}", self.folder], check=True)

    def close(self):
        subprocess.run(["umount", "-l", self.folder], check=False)


def segments(lab, name, stream):
    return sorted((lab.dir / f"{name}.spool" / "spool" / stream).glob("*.seg"))


def test_a_full_disk_loses_no_more_than_it_tells(site, lab):
    disk = Disk(lab.dir / "pisa-1.spool", "-t", "tmpfs", "-o", "size=4m", "tmpfs")
    try:
        site.start()
        site.agents_wire.refuse = True
        site.agents_wire.reset()
        filler = disk.folder / "filler"
        with pytest.raises(OSError), open(filler, "wb") as out:
            while True:
                out.write(bytes(65536))
        wait_for(lambda: "No space left" in lab.agents["pisa-1"].text(), 60, "the disk is full")
        write_load(site.capture, flows=600, seconds=10)
        filler.unlink()
        site.flowing()
        site.agents_wire.heal()
        site.settle()
    finally:
        disk.close()


def image(path):
    with open(path, "wb") as out:
        out.truncate(48 << 20)
    subprocess.run(["mkfs.ext4", "-q", path], check=True)


def test_a_power_cut_takes_no_more_than_the_last_seconds(site, lab):
    """The image is copied while the agent writes into it: what only the page cache holds is not in
    the copy. Nothing is sent meanwhile, so the copy is all that there is."""
    image(lab.dir / "disk.img")
    disk = Disk(lab.dir / "pisa-1.spool", "-o", "loop", lab.dir / "disk.img")
    try:
        site.start()
        ledger, agent = lab.ledgers["pisa-1"], lab.agents["pisa-1"]
        site.agents_wire.refuse = True
        site.agents_wire.reset()
        site.flowing(300)
        old = ledger.read_text()
        time.sleep(SYNCED_S)
        shutil.copyfile(lab.dir / "disk.img", lab.dir / "after.img")
        agent.kill()
        disk.close()
        ledger.write_text(old[:old.rfind("\n") + 1])  # of what came later, any may be in or out
        disk = Disk(lab.dir / "pisa-1.spool", "-o", "loop", lab.dir / "after.img")
        site.agents_wire.heal()
        agent.start()
        site.wait_up("pisa-1")
        site.flowing(20)
        drain(lab, ["pisa-1"])
        assert "which this spool never wrote" not in agent.text()
        for stream in TABLES:
            rows = stored(lab, "pisa-1", stream)
            assert len(rows) == len(set(rows)), f"{stream}: stored twice"
            assert_in_order(lab, "pisa-1", stream)
        assert not lab.sql("SELECT 1 FROM gap"), "a cut tail is no gap: those numbers are given anew"
        assert agent.stop(60) == 0
    finally:
        disk.close()


def test_a_read_only_disk_is_refused_with_its_name_and_taken_once_it_can_be_written(site, lab):
    disk = Disk(lab.dir / "pisa-1.spool", "-t", "tmpfs", "-o", "size=64m", "tmpfs")
    try:
        site.start()
        agent = lab.agents["pisa-1"]
        agent.stop(60)
        disk.remount("ro")
        assert agent.start().child.wait(60) == 1
        assert "pisa-1.spool" in agent.text() and "Read-only file system" in agent.text()
        disk.remount("rw")
        agent.start()
        site.wait_up("pisa-1")
        site.flowing()
        site.settle()
    finally:
        disk.close()


def test_a_torn_tail_and_a_lost_segment_are_told(site, lab):
    site.start(cap="1MiB")
    site.agents_wire.refuse = True
    site.agents_wire.reset()
    wait_for(lambda: len(segments(lab, "pisa-1", "flow")) >= 4, 120, "the spool has segments")
    lab.agents["pisa-1"].kill()
    site.kills["pisa-1"] = 1
    found = segments(lab, "pisa-1", "flow")
    found[-2].unlink()
    with open(found[-1], "r+b") as tail:
        tail.seek(0, 2)
        tail.write(b"\x40\0\0\0torn")
    site.agents_wire.heal()
    lab.agents["pisa-1"].start()
    site.settle()
    assert lost_to_gaps(lab, "pisa-1")["flow"] > 10, "the segment held records"


def test_an_older_copy_of_a_spool_stores_nothing_twice(site, lab):
    """What the copy holds and the centre has is not sent as something new."""
    site.start()
    folder, agent = lab.dir / "pisa-1.spool", lab.agents["pisa-1"]
    site.agents_wire.refuse = True  # so that the copy holds what was not yet acknowledged
    site.agents_wire.reset()
    site.flowing(300)
    agent.kill()
    site.kills["pisa-1"] = 1
    shutil.copytree(folder, lab.dir / "copy")
    site.agents_wire.heal()
    agent.start()
    site.wait_up("pisa-1")
    site.flowing(300)
    agent.kill()
    shutil.rmtree(folder)
    shutil.copytree(lab.dir / "copy", folder)
    agent.start()
    wait_for(lambda: "new epoch" in agent.text(), 60, "the spool begins a new epoch")
    wait_for(lambda: lab.sql("SELECT count(DISTINCT epoch) FROM flow") == [(2,)], 60,
             "flows of the new epoch are stored")
    twice = lab.sql("SELECT flow_id, first_at, last_at FROM flow GROUP BY 1, 2, 3 HAVING count(*) > 1")
    assert not twice, f"{len(twice)} flows are stored twice"
