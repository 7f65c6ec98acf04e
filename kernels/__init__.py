"""All compiled code of numbragg: the physics, and the drivers that run it."""
