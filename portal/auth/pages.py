"""The log-in and password pages: plain forms that work without scripts, and load nothing but their style."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Final

STYLE: Final = (Path(__file__).parent / "login.css").read_bytes()
# What these pages may do: load their style, and send their form to this site.
POLICY: Final = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ILES: {title}</title>
<link rel="stylesheet" href="/login.css">
</head>
<body>
<h1>{title}</h1>
{told}{form}
</body>
</html>
"""
_LOG_IN = """<form method="post" action="/login">
<input type="hidden" name="next" value="{to}">
<label for="name">Name</label>
<input id="name" name="name" value="{name}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Log in</button>
</form>"""
_CHANGE = """<p>{why}</p>
<form method="post" action="/password">
<input type="hidden" name="csrf" value="{csrf}">
<input type="hidden" name="name" value="{name}" autocomplete="username">
<label for="current">The password you have</label>
<input id="current" name="current" type="password" autocomplete="current-password" required autofocus>
<label for="new">A new one, of 12 characters or more</label>
<input id="new" name="new" type="password" autocomplete="new-password" minlength="12" maxlength="256" required>
<label for="again">The new one again</label>
<input id="again" name="again" type="password" autocomplete="new-password" minlength="12" maxlength="256" required>
<button>Change it</button>
</form>
<form method="post" action="/logout"><input type="hidden" name="csrf" value="{csrf}"><button>Log out</button></form>"""
_LOG_OUT = """<p>You are logged in as {name}.</p>
<form method="post" action="/logout"><input type="hidden" name="csrf" value="{csrf}"><button>Log out</button></form>"""


def log_in_page(to: str, told: str = "", name: str = "") -> str:
    """The form to log in; `to` is where it leads afterwards, `told` what was wrong."""
    return _page("Log in", _LOG_IN.format(to=escape(to), name=escape(name)), told)


def password_page(name: str, csrf: str, one_time: bool, told: str = "") -> str:
    """The form to change one's password."""
    why = "Your password was given to you by somebody else: choose one of your own." if one_time else f"You are {name}."
    return _page("Change your password", _CHANGE.format(why=escape(why), csrf=csrf, name=escape(name)), told)


def log_out_page(name: str, csrf: str) -> str:
    """The form to log out; a mere link must not do it."""
    return _page("Log out", _LOG_OUT.format(name=escape(name), csrf=csrf), "")


def _page(title: str, form: str, told: str) -> str:
    alert = f'<p role="alert">{escape(told)}</p>\n' if told else ""
    return _PAGE.format(title=title, told=alert, form=form)
