// What is said of what a run is given and of what it needs. Part of problem-messages.ts, which says how sentences are written.

export const RUN_MESSAGES = {
  missing_input: {
    input:
      'the input "{name}"{about} has no value and no default; wanted {wanted}, as in -i {name}=…',
    bound:
      '{subject} gives no value for the input "{name}" of the pipeline "{pipeline}", which has no default; wanted {wanted}',
  },
  wrong_input: {
    option: '"-i {text}" is no input: wanted -i name=value',
    empty: 'the input "{name}" is empty; wanted {wanted}',
    not_json: 'the input "{name}" is "{came}", which is no JSON; wanted {wanted}',
    type: 'the input "{name}" is {came}; wanted {wanted}',
    reference: 'the input "{name}" holds a member "$ref", which only the engine may write',
    bound: '{subject} is {came}; wanted {wanted}',
    values: '{file}:{why}',
    file_value:
      'the input "{name}" holds a "$file" that is none; wanted is what uploading a file gave',
    file_elsewhere:
      'the input "{name}" is the file "{path}" of another machine; wanted is a file that was uploaded, as -i {name}=FILE does',
  },
  input_file_missing: {
    input: 'the file {file} for the input "{name}" is not there, or is no file that can be read',
    values: 'the file {file} of --inputs is not there or cannot be read',
    object: 'the file {key} for the input "{name}" was not uploaded to this namespace',
  },
  secret_missing: {
    names: 'the pipeline names the secret {name}, which is not set',
  },
  repository_missing: {
    address: 'repository {git} is no address; wanted is an https or ssh URL, or a path',
    secret:
      'repository {repository} is opened with "{name}", which neither the configuration nor a secret of that name says; set it with: millrace secret set {name}',
    helper:
      'repository {git} names a helper program, which is not allowed; wanted is an https or ssh URL, or a path',
    scheme: 'repository {git} uses {scheme}://; wanted is one of {known}',
    unreadable: 'repository {repository} cannot be read: {why}',
    not_fetched: 'repository {repository} cannot be fetched: {why}',
    offline:
      'commit {commit} of {repository} is not in the cache, and --offline forbids to fetch it',
    gone: 'commit {commit}, which tag "{tag}" meant when this run began, is no longer in {repository}',
    mirror: 'no mirror of a repository can be made in {folder}: {why}',
    checkout: 'commit {commit} cannot be checked out: {why}',
    two_folders:
      'repository {git} is another one for {file} than for {other}, because its path is relative; wanted an absolute path or an address',
    no_folder: 'working tree {folder} is no folder',
    submodules: 'commit {commit} has {count} submodules; at most {most} are allowed',
    submodule_depth: 'submodules of {repository} lie deeper than {most} levels',
    submodule_unknown:
      'repository {repository} has the submodule "{path}", but its .gitmodules does not say where that is',
    submodule_local:
      'repository {repository} has the submodule "{path}" at {url}, a folder of this machine; wanted is an https or ssh URL',
    submodule_gone: 'commit {commit} of the submodule {repository} cannot be fetched: {why}',
  },
  tag_missing: {
    name: '{tag} cannot be the name of a tag; wanted is something like "v1.0.0"',
    offline: 'tag "{tag}" of {repository} is not in the cache, and --offline forbids to fetch it',
    none: 'repository {repository} has no tag "{tag}"; it has no tags at all',
    nearest: 'repository {repository} has no tag "{tag}"; nearest are {nearest}',
    branch:
      'tag "{tag}" of repository {repository} is a branch, which means another commit tomorrow; wanted a tag{nearest}',
    commit:
      '"{tag}" is no tag of repository {repository} but looks like a commit; wanted a tag{nearest}',
    moved: 'tag "{tag}" of {repository} has moved: it was {before} and is {commit} now',
  },
  project_file_missing: {
    tree: 'working tree {folder} has no file {project}',
    outside: "project file {project} is outside of the operator's files; wanted is a path inside",
    none: '{operator} has no file "{project}"; there is no {name} in it anywhere',
    others: '{operator} has no file "{project}"; it has {others}',
  },
  does_not_fit: {
    cpu: 'node "{node}" asks for {wanted} cores; this machine has {has}',
    memory: 'node "{node}" asks for {wanted} of memory; this machine has {has}',
    gpu: 'node "{node}" asks for {wanted} GPU; this machine has {has}',
  },
  path_missing: {
    tree: 'the working tree {folder} for the operator "{name}" is not there',
  },
  log_unwritable: {
    folder: 'the log {file} cannot be written: a folder is in its place; runs go on without it',
    no_folder: 'the log {file} cannot be written: {folder} is no folder; runs go on without it',
    refused: 'the log {file} cannot be written: {where}: {error}; runs go on without it',
  },
  stays_here: {
    operator_path:
      'operator "{operator}" is the working tree {path}, which other machines do not have; wanted is a repository with an address and a tag',
    operator_repository:
      'operator "{operator}" is in the repository {path}, which other machines do not have; wanted is an https or ssh URL',
    encoded:
      'the configuration of {file} holds encoded values, or passwords of repositories, which do not leave this machine; wanted are secrets of the server, named as {{ secret.NAME }}',
  },
  package_missing: {
    sql: 'node "{node}" has "sql", which needs the package {name}: npm i {name}@{version}',
    other:
      'node "{node}" has "sql", which needs the package {name} in version {version}; installed is {came}',
  },
} as const;
