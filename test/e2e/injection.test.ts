// Pipelines written by somebody hostile: what they hold never becomes an option, another word of a shell, a helper program or a path
// outside. Every attempt here tries to make the file `hurt`; none may.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { jsonLines, Place } from '#support/millrace.ts';
import { aProject, aRepository, git } from '../runner/sources.ts';

let place: Place;
let hurt: string;

beforeEach(() => {
  place = new Place();
  hurt = join(place.folder, 'hurt');
  aRepository(join(place.folder, 'good'), aProject());
});
afterEach(() => place.remove());

/** Nothing was made anywhere below the place. */
function unhurt(): void {
  const found = readdirSync(place.folder, { recursive: true, encoding: 'utf8' });
  expect(found.filter((name) => /(^|\/)hurt/.test(name))).toEqual([]);
}

const given = (pipeline: unknown, name = 'pipeline.yaml'): void =>
  writeFileSync(join(place.folder, name), JSON.stringify(pipeline));

const stepWith = (step: object, node: object = {}) => ({
  id: 'hostile',
  nodes: [{ id: 'a', ...node, steps: [{ command: 'true', ...step }] }],
});

async function refused(pipeline: unknown, args: readonly string[] = []): Promise<string> {
  given(pipeline);
  const ended = await place.run('run', 'pipeline.yaml', '--json', ...args);
  expect(ended.code, ended.stdout + ended.stderr).toBe(2);
  const { problems } = JSON.parse(ended.stdout.trim().split('\n').at(-1) ?? '');
  expect(problems.length).toBeGreaterThan(0);
  unhurt();
  return problems.map(({ code }: { code: string }) => code).join(' ');
}

describe('an operator', () => {
  test.each([
    ['--upload-pack=touch hurt; git-upload-pack'],
    ['-oProxyCommand=touch hurt'],
    ['ext::sh -c touch% hurt'],
    ['fd::17'],
    ['ssh://-oProxyCommand=touch hurt/x'],
    ['git@-oProxyCommand=touch:x'],
    ['file:///nowhere\n--upload-pack=touch hurt'],
    ['https://-x/y'],
    [''],
  ])('from %j is refused', async (address) => {
    const operator = { git: address, tag: 'v1.0.0' };
    await refused(stepWith({ operator, environment: { uv: 'pyproject.toml' } }));
  });

  test.each([
    ['--upload-pack=touch hurt'],
    ['-v1'],
    ['v1 .0'],
    ['v1;touch hurt'],
    ['$(touch hurt)'],
    ['v1.0.0^{commit}'],
    ['v1..v2'],
    ['../../heads/main'],
    ['refs/heads/main'],
    ['HEAD'],
    ['main'],
    ['v1\n'],
    [''],
  ])('with the tag %j is refused', async (tag) => {
    const operator = { git: './good', tag };
    await refused(stepWith({ operator, environment: { uv: 'pyproject.toml' } }));
  });

  test.each([
    ['../secret/pyproject.toml'],
    ['/etc/pyproject.toml'],
    ['-x/pyproject.toml'],
    ['a/../../b.toml'],
  ])('with the project file %j is refused', async (project) => {
    const operator = { git: './good', tag: 'v1.0.0' };
    await refused(stepWith({ operator, environment: { uv: project } }));
  });

  test.each([
    ['--config-file=hurt.toml'],
    ['--directory=/'],
    ['--project'],
    ['--python=/bin/false'],
    ['requests'],
  ])('with the argument %j of uv does not build', async (argument) => {
    const operator = { git: './good', tag: 'v1.0.0' };
    const uv = { project: 'pyproject.toml', extraArgs: [argument] };
    given(stepWith({ operator, environment: { uv } }));
    const ended = await place.run('run', 'pipeline.yaml', '--json');
    expect([1, 2], ended.stderr).toContain(ended.code);
    expect(ended.stdout).toMatch(/may not be given|environment_failed/);
    unhurt();
  });

  test('whose repository has hooks, submodules and filters runs none of them', async () => {
    const evil = join(place.folder, 'evil');
    aRepository(evil, {
      ...aProject('evil'),
      '.gitattributes': '* filter=evil\n',
      '.gitmodules': `[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% ${hurt}\n`,
      '.gitconfig': `[filter "evil"]\n\tsmudge = touch ${hurt}\n`,
    });
    git(evil, 'config', 'filter.evil.smudge', `touch ${hurt}`);
    for (const hook of ['post-checkout', 'post-upload-pack', 'reference-transaction']) {
      const file = join(evil, '.git', 'hooks', hook);
      mkdirSync(join(evil, '.git', 'hooks'), { recursive: true });
      writeFileSync(file, `#!/bin/sh\ntouch ${hurt}\n`, { mode: 0o755 });
    }
    const operator = { git: './evil', tag: 'v1.0.0' };
    given(stepWith({ operator, environment: 'host', command: 'test -e main.py' }));
    const ended = await place.run('run', 'pipeline.yaml', '--json');
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    unhurt();
  });

  test('with a link out of its tree cannot be written through', async () => {
    const tree = join(place.folder, 'tree');
    mkdirSync(join(place.folder, 'outside'));
    aRepository(tree, { 'main.py': 'print(1)\n' });
    symlinkSync(join(place.folder, 'outside'), join(tree, 'work'));
    git(tree, 'add', '--all');
    git(tree, 'commit', '--quiet', '--message', 'link');
    git(tree, 'tag', 'v2.0.0');
    const operator = { git: './tree', tag: 'v2.0.0' };
    given(stepWith({ operator, environment: 'host', cwd: 'work', command: 'touch here' }));
    const ended = await place.run('run', 'pipeline.yaml', '--json');
    expect(ended.code, ended.stdout + ended.stderr).not.toBe(0);
    expect(readdirSync(join(place.folder, 'outside'))).toEqual([]);
  });
});

