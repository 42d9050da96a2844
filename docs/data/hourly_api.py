"""A small HTTP API to try `iles data` with: hourly kWh of one meter for any window, behind a key. Any Python runs it."""

import json
import sys
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Hours(BaseHTTPRequestHandler):
    """GET /v1/readings?from=...&to=... with the header X-Api-Key: demo."""

    def do_GET(self) -> None:
        """Answer with an hour's value for each whole hour of the window."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if self.headers.get("X-Api-Key") != "demo":
            return self._answer(401, {"error": "key"})
        begin, end = datetime.fromisoformat(query["from"]), datetime.fromisoformat(query["to"])
        at = begin.replace(minute=0, second=0)
        points = []
        while at + timedelta(hours=1) <= end:
            if at >= begin:
                points.append({"time": at.isoformat(), "energy": {"imported": 400 + 25 * at.hour}})
            at += timedelta(hours=1)
        return self._answer(200, {"meter": "house-7", "unit": "Wh", "data": {"points": points}})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hours).serve_forever()
