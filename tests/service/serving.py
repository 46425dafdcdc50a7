"""Requests to an application in this process, and the small bundles that it serves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import FastAPI

from isd_pipeline.coding.coder import Coder
from isd_pipeline.service.app import create_app
from tests.coding.tiny import bundle_of

CANARY = "ZZCANARY7Q"
TEXT = "Fever and chest pain; naïve Ärztin with acute pneumonia"


def app_of(**options: Any) -> FastAPI:
    return create_app({"tiny": Coder(bundle_of())}, **options)


def ask(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        base = options.pop("base_url", "http://127.0.0.1:8080")
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, **options)

    return asyncio.run(asking())


def post(app: FastAPI, asked: object, **options: Any) -> httpx.Response:
    """To /v1/code; bytes as they are, all else as JSON."""
    content = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    headers: Mapping[str, str] = options.pop("headers", {})
    headers = {"content-type": "application/json", **headers}
    return ask(app, "POST", "/v1/code", content=content, headers=headers, **options)


def notes(*texts: str) -> dict[str, Any]:
    return {"notes": [{"id": f"n{n}", "text": text} for n, text in enumerate(texts)]}
