"""One web page that needs no other file: figures, the chart inlined, and a table of all carriers."""

import base64
import csv
import json
import os
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

inputs = json.loads(Path(os.environ["MILLRACE_INPUTS"]).read_text())
carriers = sorted(inputs["carriers"], key=lambda carrier: carrier["on_time"], reverse=True)
with open(inputs["routes"], newline="") as file:
    routes = list(csv.DictReader(file))

templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True)
page = templates.get_template("summary.html").render(
    title=inputs["title"],
    rows=inputs["rows"],
    clean=inputs["clean"],
    carriers=carriers,
    routes=routes,
    chart=base64.b64encode(Path(inputs["chart"]).read_bytes()).decode(),
)

target = Path(os.environ["MILLRACE_ARTIFACTS"]) / "summary.html"
target.write_text(page, encoding="utf-8")
with open(os.environ["MILLRACE_OUTPUTS"], "a") as outputs:
    outputs.write(f"summary=@{target}\n")
    outputs.write(f"most_punctual={carriers[0]['name']}\n")
    outputs.write(f"least_punctual={carriers[-1]['name']}\n")
print(f"most punctual: {carriers[0]['name']}, least: {carriers[-1]['name']}")
