"""What becomes of a finished image: counts, integers, grey values, random numbers."""
