"""What may have been meant by a word that is none: other letters, an abbreviation, a longer form, a misprint."""

# start-up: what compares words is imported with the first unknown one

__all__ = ["meant"]

#: How alike two words must be at least for one to be a misprint of the other.
_ALIKE = 0.75
#: Letters that an abbreviation has at least; letters of a word that a longer one ends with.
_SHORTEST, _LONG_ENDING = 3, 5
#: How many words are suggested at most.
_MOST = 3


def _letters(word):
    """A word without what people vary: capitals, dashes, underscores, blanks."""
    return word.lower().replace("-", "").replace("_", "").replace(" ", "")


def _dashes(word):
    return len(word) - len(word.lstrip("-"))


def meant(word, groups):
    """The words that may have been meant, the likeliest first.

    Whatever is found by the surer of these ways is all that is suggested: the same letters; the same letters in
    another order; the beginning of longer words; a longer form of a word that it ends with; the end of longer words; a
    misprint, or a longer form of a word that it begins with.

    Parameters
    ----------
    word : str
        What was written.
    groups : iterable of sequence of str
        The words there are, those of one meaning together.  Of these at most one is suggested.

    Returns
    -------
    list of str
        At most three.
    """
    import difflib

    plain, groups = _letters(word), [tuple(group) for group in groups]

    def alike(known):
        return difflib.SequenceMatcher(None, word, known).ratio()

    def best(fits):
        """Of each group the fitting word that is most alike, the likeliest group first."""
        found = [max(fitting, key=lambda known: (known.lower() == word.lower(), _dashes(known) == _dashes(word),
                                                 alike(known)))
                 for group in groups if (fitting := [known for known in group if fits(known)])]
        # a number is told by its plural: -hdivs is rather -hdivsteps than -hdivstep
        found.sort(key=lambda known: (known.lower() == word.lower(), _dashes(known) == _dashes(word),
                                      _letters(known)[-1:] == plain[-1:], alike(known)), reverse=True)
        return found[:_MOST]

    every = [known for group in groups for known in group]
    close = difflib.get_close_matches(word, every, 1, _ALIKE)
    likeness = alike(close[0]) if close else 0.0
    ways = (lambda known: _letters(known) == plain,
            lambda known: sorted(_letters(known)) == sorted(plain) and alike(known) >= likeness,
            lambda known: len(plain) >= _SHORTEST and _letters(known).startswith(plain),
            lambda known: len(plain) > _SHORTEST and _letters(known).startswith(plain.removesuffix("s")),
            lambda known: len(_letters(known)) >= _LONG_ENDING and plain.endswith(_letters(known)),
            lambda known: not close and len(plain) > _SHORTEST and _letters(known).endswith(plain))
    for way in ways:
        if plain and (found := best(way)):
            return found
    longer = max((known for known in every if len(known) > 3 and word.startswith(known)), key=len, default=None)
    # what goes on with an underscore says more of the same: a unit
    first = [longer] if longer and word[len(longer)] == "_" else []
    return list(dict.fromkeys(known for known in (*first, *close, longer) if known))[:2 if not first else 1]
