"""Which of the centres that can be given place the detector, by convention."""

__all__ = ["CENTRES"]

#: Kinds of centres, the best first: "beam" (Xbeam, Ybeam), "close" (Xclose, Yclose), "ORG" (ORGX, ORGY).  In the custom
#: convention a worse one fills in for a better one.  What `numbragg.scene.placement` does with them.
CENTRES = {"mosflm": ("beam",), "denzo": ("beam",), "adxv": ("beam",), "xds": ("ORG",), "dials": ("ORG",),
           "custom": ("beam", "close", "ORG")}
