"""Procedures of the product's own, traced to guides/product.yaml."""

from __future__ import annotations

from cellbench.api import Dut, Limit, ProductLimits, Recorder, procedure


@procedure("PRODUCT:1.1", title="Type number and firmware are the ordered ones")
def test_is_the_ordered_one(dut: Dut, limits: ProductLimits, record: Recorder) -> None:
    """Judged by the limits of the product, rigs/limits/*.yaml."""
    identity = dut.identify(sim=False)
    record.judge(limits, "type_number", identity.model)
    record.judge(limits, "firmware", identity.firmware)


@procedure("PRODUCT:1.2", title="Ten commands in a row are answered at once")
def test_answers_at_once(dut: Dut, record: Recorder) -> None:
    """The slowest of ten answers."""
    with record.step("ten times AT"):
        slowest = max(dut.send("AT").elapsed_s for _ in range(10))
    record.measure("slowest answer", slowest, "s", Limit(high=1.0, source="product test specification 1.2"))
