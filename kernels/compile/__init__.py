"""How a kernel comes to be: the compiler and its cache, arrays on the stack, the CUDA target; no physics."""
