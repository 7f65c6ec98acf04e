"""Words that end the reading of a command line at once, and are answered before anything else is loaded."""

# start-up: nothing is imported here

__all__ = ["EARLY", "early_answer", "spellings_of"]

#: Such words, and what each asks for.
EARLY = {"--help": "help", "-h": "help", "-help": "help", "--version": "version", "-version": "version"}


def spellings_of(answer):
    """The words that ask for an answer, with blanks between them."""
    return " ".join(word for word, asked in EARLY.items() if asked == answer)


def early_answer(words):
    """What the first such word of a command line asks for: "help", "version" or None.

    Examples
    --------
    >>> from numbragg.command_line.early import early_answer
    >>> early_answer(["-N", "10", "-help"])
    'help'
    """
    return next((EARLY[word] for word in words if word in EARLY), None)
