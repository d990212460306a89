"""Facts of a machine on which everything is as it should be, to be spoilt one thing at a time."""

from rapids_rap.machine.driver import Card, DriverFacts, Library, TorchBuild

H100 = Card(
    name="NVIDIA H100 80GB HBM3",
    uuid="00010203-0405-0607-0809-0a0b0c0d0e0f",
    memory=81_559 * 2**20,
    used=1024 * 2**20,
    capability=(9, 0),
    mode="Default",
)
VERSIONS = {
    "torch": "2.13.0",
    "cupy": "14.2.0",
    "triton": "3.7.1",
    "rmm": "26.10.00",
    "cudf": "26.10.02",
    "cuml": "26.10.00",
    "cuvs": "26.10.00",
    "faiss": "1.15.1",
}
TORCH = TorchBuild(
    cuda="13.0",
    available=True,
    architectures=("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"),
)
LIBRARIES = tuple(Library(name, version) for name, version in VERSIONS.items())
USABLE = DriverFacts(
    driver="580.95.05",
    listed=(H100,),
    loaded=True,
    cuda=13_000,
    cards=(H100,),
    faiss_packages=("faiss-gpu",),
    libraries=LIBRARIES,
    torch=TORCH,
    faiss_gpus=1,
)
"""An H100 that the GPU backend can use."""

NOTHING = DriverFacts()
"""A machine without a GPU and without its driver."""


def with_problem(name: str, problem: str) -> tuple[Library, ...]:
    """The libraries, one of which can't be imported."""
    return tuple(
        Library(name, problem=problem) if library.name == name else library for library in LIBRARIES
    )
