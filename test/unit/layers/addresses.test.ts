// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are what is tested
// Passwords in addresses of repositories: in no plan, named by what a run asks for, and shown nowhere.
import { expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';
import { secretOfAddress, shownAddress } from '#core/shown-address.ts';

const NAME = 'MI_PIPELINE_CONF_OPERATORS__0__GIT_REPO';
const PASSWORD = 'open:se%2Fsame';

const line = (repository: string, more = ''): string => `
pipeline_id: line
operators:
  - { operator_id: a, git_repo: "${repository}", git_tag: v1, start_command: run }
  - { operator_id: b, git_repo: "${repository}", git_tag: v1, start_command: run }
nodes:
  - { node_id: n, operator_ids: [a, b] }
${more}`;

const encoded = (text: string): string => `base64://${Buffer.from(text).toString('base64')}`;

function compiled(text: string, environment: Record<string, string> = {}) {
  const found = compile({ text }, { environment });
  if (!found.ok) throw new TypeError(JSON.stringify(found.problems));
  return found;
}

/** The address as the plan has it. */
function planned({ plan }: ReturnType<typeof compiled>): string {
  const all = plan.nodes.flatMap(({ executor }) =>
    executor.kind === 'prepare' && 'git' in executor.operator ? executor.operator.git : [],
  );
  // Two operators of one repository are fetched once.
  expect(all).toHaveLength(1);
  return all[0] ?? '';
}

test('a password that stands in the configuration is bound by a name, hidden in all nodes, and a warning', () => {
  const found = compiled(line(`https://me:${PASSWORD}@e.com/a.git`));
  expect(planned(found)).toBe(`https://me:{{ secret.${NAME} }}@e.com/a.git`);
  expect([...found.decoded]).toEqual([[NAME, PASSWORD]]);
  expect(found.secrets).toEqual([]);
  expect(found.plan.nodes.map(({ hides }) => hides)).toContainEqual([NAME]);
  expect(found.warnings).toMatchObject(
    [0, 1].map((at) => ({
      code: 'unsafe_value',
      path: `operators[${at}].git_repo`,
      message: expect.stringContaining('holds a password'),
    })),
  );
  expect(JSON.stringify(found.plan)).not.toContain(PASSWORD);
});

test.each([
  ['whole', encoded(`https://me:${PASSWORD}@e.com/a.git`), `{{ secret.${NAME} }}`, ''],
  [
    'filled in',
    'https://me:${token}@e.com/a.git',
    'https://me:{{ secret.MI_PIPELINE_CONF_TOKEN }}@e.com/a.git',
    `token: "${encoded(PASSWORD)}"`,
  ],
  [
    'of the environment',
    'https://me:${oc.env:TOKEN}@e.com/a.git',
    `https://me:{{ secret.${NAME} }}@e.com/a.git`,
    '',
  ],
  [
    'in part',
    'https://me:open:${rest}@e.com/a.git',
    `{{ secret.${NAME} }}`,
    `rest: "${encoded('se%2Fsame')}"`,
  ],
])('a password that was %s is named without a warning', (_, repository, address, more) => {
  const found = compiled(line(repository, more), { TOKEN: PASSWORD });
  expect(planned(found)).toBe(address);
  expect(found.warnings).toEqual([]);
  expect(JSON.stringify(found.plan)).not.toContain('se%2Fsame');
  const shown = shownAddress(address);
  expect(shown).toBe(address.startsWith('https') ? 'https://e.com/a.git' : '***');
});

test('in the dialect of nodes, too, where a secret may be written as one', () => {
  const text = (git: string): string => `
id: p
nodes:
  - id: n
    steps:
      - operator: { git: "${git}", tag: v1 }
        command: run
`;
  const found = compiled(text(`https://me:${PASSWORD}@e.com/a.git`));
  const name = 'MI_PIPELINE_CONF_NODES__0__STEPS__0__OPERATOR__GIT';
  expect(planned(found)).toBe(`https://me:{{ secret.${name} }}@e.com/a.git`);
  expect([...found.decoded]).toEqual([[name, PASSWORD]]);
  const asked = compiled(text('https://me:{{ secret.TOKEN }}@e.com/a.git'));
  expect(planned(asked)).toBe('https://me:{{ secret.TOKEN }}@e.com/a.git');
  expect(asked.secrets).toEqual(['TOKEN']);
});

test.each([`me:${PASSWORD}@e.com:a.git`, `ext::https://me:${PASSWORD}@e.com`])(
  'an address that is refused is not shown with its password: %s',
  (repository) => {
    const found = compile({ text: line(repository) }, {});
    expect(found.ok).toBe(false);
    const { problems, decoded } = found.ok ? { problems: [], decoded: new Map() } : found;
    expect(problems.map(({ message }) => message).join()).not.toContain('same');
    // Whoever shows the line that it stands in hides what stands here.
    expect([...(decoded?.values() ?? [])].join()).toContain('se%2Fsame');
  },
);

test.each([
  ['https://me:pw@e.com/a.git', 'pw'],
  ['https://:pw@e.com/a.git', 'pw'],
  ['https://me:p@w@e.com/a.git', 'p@w'],
  ['https://me:p/w@e.com/a.git', 'p/w'],
  ['https://ghp_0123456789abcdefghij@e.com/a.git', 'ghp_0123456789abcdefghij'],
  ['ssh://git:pw@e.com/a.git', 'pw'],
  ['https://me@e.com/a.git', ''],
  ['https://e.com:8443/a@b.git', ''],
  ['https://[::1]:8443/a@b.git', ''],
  ['git@e.com:a.git', ''],
  ['../a:b@c', ''],
])('of %s is secret: %s', (address, secret) => {
  const { from, to } = secretOfAddress(address) ?? { from: 0, to: 0 };
  expect(address.slice(from, to)).toBe(secret);
  if (secret !== '') expect(shownAddress(address)).not.toContain(secret);
});
