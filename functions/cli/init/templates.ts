// The pipelines that `init` writes: each runs as it is.

export interface Template {
  readonly name: string;
  readonly about: string;
  readonly dialect: 'nodes' | 'operators';
  /** Path → text. The pipeline gets the line with its schema on top. */
  readonly files: Readonly<Record<string, string>>;
  /** Folders that become git repositories with a tag: operators come from such. */
  readonly repositories: readonly string[];
  /** Options of the `run` that is proposed. */
  readonly options: readonly string[];
}

export const PIPELINE = 'pipeline.yaml';
export const TAG = 'v1.0.0';

const HELLO = `# Two nodes: greet writes an output, say starts when greet has completed and uses it.
id: hello
inputs:
  name: { type: string, default: world }
nodes:
  - id: greet
    steps:
      - command: echo "greeting=Hello" >> "$MILLRACE_OUTPUTS"

  - id: say
    needs: [greet]
    steps:
      - command: echo {{ greet.greeting }}, {{ pipeline.input.name }}!
`;

const SQL = `# Orders by region: DuckDB reads a CSV file, a condition looks at the result.
id: orders
inputs:
  orders: { type: file, default: orders.csv }
  least: { type: number, default: 10 }
nodes:
  - id: by_region
    inputs:
      orders: "{{ pipeline.input.orders }}"
      least: "{{ pipeline.input.least }}"
    sql:
      query: |
        select region, count(*) as orders, sum(amount) as amount
        from read_csv('{{ orders }}')
        where amount >= {{ least }}
        group by region
        order by amount desc
      into: regions.csv                      # a file, output "regions"
      outputs:
        region_count: select count(*) from regions
        best: select region from regions limit 1

  - id: tell
    startWhen: event:by_region.completed && {{ by_region.region_count > 0 }}
    inputs:
      regions: "{{ by_region.regions }}"
    steps:
      - command: echo best is {{ by_region.best }}; cat {{ regions }}
`;

const ORDERS = `region,customer,amount
north,ana,120.50
south,ben,75.00
north,carla,33.25
west,deniz,9.99
south,eva,210.00
`;

const OPERATORS = `# A production line of two operators, each a git repository at a tag with an environment of its own.
# To work on one of them: millrace run --with count=operators/count
pipeline_id: "words"
name: "Words"
description: "Writes a text and counts its words"
operators:
  - operator_id: "write"
    git_repo: "./operators/write"
    git_tag: "${TAG}"
    upstream_dependencies: []
    env_type: "uv_project"
    env_config:
      pyproject_path: "./pyproject.toml"
    start_command: "python main.py"
    timeout: 600
  - operator_id: "count"
    git_repo: "./operators/count"
    git_tag: "${TAG}"
    upstream_dependencies: ["write"]
    env_type: "uv_project"
    env_config:
      pyproject_path: "./pyproject.toml"
    start_command: "python main.py"
    timeout: 600
    extra_env_vars:
      TEXT: "{{ write.text }}"
nodes:
  - node_id: "write"
    operator_ids: ["write"]
    runner_count: 1
    resource:
      cpu_request: 0.5
      memory_request: 0.25
  - node_id: "count"
    operator_ids: ["count"]
    runner_count: 1
    resource:
      cpu_request: 0.5
      memory_request: 0.25
`;

const WRITE = `# Hands a file over: "text=@text.txt" names one in the folder of artifacts.
import os
from pathlib import Path

Path(os.environ["MILLRACE_ARTIFACTS"], "text.txt").write_text("the mill turns as the water runs\\n")
with open(os.environ["MILLRACE_OUTPUTS"], "a") as outputs:
    outputs.write("text=@text.txt\\n")
`;

const COUNT = `# TEXT is the path of the file that the operator before this one wrote.
import os
from pathlib import Path

words = Path(os.environ["TEXT"]).read_text().split()
print(f"{len(words)} words")
with open(os.environ["MILLRACE_OUTPUTS"], "a") as outputs:
    outputs.write(f"words={len(words)}\\n")
`;

/** A project without dependencies, locked: its environment is made without any network. */
function project(name: string, main: string): Readonly<Record<string, string>> {
  return {
    [`operators/${name}/main.py`]: main,
    [`operators/${name}/pyproject.toml`]: `[project]\nname = "${name}"\nversion = "1.0.0"\nrequires-python = ">=3.10"\ndependencies = []\n`,
    [`operators/${name}/uv.lock`]: `version = 1\nrevision = 3\nrequires-python = ">=3.10"\n\n[[package]]\nname = "${name}"\nversion = "1.0.0"\nsource = { virtual = "." }\n`,
    [`operators/${name}/.gitignore`]: '.venv/\n__pycache__/\n',
  };
}

export const TEMPLATES: readonly Template[] = [
  {
    name: 'hello',
    about: 'two nodes and an input, nothing but a shell',
    dialect: 'nodes',
    files: { [PIPELINE]: HELLO },
    repositories: [],
    options: ['-i', 'name=you'],
  },
  {
    name: 'sql',
    about: 'DuckDB over a CSV file, and a condition on what came out',
    dialect: 'nodes',
    files: { [PIPELINE]: SQL, 'orders.csv': ORDERS },
    repositories: [],
    options: [],
  },
  {
    name: 'operators',
    about: 'two Python operators from git repositories, each in an environment made by uv',
    dialect: 'operators',
    files: { [PIPELINE]: OPERATORS, ...project('write', WRITE), ...project('count', COUNT) },
    repositories: ['operators/write', 'operators/count'],
    options: [],
  },
];
