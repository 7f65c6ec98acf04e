from .oracle import as_numpy, assert_matches, assert_same_bits, clear_cache, prepare_scene, reference_image

__all__ = ["as_numpy", "assert_matches", "assert_same_bits", "clear_cache", "prepare_scene", "reference_image"]
