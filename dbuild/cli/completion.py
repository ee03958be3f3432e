"""`dbuild completion`: what shells need to complete command lines."""

from __future__ import annotations

from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.ui.stream import print_lines

HELP = """Print what a shell needs to complete commands, options, targets and keys. Shells read it when they start.

\b
Examples:
  dbuild completion bash >> ~/.bashrc
  dbuild completion zsh > ~/.zfunc/_dbuild
                              where ~/.zshrc has, before compinit:
                              fpath=(~/.zfunc $fpath)
  dbuild completion fish > ~/.config/fish/completions/dbuild.fish

Then a tab completes monthly@2013-<TAB>, +mon<TAB>, daily@fai<TAB>, --keep<TAB>. Keys are those that were built.
"""

# bash cuts words at "=" and ":", and before "@": candidates are given without what it takes for words before.
_BASH = r"""
_dbuild_complete() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\n' word rest found
    word="${line##*[[:space:]]}"
    case "$2" in
        [=:]) rest="$word" ;;
        *) rest="${word%"$2"}" ;;
    esac
    COMPREPLY=()
    while read -r found; do
        case "$found" in
            :files) COMPREPLY=($(compgen -f -- "$2")); type compopt >/dev/null 2>&1 && compopt -o filenames; return ;;
            :folders) COMPREPLY=($(compgen -d -- "$2")); type compopt >/dev/null 2>&1 && compopt -o filenames; return ;;
        esac
        COMPREPLY+=("${found#"$rest"}")
    done < <(command dbuild --complete bash "$line" 2>/dev/null)
    case "${COMPREPLY[0]}" in
        *[@=+]) type compopt >/dev/null 2>&1 && compopt -o nospace ;;
    esac
}
complete -F _dbuild_complete dbuild
"""

_ZSH = r"""#compdef dbuild
_dbuild() {
    local -a lines values shown
    local line
    lines=("${(@f)$(command dbuild --complete zsh "${(@Q)words[1,CURRENT]}" 2>/dev/null)}")
    case "${lines[1]}" in
        :files) _files; return ;;
        :folders) _files -/; return ;;
    esac
    for line in "${lines[@]}"; do
        [[ -n "$line" ]] || continue
        values+=("${line%%$'\t'*}")
        [[ "$line" == *$'\t'* ]] && shown+=("${line%%$'\t'*}  -- ${line#*$'\t'}") || shown+=("$line")
    done
    (( ${#values} )) || return 1
    local -a plain open plain_shown open_shown
    local -i place
    for (( place = 1; place <= ${#values}; place++ )); do
        if [[ "${values[place]}" == *[@=] ]]; then
            open+=("${values[place]}"); open_shown+=("${shown[place]}")
        else
            plain+=("${values[place]}"); plain_shown+=("${shown[place]}")
        fi
    done
    (( ${#plain} )) && compadd -V dbuild -l -d plain_shown -a plain
    (( ${#open} )) && compadd -V dbuild -S '' -l -d open_shown -a open
    return 0
}
if [[ "${zsh_eval_context[-1]}" == loadautofunc ]]; then
    _dbuild "$@"
else
    compdef _dbuild dbuild
fi
"""

_FISH = r"""
function __dbuild_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (command dbuild --complete fish $words 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case :folders
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c dbuild -f -k -a '(__dbuild_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


@spec.command("completion", HELP)
@spec.argument("shell", type=spec.one_of(list(SCRIPTS)), metavar="bash|zsh|fish")
@common_options
def command(shell: str, common: Common) -> int:
    """Prints the script; the exit code."""
    print_lines(SCRIPTS[shell].strip("\n"))
    return 0
