"""python check_proof.py PROOF.json HEAD: checks what `iles ledger prove` wrote against the head you hold, by SHA-256 alone."""

import base64
import hashlib
import json
import sys


def sha(data):
    return hashlib.sha256(data).digest()


def climb(at, size, start, path):  # RFC 9162 2.1.3.2 and 2.1.4.2: the roots over the leaves up to `at`, and over all
    last, old, new = size - 1, start, start
    for step in path:
        if at & 1 or at == last > 0:
            old, new = sha(b"\1" + step + old), sha(b"\1" + step + new)
            at, last = at // (at & -at), last // (at & -at)  # up to where it is a right child
        else:
            new = sha(b"\1" + new + step)
        at, last = at >> 1, last >> 1 if last else -1  # above the root there is nothing
    return (old, new) if last == 0 else (b"", b"")


for proof in (data := json.load(open(sys.argv[1]))).get("proofs", [data]):
    old, new = (head.split("\n") for head in (proof.get("head_1", proof["head"]), proof["head"]))
    size, root, old_root = int(new[1]), base64.b64decode(new[2]), base64.b64decode(old[2])
    path = [bytes.fromhex(step) for step in proof.get("inclusion_path", proof.get("consistency_path"))]
    sound = sha("\n".join(old).encode()).hex() == sys.argv[2] and all(len(step) == 32 for step in path)
    if "entry" in proof:
        index, entry, body = proof["leaf_index"], bytes.fromhex(proof["entry"]), b""
        sound &= 0 <= index < size == proof["tree_size"] and climb(index, size, sha(b"\0" + entry), path)[1] == root
        if "salt" in proof:  # a body that is kept beside the ledger: the entry ends with the hash of salt and body
            body = sha(b"iles-body-2\n" + bytes.fromhex(proof["salt"] + proof["body"])).hex().encode()
            sound &= entry.endswith(b"\nsalted\n" + body)
    else:
        first, whole = int(old[1]), int(old[1]) & -int(old[1])
        sound &= 0 < first == proof["tree_size_1"] <= size == proof["tree_size_2"]
        start, *rest = [old_root, *path] if first in (whole, size) else path
        found = climb((first - 1) // whole, (size - 1) // whole + 1, start, rest) if first < size else (root, *path, old_root)
        sound &= found == (old_root, root)
    print(new[3], sha(proof["head"].encode()).hex(), "sound") if sound else sys.exit("REFUSED")
