"""The busiest routes of a table of flights. Everything it needs comes in its own environment variables."""

import os
from pathlib import Path

import polars as pl

top = int(os.environ.get("TOP", "10"))
routes = (
    pl.scan_parquet(os.environ["FLIGHTS"])
    .group_by("origin", "dest")
    .agg(flights=pl.len(), mean_delay=pl.col("arr_delay").mean().round(2))
    .sort(["flights", "origin", "dest"], descending=[True, False, False])
    .head(top)
    .collect()
)
target = Path(os.environ["MILLRACE_ARTIFACTS"]) / "routes.csv"
routes.write_csv(target)

first = routes.row(0, named=True)
with open(os.environ["MILLRACE_OUTPUTS"], "a") as outputs:
    outputs.write(f"routes=@{target}\n")
    outputs.write(f"busiest={first['origin']}-{first['dest']}\n")
    outputs.write(f"flights={first['flights']}\n")
print(f"busiest: {first['origin']} to {first['dest']}, {first['flights']:,} flights")
