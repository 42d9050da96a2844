#!/bin/sh
# act.sh DIR URL DAY: the DSO acts by HTTP alone on a living site (curl and python3): asks, chooses, orders, settles, checks the proof.
# DIR is the site's folder (its token is read there), DAY a local day that the site operates and that is still to come.
set -eu
dir=$1 url=$2 day=$3
token="Authorization: Bearer $(cat "$dir/portal.token")"
get() { curl -sf -H "$token" "$url$1"; }
post() { curl -sf -H "$token" -H "Content-Type: application/json" "$url$1" -d "$2"; }
field() { python3 -c "import json, sys; found = json.load(sys.stdin); print($1)"; }
answered() { # NUMBER: wait until the agent has accepted or refused, and say what follows
    until get "/dso/actions/$1" | field 'found["state"]' | grep -qE 'accepted|refused'; do sleep 0.2; done
    get "/dso/actions/$1" | field 'found["kind"] + " " + found["state"] + ": " + found["reason"]'
}

point=$(get /dso/state | field 'found["points"][0]["id"]')
number=$(post /dso/actions/flexibility "{\"point\": \"$point\", \"period\": \"$day\", \"first_isp\": 50, \"last_isp\": 54,
    \"power_w\": 5000, \"choose_minutes\": 240}" | field 'found["number"]')
answered "$number"
# Offers follow within some rounds; the cheapest option of the newest one is ordered whole.
until get /dso/state | field 'len([o for o in found["offers"] if o["point"] == "'"$point"'" and o["period"] == "'"$day"'"])' |
    grep -qv '^0$'; do sleep 0.2; done
chosen=$(get /dso/state | field 'next(json.dumps({"offer": o["reference"], "option": min(o["options"], key=lambda p: p["price"])["reference"]})
    for o in reversed(found["offers"]) if o["point"] == "'"$point"'" and o["period"] == "'"$day"'")')
said=$(answered "$(post /dso/actions/order "$chosen" | field 'found["number"]')")
echo "$said"
order=$(echo "$said" | sed -n 's/.*order \([0-9a-f-]*\) goes to.*/\1/p')
works=$(post /dso/actions/works "{\"point\": \"$point\", \"begin\": \"${day}T20:00:00+00:00\", \"end\": \"${day}T20:30:00+00:00\",
    \"carries_pct\": 0, \"words\": \"a joint is renewed\"}" | field 'found["number"]')
answered "$works"
echo "waiting until order $order is delivered"
state() { get /dso/state | field '[o["status"] for o in found["orders"] if o["reference"] == "'"$order"'"]'; }
until state | grep -qE 'delivered|settled'; do sleep 1; done
until state | grep -q settled; do # refused until the day is over
    answered "$(post /dso/actions/settlement "{\"period\": \"$day\"}" | field 'found["number"]')"
    sleep 5
done
until get "/dso/ledger/proof?kind=flex-order&key=$order" > "$dir/proof.json"; do sleep 2; done
head=$(get /dso/pages/ledger | grep -oE '<code>[0-9a-f]{64}' | sed 's/<code>//' | head -n 1) # or one that you noted before
python3 "$(dirname "$0")/../check_proof.py" "$dir/proof.json" "$head"
