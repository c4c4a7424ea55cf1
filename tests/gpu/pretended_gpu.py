"""A GPU that is pretended: tensors stay in memory, but count as lying on ``cuda``.

torch's FakeTensorMode knows devices but no values, so it ends where a value decides how
a program goes on, and its gradients need a real driver. Here every operation is
computed on the CPU; what came of a tensor on the pretended GPU lies there too.
"""

import traceback
from contextlib import ExitStack, contextmanager
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
aten = torch.ops.aten
# What makes a host wait for a GPU: a value, or a shape that depends on values.
READS = (
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "equal",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "bincount",
)
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")


class PretendedGenerator(torch.Generator):
    """torch's, which knows for which device it was made."""

    def __new__(cls, device="cpu"):
        self = super().__new__(cls)
        self.made_for = torch.device(device).type
        return self


class PretendedGpu:
    """Where tensors lie and how often the host waited for values.

    Attributes:
        reads: The place in the package, or below it, of every such wait.
    """

    def __init__(self):
        self._storages = {}
        self.reads = []
        self.calls_on_gpu = False

    def holds(self, tensor):
        with torch._C.DisableTorchFunction():
            return tensor.untyped_storage()._cdata in self._storages

    def take(self, tensor):
        with torch._C.DisableTorchFunction():
            storage = tensor.untyped_storage()
            self._storages[storage._cdata] = storage  # kept, so no other gets its place

    def give_back(self, tensor):
        with torch._C.DisableTorchFunction():
            del self._storages[tensor.untyped_storage()._cdata]

    def read(self, what):
        frames = [f for f in traceback.extract_stack() if "torch/" not in f.filename]
        frames = [f for f in frames if __file__ != f.filename]
        name = frames[-1].filename.rpartition("site-packages/")[2]
        self.reads.append(f"{what} at {name}:{frames[-1].lineno}")


class _Operations(TorchDispatchMode):
    """Below autograd: results lie where their operands do, which must be one place."""

    def __init__(self, gpu):
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        gpu, kwargs = self.gpu, kwargs or {}
        name = func.overloadpacket.__name__
        tensors = [
            leaf for leaf in tree_leaves((args, kwargs)) if torch.is_tensor(leaf)
        ]
        there = [t for t in tensors if gpu.holds(t)]
        here = [t for t in tensors if t.dim() and not gpu.holds(t)]
        if name in INDEXING:  # indices may lie anywhere
            here = [] if gpu.holds(args[0]) else here
            masks = [i for i in args[1] if i is not None and i.dtype == torch.bool]
            if there and masks and not (len(args) > 2 and args[2].numel() == 1):
                gpu.read(name)
        elif name == "_pack_padded_sequence":  # wants its lengths on the CPU
            here = [args[0]] if args[0] in here else []
        if name == "copy_":
            if gpu.holds(args[1]) and not gpu.holds(args[0]):
                gpu.read("copy to the CPU")
        elif there and here:
            shapes = [tuple(t.shape) for t in here]
            raise RuntimeError(f"{func}: tensors on cuda and on the CPU, {shapes}")
        if there and (name in READS or func is aten.repeat_interleave.Tensor):
            gpu.read(name)
        on_gpu = bool(there) if tensors else gpu.calls_on_gpu
        if tensors and not there:  # a number of the CPU, made beside tensors of the GPU
            on_gpu = False
        result = func(*args, **kwargs)
        if on_gpu and name != "copy_":
            for leaf in tree_leaves(result):
                if torch.is_tensor(leaf):
                    gpu.take(leaf)
        return result


class _Calls(TorchFunctionMode):
    """Above autograd: what programs say and ask about devices."""

    def __init__(self, gpu):
        super().__init__()
        self.gpu = gpu

    def __torch_function__(self, func, types, args=(), kwargs=None):
        gpu, kwargs = self.gpu, dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if func == torch.Tensor.device.__get__:
            return CUDA if gpu.holds(args[0]) else CPU
        if func == torch.Tensor.is_cuda.__get__:
            return gpu.holds(args[0])
        if name in ("to", "cpu", "cuda") and torch.is_tensor(args[0]):
            return self._to(name, args, kwargs)
        if name in ("tolist", "numpy") and gpu.holds(args[0]):
            gpu.read(name)
            return func(args[0].detach().clone(), *args[1:], **kwargs)
        tensors = [
            leaf for leaf in tree_leaves((args, kwargs)) if torch.is_tensor(leaf)
        ]
        on_gpu = any(map(gpu.holds, tensors))
        device = kwargs.pop("device", None)
        if device is not None:
            on_gpu = torch.device(device).type == "cuda"
        before, gpu.calls_on_gpu = gpu.calls_on_gpu, on_gpu
        try:
            result = func(*args, **kwargs)
        finally:
            gpu.calls_on_gpu = before
        if name.startswith("new_"):  # of numbers of the CPU, put where the tensor is
            device, on_gpu = args[0], gpu.holds(args[0])
        if device is not None and torch.is_tensor(result):
            result = self._move(result, on_gpu)
        generator = kwargs.get("generator")
        if generator is not None and on_gpu != (generator.made_for == "cuda"):
            raise RuntimeError(f"{func}: a generator of {generator.made_for}")
        return result

    def _to(self, name, args, kwargs):
        tensor, *rest = args
        target = CPU if name == "cpu" else CUDA if name == "cuda" else None
        kwargs.pop("non_blocking", None)
        kept = []
        for value in rest if name == "to" else ():
            if torch.is_tensor(value):
                target = CUDA if self.gpu.holds(value) else CPU
                kept.append(value.dtype)
            elif isinstance(value, str | torch.device):
                target = torch.device(value)
            elif not isinstance(value, bool) and value is not None:
                kept.append(value)
        device = kwargs.pop("device", None)
        target = target if device is None else torch.device(device)
        if kept or kwargs:
            tensor = torch.Tensor.to(tensor, *kept, **kwargs)
        return tensor if target is None else self._move(tensor, target.type == "cuda")

    def _move(self, tensor, to_gpu):
        if self.gpu.holds(tensor) == to_gpu:
            return tensor
        if not to_gpu:
            self.gpu.read("copy to the CPU")
        moved = tensor.clone()
        (self.gpu.take if to_gpu else self.gpu.give_back)(moved)
        return moved


@contextmanager
def pretended_gpu():
    """Make ``cuda`` usable; yields a `PretendedGpu`."""
    gpu = PretendedGpu()
    with ExitStack() as stack:
        stack.enter_context(mock.patch("torch.Generator", PretendedGenerator))
        for name, function in {  # what only a GPU's own libraries can do
            "backends.cudnn.is_acceptable": lambda _: False,
            "cuda.get_rng_state": lambda _: torch.get_rng_state(),
            "cuda.set_rng_state": lambda *_: None,
        }.items():
            stack.enter_context(mock.patch(f"torch.{name}", function))
        stack.enter_context(_Operations(gpu))
        stack.enter_context(_Calls(gpu))
        yield gpu
