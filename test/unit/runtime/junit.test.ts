import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../../src/runtime/command.js';
import { renderJunit, writeJunit } from '../../../src/runtime/junit.js';

const checks: Check[] = [
  { name: 'p95 < 200ms' },
  { name: 'errors & "such"', failure: 'too <many>\nsee ]]> the log\u0007' },
  { name: 'rate', inconclusive: 'only 3 requests' },
  { name: 'empty', failure: '' },
];

/** What another reader of XML finds in each of the documents. */
const reader = `
import json, sys, xml.etree.ElementTree as ET
def case(c):
    found = {'name': c.get('name')}
    for child in c: found[child.tag] = [child.get('message'), child.text]
    return found
def suite(text):
    root = ET.fromstring(text.encode())
    return {'attributes': root[0].attrib, 'cases': [case(c) for c in root[0]]}
print(json.dumps([suite(t) for t in json.load(sys.stdin)]))`;
const hasPython = spawnSync('python3', ['--version']).status === 0;

interface Suite {
  attributes: Record<string, string>;
  cases: { name: string; failure?: (string | null)[]; skipped?: (string | null)[] }[];
}
const read = (...documents: string[]) =>
  JSON.parse(
    execFileSync('python3', ['-c', reader], { input: JSON.stringify(documents), encoding: 'utf8' }),
  ) as Suite[];

describe.runIf(hasPython)('a JUnit file', () => {
  it('has a case for each check, and the totals', () => {
    const [suite] = read(renderJunit('canary analyze', checks, 1234));
    expect(suite!.attributes).toMatchObject({
      name: 'metrify canary analyze',
      tests: '4',
      failures: '2',
      errors: '0',
      skipped: '1',
      time: '1.234',
    });
    expect(suite!.cases).toEqual([
      { name: 'p95 < 200ms' },
      { name: 'errors & "such"', failure: ['too <many>', 'too <many>\nsee ]]> the log'] },
      { name: 'rate', skipped: ['only 3 requests', null] },
      { name: 'empty', failure: ['', null] },
    ]);
  });

  it('is XML whatever a check says', () => {
    const texts = fc.sample(fc.string({ unit: 'binary', maxLength: 40 }), 300);
    texts.push(
      '\ud800 alone',
      '\ufffe\uffff',
      Array.from({ length: 160 }, (_, i) => String.fromCharCode(i)).join(''),
    );
    const suites = read(
      ...texts.map((text) =>
        renderJunit(
          text,
          [
            { name: text, failure: text },
            { name: text, inconclusive: text },
          ],
          1,
        ),
      ),
    );
    expect(suites).toHaveLength(texts.length);
    for (const suite of suites) expect(suite.cases).toHaveLength(2);
  });

  it('is written whole', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'metrify-junit-'));
    try {
      await writeJunit(join(folder, 'junit.xml'), 'doctor', checks, 5);
      expect(readFileSync(join(folder, 'junit.xml'), 'utf8')).toBe(renderJunit('doctor', checks, 5));
      await expect(writeJunit(join(folder, 'none', 'junit.xml'), 'doctor', checks, 5)).rejects.toThrow(
        /junit\.xml/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
