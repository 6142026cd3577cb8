"""All numbers and choices of the browser app in one place."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ...Logic.errors import Fast3DSAMError

APP_NAME = "Fast3DSAM"
USUAL_PORT = 8080


class AppError(Fast3DSAMError):
    """The app cannot be started as asked, or a request to it is refused."""


@dataclass(frozen=True)
class AppSettings:
    """`volume`: opened in each new tab. `port`: None for the usual one or, if that is taken, any free one.

    `token`: needed by every request where it is not empty. `max_voxels` limits what a file may claim to hold,
    `upload_bytes` what a browser may send. A tab that was closed is kept `grace_seconds`, so that a page that is loaded
    again finds its scene as it was; one whose connection broke (a computer that slept) is kept `lost_seconds`.
    """

    volume: Optional[Path] = None
    host: str = "127.0.0.1"
    port: Optional[int] = None
    token: str = ""
    device: str = "auto"
    weights: Optional[Path] = None
    cache_dir: Optional[Path] = None
    cache_bytes: int = 2 << 30
    max_tabs: int = 4
    grace_seconds: float = 20.0
    lost_seconds: float = 900.0
    upload_bytes: int = 1 << 30
    max_upload_files: int = 5000
    max_voxels: int = 1 << 28

    def checked(self) -> AppSettings:
        """Itself. Raises `AppError` for an address that others can reach without a token, and for odd numbers."""
        if not is_loopback(self.host) and len(self.token) < 16:
            raise AppError(
                f"The address {self.host!r} can be reached by others; give --token with at least 16 characters."
            )
        if not 0 <= (self.port or 0) < 65536:
            raise AppError(f"The port {self.port} does not exist; choose one from 0 (any free one) to 65535.")
        if self.max_tabs < 1:
            raise AppError(f"{self.max_tabs} tabs are too few; allow at least one.")
        return self


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
