"""The documentation page: Swagger UI from an installed package, so that no browser asks another host for anything.

Only the package's files are used; its own routes set no headers and read the files again for every request.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

_PACKAGE = "fastapi_swagger.resources"
_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
# A file of its own: inside the page it would need a policy that lets any script run.
_START = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#documentation",
  validatorUrl: null,
  persistAuthorization: false,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  deepLinking: true,
  filter: true,
  defaultModelsExpandDepth: 0,
});
"""
# Addresses are relative, so that the page also works behind a proxy that adds a prefix.
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Clientele API</title>
<link rel="icon" type="image/png" href="docs/{version}/favicon-32x32.png">
<link rel="stylesheet" href="docs/{version}/swagger-ui.css">
</head>
<body>
<noscript>This page needs JavaScript; the same is told by <a href="openapi.json">openapi.json</a>.</noscript>
<div id="documentation"></div>
<script src="docs/{version}/swagger-ui-bundle.js"></script>
<script src="docs/{version}/start.js"></script>
</body>
</html>
"""
# Swagger UI writes style attributes, and its style sheet holds its icons as data.
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_GUARDED = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
# The address of a file names its content, so it never changes.
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_ASK_AGAIN = {"Cache-Control": "no-cache"}


@dataclass(frozen=True, slots=True)
class File:
    """One answer, held in memory: about 2 MB in all."""

    body: bytes
    media_type: str
    headers: Mapping[str, str]


def _read() -> Iterator[tuple[str, File]]:
    bodies = {name: (files(_PACKAGE) / name).read_bytes() for name in _MEDIA_TYPES} | {"start.js": _START.encode()}
    version = hashlib.sha256(b"\0".join(bodies.values())).hexdigest()[:12]
    for name, body in bodies.items():
        media_type = _MEDIA_TYPES.get(name, "text/javascript; charset=utf-8")
        yield f"/docs/{version}/{name}", File(body, media_type, {**_GUARDED, **_FOR_EVER})
    page = _PAGE.format(version=version).encode()
    yield "/docs", File(page, "text/html; charset=utf-8", {**_GUARDED, **_ASK_AGAIN})


# By path. All are public, as the document that they show is.
FILES: Mapping[str, File] = dict(_read())
