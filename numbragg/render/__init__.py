"""From a prepared scene to an image, on the CPU or a CUDA device."""
