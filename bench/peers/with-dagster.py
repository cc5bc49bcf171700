"""Dagster: a job of ops, all in this process; runs and event logs in SQLite under DAGSTER_HOME."""

import os

import harness

home = harness.folder / "dagster"
home.mkdir()
(home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
os.environ["DAGSTER_HOME"] = str(home)

import dagster as dg  # noqa: E402, it reads the environment

# Values are handed on in memory and nothing is printed: both make it faster.
in_memory = {"io_manager": dg.mem_io_manager}
quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def adder(name: str, first: int = 0) -> dg.OpDefinition:
    @dg.op(name=name, ins={"number": dg.In(int, default_value=first)}, out=dg.Out(int))
    def add_one(number):
        return number + 1

    return add_one


@dg.op
def add_up(numbers: list[int]) -> int:
    return sum(numbers)


@dg.job(resource_defs=in_memory)
def chain():
    number = adder("n0")()
    for index in range(1, harness.length):
        number = adder(f"n{index}")(number)


# Declared one by one, which takes half the time of mapping over a dynamic output.
@dg.job(resource_defs=in_memory)
def fan():
    add_up([adder(f"n{index}", index)() for index in range(harness.width)])


with dg.DagsterInstance.get() as instance:

    def result_of(job: dg.JobDefinition, last: str) -> int:
        result = job.execute_in_process(instance=instance, run_config=quiet)
        return result.output_for_node(last)

    harness.main(
        lambda: result_of(chain, f"n{harness.length - 1}"),
        lambda: result_of(fan, "add_up"),
    )
