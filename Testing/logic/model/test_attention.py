import pytest
import torch

from Fast3DSAM.Logic.model.attention import SuperTokenAttention

GRID = (2, 3, 4)


def _attention(relative_size=0) -> SuperTokenAttention:
    torch.manual_seed(0)
    attention = SuperTokenAttention(16, heads=2, lora_rank=2, relative_size=relative_size).eval().requires_grad_(False)
    for table in (getattr(attention, name, None) for name in ("rel_pos_h", "rel_pos_w")):
        if table is not None:
            table.normal_()
    return attention


TOKENS = torch.randn(2, 24, 16, generator=torch.Generator().manual_seed(1))


def test_without_positions_the_order_of_tokens_does_not_matter():
    order = torch.randperm(24, generator=torch.Generator().manual_seed(2))
    attention = _attention()
    torch.testing.assert_close(attention(TOKENS[:, order], GRID), attention(TOKENS, GRID)[:, order])


def test_relative_positions_make_the_place_in_the_slice_matter():
    attention = _attention(relative_size=4)
    order = torch.arange(24).view(GRID).flip(2).flatten()
    assert (attention(TOKENS[:, order], GRID) - attention(TOKENS, GRID)[:, order]).abs().max() > 0.01


def test_relative_positions_know_nothing_of_the_slice():
    attention = _attention(relative_size=4)
    order = torch.arange(24).view(GRID).flip(0).flatten()
    torch.testing.assert_close(attention(TOKENS[:, order], GRID), attention(TOKENS, GRID)[:, order])


def test_the_bias_is_the_table_s_row_of_the_distance():
    attention = _attention(relative_size=4)
    query = torch.randn(1, 2, 24, 8, generator=torch.Generator().manual_seed(3))
    bias = attention._relative_bias(query, GRID)
    tables = [attention._table(attention.rel_pos_h, 3), attention._table(attention.rel_pos_w, 4)]
    places = [(d, h, w) for d in range(2) for h in range(3) for w in range(4)]
    for q, (_, qh, qw) in enumerate(places):
        for k, (_, kh, kw) in enumerate(places):
            expected = (query[0, :, q] * (tables[0][qh, kh] + tables[1][qw, kw])).sum(-1)
            torch.testing.assert_close(bias[0, :, q, k], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [2, 4, 7])
def test_tables_are_interpolated_to_the_grid_and_run_from_minus_to_plus(size):
    attention = _attention(relative_size=4)
    table = attention._table(torch.linspace(-3, 3, 7)[:, None], size)
    assert table.shape == (size, size, 1)
    assert (table[1:, 0, 0] > table[:-1, 0, 0]).all() and (table[0, 1:, 0] < table[0, :-1, 0]).all()
    torch.testing.assert_close(table.diagonal(dim1=0, dim2=1), torch.zeros(1, size), atol=1e-5, rtol=0)
