"""A program of its own: prints the hash of draws, deviates and counts over everything that has a method of its own.

With a number of threads as its argument; with "cuda", by a kernel on a CUDA device or on numba's simulator.
"""

import hashlib
import sys

import numpy as np

from numbragg.kernels.compile.cuda_target import cuda
from numbragg.kernels.detector import draws, normal, poisson

#: Pixels of the image; few, for it is made in the interpreter, too.
SHAPE = 24, 61
SEED = np.uint64(0xFEDCBA9876543210)


def means():
    """Small and large means, those where methods change, and none."""
    special = [0.0, -1.0, np.nan, np.inf, 5e-324, 8.0, 15.999999, 16.0, 1023.0, 1024.0, 1e9, 2.0**45]
    # exact, so that all processors start from the same; 2**-10 to 2**24
    random = np.random.RandomState(1)
    image = np.ldexp(1.0 + random.random_sample(SHAPE), random.randint(-10, 24, SHAPE))
    image[5, :len(special)] = special
    return image


def by_rows(image, threads):
    """As an image is drawn: rows in parts, on threads."""
    from numbragg.results.counts import photons

    return photons(image, np.int64, seed=int(SEED), frame=17, panel=2, threads=threads).astype(np.float64)


def one_by_one(image):
    made = np.empty((3, *SHAPE))
    for slow in range(SHAPE[0]):
        for fast in range(SHAPE[1]):
            k = np.uint64(draws.draw(SEED, draws.COUNTING, 17, 2, slow, fast))
            made[:, slow, fast] = k, normal.normal(k), poisson.count(float(image[slow, fast]), k)
    return made


def pixel_of_cuda(image, seed, made):
    """A thread's pixel."""
    i = cuda.grid(1)
    if i < image.size:
        slow, fast = i // image.shape[1], i % image.shape[1]
        k = draws.draw(seed, draws.COUNTING, 17, 2, slow, fast)
        made[0, slow, fast] = np.float64(k)
        made[1, slow, fast] = normal.normal(k)
        made[2, slow, fast] = poisson.count(image[slow, fast], k)


def kernel():
    from numbragg.kernels.compile import cuda_target

    return cuda_target.Kernel(pixel_of_cuda, "counts")


def on_cuda(image):
    from numbragg.kernels.compile import cuda_target

    device = cuda_target.open_device()
    with device.current():
        made = cuda_target.to_device(np.zeros((3, *SHAPE)))
        kernel().launch(device, image.size, (cuda_target.to_device(image), SEED, made))
        return made.copy_to_host()


def main(how):
    image = means()
    made = on_cuda(image) if how == "cuda" else one_by_one(image)
    if how != "cuda":
        assert np.array_equal(by_rows(image, int(how)), made[2])
    return hashlib.sha256(made.tobytes()).hexdigest()


if __name__ == "__main__":
    np.seterr(all="ignore")
    print(main(sys.argv[1]))
