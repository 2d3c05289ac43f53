"""How many wrong passwords a running product really checks: python -m benchmarks.login_limit URL USER PASSWORD [ROUNDS]

Through real HTTP from two addresses of loopback. A round: 30 wrong passwords one after the other from 127.0.1.x, then the right one from
there (must be refused) and from another address (must work). Then 50 wrong ones at once for a name nobody has. Each round uses
addresses of its own, so that nothing has to be waited for; the limit is for account and address.
"""

from __future__ import annotations

import http.client
import re
import sys
import threading
import time
from collections import Counter
from urllib.parse import urlencode, urlsplit

CHECKED, REFUSED, IN = 200, 429, 302


def attempt(base: str, username: str, password: str, *, address: str) -> int:
    site = urlsplit(base)
    connection = http.client.HTTPConnection(site.hostname or "", site.port, timeout=120, source_address=(address, 0))
    connection.request("GET", "/login/")
    page = connection.getresponse()
    cookies = "; ".join(line.split(";")[0] for line in page.headers.get_all("Set-Cookie") or [])
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    body = urlencode({"username": username, "password": password, "csrfmiddlewaretoken": token[1] if token else ""})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookies, "Referer": base}
    connection.request("POST", "/login/", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def in_a_row(base: str, username: str, password: str, number: int) -> dict[str, object]:
    here, elsewhere = f"127.0.{number + 1}.1", f"127.0.{number + 1}.2"
    started = time.monotonic()
    wrong = [attempt(base, username, f"wrong {n}", address=here) for n in range(30)]
    return {
        "checked": wrong.index(REFUSED) if REFUSED in wrong else len(wrong),
        "all": dict(Counter(wrong)),
        "right password, same address": attempt(base, username, password, address=here),
        "right password, other address": attempt(base, username, password, address=elsewhere),
        "seconds": round(time.monotonic() - started, 1),
    }


def at_once(base: str, number: int, size: int = 50) -> dict[str, object]:
    here, barrier, answers = f"127.0.{number + 1}.3", threading.Barrier(size), Counter[int]()

    def guess(position: int) -> None:
        barrier.wait()
        answers[attempt(base, f"nobody-{number}", f"wrong {position}", address=here)] += 1

    threads = [threading.Thread(target=guess, args=(position,)) for position in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"checked": answers[CHECKED], "all": dict(answers)}


def main(base: str, username: str, password: str, rounds: str = "5") -> None:
    offset = int(time.time()) % 200
    sequential = [in_a_row(base, username, password, (offset + n) % 250) for n in range(int(rounds))]
    parallel = [at_once(base, (offset + n) % 250) for n in range(int(rounds))]
    for line in sequential:
        print("in a row:", line)
    for line in parallel:
        print("50 at once:", line)
    exact = all(line["checked"] == 10 and line["right password, same address"] == REFUSED for line in sequential)
    unaffected = all(line["right password, other address"] == IN for line in sequential)
    print(f"exactly 10 checked: {exact}; other address unaffected: {unaffected}; n = {rounds}")
    print(f"50 at once, most checked: {max(line['checked'] for line in parallel)}; n = {rounds}")  # type: ignore[type-var]


if __name__ == "__main__":
    main(*sys.argv[1:])
