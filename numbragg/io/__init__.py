"""File formats: one module each, reading into arrays and writing from them."""
