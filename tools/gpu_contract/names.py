"""The names of the GPU libraries that the project, array_api_compat or datashader touches.

Kept by hand, and never by faith: a test walks the GPU backend's source and fails for a name that
is not here, and the double has no other names, so that code which reaches for one fails at once.
"""

from __future__ import annotations

WHEELS = (
    "cudf-cu13",
    "cuml-cu13",
    "cupy-cuda13x",
    "cuvs-cu13",
    "faiss-gpu",
    "rmm-cu13",
)

# What array_api_compat.cupy takes from CuPy while it is imported, and what its wrappers call.
_COMPAT = """
abs acos add all any arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin
argsort array asarray astype bitwise_and bitwise_invert bitwise_or bitwise_xor bool_
broadcast_arrays broadcast_shapes broadcast_to ceil clip complex128 complex64 complexfloating
concatenate count_nonzero cumprod cumsum divide dtype empty empty_like equal exp expand_dims eye
finfo flip float32 float64 floating floor floor_divide from_dlpack full full_like greater
greater_equal iinfo inf int16 int32 int64 int8 integer intp invert isdtype isfinite isin isinf
isnan issubdtype left_shift less less_equal linspace log log1p logical_and logical_not logical_or
matmul max maximum mean meshgrid min minimum moveaxis multiply nan ndarray negative newaxis
nonzero not_equal number ones ones_like power prod remainder repeat reshape right_shift roll round
searchsorted sign signedinteger sort sqrt square squeeze stack std subtract sum swapaxes take
take_along_axis tensordot tile transpose trunc uint16 uint32 uint64 uint8 unique unsignedinteger
var where zeros zeros_like
"""
_CUPY = "ascontiguousarray asnumpy get_default_memory_pool"
_ARRAY = """
T __abs__ __add__ __and__ __array__ __array_function__ __array_ufunc__ __bool__
__dlpack__ __dlpack_device__ __eq__ __float__ __floordiv__ __ge__
__getitem__ __gt__ __int__ __invert__ __iter__ __le__ __len__ __lt__ __matmul__ __mod__
__mul__ __ne__ __neg__ __or__ __pow__ __setitem__ __sub__ __truediv__ __xor__ all any astype copy
data device dtype fill flags get item itemsize max mean min nbytes ndim ravel reshape shape size
strides sum tolist view
"""
_CUDA = """
Device MemoryPointer PinnedMemory PinnedMemoryPointer UnownedMemory is_available
set_allocator
memory.OutOfMemoryError
runtime.CUDARuntimeError runtime.deviceSynchronize runtime.driverGetVersion runtime.getDevice
runtime.getDeviceCount runtime.getDeviceProperties runtime.memGetInfo
"""
_SPARSE = """
T __getitem__ __matmul__ copy data dtype has_canonical_format nnz shape sum_duplicates tocoo tocsr
transpose
"""
_FRAME = """
__array__ __getitem__ __iter__ __len__ assign columns drop_duplicates groupby merge rename
reset_index shape sort_values to_cupy values
"""
_SERIES = """
__add__ __and__ __array__ __eq__ __floordiv__ __ge__ __gt__ __invert__ __iter__ __le__ __len__
__lt__ __mod__ __mul__ __ne__ __or__ __sub__ __truediv__ dtype isna name reset_index shape sum
to_cupy values where
"""
_GROUPS = "__getitem__ agg cumcount max min size sum transform"

NAMES: dict[str, str] = {
    "cupy": f"{_COMPAT} {_CUPY}",
    "cupy.cuda": _CUDA,
    "cupy.fft": "",
    "cupy.linalg": "eigh lstsq norm",
    "cupy.ndarray": _ARRAY,
    "cupyx.scipy.ndimage": "gaussian_filter",
    "cupyx.scipy.sparse": "coo_matrix csc_matrix csr_matrix",
    "cupyx.scipy.sparse.csr_matrix": _SPARSE,
    "cupyx.scipy.sparse.csc_matrix": _SPARSE,
    "cudf": "DataFrame Series concat",
    "cudf.DataFrame": _FRAME,
    "cudf.Series": _SERIES,
    "cudf.core.groupby.groupby": "DataFrameGroupBy SeriesGroupBy",
    "cudf.core.groupby.groupby.DataFrameGroupBy": _GROUPS,
    "cudf.core.groupby.groupby.SeriesGroupBy": "agg max min size sum transform",
    "cuml.manifold.umap": "find_ab_params fuzzy_simplicial_set simplicial_set_embedding",
    "cuml.cluster.hdbscan": "HDBSCAN",
    "cuml.cluster.hdbscan.HDBSCAN": "fit labels_ probabilities_ cluster_persistence_",
    "cuvs.neighbors.brute_force": "build search",
    "cuvs.neighbors.nn_descent": "IndexParams",
    "cuvs.neighbors.all_neighbors": "AllNeighborsParams build",
    "rmm.mr": "CudaAsyncMemoryResource StatisticsResourceAdaptor set_current_device_resource",
    "rmm.mr.StatisticsResourceAdaptor": "allocation_counts",
    "rmm.allocators.cupy": "rmm_cupy_allocator",
    "faiss": "GpuIndexIVFFlat METRIC_INNER_PRODUCT METRIC_L2 "
    "StandardGpuResources get_num_gpus knn_gpu",
    "faiss.GpuIndexIVFFlat": "add cp nlist nprobe search train",
    "faiss.StandardGpuResources": "setPinnedMemory setTempMemory",
    "faiss.contrib.torch_utils": "",
}
"""Names by the module or class they belong to."""


def every_name() -> list[str]:
    """Dotted names, sorted."""
    return sorted(f"{owner}.{name}" for owner, names in NAMES.items() for name in names.split())
