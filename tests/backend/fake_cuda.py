"""`torch.cuda` on the CPU, with copies that happen as late as streams and events allow.

A copy that was only enqueued has not happened: what it writes is garbage until a stream or the host
waits for an event that was recorded behind it. So a missing wait shows as wrong values. Kernels run
at once, on any stream; that a download waits for them shows in `log`.
"""

import contextlib

import torch

GARBAGE = -7


class FakeStream:
    """A queue of copies that have not happened yet."""

    def __init__(self, cuda, name):
        self.cuda, self.name, self.queue = cuda, name, []

    def record_event(self, event=None):
        self.cuda.log.append(("record", self.name))
        return FakeEvent(self.cuda, self.name, self.queue)

    def wait_event(self, event):
        self.cuda.log.append(("wait", self.name, event.name))
        event.happen()


class FakeEvent:
    """The point in a stream behind everything that was enqueued so far."""

    def __init__(self, cuda, name, queue):
        self.cuda, self.name, self.queue, self.length = cuda, name, queue, len(queue)

    def happen(self):
        for copy in self.queue[: self.length]:
            copy()

    def synchronize(self):
        self.cuda.log.append(("synchronize", self.name))
        self.happen()


class FakeCuda:
    """Replaces what `CudaLane` uses of torch for the time of a test. `free`: bytes, as reported."""

    def __init__(self, patch):
        self.log, self.recorded, self.emptied, self.free = [], [], 0, 10 * 2**30
        self.computing = self.now = FakeStream(self, "computing")
        self.streams = [self.computing]
        patch.setattr(torch.cuda, "Stream", self._new_stream)
        patch.setattr(torch.cuda, "Event", lambda blocking=False: None)
        patch.setattr(torch.cuda, "stream", self._use)
        patch.setattr(torch.cuda, "current_stream", lambda device=None: self.now)
        patch.setattr(torch.cuda, "mem_get_info", lambda device=None: (self.free, 16 * 2**30))
        patch.setattr(torch.cuda, "empty_cache", self._empty)
        patch.setattr(
            torch.Tensor,
            "record_stream",
            lambda tensor, stream: self.recorded.append((tensor.data_ptr(), stream.name)),
        )
        patch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
        self._patch_copies(patch)

    def _new_stream(self, device=None):
        self.streams.append(FakeStream(self, f"copies {len(self.streams)}"))
        return self.streams[-1]

    @contextlib.contextmanager
    def _use(self, stream):
        before, self.now = self.now, stream
        try:
            yield
        finally:
            self.now = before

    def _empty(self):
        self.emptied += 1

    def _enqueue(self, target, source):
        self.log.append(("copy", self.now.name))
        done = []

        def copy():
            if not done:
                done.append(torch.no_grad()(plain_copy)(target, source))

        self.now.queue.append(copy)

    def _patch_copies(self, patch):
        to, empty = torch.Tensor.to, torch.empty

        def fake_to(tensor, *args, non_blocking=False, **kwargs):
            if not non_blocking:
                return to(tensor, *args, **kwargs)
            arriving = torch.full_like(tensor, GARBAGE)
            self._enqueue(arriving, tensor)
            return arriving

        def fake_copy(target, source, non_blocking=False):
            if not non_blocking:
                return plain_copy(target, source)
            self._enqueue(target.fill_(GARBAGE), source)
            return target

        def fake_empty(*args, pin_memory=False, **kwargs):
            return empty(*args, **kwargs)

        patch.setattr(torch.Tensor, "to", fake_to)
        patch.setattr(torch.Tensor, "copy_", fake_copy)
        patch.setattr(torch, "empty", fake_empty)


plain_copy = torch.Tensor.copy_
