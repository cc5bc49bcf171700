// Secrets of every kind, said by a program in every way it might: what is kept, printed or shown by the system holds none of them.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createEngine } from '#local/library.ts';
import { allProcesses } from '#runner/processes.ts';
import { jsonLines, Place } from '#support/millrace.ts';

const SECRETS: Readonly<Record<string, string>> = {
  PLAIN: `s3cr&t/"quoted" +plus=~'single'`,
  LINES: '-----BEGIN THING-----\nqZ8first-line-of-it\r\nqZ8second line/of it\n-----END THING-----',
  UNICODE: 'пароль-密码-🔑-é',
  SHORT: 'k7Q!z',
  REGEX: 'a.b*c+d?(e)[f]{g}^$|\\h\\n',
  PAIR: 'qZ8-user:w0nder&land',
  LONG: createHash('sha512').update('long').digest('base64').repeat(6),
};
/** What is made from them, or is a part that is hidden by itself. */
const PARTS = ['w0nder&land', 'qZ8first-line-of-it', 'qZ8second line/of it', 'QZ8-USER'];

const SAY = `
import base64, html, json, os, shlex, sys, textwrap, time, urllib.parse as url
out = sys.stdout
for name in ${JSON.stringify([...Object.keys(SECRETS), 'PASS', 'LOUD'])}:
    text = os.environ[name]
    raw = text.encode()
    said = [text, repr(text), repr(raw), json.dumps(text), json.dumps({name: text}, ensure_ascii=False),
            shlex.quote(text), html.escape(text), url.quote(text), url.quote(text, safe=''), url.quote_plus(text),
            url.quote(text, safe='').lower() if '%' in url.quote(text, safe='') and text.islower() else '',
            raw.hex(), raw.hex().upper(), 'https://u:' + url.quote(text, safe='') + '@example.com/?q=' + url.quote_plus(text)]
    for before in range(3):
        whole = b'x' * before + raw + b' behind'
        said += [base64.b64encode(whole).decode(), base64.urlsafe_b64encode(whole).decode(), base64.encodebytes(whole).decode()]
    for one in said:
        print('said', one)
    print('error', text, file=sys.stderr)
    out.flush()
    for cut in range(0, len(raw), 3):
        os.write(1, raw[cut:cut + 3]); time.sleep(0.002)
    os.write(1, b' split\\n')
    with open(os.environ['MILLRACE_PROGRESS'], 'a') as progress:
        progress.write('0.5 working with ' + text.replace('\\n', ' ') + '\\n')
outputs = {name: os.environ[name] for name in ${JSON.stringify(Object.keys(SECRETS))}}
outputs['nested'] = {os.environ['SHORT']: [base64.b64encode(os.environ['LONG'].encode()).decode()]}
outputs['large'] = (os.environ['PLAIN'] + ' ') * 4000
json.dump(outputs, open(os.environ['MILLRACE_OUTPUTS'], 'w'))
`;

const ENV = Object.keys(SECRETS)
  .map((name) => `${name}: "{{ secret.${name} }}"`)
  .join(', ');
const PIPELINE = `
id: secretive
nodes:
  - id: says
    env: { ${ENV}, PASS: "{{ split(secret.PAIR, ':')[1] }}", LOUD: "{{ upper(split(secret.PAIR, ':')[0]) }}" }
    steps:
      - command: python3 -I "$MILLRACE_PIPELINE_DIR/say.py"
  - id: commands
    steps:
      - command: |
          set -x
          test {{ secret.PLAIN }} = "$(cat "$MILLRACE_PIPELINE_DIR/PLAIN")" || exit 3
          test {{ secret.LONG }} = "$(cat "$MILLRACE_PIPELINE_DIR/LONG")" || exit 4
          test {{ split(secret.PAIR, ':')[1] }} = "$(cat "$MILLRACE_PIPELINE_DIR/PASS")" || exit 5
          cat <<EOF
          here {{ secret.REGEX }} {{ secret.UNICODE }}
          EOF
          touch "$MILLRACE_PIPELINE_DIR/ready"
          until test -e "$MILLRACE_PIPELINE_DIR/go"; do sleep 0.05; done
    resources: { limits: { memory: 500MiB } }
  - id: fails
    steps: [{ env: { T: "{{ secret.PLAIN }}" }, command: 'python3 -I -c "import os; raise KeyError(os.environ[chr(84)])"' }]
  - id: wrong
    steps: [{ env: { T: "{{ number(secret.PLAIN) }}" }, command: 'true' }]
  - id: missing
    steps: [{ command: '{{ secret.SHORT }} --version' }]
`;

