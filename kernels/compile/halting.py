"""How compiled code learns in its loops that it is to leave.

A plain load of a number that the loop does not write would be done once, before it; this one is done every time.
"""

from llvmlite import ir
import numba
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

__all__ = ["is_halted"]


def is_halted(halt):
    """Whether the first entry of an array of uint8 is not zero by now; another thread may write it at any time."""
    return halt[0] != 0


@intrinsic
def _is_halted(typingctx, halt):
    if not (isinstance(halt, types.Array) and halt.dtype == types.uint8):
        raise TypingError("is_halted: takes an array of uint8")

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        # on the processors that there are no slower than any other load
        now = builder.load_atomic(data, "monotonic", 1)
        return builder.icmp_unsigned("!=", now, ir.Constant(now.type, 0))

    return types.boolean(halt), codegen


if not numba.config.DISABLE_JIT:
    is_halted = _is_halted