describe('a path', () => {
  test.each([['../..'], ['/tmp'], ['a/../../..'], ['-p'], ['a\u0000b']])(
    'cwd %j is refused',
    async (cwd) => {
      await refused(stepWith({ cwd }));
    },
  );

  test.each([['{{ pipeline.input.where }}']])(
    'cwd %j that leaves the workspace is refused',
    async (cwd) => {
      given({
        ...stepWith({ cwd, command: 'touch hurt' }),
        inputs: { where: { type: 'string', default: place.folder } },
      });
      const ended = await place.run('run', 'pipeline.yaml', '--json');
      expect(ended.code).toBe(2);
      unhurt();
    },
  );

  test('of a file that is handed over cannot leave its folder, by name or by link', async () => {
    for (const [name, making] of [
      ['../../../../hurt', 'true'],
      ['/etc/passwd', 'true'],
      ['link', 'ln -s /etc/passwd "$MILLRACE_ARTIFACTS/link"'],
      ['dir/passwd', 'ln -s /etc "$MILLRACE_ARTIFACTS/dir"'],
    ]) {
      given(stepWith({ command: `${making}; echo 'f=@${name}' >> "$MILLRACE_OUTPUTS"` }));
      const ended = await place.run('run', 'pipeline.yaml', '--json');
      expect(ended.code, name).toBe(1);
      expect(jsonLines(ended.stdout).report.nodes['a'], name).toMatchObject({
        status: 'failed',
        reason: 'malformed_outputs',
      });
    }
    unhurt();
  });
});

const NASTY = [
  '$(touch hurt)',
  '`touch hurt`',
  '; touch hurt',
  "'; touch hurt; '",
  '"; touch hurt; "',
  '\n touch hurt\n',
  '&& touch hurt',
  '| touch hurt',
  '> hurt',
  '-n',
  'a\'b"c\\d$e`f',
  '{{ pipeline.id }}',
  `${'{'}IFS}touch${'{'}IFS}hurt`,
  '*',
  '~root',
  '',
];

describe('a value', () => {
  test('of any kind is one word of the command, and exactly itself', async () => {
    const values = NASTY.map((value, index) => [`v${index}`, value] as const);
    given({
      id: 'words',
      inputs: Object.fromEntries(values.map(([name]) => [name, { type: 'string' }])),
      nodes: [
        {
          id: 'a',
          steps: [
            {
              env: Object.fromEntries(
                values.map(([name]) => [`E_${name}`, `{{ pipeline.input.${name} }}`]),
              ),
              command: values
                .map(
                  ([name]) =>
                    `printf '%s\\0' {{ pipeline.input.${name} }} "$E_${name}" >> "$MILLRACE_ARTIFACTS/all"`,
                )
                .concat('echo all=@all >> "$MILLRACE_OUTPUTS"')
                .join('\n'),
            },
          ],
        },
        {
          id: 'b',
          needs: ['a'],
          forEach: NASTY.filter((value) => !value.includes('{{')),
          steps: [
            {
              command: `printf '%s' {{ item }} > "$MILLRACE_ARTIFACTS/x"; cmp "$MILLRACE_ARTIFACTS/x" "$MILLRACE_PIPELINE_DIR/item"{{ index }}`,
            },
          ],
        },
      ],
    });
    for (const [index, value] of NASTY.filter((each) => !each.includes('{{')).entries())
      writeFileSync(join(place.folder, `item${index}`), value);
    writeFileSync(join(place.folder, 'in.json'), JSON.stringify(Object.fromEntries(values)));
    const ended = await place.run('run', 'pipeline.yaml', '--inputs', 'in.json', '--json');
    expect(ended.code, ended.stdout.slice(-2_000) + ended.stderr).toBe(0);
    const { report } = jsonLines(ended.stdout);
    const file = /"key":"([^"]+)"/.exec(JSON.stringify(report.nodes['a']?.outputs))?.[1] ?? '';
    const words = readFileSync(join(place.folder, '.millrace', 'objects', file), 'utf8').split(
      '\0',
    );
    expect(words.slice(0, -1)).toEqual(NASTY.flatMap((value) => [value, value]));
    unhurt();
  });

  test('that a program hands over is one word of the next command', async () => {
    given({
      id: 'handed',
      nodes: [
        {
          id: 'a',
          steps: [
            {
              command: `printf '%s' '{"evil":"$(touch hurt) \\u0027; touch hurt; \\u0027"}' > "$MILLRACE_OUTPUTS"`,
            },
          ],
        },
        {
          id: 'b',
          needs: ['a'],
          inputs: { evil: '{{ a.evil }}' },
          steps: [{ command: 'printf "%s\\n" {{ evil }} {{ a.evil }}; touch ok' }],
        },
      ],
    });
    const ended = await place.run('run', 'pipeline.yaml', '--json');
    expect(ended.code, ended.stdout).toBe(0);
    const { stdout } = await place.run('logs', 'latest', 'b');
    expect(stdout.match(/\$\(touch hurt\) '; touch hurt; '$/gm)).toHaveLength(2);
    unhurt();
  });
});

