"""Merchants, processes and acquirers at random, with everything going wrong that can.

A failure names its seed. `SIMULATION_SEED=7 pytest tests/simulation` replays that one run exactly;
`SIMULATION_STEPS` sets its length.
"""

import re
from hashlib import sha256
from os import environ

import pytest
from tests.simulation.audit import audit
from tests.simulation.virtual import run
from tests.simulation.world import World

from counterfoil.core.order import Kind, Outcome

STEPS = int(environ.get("SIMULATION_STEPS", "1000"))
ONE = environ.get("SIMULATION_SEED")
SEEDS = [int(ONE)] if ONE else [*range(20)]
SOAK_SEEDS = range(1_000, 1_000 + 1_000_000 // STEPS)
AUDIT_EVERY = 500
SHOWN = 40


def simulate(seed: int, steps: int = STEPS) -> World:
    """Run that seed; raises `AssertionError` with the seed at the first audit that fails."""
    world = World(seed)

    async def work() -> None:
        await world.open()
        for step in range(1, steps + 1):
            await world.step()
            if step % AUDIT_EVERY == 0 or step == steps:
                await world.settle()
                found = await audit(world)
                assert not found, report(world, seed, steps, found)

    run(world.clock, work)
    return world


def report(world: World, seed: int, steps: int, found: list[str]) -> str:
    """What went wrong, what happened to the first order or operation it names, how to replay."""
    numbers: list[str] = re.findall(r"[0-9]{15,}", found[0])
    about = [line for line in world.log if any(number in line for number in numbers)]
    replay = f"SIMULATION_SEED={seed} SIMULATION_STEPS={steps} pytest tests/simulation"
    return "\n".join([f"seed {seed}; replay with: {replay}", *found[:SHOWN], "", *about[-SHOWN:]])


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_made_or_done_twice(seed: int) -> None:
    simulate(seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SOAK_SEEDS)
def test_nothing_is_lost_made_or_done_twice_in_a_million_steps(seed: int) -> None:
    simulate(seed)


def test_a_run_follows_from_its_seed_alone() -> None:
    first, again, other = (_digest(simulate(seed, 200)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_runs_are_rich_enough_to_prove_something() -> None:
    worlds = [simulate(seed, 1_000) for seed in range(3)]
    seen = {
        (operation.kind, operation.outcome)
        for world in worlds
        for order in world.rest.stored()
        for operation in order.operations
    }
    for kind in (Kind.AUTHORIZE, Kind.CHARGE, Kind.REVERSE, Kind.REFUND, Kind.CREDIT):
        assert (kind, Outcome.APPROVED) in seen
    for kind in (Kind.AUTHORIZE, Kind.CHARGE, Kind.REFUND):
        assert {(kind, Outcome.DECLINED), (kind, Outcome.FAILED)} <= seen
    log = "\n".join(line for world in worlds for line in world.log)
    for what in ("dies", "the store failed", "the clock jumps", "tell", "inquire", "late", "twice"):
        assert what in log
    banks = [bank for world in worlds for bank in world.banks.values()]
    assert any(entry.undone for bank in banks for entry in bank.book.values())


def _digest(world: World) -> str:
    return sha256("\n".join(world.log).encode()).hexdigest()
