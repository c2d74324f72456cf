"""The run as a whole, with a generator that sends nothing."""

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console
from tests.bench.fakes import fake_product, fake_wrk

from counterfoil.bench.__main__ import options
from counterfoil.bench.calls import CALLS
from counterfoil.bench.cluster import free_port
from counterfoil.bench.load import LoadError
from counterfoil.bench.server import (
    Server,
    disk_folder,
    filesystem,
    floor_command,
    serve_command,
)
from counterfoil.bench.suite import Bench, Options, sizes

QUICK = Options(connections=(64,), rounds=1, seconds=1)
MOUNTS = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/disk xfs rw 0 0\n"


def bench(folder: Path, given: Options, tool: str) -> Bench:
    given = replace(given, command=fake_product(folder))
    return Bench(given, tool, folder, Console(quiet=True))


def test_the_table_has_a_row_for_each_call(tmp_path: Path) -> None:
    found = bench(tmp_path, QUICK, fake_wrk(tmp_path)).findings()
    assert [row.call for row in found.table] == [
        "authorize",
        "create",
        "signed",
        "order",
        "charge",
        "refund",
        "get",
        "list",
        "filter",
    ]
    assert {(row.rate, row.reference, row.percent) for row in found.table} == {
        (20_000, 20_000, 100)
    }
    assert all(goal.met for goal in found.goals)
    assert len(found.goals) == 8
    assert found.memory_kb > 0
    calls = (tmp_path / "wrk.log").read_text().splitlines()
    assert all("-t1 -c64" in call for call in calls)


def test_an_answer_that_is_no_success_fails_the_run(tmp_path: Path) -> None:
    given = replace(QUICK, calls=("authorize",))
    with pytest.raises(LoadError, match="7 of 20000 answers were no success"):
        bench(tmp_path, given, fake_wrk(tmp_path, refused=7)).findings()


def test_memory_is_sampled_until_there_are_enough_orders(tmp_path: Path) -> None:
    tool = fake_wrk(tmp_path, requests=90_000)
    found = bench(tmp_path, replace(QUICK, memory=True), tool).findings()
    assert [each.orders for each in found.resident] == [90_000, 180_000, 270_000]
    assert all(each.kb > 0 for each in found.resident)
    assert found.table == ()
    assert len(found.goals) == 2


def test_scale_compares_few_orders_with_many(tmp_path: Path) -> None:
    tool = fake_wrk(tmp_path)
    found = bench(tmp_path, replace(QUICK, scale=30, few=10), tool).findings()
    assert [row.call for row in found.scale] == ["get", "filter", "authorize"]
    assert (found.scale_orders, found.few_orders) == (30, 10)
    assert len(found.goals) == 3


def test_the_product_is_asked_for_its_sizes(tmp_path: Path) -> None:
    wanted = {"authorize": 829, "charge": 70, "refund": 80, "get": 90, "list": 100, "filter": 110}
    wanted |= {"create": 120, "signed": 130, "order": 140}
    command = floor_command(free_port(), tmp_path / "floor.db", wanted)
    with Server(command, "floor", tmp_path) as server:
        assert sizes(server.base, CALLS) == wanted
        assert server.memory_kb() > 1000
    assert server.memory_kb() == 0


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "raise SystemExit('no such port')")
    with pytest.raises(LoadError, match="no such port"), Server(command, "odd", tmp_path):
        pass


def test_databases_are_not_made_in_memory(tmp_path: Path) -> None:
    assert filesystem(Path("/var/tmp"), MOUNTS) == "ext4"  # noqa: S108
    assert filesystem(Path("/tmp/x"), MOUNTS) == "tmpfs"  # noqa: S108
    assert filesystem(Path("/tmp/disk/x"), MOUNTS) == "xfs"  # noqa: S108
    with pytest.raises(LoadError, match="--folder"):
        disk_folder(tmp_path / "missing")


def test_the_product_is_started_by_its_own_command() -> None:
    command = serve_command((), 8123, "sqlite:////data/bench.db")
    assert command[0].endswith("/counterfoil")
    assert command[1:3] == ("serve", "--demo")
    assert command[-2:] == ("--database", "sqlite:////data/bench.db")


def test_the_command_line_gives_every_option() -> None:
    given = ["--calls", "get", "list", "--connections", "1", "8", "--rounds", "5", "--seconds", "2"]
    given += ["--folder", "/data", "--json", "--memory", "--scale", "1000000"]
    assert options(given) == Options(
        calls=("get", "list"),
        connections=(1, 8),
        rounds=5,
        seconds=2,
        folder=Path("/data"),
        as_json=True,
        memory=True,
        scale=1_000_000,
    )
    assert options([]) == Options()
