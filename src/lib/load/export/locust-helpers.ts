/* What an exported locustfile has in addition to its tasks. Names of functions that put a value into a place are those of `Place`. */
export const locustHelpers: readonly string[] = String.raw`
import base64
import collections
import datetime
import email.utils
import itertools
import json
import math
import os
import pathlib
import random
import re
import time
import urllib.parse
import uuid

import requests
from locust import HttpUser, LoadTestShape, constant, constant_throughput, events, task
from locust.exception import StopUser

class Tally:
    """What thresholds are judged by: of one process."""

    def __init__(self):
        self.begun = time.monotonic()
        self.sent = 0
        self.answered = 0
        self.unexpected = 0
        self.failed = 0
        self.checks = collections.Counter()
        # Of expected answers: how many took so many tenths of a millisecond.
        self.latencies = collections.Counter()

    def quantile(self, q):
        rank = max(1, math.ceil(q * sum(self.latencies.values()) - 1e-9))
        for tenths in sorted(self.latencies):
            rank -= self.latencies[tenths]
            if rank <= 0:
                return tenths / 10
        return None

    def add(self, other):
        for name in ("sent", "answered", "unexpected", "failed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.checks.update(other.checks)
        self.latencies.update(other.latencies)


tallies = collections.defaultdict(Tally)


class Feed:
    """Rows that tasks take."""

    def __init__(self, file, order):
        self.rows = json.loads(pathlib.Path(__file__).with_name(file).read_text(encoding="utf-8"))
        self.order = order
        self.turns = itertools.count()

    def take(self):
        if self.order == "random":
            return random.choice(self.rows)
        turn = next(self.turns)
        if self.order == "once" and turn >= len(self.rows):
            raise StopUser()
        return self.rows[turn % len(self.rows)]


class Answer:
    def __init__(self, tally, response, ms):
        self.tally = tally
        self.is_whole = True
        self.ms = ms
        self.is_there = response is not None and response.status_code != 0
        self.status = response.status_code if self.is_there else 0
        self.text = response.content.decode("utf-8", "replace") if self.is_there else ""
        self.headers = {k.lower(): v for k, v in response.headers.items()} if self.is_there else {}
        self.cookies = {cookie.name: cookie.value for cookie in response.cookies} if self.is_there else {}

    def json_at(self, path):
        try:
            value = json.loads(self.text)
            for key in path:
                if isinstance(value, dict) is isinstance(key, int):
                    return None
                value = value[key]
            return value
        except (ValueError, KeyError, IndexError, TypeError):
            return None

    def json_text(self, path):
        found = self.json_at(path)
        if found is None or isinstance(found, str):
            return found
        return json.dumps(found, separators=(",", ":"), ensure_ascii=False)

    def match(self, pattern):
        found = re.search(pattern, self.text)
        if found is None:
            return None
        return found.group(1) if found.groups() and found.group(1) is not None else found.group(0)

    def capture(self, values, check, name, value):
        if value is None:
            self.is_whole = False
        else:
            values[name] = value
        self.tally.checks[(check, value is not None)] += 1

    def check(self, name, holds):
        self.tally.checks[(name, self.is_there and self.is_whole and bool(holds()))] += 1


class Sender:
    def __init__(self, client=None):
        # Requests of setup and teardown are in no statistics.
        self.client = client

    def send(self, name, method, url, headers, body, expected, obeys_retry_after):
        tally = Tally() if self.client is None else tallies[name]
        while True:
            began = time.perf_counter()
            response = self.once(name, method, url, headers, body, expected)
            ms = (time.perf_counter() - began) * 1000
            answer = Answer(tally, response, ms)
            tally.sent += 1
            if not answer.is_there:
                tally.failed += 1
                return answer
            tally.answered += 1
            if answer.status in expected if expected else answer.status < 400:
                tally.latencies[round(ms * 10)] += 1
            else:
                tally.unexpected += 1
            pause = retry_after(answer) if obeys_retry_after else None
            if pause is None:
                return answer
            time.sleep(pause)

    def once(self, name, method, url, headers, body, expected):
        options = {
            "headers": headers,
            "data": body,
            "allow_redirects": False,
            "timeout": REQUEST_TIMEOUT,
            "verify": VERIFY,
        }
        if self.client is None:
            try:
                return requests.request(method, url, **options)
            except requests.RequestException:
                return None
        # Locust keeps cookies, and a scenario sends what it says.
        self.client.cookies.clear()
        with self.client.request(method, url, name=name, catch_response=True, **options) as response:
            if response.status_code in expected if expected else 0 < response.status_code < 400:
                response.success()
            elif response.status_code != 0:
                response.failure(f"status {response.status_code}")
            return response


def retry_after(answer):
    text = answer.headers.get("retry-after")
    if answer.status not in (429, 503) or text is None:
        return None
    try:
        seconds = int(text) if text.isdigit() else email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError):
        return None
    return max(0.1, seconds)


def same(a, b):
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(one, other) for one, other in zip(a, b))
    return a == b


def as_segment(value):
    return urllib.parse.quote(value, safe="!'()*")


as_query = as_segment


def as_form(value):
    return as_segment(value).replace("%20", "+")


def as_json(value):
    return json.dumps(value, ensure_ascii=False)[1:-1]


def as_header(value):
    return re.sub(r"[\x00-\x1f\x7f]", " ", value)


def as_plain(value):
    return value


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def users_at(stages, seconds):
    for length, begin, end in stages:
        if seconds < length:
            return max(1, math.ceil(begin + (end - begin) * seconds / length - 1e-9)), 1000
        seconds -= length
    return None
`
  .trim()
  .split('\n');
