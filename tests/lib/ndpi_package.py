"""Debian's nDPI source package: folders pcap (captures), result (what its authors expect of each) and
example (the rules that those were made with).

It is fetched once, by apt with a source list of its own (the machine's is only read, for its
mirror) and checked by Debian's key, into $XDG_CACHE_HOME/picket; nothing of it stands here.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tarfile

VERSION = "4.2"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org/debian"
FETCH_S = 600


class Skip(Exception):
    """The package cannot be had on this machine, and why."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "picket" / f"ndpi-{VERSION}"


def mirror():
    """Where this machine gets Debian 12 from."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages",
         "Codename: bookworm", "Component: main"], capture_output=True, text=True, timeout=60)
    uris = done.stdout.split()
    return uris[0] if done.returncode == 0 and uris else MIRROR


def apt(folder, *words):
    options = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "20",
    }
    command = ["apt-get", "-q"] + [f"-o{key}={value}" for key, value in options.items()]
    try:
        done = subprocess.run(command + list(words), cwd=folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=FETCH_S)
    except subprocess.TimeoutExpired as late:
        raise Skip(f"apt-get {words[0]} took longer than {FETCH_S} s") from late
    # What cannot be reached leaves update with status 0 and a warning.
    if done.returncode != 0 or "W: Failed to fetch" in done.stderr:
        raise Skip(f"apt-get {words[0]}: {done.stderr.strip()[-400:]}")


def unpack(archive, folder):
    """Captures, results and the rules that the results were made with."""
    wanted = re.compile(r"^[^/]+/(tests/(?:pcap|result)|example)/([^/]+)$")
    with tarfile.open(archive) as tar:
        for member in tar:
            match = wanted.match(member.name)
            if not match or not member.isfile():
                continue
            if match[1] == "example" and match[2] != "protos.txt":
                continue
            place = folder / match[1].rsplit("/", 1)[-1]
            place.mkdir(exist_ok=True)
            with tar.extractfile(member) as source, open(place / match[2], "wb") as target:
                shutil.copyfileobj(source, target)


def fetched():
    """The unpacked package, or None when it is not there."""
    folder = cache_folder()
    return folder if (folder / "complete").exists() else None


def fetch():
    """The unpacked package; fetched when it is not there yet."""
    folder = cache_folder()
    if fetched():
        return folder
    if not shutil.which("apt-get") or not pathlib.Path(KEYRING).exists():
        raise Skip("no apt-get, or no keyring of Debian")
    work = folder.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "archives" / "partial").mkdir(parents=True)
    (work / "sources.list").write_text(f"deb-src [signed-by={KEYRING}] {mirror()} bookworm main\n")
    apt(work, "update")
    apt(work, "--tar-only", "--download-only", "source", f"ndpi={VERSION}-2")
    archive = next(work.glob("ndpi_*.orig.tar.*"), None)
    if archive is None:
        raise Skip("the source package came without its archive")
    unpack(archive, work)
    archive.unlink()
    for leftover in ("lists", "archives"):
        shutil.rmtree(work / leftover)
    (work / "complete").touch()
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)
    return folder
