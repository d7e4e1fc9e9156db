#!/usr/bin/env bash
# torch 2.14.1 on a CPU with AMX: in bfloat16 the gradient of conv_transpose2d with respect to its input is another one
# than in float32, by more than its own size, where kernel and stride are 16; with kernels of 2 to 8 it is right to
# rounding (0.3 %). Nothing is raised. The forward is right. Seen: relative error 1.06 for 16, 0.003 for 2, 4 and 8.
# Who trains or attributes a decoder in bfloat16 on such a machine follows a wrong slope. Fails if that changes; says so
# and ends well on processors without AMX, where other kernels run.
set -euo pipefail
grep -q amx_bf16 /proc/cpuinfo || { echo "no AMX here: nothing to see"; exit 0; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.14.1 numpy
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import torch.nn.functional as F


def gradient(x, weight, outer, dtype, side):
    leaf = x.to(dtype).requires_grad_()
    F.conv_transpose2d(leaf, weight.to(dtype), stride=side).backward(outer.to(dtype))
    return leaf.grad.double()


torch.manual_seed(0)
errors = {}
for side in (2, 4, 8, 16):
    x, weight = torch.randn(1, 8, 16, 16), torch.randn(8, 4, side, side)
    outer = torch.randn(1, 4, 16 * side, 16 * side)
    right, forward = gradient(x, weight, outer, torch.float64, side), F.conv_transpose2d(x, weight, stride=side)
    half = F.conv_transpose2d(x.bfloat16(), weight.bfloat16(), stride=side).float()
    assert (half - forward).norm() < 0.01 * forward.norm(), "the forward is right"
    errors[side] = float((gradient(x, weight, outer, torch.bfloat16, side) - right).norm() / right.norm())
print(torch.__version__, {side: round(error, 3) for side, error in errors.items()})
assert all(errors[side] < 0.01 for side in (2, 4, 8)), errors
assert errors[16] > 0.5, errors
PYTHON
