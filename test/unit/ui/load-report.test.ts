import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import type { PlanDescription } from '../../../src/lib/load/saved/plan-description.js';
import { escapeLine } from '../../../src/runtime/escape.js';
import { type ReportedRun, reportPage } from '../../../src/ui/load-report/page.js';
import { planFacts, replayFacts } from '../../../src/ui/load-report/plan.js';
import { needs } from '../../servers/needs.js';
import { replayable } from '../../random.js';
import { exampleName, exampleResult } from '../load/example-result.js';

const assets = { script: 'void 0', style: 'body{margin:0}' };

const plan: PlanDescription = {
  targets: ['http://127.0.0.1:8080'],
  arrivals: { loop: 'open', stages: [{ durationMs: 2000, from: 50, to: 50 }] },
  durationMs: 2000,
  drainMs: 1000,
  timeoutMs: 30_000,
  connectTimeoutMs: 5000,
  maxConnections: 10,
  workload: 'x',
};

function page(changed: Partial<ReportedRun> = {}): string {
  const run: ReportedRun = {
    title: 'GET http://127.0.0.1:8080/readings',
    verdict: 'failed',
    plan: planFacts(plan),
    result: exampleResult(),
    distribution: [
      { share: 0, ms: 1, isBound: false },
      { share: 0.5, ms: 12, isBound: false },
      { share: 0.99, ms: 1500, isBound: true },
    ],
    version: '1.0.0',
    ...changed,
  };
  return reportPage(run, assets, new Redactor());
}

/** The elements, attributes and texts of a page, as Python's parser sees them. */
function parse(html: string): {
  tags: string[];
  attributes: [string, string | null][];
  texts: [element: string, text: string][];
} {
  const script = `
import sys, json
from html.parser import HTMLParser
void = {'meta', 'input', 'rect'}
class Page(HTMLParser):
    tags = []; attributes = []; texts = []; open = []
    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag in void: return
        name = tag + ''.join('.' + value for key, value in attributes if key in ('class', 'id') and value)
        self.open.append((tag, len(self.texts)))
        self.texts.append([name, ''])
    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag); self.attributes += attributes
    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, (self.open, tag)
        self.open.pop()
    def handle_data(self, data):
        if self.open: self.texts[self.open[-1][1]][1] += data
page = Page(); page.feed(sys.stdin.buffer.read().decode('utf-8')); page.close()
assert not page.open, page.open
json.dump({'tags': page.tags, 'attributes': page.attributes, 'texts': page.texts}, sys.stdout)
`;
  const found = execFileSync('python3', ['-c', script], { input: html, encoding: 'utf8', maxBuffer: 64e6 });
  return JSON.parse(found) as ReturnType<typeof parse>;
}

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        '</td>',
        '<img src=x onerror=alert(1)>',
        '</script>',
        '<!--',
        ']]>',
        '&lt;',
        '"',
        "'",
        '\u2028',
        '\x1b[2J',
        '<',
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join('')),
);

