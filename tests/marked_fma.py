"""Prints PTX in which every multiply-add that is written on purpose is a call of a function by this name.

One compute capability comes after the other.

A program of its own: the mark replaces `fused._fma` before any kernel is compiled.  What is
left of `fma` instructions is then the compiler's own doing.
"""

import sys

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numbragg.kernels.arithmetic import fused

MARK = "numbragg_marked_fma"
SEPARATOR = "\n// next\n"


@intrinsic
def marked(typingctx, a, b, c):
    kind = types.float32 if a == b == c == types.float32 else types.float64

    def codegen(context, builder, signature, args):
        real = ir.FloatType() if kind == types.float32 else ir.DoubleType()
        name = f"{MARK}_{kind}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(real, [real] * 3), name)
        # free of effects: it may be moved, merged and left out as the instruction may
        function.attributes.add("readnone")
        function.attributes.add("nounwind")
        return builder.call(function, args)

    return kind(kind, kind, kind), codegen


if __name__ == "__main__":
    fused._fma = marked

    import cuda_tools

    variant = getattr(cuda_tools, sys.argv[1])
    print(SEPARATOR.join(cuda_tools.kernel_ptx(variant, cuda_tools.CAPABILITIES, fuse="fuse" in sys.argv)))
