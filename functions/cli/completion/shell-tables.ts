// What bash and zsh look up, as functions that both understand: `case` and `printf`, nothing else.
import type { CommandSpec, Kind } from './spec.ts';

/** One word for the shell, whatever it contains. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** `_millrace_commands PATH`, `_millrace_options PATH`, `_millrace_value PATH OPTION`, `_millrace_place PATH NUMBER`. */
export function tables(all: readonly CommandSpec[]): string {
  return [
    lookUp('commands', all, ({ path, commands }) => [
      [path, commands.map(({ name }) => name).join(' ')],
    ]),
    lookUp('options', all, ({ path, options }) => [
      [path, options.flatMap(({ names }) => names).join(' ')],
    ]),
    lookUp('value', all, ({ path, options }) =>
      options.flatMap(({ names, value }) =>
        value === undefined ? [] : names.map((name) => [`${path}|${name}`, kindWord(value)]),
      ),
    ),
    lookUp('place', all, ({ path, places, repeats }) =>
      places.map((kind, at) => [
        `${path}|${at}`,
        kindWord(kind),
        ...(repeats && at === places.length - 1 ? [`${path}|`] : []),
      ]),
    ),
  ].join('\n');
}

/** Each case: what is asked, what is answered, and what a longer question may begin with. */
function lookUp(
  name: string,
  all: readonly CommandSpec[],
  cases: (spec: CommandSpec) => readonly (readonly string[])[],
): string {
  const found = all.flatMap(cases).filter(([, answer]) => answer !== '');
  // Words that several take stand after those of one: the first that fits is taken.
  const exact = found.map(([asked = '', answer = '']) => line(quoted(asked), answer));
  const longer = found.flatMap(([, answer = '', start]) =>
    start === undefined ? [] : [line(`${quoted(start)}*`, answer)],
  );
  return `_millrace_${name}() {\n  case "$1\${2+|}\${2-}" in\n${[...exact, ...longer].join('')}  esac\n}`;
}

function line(pattern: string, answer: string): string {
  return `    ${pattern}) printf '%s\\n' ${quoted(answer)} ;;\n`;
}

/** `run`, `file`, …; words to choose from begin with an equals sign. */
function kindWord(kind: Kind): string {
  return typeof kind === 'string' ? kind : `=${kind.join(' ')}`;
}

/** Reads what was typed so far; leaves `command`, `place`, `wants`, `run` and `data` behind. `$1` counts as typed already. */
export const WALK = `_millrace_walk() {
  command='' place=0 wants='' run='' data=''
  local word before=''
  for word in "$@"; do
    if [ -n "$wants" ]; then
      if [ "$before" = --data-dir ]; then data=$word; fi
      wants=''
      continue
    fi
    case "$word" in
      -*) before=$word; wants=$(_millrace_value "$command" "$word") ;;
      *)
        if [ "$place" -eq 0 ] && [[ " $(_millrace_commands "$command") " == *" $word "* ]]; then
          command=\${command:+$command }$word
        else
          if [ "$(_millrace_place "$command" "$place")" = run ]; then run=$word; fi
          place=$((place + 1))
        fi
        ;;
    esac
  done
}`;
