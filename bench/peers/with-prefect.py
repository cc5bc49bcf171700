"""Prefect: a flow of tasks against the server that it starts beside itself, which records them in SQLite."""

import asyncio
import os
import sqlite3
import time

import harness

home = harness.folder / "prefect"
os.environ |= {
    "PREFECT_HOME": str(home),
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}

from prefect import flow, task  # noqa: E402, it reads the environment
from prefect.cache_policies import NO_CACHE  # noqa: E402

QUIET = 2  # seconds


# Awaiting tasks takes less than submitting them to a task runner (1.1 s for the chain, 2.1 s for the fan-out), and so does
# doing without keys for caching.

@task(cache_policy=NO_CACHE)
async def add_one(number: int) -> int:
    return number + 1


@task(cache_policy=NO_CACHE)
async def add_up(numbers: list[int]) -> int:
    return sum(numbers)


@flow
async def chain() -> int:
    number = 0
    for _ in range(harness.length):
        number = await add_one(number)
    return number


@flow
async def fan() -> int:
    numbers = await asyncio.gather(*[add_one(index) for index in range(harness.width)])
    return await add_up(numbers)


def recorded() -> tuple[int, ...]:
    connection = sqlite3.connect(f"file:{home / 'prefect.db'}?mode=ro", uri=True)
    try:
        counts = "SELECT (SELECT count(*) FROM task_run_state), (SELECT count(*) FROM events)"
        return connection.execute(counts).fetchone()
    finally:
        connection.close()


def settle() -> float:
    """The server goes on recording for seconds after a flow has its result; a flow that starts meanwhile waits for it."""
    known, since = recorded(), time.perf_counter()
    while time.perf_counter() - since < QUIET:
        time.sleep(0.1)
        if (now := recorded()) != known:
            known, since = now, time.perf_counter()
    return since


harness.main(lambda: asyncio.run(chain()), lambda: asyncio.run(fan()), settle)
