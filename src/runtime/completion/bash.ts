import { shellQuoted } from '../../lib/core/shell.js';
import type { FlagWord, Values, Words } from './words.js';

/** For bash, and for zsh's bashcompinit, where `path` and `words` are the shell's own. */
export function bashScript(table: readonly Words[]): string {
  const known = table.filter(({ path }) => path !== '').map(({ path }) => shellQuoted(path));
  return `# The words that were typed, up to the cursor. Readline makes words of their own of = and : and @.
_metrify_typed() {
  local line="\${COMP_LINE:0:COMP_POINT}" word i glued=
  typed=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    glued=
    if [ -n "$word" ] && [ -n "$COMP_LINE" ]; then
      case "$line" in "$word"*) glued=1 ;; esac
      line="\${line#*"$word"}"
    fi
    if [ -n "$glued" ] && ((i > 0)); then
      typed[\${#typed[@]} - 1]="\${typed[\${#typed[@]} - 1]}$word"
    else
      typed[\${#typed[@]}]="$word"
    fi
  done
}

# What the value of a flag can be: sets kind and of; kind is empty where there is no value.
_metrify_flag() {
  kind= of= several=
  case "$1:$2" in
${flagCases(table)}
  esac
}

# Offers what continues $2: $1 is typed already and stays.
_metrify_offer() {
  local before="$1" current="$2" IFS=$' \\n' found i
  found=()
  case "$kind" in
    words) found=($(compgen -W "$of" -- "$current")) ;;
    names) found=($(compgen -W "$("\${COMP_WORDS[0]}" completion values "$of" "\${chosen[@]}" 2>/dev/null)" -- "$current")) ;;
    files)
      case "$current" in
        "$of"*)
          IFS=$'\\n'
          compopt -o filenames 2>/dev/null
          before="$before$of"
          found=($(compgen -f -- "\${current#"$of"}")) ;;
        '') found=("$of"); compopt -o nospace 2>/dev/null ;;
      esac ;;
  esac
  # Readline replaces its own last word only.
  local own="\${COMP_WORDS[COMP_CWORD]}" whole="\${typed[\${#typed[@]} - 1]}" head
  case "$own" in
    =|:|@) head="$whole" ;;
    *) head="\${whole%"$own"}" ;;
  esac
  for ((i = 0; i < \${#found[@]}; i++)); do
    found[i]="$before\${found[i]}"
    case "\${found[i]}" in *:) compopt -o nospace 2>/dev/null ;; esac
    COMPREPLY[\${#COMPREPLY[@]}]="\${found[i]#"$head"}"
  done
}

_metrify() {
  local typed chosen word i verb= kind= of= several= flag= count=0 flags= children= args=
  typed=() chosen=() COMPREPLY=()
  _metrify_typed
  local last=$((\${#typed[@]} - 1))
  local current="\${typed[last]}"
  for ((i = 1; i < last; i++)); do
    word="\${typed[i]}"
    if [ -n "$kind" ]; then
      case "$flag" in -e|--env|-c|--config) chosen=("\${chosen[@]}" "$flag" "$word") ;; esac
      kind=
      continue
    fi
    case "$word" in
      --env=*|--config=*) chosen=("\${chosen[@]}" "$word") ;;
      -*=*) ;;
      -*) flag="$word"; _metrify_flag "$verb" "$word" ;;
      *)
        case "\${verb:+$verb }$word" in
          ${known.join('|')}) verb="\${verb:+$verb }$word" ;;
          *) count=$((count + 1)) ;;
        esac ;;
    esac
  done
  local before= value="$current"
  if [ -z "$kind" ]; then
    case "$current" in
      -*=*)
        before="\${current%%=*}="
        value="\${current#*=}"
        _metrify_flag "$verb" "\${current%%=*}"
        [ -n "$kind" ] || return ;;
    esac
  fi
  if [ -n "$kind" ]; then
    case "$several:$value" in
      1:*,*) before="$before\${value%,*},"; value="\${value##*,}" ;;
    esac
    _metrify_offer "$before" "$value"
    return
  fi
  case "$verb" in
${table.map(verbCase).join('\n')}
  esac
  case "$current" in
    -*) kind=words of="$flags ${longNames(programFlags(table))}" ;;
    *)
      if [ -n "$children" ]; then kind=words of="$children"
      elif [ -z "$args" ]; then kind=words of="$flags"
      else
        case "$verb:$count" in
${argumentCases(table)}
        esac
      fi ;;
  esac
  _metrify_offer '' "$current"
}
complete -F _metrify metrify
`;
}

function programFlags(table: readonly Words[]): FlagWord[] {
  return table.find(({ path }) => path === '')!.flags;
}

function longNames(flags: readonly FlagWord[]): string {
  return flags.map(({ names }) => names.at(-1)!).join(' ');
}

function verbCase({ path, children, args, flags }: Words): string {
  const names = children.map(({ name }) => name).join(' ');
  return `    ${shellQuoted(path)}) flags='${path === '' ? '' : longNames(flags)}' children='${names}' args=${args.length > 0 ? 1 : ''} ;;`;
}

/** The flags with a value. Those of the program come last, for every verb. */
function flagCases(table: readonly Words[]): string {
  const patterns = new Map<string, string[]>();
  for (const { path, flags } of [...table].sort((a, b) => Number(a.path === '') - Number(b.path === '')))
    for (const { names, value, several } of flags) {
      if (value === undefined) continue;
      const what = `${assignments(value)}${several ? ' several=1' : ''}`;
      const found = names.map((name) => (path === '' ? `*:${name}` : `${shellQuoted(`${path}:${name}`)}`));
      patterns.set(what, [...(patterns.get(what) ?? []), ...found]);
    }
  return [...patterns].map(([what, found]) => `    ${found.join('|')}) ${what} ;;`).join('\n');
}

function argumentCases(table: readonly Words[]): string {
  return table
    .flatMap(({ path, args }) =>
      args.flatMap(({ value, many }, position) =>
        value.kind === 'any'
          ? []
          : [
              `          ${shellQuoted(`${path}:`)}${many ? '*' : String(position)}) ${assignments(value)} ;;`,
            ],
      ),
    )
    .join('\n');
}

function assignments(value: Values): string {
  switch (value.kind) {
    case 'words':
      return `kind=words of=${shellQuoted(value.words.join(' '))}`;
    case 'names':
      return `kind=names of=${shellQuoted(value.of)}`;
    case 'files':
      return `kind=files of=${shellQuoted(value.prefix)}`;
    case 'any':
      return 'kind=any';
  }
}