needs('python3')('the report of a load run', () => {
  it('is whole, and shows every text as it is, whatever is in it', () => {
    const { seed } = replayable('names of requests');
    const texts = fc.sample(hostile, { seed, numRuns: 300 });
    const byName = texts.map((text, i) => exampleName(text, { sent: 1000 - i }));
    const [text] = texts;
    const slow = exampleResult().slowest[0]!;
    const html = page({
      title: text!,
      result: exampleResult({
        byName,
        latencyNote: text!,
        errors: { total: 1, byKind: { [text!]: 1 }, reasons: {} },
        checks: texts.map((name) => ({ name, passed: 1, failed: 0 })),
        thresholds: texts.map((expression) => ({ expression, verdict: 'failed', observed: expression })),
        slowest: [{ ...slow, name: text!, traceId: text! }],
        abortedBy: text!,
        generator: { ...exampleResult().generator, bottleneck: text!, missing: text! },
      }),
    });
    const { tags, attributes, texts: shown } = parse(html);
    expect(tags.filter((tag) => tag === 'img')).toEqual([]);
    expect(attributes.filter(([name]) => name.startsWith('on'))).toEqual([]);
    // The parser makes one line break of a carriage return: it is shown as an escape, as all controls are.
    const names = shown.filter(([element]) => element === 'td.name').map(([, name]) => name);
    expect(names).toEqual([...texts, text!].map(escapeLine));
    const { result } = dataIn(shown);
    expect(result.byName.map(({ name }) => name)).toEqual(texts);
  });

  it('asks for nothing from anywhere: no address, and a policy that allows its own script and style only', () => {
    const { tags, attributes } = parse(page());
    expect(attributes.filter(([name]) => /^(src|href|srcset|action|data|poster|style)$/.test(name))).toEqual(
      [],
    );
    expect(tags.filter((tag) => /^(link|iframe|object|embed|base|form)$/.test(tag))).toEqual([]);
    const policy = attributes.find(([, value]) => value?.startsWith("default-src 'none'"))![1]!;
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `script-src ${hash(assets.script)}`,
      `style-src ${hash(assets.style)}`,
      "base-uri 'none'",
      "form-action 'none'",
    ]);
  });

  it('holds the result as it is, and what the charts draw', () => {
    const result = exampleResult();
    const data = dataIn(parse(page({ result })).texts);
    expect(data.result).toEqual(JSON.parse(JSON.stringify(result)));
    const [rate] = data.charts;
    expect(rate!.x.values).toEqual([0.5, 1.5]);
    expect(rate!.lines.find(({ label }) => label === 'sent')!.values).toEqual([50, 50]);
    const distribution = data.charts.find(({ title }) => title.startsWith('Distribution'))!;
    expect(distribution.lines.map(({ label, values }) => [label, values])).toEqual([
      ['response time', [1, 12, null]],
      ['at least', [null, 12, 1500]],
    ]);
  });

  it('shows a run without an answer, and one of which nothing is known', () => {
    const none = { p50: null, p90: null, p95: null, p99: null, p999: null, max: null };
    const result = exampleResult({ latencyMs: none, lowerBounds: [], timeline: [], byName: [], slowest: [] });
    const { texts } = parse(page({ result, distribution: [] }));
    const tiles = texts.filter(([element]) => element === 'dd').map(([, text]) => text);
    expect(tiles.slice(4, 7)).toEqual(['–', '–', '–']);
    expect(dataIn(texts).charts.map(({ title }) => title)).not.toContain('Distribution of response time');
  });

  it('masks what looks like a secret', () => {
    const url = 'http://127.0.0.1/?password=hunter2hunter2';
    expect(page({ title: url })).not.toContain('hunter2hunter2');
  });
});

interface Data {
  charts: {
    title: string;
    x: { values: number[] };
    lines: { label: string; values: (number | null)[] }[];
  }[];
  result: { byName: { name: string }[] };
}

function dataIn(texts: [element: string, text: string][]): Data {
  const of = (id: string) => JSON.parse(texts.find(([element]) => element === `script.${id}`)![1]) as never;
  return { charts: of('charts'), result: of('result') };
}

it('says that names share a row', () => {
  const byName = [exampleName('GET /x'), exampleName('other', { isOther: true, sent: 1 })];
  const shown = parse(page({ result: exampleResult({ byName }) })).texts.map(([, text]) => text);
  expect(shown).toContain(
    "there were more than 1,000 names of requests: 1 request is counted together as 'other'",
  );
});

it.each([
  [{ loop: 'open', stages: [{ durationMs: 2000, from: 0, to: 50 }] }, 'open loop: 0/s to 50/s in 2s'],
  [{ loop: 'closed', users: 1 }, 'closed loop: 1 user, one request after the other'],
  [
    {
      loop: 'closed',
      users: 20,
      stages: [
        { durationMs: 30_000, from: 0, to: 20 },
        { durationMs: 120_000, from: 20, to: 20 },
      ],
    },
    'closed loop: 0 to 20 users in 30s, then 20 users for 2m, one request after the other',
  ],
] satisfies [PlanDescription['arrivals'], string][])('tells the load %j', (arrivals, text) => {
  expect(planFacts({ ...plan, arrivals })).toContainEqual(['load', text]);
});

it('tells what a replay was', () => {
  const facts = replayFacts({ target: 'http://127.0.0.1:8080', source: 'access.log', speed: 0.5, plan });
  expect(facts).toContainEqual(['load', 'the requests of access.log, 0.5 times as fast']);
});
