#!/usr/bin/env bash
# Visits the link that the example prints, as a scanner, a person and a stranger do. $1 is the built example.
set -euo pipefail

jar=$(mktemp)
coproc server { exec "$1" 2>/dev/null; }
# Its standard input ends with this script, and so does the server.
trap 'rm -f "$jar"; kill "$server_PID" 2>/dev/null || true' EXIT
read -r link <&"${server[0]}"
base=${link%/verify*}

status() { curl --silent --output /dev/null --write-out '%{http_code}' "$@"; }

echo "a scanner looks: $(status "$link") $(status --head "$link") $(status "$base/c/${link##*=}")"
page=$(curl --silent --cookie-jar "$jar" "$link")
field() { sed -n "s/.*name=\"$1\" value=\"\([^\"]*\)\".*/\1/p" <<<"$page"; }
form=(--data-urlencode "code=$(field code)" --data-urlencode "attempt=$(field attempt)" --data-urlencode "seal=$(field seal)")
echo "a stranger sends the form: $(status "${form[@]}" "$base/verify")"
echo "the person presses the button: $(status --cookie "$jar" --cookie-jar "$jar" --header 'Sec-Fetch-Site: same-origin' "${form[@]}" "$base/verify")"
curl --silent --cookie "$jar" "$base/inquiry"
echo "the link, once more: $(status "$link")"
for _ in {1..20}; do
    last=$(curl --silent --output /dev/null --write-out '%{http_code}, retry after %header{retry-after} s' "$link")
    [[ $last != 404* ]] && break
done
echo "too many requests: $last"
