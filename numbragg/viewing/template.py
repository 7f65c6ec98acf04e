"""Pages of HTML that load nothing from elsewhere: templates with names in braces, hashes of what may be in them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
import hashlib

__all__ = ["content_hash", "filled"]


def filled(template: str, parts: Mapping[str, str]) -> bytes:
    """A page of a template, UTF-8: names in braces are replaced by parts.

    In one pass, so that braces in what is put in mean nothing.  Characters that UTF-8 does not have, such as bytes of
    a file's name, are escaped.

    Examples
    --------
    >>> from numbragg.viewing.template import filled
    >>> filled("<p>{first} and {second}</p>", {"first": "{second}", "second": "2"})
    b'<p>{second} and 2</p>'
    """
    pieces = []
    for number, piece in enumerate(template.split("{")):
        word, brace, rest = piece.partition("}")
        pieces.append(piece if number == 0 else parts[word] + rest if brace else piece)
    return "".join(pieces).encode("utf-8", "backslashreplace")


def content_hash(text: str) -> str:
    """What a page's policy calls a script or a style that may be used."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
