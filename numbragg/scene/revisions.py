"""Revisions of the C program: named rules, each decided for every revision.  No other module compares their names.

A revision is one row.  Functions take the one rule that they need, never a revision, and kernels get data.  What
command line and Python offer, and the columns of docs/quirks, are made of these rows: one more row is one more
revision.
"""

from dataclasses import dataclass, field

from .frozen import Frozen

__all__ = ["DEFAULT", "REVISIONS", "Revision", "revision_names", "revision_rules"]


def _rule(**quirks):
    """A field of `Revision` that every row must decide.

    For each quirk that hangs on it: what docs/quirks says of a revision where it holds, and of one where not.
    """
    return field(metadata={"quirks": quirks})


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class Revision(Frozen):
    """What one revision of the C program does.

    Attributes
    ----------
    name : str
        The word that chooses it.
    text : str
        What it is, in a few words.
    zero_angle_keeps_rotation : bool
        A spindle angle of exactly 0 does not rotate back: the step keeps the rotation of the step before it.
    flags_multiply_running_sum : bool
        `-oversample_thick`, `_polar` and `_omega` multiply the sum so far at every step, and not the step's term.
    ignores_last_curved_det : bool
        `-curved_det` as the last word of a command line has no effect.
    """

    name: str = field()
    text: str = field()
    zero_angle_keeps_rotation: bool = _rule(
        Q1=("reproduced", "an angle of 0 gives the unrotated crystal"))
    flags_multiply_running_sum: bool = _rule(
        Q2=("reproduced", "each term is multiplied once; the background is then not multiplied at all"),
        Q8=("the image is black", "the background remains"),
        Q10=("reproduced", "the flags of Q2 do not multiply the background"),
        Q11=("the factor multiplies the running sum", "the factor multiplies each term"))
    ignores_last_curved_det: bool = _rule(
        Q58=("reproduced, with a note", "read like every other option"))


#: Every revision, in the order in which they are offered.
REVISIONS = (
    Revision(name="main", text="nanoBragg as it stands", zero_angle_keeps_rotation=True,
             flags_multiply_running_sum=True, ignores_last_curved_det=True),
    Revision(name="fixed", text="the same with its three open repairs", zero_angle_keeps_rotation=False,
             flags_multiply_running_sum=False, ignores_last_curved_det=False),
)

#: What is reproduced where nothing is said.
DEFAULT = "fixed"


def revision_names():
    """The words that choose a revision, as a tuple."""
    return tuple(row.name for row in REVISIONS)


def revision_rules(name):
    """The rules of the revision of this name.

    Parameters
    ----------
    name : str
        One of `revision_names`.

    Returns
    -------
    Revision

    Raises
    ------
    ValueError
        If there is no such revision.

    Examples
    --------
    >>> from numbragg.scene.revisions import revision_rules
    >>> revision_rules("main").flags_multiply_running_sum
    True
    """
    for row in REVISIONS:
        if row.name == name:
            return row
    raise ValueError(f"revision: {name!r} must be one of {', '.join(map(repr, revision_names()))}")
