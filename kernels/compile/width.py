"""How wide vectors in kernels are: what LLVM takes for a processor, or 512 bits where it holds back and need not.

LLVM keeps to 256 bits on Intel's processors with AVX-512, whichever they are, for the first of them
lowered their clock for wide multiplications.  The width asked for is an attribute of each of our
functions: nothing of Numba's is changed, and other people's functions in the same process are compiled
as if we were not there.
"""

from numba.core import codegen

__all__ = ["NARROW", "KernelLibrary", "vector_bits"]

#: LLVM's names of processors with AVX-512 for which 256 bits stay: servers up to Cooper Lake lower their clock by
#: a third or more while they multiply wide vectors, and desktops have one unit for these in place of two narrow ones.
NARROW = frozenset({"skylake-avx512", "skx", "cascadelake", "cooperlake", "cannonlake", "icelake-client", "tigerlake",
                    "rocketlake"})

#: LLVM's names that stand for no processor.
_ANY = ("generic", "x86-64")

#: What vectors of 512 bits need so that every operation of a kernel can be one.
_NEEDED = frozenset({"+avx512f", "+avx512bw", "+avx512dq", "+avx512vl"})


def vector_bits(processor, features):
    """Width that is asked for beyond what LLVM takes itself.

    Parameters
    ----------
    processor, features : str
        As Numba hands them to LLVM: its own findings, or NUMBA_CPU_NAME and NUMBA_CPU_FEATURES.

    Returns
    -------
    int or None
        512, or None: LLVM's own choice, where features choose (prefer-256-bit), too.
    """
    told = features.split(",")
    if not _NEEDED <= set(told) or any(feature[1:].startswith("prefer-") for feature in told):
        return None
    return None if processor in NARROW or processor.startswith(_ANY) else 512


class KernelLibrary(codegen.JITCodeLibrary):
    """LLVM code of a kernel and of what it is made of."""

    def add_ir_module(self, ir_module):
        """Take in what Numba has made of a function, with the width of its vectors."""
        bits = vector_bits(*self.codegen.magic_tuple()[1:])
        if bits is not None:
            for function in ir_module.functions:
                if not function.is_declaration:
                    # llvmlite lets attributes of words pass only, but writes any
                    set.add(function.attributes, f'"prefer-vector-width"="{bits}"')
        super().add_ir_module(ir_module)