let place: Place | undefined;
afterEach(() => {
  if (place === undefined) return;
  writeFileSync(join(place.folder, 'go'), '');
  place.remove();
});

/** Parts of base64 that do not depend on what stands before or behind. */
function inBase64(text: string): string[] {
  const bytes = Buffer.from(text);
  return [0, 1, 2].flatMap((before) =>
    (['base64', 'base64url'] as const).map((encoding) =>
      Buffer.concat([Buffer.alloc(before), bytes])
        .toString(encoding)
        .slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)),
    ),
  );
}

function spellings(text: string): string[] {
  const whole = encodeURIComponent(text);
  return [
    text,
    text.replaceAll('\r\n', '\n'),
    ...inBase64(text),
    whole,
    whole.replace(/%../g, (sign) => sign.toLowerCase()),
    whole.replaceAll('%20', '+'),
    encodeURI(text),
    JSON.stringify(text).slice(1, -1),
    Buffer.from(text).toString('hex'),
    Buffer.from(text).toString('hex').toUpperCase(),
  ];
}

const NEEDLES: readonly (readonly [string, string])[] = [
  ...Object.entries(SECRETS).flatMap(([name, text]) =>
    spellings(text).map((one, index) => [`${name} #${index}`, one] as const),
  ),
  ...PARTS.flatMap((text) =>
    spellings(text).map((one, index) => [`${text} #${index}`, one] as const),
  ),
  // However base64 breaks its lines, parts of this size are left of a long one.
  ...inBase64(SECRETS['LONG'] ?? '').flatMap((text) =>
    [0, 97, 200, 331].map((at) => [`LONG at ${at}`, text.slice(at, at + 40)] as const),
  ),
];

/** Names of what stands in the bytes. */
function told(content: Buffer | string): string[] {
  const bytes = Buffer.from(content);
  return NEEDLES.filter(([, needle]) => bytes.includes(needle)).map(([name]) => name);
}

function toldByFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const file = join(folder, name);
    if (!existsSync(file) || !statSync(file).isFile()) return [];
    return told(readFileSync(file)).map((secret) => `${name} holds ${secret}`);
  });
}

