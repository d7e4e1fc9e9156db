"""Our hooks are gone at the end of a block, and a user's stay."""

import pytest
import torch
from torch import nn

from convscope.network.isolation.hooks import Hooks


def stores(module):
    return [dict(s) for s in (module._forward_hooks, module._forward_pre_hooks, module._forward_hooks_always_called)]


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_hooks_are_called_inside_the_block_and_gone_after_it(error):
    module, heard = nn.ReLU(), []
    module.register_forward_hook(lambda *given: heard.append("user's"))
    module.register_forward_hook(lambda *given: heard.append("always"), always_call=True)
    before = stores(module)
    try:
        with Hooks() as hooks:
            hooks.before(module, lambda *given: heard.append("before"))
            hooks.after(module, lambda *given: heard.append("after"))
            hooks.after(module, lambda *given: heard.append("failed"), always=True)
            module(torch.ones(1))
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    assert heard == ["before", "user's", "always", "after", "failed"]
    assert stores(module) == before


def test_a_hook_that_was_put_on_but_whose_handle_was_lost_is_gone_too(monkeypatch):
    module = nn.ReLU()
    put = module.register_forward_hook

    def interrupted(hook, **options):
        put(hook, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "register_forward_hook", interrupted)
    with pytest.raises(KeyboardInterrupt), Hooks() as hooks:
        hooks.after(module, print)
    assert not module._forward_hooks


def test_a_hook_a_user_puts_on_meanwhile_stays():
    module = nn.ReLU()
    with Hooks() as hooks:
        hooks.after(module, print)
        module.register_forward_hook(repr)
    assert list(module._forward_hooks.values()) == [repr]
