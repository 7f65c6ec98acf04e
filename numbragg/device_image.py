"""`numbragg.device_image`, as it is documented; the code lives in `numbragg.render.device_image`."""

from .render.device_image import DeviceImage

__all__ = ["DeviceImage"]
