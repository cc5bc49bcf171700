"""Says why the data did not pass the gate. Needs nothing but Python."""

import json
import os
from pathlib import Path

inputs = json.loads(Path(os.environ["MILLRACE_INPUTS"]).read_text())
quality, wanted = inputs["quality"], inputs["min_quality"]
checks = sorted(inputs["checks"].items(), key=lambda check: check[1])

lines = [
    "# The data did not pass",
    "",
    f"Quality {quality:.2%} was measured, at least {wanted:.2%} was wanted. Nothing was published.",
    f"{inputs['rows']:,} flights were kept, {inputs['dropped']:,} dropped. The checks, worst first:",
    "",
    "| check | share of flights that pass |",
    "| --- | ---: |",
    *[f"| {name.replace('_', ' ')} | {share:.2%} |" for name, share in checks],
]
target = Path(os.environ["MILLRACE_ARTIFACTS"]) / "quality.md"
target.write_text("\n".join(lines) + "\n", encoding="utf-8")
with open(os.environ["MILLRACE_OUTPUTS"], "a") as outputs:
    outputs.write(f"report=@{target}\n")
    outputs.write(f"worst_check={checks[0][0]}\n")
print(f"quality {quality} is below {wanted}; worst check: {checks[0][0]}")
