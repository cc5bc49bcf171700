"""What every peer's program does: warm up, measure, say so in one line of JSON.

    python with-NAME.py FOLDER LENGTH WIDTH

A node is a function that gives back its input plus one. `chain` is LENGTH of them, each fed by the one before, from 0; `fan`
is WIDTH of them beside each other, fed with 0, 1, 2, …, and one more node that adds up what they gave. Each is run for a
second to warm up, and then by the clock, up to five times within a second: from the call that submits it to the result in
hand, of which the median counts. Starting Python and importing the library are not measured. `recorded` is when the peer had written down all of it, which may be later than the result. All that
is kept lies in FOLDER.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

folder = Path(sys.argv[1])
length = int(sys.argv[2])
width = int(sys.argv[3])

ENOUGH = 1  # seconds of one work, for warming up and for measuring; at least one run
RUNS = 5


def main(
    chain: Callable[[], int],
    fan: Callable[[], int],
    settle: Callable[[], float] = time.perf_counter,
) -> None:
    """Measures both. `settle` waits until nothing of a run is written in the background any more, and says since when."""
    work = {"chain": (chain, length), "fan": (fan, width * (width + 1) // 2)}
    for run, wanted in work.values():
        warm_up(run, wanted)
    settle()
    found = {name: measure(run, wanted, settle) for name, (run, wanted) in work.items()}
    print(json.dumps(found), flush=True)


def warm_up(run: Callable[[], int], wanted: int) -> None:
    began = time.perf_counter()
    while time.perf_counter() - began < ENOUGH:
        check(run(), wanted)


def measure(
    run: Callable[[], int], wanted: int, settle: Callable[[], float]
) -> dict[str, float]:
    seconds: list[float] = []
    recorded: list[float] = []
    while len(seconds) < RUNS and sum(seconds) < ENOUGH:
        began = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - began)
        check(result, wanted)
        recorded.append(settle() - began)
    return {"seconds": median(seconds), "recorded": median(recorded)}


def check(result: int, wanted: int) -> None:
    if result != wanted:
        raise ValueError(f"the result is {result!r}, wanted is {wanted}")
