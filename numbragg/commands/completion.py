"""`numbragg completion`: a script that lets a shell complete commands, options and their values.

All three scripts are made from the same words: the table of options and the parsers of the subcommands.
"""

from dataclasses import dataclass

from ..command_line.table import GROUPS, TABLE
from .arguments import Parser
from .catalogue import COMMANDS, module_of, parser_of, summaries, table_of

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["SHELLS", "run", "script"]

SHELLS = ("bash", "zsh", "fish")

#: Subcommands whose words, besides options, are files; the words of the others are none.
_TAKE_FILES = ("compare", "plateau", "view", "campaign")
#: Subcommands that take nanoBragg's words besides their own.
_TAKE_WORDS = ("scan", "trace")


@dataclass(frozen=True, slots=True)
class _Word:
    """An option, and what may follow it: files, one of some words, something else, or nothing."""

    spelling: str
    text: str
    follows: str  # "files", "folders", "words", "other" or ""
    words: tuple = ()


def _parser():
    return Parser(
        "completion", "bash|zsh|fish",
        "Print a script with which a shell completes commands, options and values.  To have it in every session:\n\n"
        "  bash    echo 'eval \"$(numbragg completion bash)\"' >> ~/.bashrc\n"
        "  zsh     echo 'eval \"$(numbragg completion zsh)\"' >> ~/.zshrc       (after compinit)\n"
        "  fish    numbragg completion fish > ~/.config/fish/completions/numbragg.fish")


def _own_words(table=TABLE):
    """Every spelling of nanoBragg's command line, or of another table."""
    for option in table:
        follows, words = "other" if option.values else "", ()
        if option.kind == "file":
            follows = "files"
        elif option.kind == "choice":
            follows, words = "words", option.choices()
        for spelling in option.spellings:
            yield _Word(spelling, option.text, follows, tuple(words))


def _words_of(name):
    """Every option of a subcommand."""
    table = table_of(name)
    if table is not None:
        yield from _own_words(table)
        return
    parser = parser_of(name)
    for spelling, shows, reader, text in (parser.options() if parser is not None else ()):
        words = getattr(reader, "words", ())
        follows = "words" if words else {"FILE": "files", "FOLDER": "folders"}.get(shows[0], "other") if shows else ""
        yield _Word(spelling, text, follows, words)
    if name != "help":
        yield _Word("--help", "print the help", "")


def _beside(name):
    """The words of nanoBragg that a subcommand takes: all but those that it refuses."""
    refused = getattr(module_of(name), "refused", lambda option: False)
    return tuple(_own_words(option for option in TABLE if not refused(option)))


def _plain_words(name):
    """Words that stand without an option after a subcommand, as far as they are known."""
    if name == "completion":
        return SHELLS
    if name == "campaign":
        return tuple(module_of(name).ACTIONS)
    if name == "help":
        topics = [*COMMANDS, "commands", *(group for group in GROUPS if group.isalpha())]
        return (*topics, *(word.spelling for word in _own_words()))
    return ()


def script(shell):
    """The script for a shell.

    Parameters
    ----------
    shell : str
        One of `SHELLS`.

    Returns
    -------
    str
        Text of the script, with a final newline.

    Examples
    --------
    >>> from numbragg.commands.completion import script
    >>> script("bash").splitlines()[0]
    '# completion of numbragg for bash; made by: numbragg completion bash'
    """
    make = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]
    return "\n".join([f"# completion of numbragg for {shell}; made by: numbragg completion {shell}", *make(), ""])


# -- bash, and zsh through what it has for scripts of bash


def _cases(name, words):
    """What follows each option of a command line: the patterns of a `case` over `COMMAND:OPTION`."""
    kinds = {}
    for word in words:
        if word.follows:
            kinds.setdefault((word.follows, word.words), []).append(f"{name}:{word.spelling}")
    for (follows, choices), patterns in kinds.items():
        action = {"files": "files=-f", "folders": "files=-d", "other": "return",
                  "words": f"files= words='{' '.join(choices)}'"}[follows]
        # what is a number or a name of the user's own is not completed, but a dash begins an option
        guard = '[[ $current == -* ]] || ' if follows == "other" else ""
        yield f"    {'|'.join(patterns)})"
        yield f"      {guard}{action} ;;"