/** The command lines of all processes, and the environments of those that are no programs of the run. */
function toldByProcesses(there: Place): string[] {
  const before = there.programs;
  const seen = allProcesses()
    .filter(({ pid }) => pid !== process.pid)
    .map(({ pid }) => {
      const environment = procFile(pid, 'environ');
      const line = told(procFile(pid, 'cmdline'));
      // A program of the run may begin and end between two looks: what it was given tells what it is.
      return {
        pid,
        line,
        environment: environment.includes('MILLRACE_NODE=') ? [] : told(environment),
      };
    });
  // One may have begun while the others were looked at.
  const programs = new Set([...before, ...there.programs]);
  return seen.flatMap(({ pid, line, environment }) =>
    [...line, ...(programs.has(pid) ? [] : environment)].map(
      (secret) => `process ${pid} shows ${secret}`,
    ),
  );
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

test('secrets are found nowhere, in no spelling, while a run goes on and after it', async () => {
  const here = new Place({ 'pipeline.yaml': PIPELINE, 'say.py': SAY });
  place = here;
  for (const [name, text] of Object.entries(SECRETS)) {
    writeFileSync(join(here.folder, name), text);
    expect(await here.feed(text, 'secret', 'set', name)).toMatchObject({ code: 0 });
  }
  writeFileSync(join(here.folder, 'PASS'), 'w0nder&land');
  const dataDir = join(here.folder, '.millrace');
  const run = (await here.run('run', '--detach')).stdout.trim();
  const followed = here.start('events', run, '-f', '--json');
  const lines = here.start('logs', run, '-f', '--json');
  await expect.poll(() => existsSync(join(here.folder, 'ready')), { timeout: 20_000 }).toBe(true);
  await followed.line((text) => text.includes('"says.completed"'));
  expect(here.programs.length).toBeGreaterThan(0);
  expect(toldByProcesses(here)).toEqual([]);
  expect(toldByFiles(dataDir).filter((one) => !one.includes('workspaces'))).toEqual([]);
  writeFileSync(join(here.folder, 'go'), '');
  const streams = [await followed.ended, await lines.ended];
  const asked = await Promise.all([
    here.run('show', run),
    here.run('show', run, '--json'),
    here.run('logs', run),
    here.run('events', run),
    here.run('explain', run, 'fails'),
    here.run('explain', run, 'wrong', '--json'),
    here.run('plan', '--json'),
    here.run('secret', 'list', '--json'),
    here.run('retry', run, '--json'),
  ]);
  expect(
    [...streams, ...asked].flatMap((one) => [...told(one.stdout), ...told(one.stderr)]),
  ).toEqual([]);
  const { report } = jsonLines(asked[1]?.stdout ?? '');
  expect(report.nodes['commands']).toMatchObject({ status: 'completed' });
  expect(report.nodes['says']).toMatchObject({ status: 'completed', outputs: { PLAIN: '***' } });
  expect(report.nodes['fails']?.message).toContain('***');
  expect(report.nodes['wrong']).toMatchObject({ status: 'failed', reason: 'expression_error' });
  expect(asked[2]?.stdout).toMatch(/here \*\*\* \*\*\*/);
  expect(asked[2]?.stdout.match(/\*\*\*/g)?.length).toBeGreaterThan(100);
  expect(toldByFiles(dataDir)).toEqual([]);
  expect(toldByProcesses(here)).toEqual([]);
});

test('a value on the command line is refused with the reason, and so is one too short to be hidden', async () => {
  const here = new Place();
  place = here;
  const shown = await here.feed('x', 'secret', 'set', 'TOKEN', 'hunter2');
  expect(shown.code).toBe(2);
  expect(shown.stderr).toMatch(/standard input.*never taken as an argument/);
  expect(shown.stderr).not.toContain('hunter2');
  expect((await here.feed('ab', 'secret', 'set', 'TOKEN')).code).toBe(2);
  expect((await here.feed('x'.repeat(65 * 1024), 'secret', 'set', 'TOKEN')).code).toBe(2);
  expect((await here.run('secret', 'list', '--json')).stdout).toBe('');
});

test('a secret of the greatest size is handed over, hidden, and costs the log little', async () => {
  const here = new Place({
    'pipeline.yaml': `
id: great
nodes:
  - id: a
    steps:
      - env: { BIG: "{{ secret.BIG }}" }
        command: 'test {{ secret.BIG }} = "$BIG"; i=0; while [ $i -lt 20 ]; do echo "$BIG"; i=$((i+1)); done'
`,
  });
  place = here;
  const big = Array.from({ length: 700 }, (_, index) =>
    createHash('sha256').update(String(index)).digest('base64'),
  ).join('');
  expect((await here.feed(big, 'secret', 'set', 'BIG')).code).toBe(0);
  const began = Date.now();
  const ended = await here.run('run', '--json');
  expect(ended.code, ended.stdout.slice(-500)).toBe(0);
  expect(Date.now() - began).toBeLessThan(10_000);
  const logs = await here.run('logs', 'latest', '--json');
  expect(logs.stdout.trim().split('\n')).toHaveLength(20);
  expect(logs.stdout).not.toContain(big.slice(1_000, 1_100));
});

test('a handler of a function gets secrets, and what it logs, returns and throws holds none', async () => {
  const here = new Place();
  place = here;
  const dataDir = join(here.folder, '.millrace');
  const engine = await createEngine({ dataDir });
  try {
    for (const [name, text] of Object.entries(SECRETS)) await engine.secrets.set(name, text);
    const got: unknown[] = [];
    engine.register('says', ({ config, log }) => {
      got.push(config['all'], config['pass']);
      for (const text of [...Object.values(SECRETS), 'w0nder&land']) {
        log(text);
        log({ text, encoded: Buffer.from(`x${text}`).toString('base64') });
        for (const spelled of spellings(text)) log.error(`<${spelled}>`);
      }
      return { said: config['all'] ?? null, [String(config['pass'])]: 1 };
    });
    engine.register('throws', ({ config }) => {
      throw new TypeError(`no login with ${config['token']}`);
    });
    const all = Object.keys(SECRETS).map((name) => `"{{ secret.${name} }}"`);
    const { run } = await engine.submit({
      source: `
id: handlers
nodes:
  - id: says
    function: { name: says, config: { all: [${all.join(', ')}], pass: "{{ split(secret.PAIR, ':')[1] }}" } }
  - id: throws
    function: { name: throws, config: { token: "{{ secret.UNICODE }}" } }
`,
    });
    const report = await engine.wait(run);
    expect(got).toEqual([Object.values(SECRETS), 'w0nder&land']);
    expect(report.nodes['says']).toMatchObject({ status: 'completed', outputs: { '***': 1 } });
    expect(report.nodes['throws']?.message).toContain('no login with ***');
    expect(told(JSON.stringify(report))).toEqual([]);
  } finally {
    await engine.close({ park: false });
  }
  expect(toldByFiles(dataDir)).toEqual([]);
});
