"""Units of error, and what is taken for granted of the C library."""

__all__ = ["C_LIBRARY_BOUND", "U"]

U = 2.0 ** -53

#: Assumed error of the C library's sine, cosine and exponential, in u: 1 ulp.  (glibc: 0.55 ulp.)
C_LIBRARY_BOUND = 2.0
