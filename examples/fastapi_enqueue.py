"""An HTTP endpoint that has products fetched and their changes published: `POST /shops/SHOP/products {"ids": […]}`.

It checks nobody's rights: put it behind your own authentication.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from shopstream import InvalidId, SyncClient, UnknownShop


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One client for all requests, closed at the end."""
    async with SyncClient(os.environ["SHOPSTREAM_REDIS_URL"]) as client:
        app.state.client = client
        yield


app = FastAPI(title="Ask shopstream for products", lifespan=lifespan)


class Wanted(BaseModel):
    """Product ids as strings: they are above 2^53, where many JSON readers lose digits."""

    ids: list[str] = Field(min_length=1, max_length=10_000)
    urgent: bool = False


@app.post("/shops/{shop}/products", status_code=202)
async def enqueue(shop: str, wanted: Wanted, request: Request) -> dict[str, int]:
    """202: it will be fetched and published, or lie in `dead` with the reason."""
    client: SyncClient = request.app.state.client
    asked = await client.sync_products(shop, wanted.ids, urgent=wanted.urgent)
    return {"asked": len(asked.ids)}


@app.exception_handler(UnknownShop)
async def unknown_shop(_: Request, error: Exception) -> JSONResponse:
    """The shop's seller has not authorized it."""
    return JSONResponse({"detail": str(error)}, status_code=404)


@app.exception_handler(InvalidId)
async def invalid_id(_: Request, error: Exception) -> JSONResponse:
    """Nothing of the request has been asked for."""
    return JSONResponse({"detail": str(error)}, status_code=422)


@app.exception_handler(RedisError)
async def no_redis(_: Request, error: Exception) -> JSONResponse:
    """Asking again is safe: asking twice is asking once."""
    return JSONResponse({"detail": f"no Redis: {type(error).__name__}"}, status_code=503, headers={"Retry-After": "5"})
