"""The ledger's heads, its records, and the proof of one, checked by the visitor's own browser."""

from __future__ import annotations

from portal.screens.markup import Figure, Html, figures, link, note, section, table, text
from portal.screens.page import Parts
from portal.screens.seen import Seen


def make(seen: Seen) -> Parts:
    """The page."""
    ledger = seen.sources.ledger
    if ledger is None:
        return (
            section(
                "Ledger", note("This site has no ledger yet: its keeper makes it at the site's start."), name="heads"
            ),
        )
    heads = ledger.heads()
    records = ledger.records(seen.visitor.party)
    kinds: dict[str, int] = {}
    for record in records:
        kinds[record.kind] = kinds.get(record.kind, 0) + 1
    shown = [
        Figure("blocks", len(heads)),
        Figure("records in blocks" if seen.visitor.party is None else "records that concern you", len(records)),
    ]
    if heads:
        shown.append(Figure("last head", Html(f"<code>{heads[-1].digest[:16]}…</code>")))
    return (
        section("Ledger", figures(*shown), _check(seen, heads[-1].digest if heads else ""), name="ledger"),
        section(
            "Heads",
            table(
                "Heads, newest first",
                ("block", "period from (local)", "to", "records", "up to it", "co-signed by", "head (SHA-256)"),
                (
                    (
                        head.number,
                        seen.local(head.period_start),
                        seen.local(head.period_end),
                        head.records,
                        head.size,
                        ", ".join(map(seen.name, head.cosigned_by)) or "nobody yet",
                        Html(f"<code>{text(head.digest)}</code>"),
                    )
                    for head in reversed(heads)
                ),
                "No block is closed yet: one is when a day has been settled.",
                seen.rows,
            ),
            name="heads",
        ),
        section(
            "Records",
            table("By kind", ("kind", "records"), sorted(kinds.items()), "No record is in a block yet."),
            table(
                "Records, newest first",
                ("made at (local)", "kind", "key", "author", "proof"),
                (
                    (
                        seen.local(one.at),
                        one.kind,
                        one.key,
                        seen.name(one.author),
                        Html(
                            link("check", "", kind=one.kind, key=one.key)
                            + " · "
                            + link("file", proof_path(seen), kind=one.kind, key=one.key)
                        ),
                    )
                    for one in records
                ),
                "No record is in a block yet.",
                seen.rows,
            ),
            name="records",
        ),
    )


def proof_path(seen: Seen) -> str:
    """Where the visitor's proofs are."""
    return "/dso/ledger/proof" if seen.visitor.party is None else "/market/ledger/proof"


def _check(seen: Seen, head: str) -> Html:
    """The form and the place where the browser says what it found; see static/proof.js."""
    kind, key = seen.query.get("kind", ""), seen.query.get("key", "")
    return Html(
        f'<form id="proof" data-keep="proof" class="asked" data-proof="{proof_path(seen)}">'
        f'<label>Kind <input name="kind" value="{text(kind)}" required></label>'
        f'<label>Key <input name="key" value="{text(key)}" size="40" required></label>'
        f'<label>Head you hold <input name="head" value="{text(head)}" size="66" pattern="[0-9a-f]{{64}}" required></label>'
        "<button>Check in this browser</button>"
        '<p id="proof-told" role="status" class="note">The browser fetches the proof, computes every hash (SHA-256, RFC 9162) '
        "and checks every signature (Ed25519) itself; compare the head with the one you noted before, or one that a co-signer "
        "gave you.</p>"
        '<ol id="proof-steps"></ol></form>'
    )
