import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTemplate } from '#core/expression/parse.ts';
import { impossibleWords, insideQuotes, renderCommand } from '#core/expression/shell.ts';
import type { Json } from '#schemas/values.ts';
import { someVariables } from './worlds.ts';

const HOSTILE = [
  `'; echo ran >&2; '`,
  `"; echo ran >&2; "`,
  '$(echo ran >&2)',
  '`echo ran >&2`',
  '\n echo ran >&2 \n',
  `\\'; echo ran >&2 #`,
  '*',
  'a b  c',
  '',
  '-rf',
  'it’s "quoted" \\ $HOME `id`',
  'EOF\necho ran >&2\n',
];

function rendered(command: string, x: Json): string {
  const result = renderCommand(command, someVariables({ input: { x } }));
  if (result.is !== 'value') {
    throw new TypeError(JSON.stringify(result));
  }
  return String(result.value);
}

const SHELLS = ['sh', 'bash'];

/** What a shell makes of a command: real shells judge. */
function printed(shell: string, command: string, x: Json): string {
  const { stdout, stderr } = run(shell, rendered(command, x));
  expect(stderr.split('\n')).not.toContain('ran');
  return stdout;
}

/** As `printed`, with a secret in the place of the value. */
function printedSecret(shell: string, command: string, secret: string): string {
  const hidden: Record<string, string> = {};
  const variables = someVariables({ secret: () => secret });
  const asked = command.replaceAll(X, '{{ secret.X }}');
  const result = renderCommand(asked, variables, hidden);
  if (result.is !== 'value') throw new TypeError(JSON.stringify(result));
  expect(Object.values(hidden)).toContain(secret);
  if (secret.length > 4) expect(String(result.value)).not.toContain(secret);
  const { stdout, stderr } = run(shell, String(result.value), hidden);
  expect(stderr.split('\n')).not.toContain('ran');
  return stdout;
}

function run(shell: string, command: string, more: Record<string, string> = {}) {
  return spawnSync(shell, ['-c', command], {
    encoding: 'utf8',
    input: '',
    timeout: 10_000,
    env: { PATH: '/usr/bin:/bin', ...more },
  });
}

const X = '{{ pipeline.input.x }}';

/** Commands that print their value alone between angle brackets, as exactly one word. */
const CONTEXTS = [
  `printf '<%s>' ${X}`,
  `printf '<%s>' '${X}'`,
  `printf '<%s>' "${X}"`,
  `# don't ${X}\nprintf '<%s>' ${X}`,
  `printf '<%s>' ${X} # it's ${X}`,
  `echo a#b' >/dev/null; printf '<%s>' ${X} #'>/dev/null; printf '<%s>' ${X}`,
  `echo \\' >/dev/null; printf '<%s>' ${X}`,
  `echo \\" >/dev/null; printf '<%s>' ${X}`,
  `printf '<%s>' "$(printf %s ${X})"`,
  `printf '<%s>' "$(printf %s "${X}")"`,
  `printf '<%s>' "\${HOME}" >/dev/null; printf '<%s>' ${X}`,
  `v=\${NONE:-"it's"}; printf '<%s>' ${X}`,
  `case a in a) printf '<%s>' ${X};; esac`,
  `v=$(case a in a) echo x;; esac); printf '<%s>' ${X}`,
  `echo \\\n${X} >/dev/null; printf '<%s>' ${X}`,
  `echo $((1 + 2)) >/dev/null; printf '<%s>' ${X}`,
  `(printf '<%s>' ${X})`,
  `printf '<%s>' "a"${X} | sed '1s/^<a/</'`,
  `cat >/dev/null <<EOF\nit's $HOME\nEOF\nprintf '<%s>' ${X}`,
  `cat >/dev/null <<'EOF'\nit's $( \nEOF\nprintf '<%s>' ${X}`,
];