describe('a name', () => {
  test.each([['A B'], ['A=B'], ['1A'], ['A;touch hurt'], ['$(touch hurt)'], ['']])(
    'of a variable %j is refused',
    async (name) => {
      await refused(stepWith({ env: { [name]: 'x' } }));
    },
  );

  test.each([
    ['../hurt'],
    ['a/b'],
    ['a b'],
    ['-a'],
    ['$(touch hurt)'],
    ['__proto__'],
    ['constructor'],
    ['a'.repeat(200)],
    ['.'],
    [''],
  ])('of a node or pipeline %j is refused', async (id) => {
    await refused({ id: 'p', nodes: [{ id, steps: [{ command: 'true' }] }] });
    // Of a pipeline's name nothing is ever a member.
    if (!(id in {})) await refused({ id, nodes: [{ id: 'a', steps: [{ command: 'true' }] }] });
  });

  test.each([
    ['LD_PRELOAD'],
    ['PATH'],
    ['MILLRACE_OUTPUTS'],
    ['MILLRACE_MARK'],
    ['BASH_ENV'],
    ['ENV'],
  ])('of a variable of the system (%s) does not reach our own programs', async (name) => {
    given(
      stepWith({ env: { [name]: '/nowhere/hurt' }, command: 'echo done=1 >> "$MILLRACE_OUTPUTS"' }),
    );
    const ended = await place.run('run', 'pipeline.yaml', '--json');
    if (ended.code !== 2)
      expect(['completed', 'failed']).toContain(jsonLines(ended.stdout).report.status);
    unhurt();
    expect(existsSync('/nowhere')).toBe(false);
  });

  test('on the command line is no option and no path', async () => {
    given(stepWith({}));
    for (const args of [
      ['show', '../../etc'],
      ['show', '--', '--json'],
      ['logs', 'latest', '../../../etc/passwd'],
      ['explain', 'latest', '__proto__'],
      ['secret', 'rm', '../x'],
      ['run', 'pipeline.yaml', '-i', '__proto__=1'],
      ['run', 'pipeline.yaml', '--with', '../../x=/'],
      ['emit', 'latest', 'external.$(touch hurt)'],
    ])
      expect((await place.run(...args)).code, args.join(' ')).toBe(2);
    unhurt();
  });
});

describe('an input', () => {
  const digest = 'a'.repeat(64);
  const kept = (key: string) => ({ key, size: 9, sha256: digest, mediaType: 'application/json' });

  test('names no value that the engine keeps, at whatever depth', async () => {
    const Ref = { ...kept('../../../secret.json'), count: 1 };
    const inputs = { list: { type: 'array' } };
    const pipeline = {
      id: 'p',
      inputs,
      nodes: [{ id: 'a', inputs: { x: '{{ pipeline.input.list }}' } }],
    };
    const text = JSON.stringify([{ deep: { $ref: Ref } }]);
    expect(await refused(pipeline, ['-i', `list=${text}`])).toBe('wrong_input');
  });

  test('that is a file names none outside of the store by its key', async () => {
    const File = { ...kept('../../../secret.json'), name: 'x' };
    writeFileSync(join(place.folder, 'inputs.json'), JSON.stringify({ data: { $file: File } }));
    const pipeline = { id: 'p', inputs: { data: { type: 'file' } }, nodes: [{ id: 'a' }] };
    expect(await refused(pipeline, ['--inputs', 'inputs.json'])).toBe('wrong_input');
  });
});
