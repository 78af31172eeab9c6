"""Start a sandbox from a test in Python, and control it by typed calls. pytest has it as the fixture `tiktok_shop`."""

from shopstream_sandbox.testing.running import SandboxFailed, TikTokShop, run_sandbox
from shopstream_sandbox.testing.transport import ControlRefused
from shopstream_sandbox.testing.values import Product, Push, Seller, Shop, Sku, Stats, StockChange, Units

__all__ = [
    "ControlRefused",
    "Product",
    "Push",
    "SandboxFailed",
    "Seller",
    "Shop",
    "Sku",
    "Stats",
    "StockChange",
    "TikTokShop",
    "Units",
    "run_sandbox",
]
