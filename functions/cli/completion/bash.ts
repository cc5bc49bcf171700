import { tables, WALK } from './shell-tables.ts';
import type { CommandSpec } from './spec.ts';

export function bashScript(all: readonly CommandSpec[]): string {
  return `# Completion of millrace in bash: eval "$(millrace completion bash)"
${tables(all)}
${WALK}
_millrace_offer() {
  local line
  while IFS= read -r line; do
    if [[ -n $line && $line == "$current"* ]]; then COMPREPLY+=("$(printf '%q' "$line")"); fi
  done
}
_millrace() {
  local command place wants run data line current=\${COMP_WORDS[COMP_CWORD]} program=\${COMP_WORDS[0]}
  COMPREPLY=()
  _millrace_walk "\${COMP_WORDS[@]:1:COMP_CWORD-1}"
  if [ -z "$wants" ]; then
    if [[ $current == -* ]]; then
      COMPREPLY=($(compgen -W "$(_millrace_options "$command") $(_millrace_options '')" -- "$current"))
      return
    fi
    if [ "$place" -eq 0 ]; then COMPREPLY=($(compgen -W "$(_millrace_commands "$command")" -- "$current")); fi
    wants=$(_millrace_place "$command" "$place")
  fi
  case "$wants" in
    '='*) COMPREPLY+=($(compgen -W "\${wants#=}" -- "$current")) ;;
    run | node) _millrace_offer < <("$program" \${data:+--data-dir "$data"} complete-names "$wants" "$run" 2>/dev/null) ;;
    file | folder)
      type compopt >/dev/null 2>&1 && compopt -o filenames
      local how=-f
      if [ "$wants" = folder ]; then how=-d; fi
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$how" -- "$current")
      ;;
  esac
}
complete -F _millrace millrace
`;
}
