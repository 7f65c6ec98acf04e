"""What is made of an image: counts, integers, grey values, and the account of a run."""
