"""One picture of all carriers: how late each is on average, and when during the day."""

import csv
import json
import os
import tempfile
from pathlib import Path

# matplotlib keeps a cache of fonts in the home folder unless told otherwise; nothing is written outside the workspace.
os.environ.setdefault("MPLCONFIGDIR", tempfile.mkdtemp(prefix="matplotlib-", dir=os.getcwd()))

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def progress(share, text):
    with open(os.environ["MILLRACE_PROGRESS"], "a") as file:
        file.write(f"{share:.2f} {text}\n")


def by_hour(path):
    with open(path, newline="") as file:
        return {int(row["hour"]): float(row["mean_delay"]) for row in csv.DictReader(file) if row["mean_delay"]}


inputs = json.loads(Path(os.environ["MILLRACE_INPUTS"]).read_text())
carriers = sorted(inputs["carriers"], key=lambda carrier: carrier["mean_delay"])
labels = [f"{carrier['name']} ({carrier['carrier']})" for carrier in carriers]
hours = range(5, 24)
progress(0.2, f"{len(carriers)} carriers")

figure, (bars, heat) = plt.subplots(1, 2, figsize=(14, 6), sharey=True, layout="constrained")
figure.suptitle(inputs["title"], fontsize=15)

delays = [carrier["mean_delay"] for carrier in carriers]
bars.barh(labels, delays, color=["#2a7f9e" if delay <= 0 else "#d9822b" for delay in delays])
bars.axvline(0, color="#444", linewidth=0.8)
bars.set(title="Mean delay at arrival, minutes", xlabel="early ← → late")

progress(0.6, "by hour")
rows = [by_hour(carrier["by_hour"]) for carrier in carriers]
grid = [[row.get(hour, float("nan")) for hour in hours] for row in rows]
image = heat.imshow(grid, aspect="auto", cmap="YlOrRd", vmin=0, vmax=40, extent=(4.5, 23.5, -0.5, len(rows) - 0.5), origin="lower")
heat.set(title="Mean delay at departure by hour of the day, minutes", xlabel="scheduled hour", xticks=list(hours)[::2])
figure.colorbar(image, ax=heat, shrink=0.8, extend="both")

target = Path(os.environ["MILLRACE_ARTIFACTS"]) / "delays.png"
figure.savefig(target, dpi=110)
with open(os.environ["MILLRACE_OUTPUTS"], "a") as outputs:
    outputs.write(f"chart=@{target}\n")
progress(1, f"{target.stat().st_size // 1024} KiB")
