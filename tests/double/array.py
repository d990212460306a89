"""`cupy.ndarray`: a device array that nothing turns into a NumPy array unasked."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.double import contract, work
from tests.double.memory import copied, heap

NAME = "cupy.ndarray"
IMPLICIT = (
    "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy "
    "array explicitly."
)

_PLAIN = (bool, int, float, complex, np.generic, str, slice, type, np.dtype)


class Pointer:
    """`cupy.cuda.MemoryPointer`: an address in a memory object."""

    def __init__(self, mem: Any, offset: int) -> None:
        self.mem, self.ptr = mem, int(mem.ptr) + offset
        self.device = device

    def buffer(self, nbytes: int) -> Any:
        """The bytes from the address on, as NumPy memory."""
        return self.mem.buffer(self.ptr - int(self.mem.ptr), nbytes)


class Block:
    """Memory of the device's own allocator."""

    def __init__(self, size: int) -> None:
        self.ptr, self.size = 0, size
        heap.take(size, self)


def default_allocator(size: int) -> Pointer:
    """CuPy's own pool."""
    return Pointer(Block(size), 0)


class Device:
    """`cupy.cuda.Device`: the only one there is."""

    def __init__(self, device: Any = None) -> None:
        self.id = 0 if device is None else int(getattr(device, "id", device))

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)


device = Device(0)
allocator: list[Callable[[int], Any]] = [default_allocator]


