"""From formulas to the value of a pixel: strict evaluator, lanes, GPU thread, and the certificate of their bits."""
