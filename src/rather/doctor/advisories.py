"""Releases below which a package has a known hole that matters to whoever runs rather.

Only packages that are installed are looked at; several are not rather's own, but live beside it.
"""

from typing import NamedTuple


class Floor(NamedTuple):
    """The first release without a hole."""

    package: str
    release: str
    advisory: str
    hole: str


FLOORS = (
    Floor("torch", "2.6.0", "CVE-2025-32434", "torch.load runs code despite weights_only"),
    Floor("torch", "2.10.0", "CVE-2026-24747", "a checkpoint corrupts memory despite weights_only"),
    Floor("transformers", "5.3.0", "CVE-2026-4372", "a model can run code despite the flag"),
    Floor("starlette", "0.47.2", "CVE-2025-54121", "a large upload blocks the server"),
    Floor("starlette", "0.49.1", "CVE-2025-62727", "a Range header takes quadratic time"),
    Floor("starlette", "1.0.1", "CVE-2026-48710", "a Host header forges the request's path"),
    Floor("fastapi", "0.65.2", "CVE-2021-32677", "JSON is accepted as plain text, across sites"),
    Floor("python-multipart", "0.0.7", "CVE-2024-24762", "a form's header takes endless time"),
    Floor("python-multipart", "0.0.18", "CVE-2024-53981", "a form's border floods the log"),
    Floor("h11", "0.16.0", "CVE-2025-43859", "chunked bodies let requests be smuggled"),
    Floor("jinja2", "3.1.6", "CVE-2025-27516", "a template leaves the sandbox"),
    Floor("requests", "2.32.4", "CVE-2024-47081", "a link can draw passwords out of .netrc"),
    Floor("urllib3", "2.5.0", "CVE-2025-50181", "redirects cannot be switched off"),
    Floor("filelock", "3.20.1", "CVE-2025-68146", "a link in the lock's place empties its target"),
    Floor("pillow", "10.3.0", "CVE-2024-28219", "an image overflows a buffer"),
    Floor("pyarrow", "14.0.1", "CVE-2023-47248", "a Parquet or Arrow file can run code"),
    Floor("pyyaml", "5.4", "CVE-2020-14343", "YAML can run code through the full loader"),
    Floor("mako", "1.2.2", "CVE-2022-40023", "a template takes endless time"),
    Floor("vllm", "0.11.1", "CVE-2025-66448", "a model's configuration runs code"),
    Floor("vllm", "0.18.0", "CVE-2026-27893", "a model runs code despite the flag"),
    Floor("llama-cpp-python", "0.2.72", "CVE-2024-34359", "a chat template runs code"),
)
