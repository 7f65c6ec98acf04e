"""An image in the memory of a CUDA device, for other libraries to take over without a copy.

It speaks the two protocols that exist: `__cuda_array_interface__` (CuPy, PyTorch, Numba) and
DLPack (`torch.from_dlpack`, `cupy.from_dlpack`, JAX).  What was computed is complete when the
object is handed out, so no stream need be waited for.  On numba's CUDA simulator the memory is the
host's, and DLPack says so.
"""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

# start-up: kernels, and Numba with them, are imported with the first image

__all__ = ["DeviceImage"]

_CPU, _CUDA = 1, 2  # DLDeviceType
_FLOAT = 2  # DLDataTypeCode


class _Tensor(ctypes.Structure):
    """DLTensor, its device and data type written out."""

    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    """DLManagedTensor."""

    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter)]


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_capsule_is = ctypes.pythonapi.PyCapsule_IsValid
_capsule_is.restype = ctypes.c_int
_capsule_is.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]

#: What capsules that are about refer to, by the address of the managed tensor.
_held: dict[int, tuple] = {}


@_Deleter
def _release(address):
    _held.pop(address, None)


@_Deleter
def _capsule_gone(capsule):
    # who has taken the tensor over has renamed the capsule, and calls the deleter itself
    if _capsule_is(capsule, b"dltensor"):
        _release(_capsule_pointer(capsule, b"dltensor"))


class DeviceImage:
    """An image on a CUDA device: float32, rows of the slow axis.

    Attributes
    ----------
    shape : (slow, fast)
    dtype : numpy.dtype
    device : kernels.compile.cuda_target.Device
    """

    dtype = np.dtype(np.float32)

    def __init__(self, array: Any, device: Any) -> None:
        from ..kernels.compile.cuda_target import SIMULATED

        self._array = array  # holds the memory
        self.shape, self.device = tuple(map(int, array.shape)), device
        self._simulated = SIMULATED
        self._pointer = (array.ctypes.data if SIMULATED else int(array.__cuda_array_interface__["data"][0]))

    def __repr__(self):
        return f"<DeviceImage {self.shape[0]} x {self.shape[1]} float32 on device {self.device.number}>"

    def copy_to_host(self) -> NDArray[np.float32]:
        """The image as a NumPy array."""
        with self.device.current():
            return self._array.copy_to_host()

    @property
    def __cuda_array_interface__(self):
        return {"shape": self.shape, "typestr": self.dtype.str, "data": (self._pointer, False), "version": 3,
                "strides": None, "stream": None}

    def __dlpack_device__(self):
        return (_CPU, 0) if self._simulated else (_CUDA, self.device.number)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        """A capsule with a DLManagedTensor; it holds the memory for as long as it is used."""
        if copy:
            raise BufferError("DeviceImage: shares its memory and makes no copies")
        if dl_device is not None and tuple(map(int, dl_device)) != self.__dlpack_device__():
            raise BufferError(f"DeviceImage: is on device {self.__dlpack_device__()}, not {tuple(dl_device)}")
        kind, number = self.__dlpack_device__()
        shape = (ctypes.c_int64 * 2)(*self.shape)
        managed = _Managed(_Tensor(self._pointer, kind, number, 2, _FLOAT, 32, 1, shape, None, 0), None, _release)
        address = ctypes.addressof(managed)
        _held[address] = managed, shape, self._array
        return _new_capsule(address, b"dltensor", ctypes.cast(_capsule_gone, ctypes.c_void_p))
