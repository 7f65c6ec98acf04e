"""Threads, the order of pixels, memory and launches; no physics."""