describe.each(SHELLS)('in %s', (shell) => {
  test.each(CONTEXTS)('a value is one word and nothing of it is run: %s', (command) => {
    for (const value of HOSTILE) {
      expect(printed(shell, command, value).replace(/\n>$/, '>')).toBe(
        `<${value}>`.replace(/\n>$/, '>'),
      );
    }
  });

  test.each(CONTEXTS)('a secret is one word, and does not stand in the command: %s', (command) => {
    for (const value of HOSTILE) {
      expect(printedSecret(shell, command, value).replace(/\n>$/, '>')).toBe(
        `<${value}>`.replace(/\n>$/, '>'),
      );
    }
  });

  test('a secret stands in here-documents and in arithmetic as well', () => {
    for (const value of HOSTILE)
      expect(printedSecret(shell, `cat <<EOF\n[${X}] it's\nEOF`, value)).toBe(`[${value}] it's\n`);
    expect(printedSecret(shell, `echo $((10 -${X}))`, '-5')).toBe('15\n');
    expect(printedSecret(shell, `A=1 ; B=${X} sh -c 'printf %s "$B"'`, 'a  b')).toBe('a  b');
  });

  test('a here-document takes a value without its quotes', () => {
    for (const value of HOSTILE) {
      expect(printed(shell, `cat <<EOF\n[${X}] it's\nEOF`, value)).toBe(`[${value}] it's\n`);
    }
  });

  test('numbers work in arithmetic, negative ones too', () => {
    expect(printed(shell, `echo $((10 -${X}))`, -5)).toBe('15\n');
  });

  test('any text is one word in any of the quotes', () => {
    const text = fc
      .string({
        unit: fc.constantFrom(
          "'",
          '"',
          '\\',
          '$',
          '`',
          '(',
          ')',
          '#',
          ' ',
          '\n',
          'a',
          ';',
          '&',
          '<',
          '{',
          '}',
          '!',
          '*',
        ),
      })
      .map((value) => `${value}.`);
    fc.assert(
      fc.property(text, fc.constantFrom(...CONTEXTS.slice(0, 8)), (value, command) => {
        expect(printed(shell, command, value)).toContain(`<${value}>`);
      }),
      { numRuns: 40 },
    );
  });

  test('no text round a value makes the value run', () => {
    const piece = fc.constantFrom(
      "'",
      '"',
      '\\',
      '$(',
      ')',
      '`',
      '${a:-',
      '}',
      ' ',
      '\n',
      '#',
      'echo ',
      ';',
      '<<E\n',
      'E\n',
      '((',
      '))',
      '$((',
      X,
      X,
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const variables = someVariables({
          input: { x: '$(echo ran >&2)`echo ran >&2`;\'"; echo ran >&2 #\n echo ran >&2 \n' },
        });
        const result = renderCommand(pieces.join(''), variables);
        if (result.is !== 'value') {
          return;
        }
        const { stderr } = run(shell, String(result.value));
        expect(stderr.split('\n')).not.toContain('ran');
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});

test('outside quotes a value is one word in single quotes', () => {
  expect(rendered(`python main.py --date ${X}`, "it's")).toBe(`python main.py --date 'it'\\''s'`);
});

test('lists stand as compact JSON, null as null', () => {
  expect(rendered(`echo ${X}`, [1, 'a'])).toBe(`echo '[1,"a"]'`);
  expect(rendered(`echo ${X}`, null)).toBe(`echo 'null'`);
});

test.each([
  ['a NUL in a value', `echo ${X}`, 'a\0b', 'NUL'],
  ['a backslash before the braces', `echo \\${X}`, 'a', 'backslash'],
  ['a $ before the braces', `echo $${X}`, 'a', '$ stands directly before'],
  ['a text in arithmetic', `echo $((${X}))`, 'a[$(id)]', 'only a number'],
  ['a here-document with a quoted end', `cat <<'EOF'\n${X}\nEOF`, 'a', 'here-document'],
  ['the end of a here-document', `cat <<${X}\na\n`, 'EOF', 'here-document'],
])('%s is an error', (_, command, x, said) => {
  const result = renderCommand(command, someVariables({ input: { x } }));
  expect(result).toMatchObject({ is: 'error', message: expect.stringContaining(said) });
});

test('the places that stand inside quotes are known for a warning', () => {
  const text = `a ${X} '${X}' "b ${X}" # '${X}`;
  const template = parseTemplate(text);
  expect(template.ok && insideQuotes(template.value).map((at) => text.slice(at - 1, at))).toEqual([
    "'",
    ' ',
  ]);
});

test('the places where no text is safe are known before a run', () => {
  const template = parseTemplate(`echo $((${X})) ${X} \\${X}`);
  expect(template.ok && impossibleWords(template.value).map(({ message }) => message)).toEqual([
    expect.stringContaining('arithmetic'),
    expect.stringContaining('backslash'),
  ]);
});

test('a value that is not there yet leaves the command open', () => {
  expect(renderCommand('echo {{ late.x }}', someVariables())).toEqual({ is: 'not_yet' });
});