def _bash():
    contexts = {"": tuple(_own_words())} | {name: tuple(_words_of(name)) for name in COMMANDS}
    for name in _TAKE_WORDS:
        contexts[name] += _beside(name)
    yield from ("_numbragg() {",
                "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}",
                "  local words= files= options= IFS=$' \\t\\n'",
                "  COMPREPLY=()",
                "  if [[ $COMP_CWORD -eq 1 && $current != -* ]]; then",
                f"    COMPREPLY=( $(compgen -W '{' '.join(COMMANDS)}' -- \"$current\") )",
                "    return",
                "  fi",
                "  case $command in")
    for name, words in contexts.items():
        options = " ".join(dict.fromkeys(word.spelling for word in words))
        yield f"    {name or '-*'})"
        yield f"      options='{options}'"
        if name in _TAKE_FILES and _plain_words(name):
            # first what is to be done, then what with
            yield f"      if [[ $COMP_CWORD -gt 2 ]]; then files=-f; else words='{' '.join(_plain_words(name))}'; fi"
        elif name in _TAKE_FILES:
            yield "      files=-f"
        elif _plain_words(name):
            yield f"      words='{' '.join(_plain_words(name))}'"
        yield "      ;;"
    yield from ("    *) return ;;", "  esac",
                "  [[ $command == -* ]] && command=",
                "  case $command:$before in")
    for name, words in contexts.items():
        yield from _cases(name, words)
    yield from ("  esac",
                "  if [[ -n $files && $current != -* ]]; then",
                "    compopt -o filenames 2>/dev/null",
                "    IFS=$'\\n'",
                "    COMPREPLY=( $(compgen $files -- \"$current\") )",
                "    return",
                "  fi",
                "  [[ $current == -* ]] && words=\"$words $options\"",
                "  COMPREPLY=( $(compgen -W \"$words\" -- \"$current\") )",
                "}",
                "complete -F _numbragg numbragg")


def _zsh():
    yield "autoload -Uz compinit && (( $+functions[compdef] )) || compinit"
    yield "autoload -Uz bashcompinit && bashcompinit"
    yield from _bash()


# -- fish


def _quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish_options(condition, words):
    for word in words:
        dashes = "-l" if word.spelling.startswith("--") else "-s" if len(word.spelling) == 2 else "-o"
        line = f"complete -c numbragg -n {_quoted(condition)} {dashes} {word.spelling.lstrip('-')}"
        if word.follows:
            line += " -r" + {"files": "F", "folders": "F"}.get(word.follows, "f")
        if word.words:
            line += f" -a {_quoted(' '.join(word.words))}"
        yield f"{line} -d {_quoted(word.text)}"


def _fish():
    yield "complete -c numbragg -f"
    for name, text in summaries():
        yield f"complete -c numbragg -n __fish_use_subcommand -a {name} -d {_quoted(text)}"
    yield from _fish_options(f"not __fish_seen_subcommand_from {' '.join(COMMANDS)}", _own_words())
    for name in COMMANDS:
        condition = f"__fish_seen_subcommand_from {name}"
        yield from _fish_options(condition, (*_words_of(name), *(_beside(name) if name in _TAKE_WORDS else ())))
        if name in _TAKE_FILES:
            yield f"complete -c numbragg -n {_quoted(condition)} -F"
        if _plain_words(name):
            yield f"complete -c numbragg -n {_quoted(condition)} -a {_quoted(' '.join(_plain_words(name)))}"


def run(arguments):
    """Print a script.

    Returns the exit code.
    """
    values, words = _parser().files(arguments)
    if values is None:
        return 0
    if len(words) != 1 or words[0] not in SHELLS:
        raise ValueError(f"completion: {' '.join(words) or 'no shell'}: there are {', '.join(SHELLS)}, one at a time")
    print(script(words[0]), end="")
    return 0
