"""How late one carrier is: a few figures over the year, and a file by hour of the day."""

import json
import os
from pathlib import Path

import polars as pl

inputs = json.loads(Path(os.environ["MILLRACE_INPUTS"]).read_text())
carrier = inputs["carrier"]
# Scanned, so that only this carrier's rows and these columns are read.
flights = (
    pl.scan_parquet(inputs["flights"])
    .filter(pl.col("carrier") == carrier)
    .select("hour", "dep_delay", "arr_delay", "distance")
    .collect()
)
airlines = pl.read_parquet(inputs["airlines"])
name = airlines.filter(pl.col("carrier") == carrier)["name"].item()

by_hour = Path(os.environ["MILLRACE_ARTIFACTS"]) / "by_hour.csv"
(
    flights.group_by("hour")
    .agg(flights=pl.len(), mean_delay=pl.col("dep_delay").mean().round(2))
    .sort("hour")
    .write_csv(by_hour)
)

figures = {
    "carrier": carrier,
    "name": name,
    "flights": flights.height,
    "mean_delay": round(flights["arr_delay"].mean(), 2),
    "median_delay": flights["arr_delay"].median(),
    # The usual measure: a flight is on time if it arrives less than 15 minutes late.
    "on_time": round((flights["arr_delay"] < 15).mean(), 4),
    "mean_distance": round(flights["distance"].mean(), 1),
    "by_hour": {"$file": str(by_hour)},
}
Path(os.environ["MILLRACE_OUTPUTS"]).write_text(json.dumps(figures))
print(f"{name}: {flights.height:,} flights, {figures['mean_delay']:+.1f} min on average, {figures['on_time']:.0%} on time")
