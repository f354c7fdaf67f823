"""Serving the page on this machine, with nothing that comes from or goes to another one."""

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import gradio as gr
import uvicorn
from fastapi import FastAPI
from loguru import logger
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from yolox_ela.errors import UserError
from yolox_ela.ui.page import THEME

LARGEST_FILE = 64 * 1024**2  # bytes of an upload
# The browser asks no other host, whatever gradio's page names, and no other page frames this one.
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'"
LOOPBACK_NAMES = ["127.0.0.1", "localhost", "[::1]"]
PATIENCE = 1  # seconds for open connections at the end


@contextmanager
def upload_folder() -> Iterator[None]:
    """Within `with`, uploads and results go to a folder that is deleted at its end.

    Pages must be built inside: gradio looks for the folder then.
    """
    name = "GRADIO_TEMP_DIR"
    earlier = os.environ.get(name)
    with TemporaryDirectory(prefix="yolox_ela_ui_", ignore_cleanup_errors=True) as folder:
        os.environ[name] = folder
        try:
            yield
        finally:
            del os.environ[name]
            if earlier is not None:
                os.environ[name] = earlier


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; a warning is logged if other machines can reach it.

    Args:
        host: the name or address of one of this machine's network interfaces.
        port: 0 for any free port.

    Raises:
        UserError: there is no such interface, or the port is taken.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address[:2], family=family)
    except OSError as error:
        raise UserError(
            f"cannot listen at {host}, port {port}: {error.strerror}; give another port with "
            "--port, or another address of this machine with --host"
        ) from error
    if not is_loopback(listening):
        logger.warning(
            "The page has no password: whoever reaches this machine's port {} can use it",
            listening.getsockname()[1],
        )
    return listening


def is_loopback(listening: socket.socket) -> bool:
    """Whether only programs of this machine reach a socket."""
    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def address_of(listening: socket.socket) -> str:
    """The page's address in a browser of this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def server(page: gr.Blocks, *, only_loopback: bool = True) -> uvicorn.Server:
    """A server of the page, to be run with the sockets that it shall answer.

    Args:
        page: from `build_page`.
        only_loopback: whether to refuse requests for other names than those of the loopback
            interface, by which pages of other hosts would be served by this one ("DNS rebinding").
    """
    app = FastAPI(openapi_url=None)
    if only_loopback:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_NAMES)
    app.add_middleware(WithPolicy)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=THEME,
        footer_links=[],
        run_history=False,
        max_file_size=LARGEST_FILE,
        ssr_mode=False,
        mcp_server=False,
    )
    # Only then does gradio refuse a client's paths of files that were not uploaded.
    page.has_launched = True
    return uvicorn.Server(
        uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=PATIENCE)
    )


class WithPolicy:
    """Middleware that adds `POLICY` to all answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as the application does, with one more header."""

        async def with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        await self.app(scope, receive, with_header if scope["type"] == "http" else send)
