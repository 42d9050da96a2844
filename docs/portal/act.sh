#!/bin/sh
# act.sh DIR URL DAY [FIRST]: the DSO acts by HTTP alone on a living site (curl and python3): asks, chooses, orders, settles, checks
# the proof. DIR is the site's folder (its token is read there), DAY a local day that the site operates, FIRST the quarter-hour of it
# (1 to 92, from midnight; 50 unless said) from which on flexibility is wanted: still to come, by an hour at least.
set -eu
dir=$1 url=$2 day=$3 first=${4:-50}
token="Authorization: Bearer $(cat "$dir/portal.token")"
get() { curl -sf -H "$token" "$url$1"; }
post() { curl -s -H "$token" -H "Content-Type: application/json" "$url$1" -d "$2"; }
field() { python3 -c "import json, sys; found = json.load(sys.stdin); print($1)"; }
number() { python3 -c 'import json, sys; told = json.load(sys.stdin); sys.exit(str(told)) if "number" not in told else print(told["number"])'; }
answered() { # NUMBER: wait until the agent has accepted or refused, and say what follows
    until get "/dso/actions/$1" | field 'found["state"]' | grep -qE 'accepted|refused'; do sleep 0.2; done
    get "/dso/actions/$1" | field 'found["kind"] + " " + found["state"] + ": " + found["reason"]'
}
refused() { case $1 in *" accepted: "*) return 1 ;; *) return 0 ;; esac; }

point=$(get /dso/state | field 'found["points"][0]["id"]')
begun=$(get /dso/state | field 'found["now"][:19]')
asked=$(post /dso/actions/flexibility "{\"point\": \"$point\", \"period\": \"$day\", \"first_isp\": $first, \"last_isp\": $((first + 4)),
    \"power_w\": 5000, \"choose_minutes\": 240}" | number)
said=$(answered "$asked")
echo "$said"
if refused "$said"; then exit 1; fi
# Offers that answer follow within some rounds; of those that stand for people the cheapest option is ordered whole.
cheapest() {
    get /dso/state | field 'next(iter(sorted((p["price"], json.dumps({"offer": o["reference"], "option": p["reference"]}))
        for o in found["offers"] for p in o["options"] if o["for_people"] and "'"$begun"'" <= o["at"][:19] and found["now"][:19] < o["expires"][:19])),
        ("", ""))[1]'
}
until chosen=$(cheapest) && [ -n "$chosen" ]; do sleep 0.2; done
said=$(answered "$(post /dso/actions/order "$chosen" | number)")
echo "$said"
if refused "$said"; then exit 1; fi
order=$(echo "$said" | sed -n 's/.*order \([0-9a-f-]*\) goes to.*/\1/p')
works=$(post /dso/actions/works "{\"point\": \"$point\", \"begin\": \"${day}T20:00:00+00:00\", \"end\": \"${day}T20:30:00+00:00\",
    \"carries_pct\": 0, \"words\": \"a joint is renewed\"}" | number)
answered "$works"
echo "waiting until order $order is delivered"
state() { get /dso/state | field '[o["status"] for o in found["orders"] if o["reference"] == "'"$order"'"]'; }
until state | grep -qE 'delivered|settled'; do sleep 1; done
echo "delivered; waiting until $day is over and settled"
until state | grep -q settled; do # refused until the day is over, and where it is settled already
    said=$(answered "$(post /dso/actions/settlement "{\"period\": \"$day\"}" | number)")
    sleep 5
done
echo "$said"
until get "/dso/ledger/proof?kind=flex-order&key=$order" > "$dir/proof.json"; do sleep 2; done
head=$(get /dso/pages/ledger | grep -oE '<code>[0-9a-f]{64}' | sed 's/<code>//' | head -n 1) # or one that you noted before
python3 "$(dirname "$0")/../check_proof.py" "$dir/proof.json" "$head"
