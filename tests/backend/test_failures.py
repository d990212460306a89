"""What libraries say when memory or a device fails is told apart."""

import pytest
import torch

from rapids_rap.backend.failures import explained, is_device_error, is_out_of_memory
from rapids_rap.errors import CapabilityError, InputError

SHORTAGES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    MemoryError(),
]


FAILURES = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be ..."),
    RuntimeError("CUDA driver error: device not ready"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("Triton Error [CUDA]: device-side assert triggered"),
]


OTHERS = [
    RuntimeError("shapes do not match"),
    ValueError("out of memory, said of something else"),
    InputError("CUDA error in a file name"),
]


def name(error):
    return f"{type(error).__name__}-{str(error)[:24]}"


@pytest.mark.parametrize("error", SHORTAGES, ids=name)
def test_every_library_says_out_of_memory_in_its_own_way(error):
    """A shortage that isn't recognised ends a run that a smaller batch would have saved."""
    assert is_out_of_memory(error)
    assert is_device_error(error)
    with (
        pytest.raises(CapabilityError, match=r"Memory ran out .* Kept\. .*token_budget"),
        explained("Kept."),
    ):
        raise error


@pytest.mark.parametrize("error", FAILURES, ids=name)
def test_a_failing_gpu_is_explained_and_not_taken_for_a_shortage(error):
    """Halving the batch does not mend an illegal access; the message says what is safe."""
    assert is_device_error(error)
    assert not is_out_of_memory(error)
    with (
        pytest.raises(CapabilityError, match=r"GPU or its driver failed .* Kept\. .*dmesg"),
        explained("Kept."),
    ):
        raise error


@pytest.mark.parametrize("error", OTHERS, ids=name)
def test_errors_that_are_not_the_devices_pass_unchanged(error):
    """A bug must keep its own message and traceback."""
    assert not is_device_error(error)
    with pytest.raises(type(error)) as caught, explained("Kept."):
        raise error
    assert caught.value is error
