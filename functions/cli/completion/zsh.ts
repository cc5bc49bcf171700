import { tables, WALK } from './shell-tables.ts';
import type { CommandSpec } from './spec.ts';

export function zshScript(all: readonly CommandSpec[]): string {
  return `#compdef millrace
# Completion of millrace in zsh: eval "$(millrace completion zsh)", or a file _millrace in a folder of $fpath
${tables(all)}
${WALK}
_millrace() {
  local command place wants run data
  local -a names
  _millrace_walk "\${(@)words[2,CURRENT-1]}"
  if [[ -z $wants ]]; then
    if [[ $words[CURRENT] == -* ]]; then
      compadd -- \${=$(_millrace_options "$command")} \${=$(_millrace_options '')}
      return
    fi
    if (( place == 0 )); then compadd -- \${=$(_millrace_commands "$command")}; fi
    wants=$(_millrace_place "$command" "$place")
  fi
  case $wants in
    '='*) compadd -- \${=wants#=} ;;
    run | node)
      names=("\${(@f)$("$words[1]" \${data:+--data-dir} \${data:+"$data"} complete-names "$wants" "$run" 2>/dev/null)}")
      compadd -- \${names:#}
      ;;
    file) _files ;;
    folder) _files -/ ;;
  esac
}
if [[ $funcstack[1] == _millrace ]]; then _millrace "$@"; else compdef _millrace millrace; fi
`;
}
