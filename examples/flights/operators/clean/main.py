"""Keeps the flights that arrived, adds their plane, airport and weather, and measures how good the data is.

Written for polars 0.20 on purpose, while its neighbours use polars 1: each operator has an environment of its own.
"""

import json
import os
from pathlib import Path

import polars as pl

ARTIFACTS = Path(os.environ["MILLRACE_ARTIFACTS"])


def progress(share, text):
    with open(os.environ["MILLRACE_PROGRESS"], "a") as file:
        file.write(f"{share:.2f} {text}\n")


def joined(tables):
    planes = tables["planes"].select("tailnum", "manufacturer", "seats", plane_year="year")
    airports = tables["airports"].select(dest="faa", dest_name="name")
    weather = tables["weather"].select("origin", "time_hour", "temp", "wind_speed", "precip", "visib")
    weather = weather.unique(["origin", "time_hour"], keep="first", maintain_order=True)
    return (
        tables["flights"]
        .join(planes, on="tailnum", how="left", coalesce=True)
        .join(airports, on="dest", how="left", coalesce=True)
        .join(weather, on=["origin", "time_hour"], how="left", coalesce=True)
    )


def measure(flights):
    """For each check the share of flights that pass it, between 0 and 1."""
    speed = pl.col("distance") / (pl.col("air_time") / 60)
    checks = {
        "departed": pl.col("dep_time").is_not_null(),
        "arrival_known": pl.col("arr_delay").is_not_null(),
        "plane_known": pl.col("manufacturer").is_not_null(),
        "airport_known": pl.col("dest_name").is_not_null(),
        "weather_known": pl.col("temp").is_not_null(),
        "speed_plausible": speed.is_between(50, 750).fill_null(True),
    }
    return flights.select(**{name: check.mean() for name, check in checks.items()}).row(0, named=True)


inputs = json.loads(Path(os.environ["MILLRACE_INPUTS"]).read_text())
progress(0, "reading")
tables = {name: pl.read_parquet(inputs[name]) for name in ["flights", "planes", "airports", "weather"]}

progress(0.3, "joining")
flights = joined(tables)
checks = {name: round(share, 4) for name, share in measure(flights).items()}
quality = round(sum(checks.values()) / len(checks), 4)

progress(0.7, "writing")
kept = flights.filter(pl.col("arr_delay").is_not_null())
kept.write_parquet(ARTIFACTS / "flights.parquet")
carriers = kept["carrier"].unique().sort().to_list()

# The outputs as JSON this time; `$file` hands a file over.
outputs = {
    "flights": {"$file": str(ARTIFACTS / "flights.parquet")},
    "rows": kept.height,
    "dropped": flights.height - kept.height,
    "quality": quality,
    "checks": checks,
    "carriers": carriers,
    "library": f"polars {pl.__version__}",
}
Path(os.environ["MILLRACE_OUTPUTS"]).write_text(json.dumps(outputs))
print(f"kept {kept.height:,} of {flights.height:,} flights of {len(carriers)} carriers, quality {quality}")
progress(1, f"quality {quality}")
