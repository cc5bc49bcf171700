"""DBOS: a workflow of steps, each recorded in SQLite before the next begins."""

import asyncio
import sqlite3

from dbos import DBOS

import harness

database = harness.folder / "dbos.sqlite"

# SQLite's write-ahead log is not what DBOS chooses, but makes it a third faster and is as durable.
with sqlite3.connect(database) as connection:
    connection.execute("PRAGMA journal_mode=WAL")
connection.close()

DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{database}",
        "run_admin_server": False,
        "enable_otlp": False,
        "log_level": "ERROR",
    }
)


@DBOS.step()
def add_one(number: int) -> int:
    return number + 1


@DBOS.step()
async def add_one_beside(number: int) -> int:
    return number + 1


@DBOS.step()
async def add_up(numbers: list[int]) -> int:
    return sum(numbers)


@DBOS.workflow()
def chain() -> int:
    number = 0
    for _ in range(harness.length):
        number = add_one(number)
    return number


# Of its ways to do things beside each other (child workflows, a queue, steps that are gathered) the fastest.
@DBOS.workflow()
async def fan() -> int:
    numbers = await asyncio.gather(*[add_one_beside(index) for index in range(harness.width)])
    return await add_up(list(numbers))


DBOS.launch()
try:
    harness.main(chain, lambda: asyncio.run(fan()))
finally:
    DBOS.destroy()