class ndarray:  # noqa: N801  # CuPy's name
    """A device array. Its memory is counted from its making to its end."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        shape: Any,
        dtype: Any = float,
        memptr: Any = None,
        strides: Any = None,
        order: str = "C",
    ) -> None:
        if strides is not None:
            raise NotImplementedError("the double makes no arrays with strides of their own")
        contract.enter(NAME)
        dtype = np.dtype(dtype)
        if memptr is None:
            self._adopt(np.empty(shape, dtype, order))
            return
        count = int(np.prod(shape, dtype=np.int64))
        flat = np.frombuffer(memptr.buffer(count * dtype.itemsize), dtype=dtype, count=count)
        self._host, self._held = flat.reshape(shape, order=order), memptr

    def _adopt(self, host: Any) -> None:
        self._host = host
        self._held = allocator[0](host.nbytes)

    # --- what it is

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    device = property(lambda self: device)

    @property
    def data(self) -> Address:
        """Where it lies."""
        return Address(self._host.__array_interface__["data"][0])

    @property
    def T(self) -> ndarray:
        """Transposed view."""
        return wrap(self._host.T)

    def __len__(self) -> int:
        return len(self._host)

    def __repr__(self) -> str:
        return f"<double cupy.ndarray {self.shape} {self.dtype}>"

    # --- what is refused, and what leaves the device

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(IMPLICIT)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """A copy on the host."""
        bound = contract.bind(f"{NAME}.get", (self, *args), kwargs)
        if bound.arguments.get("out") is not None:
            raise NotImplementedError("the double's get() takes no `out`")
        copied("get", self.nbytes)
        return np.array(self._host, order=bound.arguments.get("order", "C"), copy=True)

    def tolist(self) -> Any:
        """The values as Python's."""
        copied("tolist", self.nbytes)
        return self._host.tolist()

    def item(self) -> Any:
        """The only value."""
        return self._scalar(lambda host: host.item())

    def _scalar(self, convert: Callable[[Any], Any]) -> Any:
        copied("scalar", self.nbytes)
        return convert(self._host)  # NumPy refuses more than one element, or any dimension

    def __bool__(self) -> bool:
        if self.size > 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous.")
        return bool(self._scalar(bool)) if self.size else False

    def __int__(self) -> int:
        return int(self._scalar(int))

    def __float__(self) -> float:
        return float(self._scalar(float))

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any:
        """Shares its memory; honest that this memory is the host's."""
        contract.bind(f"{NAME}.__dlpack__", (self, *args), kwargs)
        return self._host.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._host.__dlpack_device__()

    def __iter__(self) -> Iterator[ndarray]:
        return (self[i] for i in range(len(self)))

    # --- dispatch of NumPy's functions, as CuPy does it

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return NotImplemented
        import cupy

        return getattr(cupy, ufunc.__name__)(*inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        import cupy

        found = getattr(cupy, func.__name__, None)
        return NotImplemented if found is None else found(*args, **kwargs)

    # --- items

    def __getitem__(self, key: Any) -> ndarray:
        if any(isinstance(part, ndarray) for part in _parts(key)):  # a copy, not a view
            work.launched()
            if _holds_mask(key):
                work.waited()
        return wrap(self._host[_index(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        contract.enter(f"{NAME}.__setitem__")
        work.launched()
        if _holds_mask(key) and isinstance(value, ndarray) and value.ndim:
            work.waited()
        self._host[_index(key)] = operand(value)

    # --- methods with the real signature, computed by NumPy's

    def view(self, *args: Any, **kwargs: Any) -> ndarray:
        """The same memory."""
        return _method(self, "view", args, kwargs)

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> ndarray:
        """Of another dtype; itself where that is its own and no copy is wanted."""
        bound = contract.bind(f"{NAME}.astype", (self, dtype, *args), kwargs)
        if not bound.arguments.get("copy", True) and np.dtype(dtype) == self.dtype:
            return self
        work.launched()
        work.read(self._host, self.nbytes)
        return wrap(self._host.astype(dtype))


class Address:
    """`ndarray.data`: a memory pointer of which only the address is read."""

    def __init__(self, ptr: int) -> None:
        self.ptr = ptr


def wrap(host: Any) -> ndarray:
    """A NumPy result as a device array; a view of one keeps that one's memory."""
    array = ndarray.__new__(ndarray)
    host = np.asarray(host)
    if host.base is not None:
        array._host, array._held = host, None
    else:
        array._adopt(host)
    return array


def operand(value: Any, *, read: bool = True) -> Any:
    """What a device operation may take: device arrays, Python's and NumPy's scalars.

    read: whether it reads all of an array.
    """
    if isinstance(value, ndarray):
        if read:
            work.read(value._host, value.nbytes)
        return value._host
    if value is None or value is Ellipsis or isinstance(value, _PLAIN):
        return value
    if isinstance(value, (tuple, list)):
        return type(value)(operand(part, read=read) for part in value)
    raise TypeError(f"Unsupported type {type(value)}")


def _index(key: Any) -> Any:
    """A key as NumPy takes it. CuPy has no `__index__`, but takes its own 0-d arrays as indices."""
    return operand(key)


def _holds_mask(key: Any) -> bool:
    """Whether an index chooses by booleans: how many, the host has to know."""
    return any(isinstance(part, ndarray) and part.dtype == bool for part in _parts(key))


def _parts(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _method(self: ndarray, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    bound = contract.bind(f"{NAME}.{name}", (self, *args), kwargs)
    given = [operand(value, read=name not in work.FREE) for value in bound.args[1:]]
    named = {key: operand(value) for key, value in bound.kwargs.items()}
    if name not in work.FREE:
        work.read(self._host, self.nbytes)
    return wrap(getattr(self._host, name)(*given, **named))


def _forward(name: str) -> Callable[..., Any]:
    def method(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        return _method(self, name, args, kwargs)

    method.__name__ = name
    return method


def _binary(compute: Callable[[Any, Any], Any], reflected: bool) -> Callable[..., Any]:
    def method(self: ndarray, other: Any) -> Any:
        if not isinstance(other, (ndarray, np.ndarray, np.generic, bool, int, float, complex)):
            return NotImplemented
        work.launched()
        work.read(self._host, self.nbytes)
        right = operand(other)
        return wrap(compute(right, self._host) if reflected else compute(self._host, right))

    return method


def _unary(compute: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(self: ndarray) -> Any:
        work.launched()
        work.read(self._host, self.nbytes)
        return wrap(compute(self._host))

    return method


def _in_place(compute: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def method(self: ndarray, other: Any) -> ndarray:
        work.launched()
        self._host = compute(self._host, operand(other))
        return self

    return method


for _name in ("reshape", "ravel", "sum", "max", "min", "mean", "any", "all", "copy", "fill"):
    setattr(ndarray, _name, _forward(_name))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "matmul", "and", "or", "xor"):
    _compute = getattr(operator, f"{_name}_" if _name in ("and", "or") else _name)
    setattr(ndarray, f"__{_name}__", _binary(_compute, reflected=False))
    setattr(ndarray, f"__r{_name}__", _binary(_compute, reflected=True))
    setattr(ndarray, f"__i{_name}__", _in_place(getattr(operator, f"i{_name}")))
setattr(ndarray, "__pow__", _binary(operator.pow, reflected=False))  # noqa: B010
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(ndarray, f"__{_name}__", _binary(getattr(operator, _name), reflected=False))
for _name in ("neg", "invert", "abs"):
    setattr(ndarray, f"__{_name}__", _unary(getattr(operator, _name)))
