"""What a PDB file says in its own columns and a reader does not tell: blank fields, records that are there twice."""

from .occupancies import of_blank_fields

__all__ = ["odd_records"]


def odd_records(text):
    """What is not as it seems in the text of a PDB file.

    Parameters
    ----------
    text : str

    Yields
    ------
    str
        One text for each kind.
    """
    lines = text.split("\n")
    yield from of_blank_fields(lines)
    yield from _cells(lines)


def _cells(lines):
    """Several CRYST1 records with different numbers, of which gemmi takes the last."""
    # a record after the last atom of a model, as of files that were put together, counts too
    found = [" ".join(line[6:66].split()) for line in lines if line[:6].upper() == "CRYST1"]
    if len(set(found)) > 1:
        yield f"CRYST1 is there {len(found)} times: {found[-1]} counts, the last, and {found[0]} does not"
