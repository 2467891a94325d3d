"""What goes wrong around a sweep: what is done stays, and the rest is done when it can be."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.lab.sweeping import Watch, facts, stored

from semlink.core.errors import InvalidInput
from semlink.core.pictures import encode_png
from semlink.core.serving import RunningServer
from semlink.lab.sweep import Plan, Where, make_plan, sweep
from semlink.lab.sweep.rows import Row, schema
from semlink.lab.sweep.store import opened

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
PHOTOS = 24
DONE = 5  # rows that are there when something goes wrong


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, one of which ends in the middle of its file."""
    folder = tmp_path_factory.mktemp("photos")
    y, x = np.mgrid[:80, :112]
    for index in range(PHOTOS):
        picture = np.stack([x, y, (x * (index + 1)) % 200], axis=-1).astype(np.uint8)
        (folder / f"{index:02}.png").write_bytes(encode_png(picture))
    cut = folder / "07.png"
    cut.write_bytes(cut.read_bytes()[:-2000])
    return folder


@pytest.fixture(scope="module")
def plan(photos: Path) -> Plan:
    return make_plan(
        {
            "photos": str(photos),
            "schemes": "analog",
            "budgets": {"cpp": 0.1},
            "settings": {"size": 64},
        }
    )


@pytest.fixture(scope="module")
def unbroken(plan: Plan, link_address: str, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    folder = tmp_path_factory.mktemp("sweep")
    return sweep(plan, folder, Where(workers=1, link=link_address))


def test_a_corrupt_photo_among_many_is_one_failed_row(unbroken: pa.Table) -> None:
    rows = unbroken.to_pylist()
    (corrupt,) = [row for row in rows if row["photo"].endswith("07.png")]

    assert len(rows) == PHOTOS
    assert corrupt["outcome"] == "failed"
    assert "photo" in corrupt["reason"]
    assert corrupt["psnr_db"] is None
    assert {row["outcome"] for row in rows if row is not corrupt} == {"reconstructed"}


class Act(Watch):
    """Does something when some rows are done; the worker waits meanwhile."""

    def __init__(self, act: Callable[[], object]):
        super().__init__()
        self._act = act

    def row(self, row: Row) -> None:
        super().row(row)
        if len(self.keys) == DONE:
            self._act()


def test_a_killed_receiver_costs_the_rows_that_need_it(
    plan: Plan,
    link_address: str,
    front_of: Callable[[str], AbstractContextManager[RunningServer]],
    tiny_gesco: Path,
    unbroken: pa.Table,
    tmp_path: Path,
) -> None:
    with receiver(tiny_gesco) as (process, address), front_of(address) as front:

        def kill() -> None:
            process.kill()
            process.wait()

        first = Where(workers=1, link=front.address, patience_s=0.0)
        broken = sweep(plan, tmp_path, first, watcher=Act(kill))
    watch, back = Watch(), Where(workers=1, link=link_address)
    again = sweep(plan, tmp_path, back, retry_failed=True, watcher=watch)

    assert facts(broken)[:DONE] == facts(unbroken)[:DONE]
    rest = broken.to_pylist()[DONE:]
    assert {row["outcome"] for row in rest} == {"failed"}
    away = [row["reason"] for row in rest if row["reason"].startswith("Unavailable: ")]
    assert len(away) == PHOTOS - DONE - 1
    assert all(f"the receiver at {address}" in reason for reason in away)
    assert watch.there == DONE
    assert facts(again) == facts(unbroken)
    assert len(stored(tmp_path)) == PHOTOS


@contextmanager
def receiver(network: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A receiver in a process of its own, ready, and its address."""
    settings = {
        "SEMLINK_RECEIVER_PORT": "0",
        "SEMLINK_RECEIVER_NETWORKS": str(network),
        "SEMLINK_RECEIVER_DEVICE": "cpu",
    }
    command = [sys.executable, "-m", "semlink.receiver"]
    process = subprocess.Popen(
        command, env=ENVIRONMENT | settings, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            assert process.stdout.readline() == "receiver ready\n"
            yield process, address
        finally:
            process.kill()


def test_services_that_come_back_are_waited_for(
    plan: Plan, link_address: str, unbroken: pa.Table, tmp_path: Path
) -> None:
    with Cable(link_address) as cable:
        watch = Act(cable.cut)
        table = sweep(plan, tmp_path, Where(workers=1, link=cable.address), watcher=watch)

    assert cable.refused == Cable.REFUSED
    assert facts(table) == facts(unbroken)


class Cable:
    """Leads to an address until it is cut; mended after some connections that it refused."""

    REFUSED = 2

    def __init__(self, target: str):
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._ends: list[socket.socket] = []
        self._pumps: list[threading.Thread] = []
        self._is_cut = False
        self.refused = 0
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Cable:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.cut()
        for pump in self._pumps:
            pump.join()
        for end in (self._listener, *self._ends):
            end.close()

    def cut(self) -> None:
        self._is_cut = True
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                near.close()
                self.refused += 1
                self._is_cut = self.refused < self.REFUSED
            else:
                self._lead(near, socket.create_connection(self._target))

    def _lead(self, near: socket.socket, far: socket.socket) -> None:
        self._ends += [near, far]
        for ends in ((near, far), (far, near)):
            self._pumps.append(threading.Thread(target=_pump, args=ends))
            self._pumps[-1].start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Carries what one end says to the other, until either hangs up."""
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_a_full_disk_stops_a_sweep_that_goes_on_when_there_is_room(
    plan: Plan, photos: Path, link_address: str, unbroken: pa.Table, tmp_path: Path
) -> None:
    options = f"--scheme analog --cpp 0.1 --size 64 --workers 1 --link {link_address}"
    command = [sys.executable, "-m", "semlink.lab", "sweep", str(photos), *options.split()]
    limited = ["bash", "-c", 'ulimit -f 4 && exec "$@"', "-", *command, "-o", str(tmp_path)]
    full = subprocess.run(limited, env=ENVIRONMENT, capture_output=True, text=True, check=False)

    assert full.returncode == 2
    assert "File too large. Make room and run the same again" in full.stderr
    assert full.stderr.count("\n") == 1
    assert list((tmp_path / "rows").iterdir()) == []
    assert facts(sweep(plan, tmp_path, Where(workers=1, link=link_address))) == facts(unbroken)


SCHEMA = schema([])


def rows(*keys: str) -> list[Row]:
    return [Row({"key": key, "outcome": "reconstructed"}) for key in keys]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_device_without_room_leaves_what_was_there(tmp_path: Path) -> None:
    with opened(tmp_path / "other") as other:
        other.write(rows("b"), SCHEMA)
    with opened(tmp_path / "full") as store:
        store.write(rows("a"), SCHEMA)
        (tmp_path / "full" / "rows" / f".{other.parts[0].name}.part").symlink_to("/dev/full")

        with pytest.raises(InvalidInput, match=r"No space left on device\. Make room"):
            store.write(rows("b"), SCHEMA)
        assert store.keys() == {"a"}
        store.write(rows("b"), SCHEMA)
        assert store.keys() == {"a", "b"}


KILLED = """
import os, signal, sys
from pathlib import Path
from semlink.lab.sweep.rows import Row, schema
from semlink.lab.sweep.store import opened

with opened(Path(sys.argv[1])) as store:
    store.write([Row({"key": "a", "outcome": "lost"})], schema([]))
    os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    store.write([Row({"key": "b", "outcome": "lost"})], schema([]))
"""


def test_a_kill_between_writing_and_naming_loses_that_file_alone(tmp_path: Path) -> None:
    killed = python(KILLED, tmp_path)

    assert killed.returncode == -9, killed.stderr
    assert len(list((tmp_path / "rows").glob(".*.part"))) == 1
    with opened(tmp_path) as store:  # nor is the folder locked
        assert store.keys() == {"a"}
        assert list((tmp_path / "rows").glob(".*")) == []


CLOSED = """
import os, sys
from pathlib import Path
from semlink.lab.sweep.store import opened

if os.geteuid() == 0:  # nothing is closed to root
    os.setuid(65534)
with opened(Path(sys.argv[1])):
    pass
"""


def test_a_folder_that_is_closed_to_us_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    run = python(CLOSED, closed / "out")

    assert run.returncode == 1
    assert f"InvalidInput: folder={closed / 'out'}: " in run.stderr
    assert "Permission denied. Name another, or open it to writing." in run.stderr


def python(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
