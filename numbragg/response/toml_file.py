"""Responses in TOML files: their keys are the fields of `Response`, tables those of its stages."""

from __future__ import annotations

from dataclasses import fields
import os
import re
from typing import Any

from ..configs.checks import shown
from ..io.errors import shown as said
from .named import DETECTORS
from .response import RECORDS, Response

# start-up: TOML and suggestions are imported with the first file

__all__ = ["check_keys", "read_response", "read_toml", "response_of"]

#: A key in more tables than any response has.
_DEEP = re.compile(r"^[ \t\[]*(?:[A-Za-z0-9_\"'-]+[ \t]*\.[ \t]*){30}", re.MULTILINE)
#: Largest file, in bytes: a million dead pixels.
_LARGEST = 1 << 25


def read_response(path: str | os.PathLike[str]) -> Response:
    """Read a response from a TOML file.

    ``detector = "eiger"`` takes that of a named detector, whose fields the others replace; a table with the name of a
    stage changes what it names of that stage, or makes one; ``point_spread = false`` leaves a stage out.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Response

    Raises
    ------
    ValueError
        Naming the file, the key, the value and the rule.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import numbragg as nb
    >>> path = os.path.join(tempfile.mkdtemp(), "camera.toml")
    >>> with open(path, "w") as file:
    ...     _ = file.write('detector = "rayonix"\\n[point_spread]\\nfwhm_um = 80\\n')
    >>> nb.response.read_response(path).point_spread
    PointSpread(kind='fibre', fwhm_um=80.0, accuracy=0.01, method='fft')
    """
    name, found = os.fsdecode(path), read_toml(path)
    try:
        return response_of(found)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tables of a TOML file; ValueError in one line where it is none, OSError where it cannot be read."""
    import tomllib

    name = os.fsdecode(path)
    with open(path, "rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"{name}: must be at most {_LARGEST} bytes of TOML")
    try:
        text = content.decode("utf-8")
        if _DEEP.search(text):
            # which takes its time, even if it is refused then
            raise RecursionError
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: must be TOML, which is text in UTF-8; byte {error.start} is "
                         f"{said(content[error.start:error.start + 1])}") from None
    except RecursionError:
        raise ValueError(f"{name}: must be TOML: it is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"{name}: must be TOML: {' '.join(str(error).split())}") from None


def response_of(found: dict[str, Any]) -> Response:
    """A response of the tables of such a file."""
    known = [each.name for each in fields(Response)]
    values = dict(found)
    check_keys(values, ["detector", *known], "")
    detector = values.pop("detector", None)
    if detector is not None and (not isinstance(detector, str) or detector.lower() not in DETECTORS):
        raise ValueError(f"detector: {shown(detector)} must be one of {', '.join(DETECTORS)}")
    start = Response() if detector is None else DETECTORS[detector.lower()]
    for key, kind in RECORDS.items():
        if key in values:
            values[key] = _stage(key, kind, values[key], getattr(start, key))
    if detector is None:
        return Response(**values)
    return Response.named(detector, **values)


def _stage(key: str, kind: Any, table: Any, before: Any) -> Any:
    """A stage, from its table and what a named detector has of it."""
    if table is False:
        return None
    if not isinstance(table, dict):
        raise ValueError(f"{key}: {shown(table)} must be a table, [{key}], or false")
    names = [each.name for each in fields(kind)]
    check_keys(table, names, f"{key}.")
    values = {} if before is None else {name: getattr(before, name) for name in names}
    values |= table
    # what has no default must be there
    missing = [each.name for each in fields(kind) if each.name not in values and _needed(each)]
    if missing:
        raise ValueError(f"{key}: needs {', '.join(missing)}")
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{key}.{error}") from None


def _needed(field: Any) -> bool:
    from dataclasses import MISSING

    return field.default is MISSING


def check_keys(table: dict[str, Any], known: list[str], before: str) -> None:
    """Refuse a key that a table has not; `before` is what stands before it in messages, such as "point_spread."."""
    for key in table:
        if key not in known:
            from difflib import get_close_matches

            near = get_close_matches(key, known, 1, 0.5)
            rule = f"did you mean {before}{near[0]}?" if near else f"must be one of {', '.join(known)}"
            raise ValueError(f"{before}{shown(key)[1:-1]}: unknown key; {rule}")
