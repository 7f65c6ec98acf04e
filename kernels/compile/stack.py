"""Arrays that a kernel has for itself, on its stack.

There they lie beside what the compiler puts on the stack, at the same distance in every call, and
begin with a line of the processor's cache.  Of an array that Python hands over neither is true: its
vectors may straddle lines, and where its lines and those of the stack get in each other's way,
which the addresses decide, a loop takes 5 to 40 % longer (docs/benchmarks has the counts).
"""

from llvmlite import ir
import numba
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic
import numpy as np

__all__ = ["on_stack"]

_LINE = 64


def on_stack(size, kind):
    """Make an array whose entries have no meaning yet, and which is gone when the kernel returns.

    Parameters
    ----------
    size : int
        A constant: the stack is taken when the kernel begins.
    kind : type
        np.float64 or another of NumPy's.
    """
    return np.empty(size, dtype=kind)


@intrinsic(prefer_literal=True)
def _on_stack(typingctx, size, kind):
    if not isinstance(size, types.IntegerLiteral):
        raise TypingError("on_stack: the size must be a constant")
    length, array = size.literal_value, types.Array(kind.dtype, 1, "C")

    def codegen(context, builder, signature, args):
        # start-up: takes long to load, and only a compilation needs it
        from numba.np.arrayobj import populate_array

        item = context.get_value_type(kind.dtype)
        with builder.goto_entry_block():
            memory = builder.alloca(ir.ArrayType(item, length))
            memory.align = _LINE
        bytes_of_one = context.get_constant(types.intp, kind.dtype.bitwidth // 8)
        made = context.make_array(array)(context, builder)
        populate_array(made, builder.bitcast(memory, item.as_pointer()), [context.get_constant(types.intp, length)],
                       [bytes_of_one], bytes_of_one, None)
        return made._getvalue()

    return array(size, kind), codegen


if not numba.config.DISABLE_JIT:
    # an overload will not do: the stack would be that of a function between
    on_stack = _on_stack
