# SPDX-License-Identifier: Apache-2.0
"""The usual site (see ../usual.py) as an ASGI application: for uvicorn."""
CHUNKS = (1, 3, 17, 255, 4096, 60001)
LARGE = b"l" * 1_000_000


async def size_of_body(receive):
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return size


async def application(scope, receive, send):
    assert scope["type"] == "http"

    async def begin(status, *headers):
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def whole(status, body):
        await begin(status, (b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.body", "body": body})

    async def chunks(sizes):
        await begin(200)
        for size in sizes:
            await send({"type": "http.response.body", "body": b"c" * size, "more_body": True})
        await send({"type": "http.response.body"})

    path = scope["path"]
    if path == "/plain":
        await whole(200, b"plain\n")
    elif path == "/empty":
        await begin(204)
        await send({"type": "http.response.body"})
    elif path == "/large":
        await whole(200, LARGE)
    elif path == "/chunks":
        await chunks(CHUNKS)
    elif path == "/few-chunks":
        await chunks(CHUNKS[:3])
    elif path == "/upload":
        await whole(201, b"%d" % await size_of_body(receive))
    elif path == "/broken":
        await whole(500, b"broken\n")
    else:
        await whole(404, b"nothing here\n")
