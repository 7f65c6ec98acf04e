"""Everything that is derived once, before the first pixel: from what was asked to what kernels read."""
