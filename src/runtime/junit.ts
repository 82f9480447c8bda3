import { UserError, errorMessage } from '../lib/core/errors.js';
import { writeFileAtomic } from '../lib/core/files.js';
import type { Check } from './command.js';

/** The checks of one command as a JUnit test suite: a test case each, an inconclusive one counts as skipped. */
export function renderJunit(command: string, checks: Check[], durationMs: number): string {
  const suite = {
    name: `metrify ${command}`,
    tests: checks.length,
    failures: checks.filter(({ failure }) => failure !== undefined).length,
    errors: 0,
    skipped: checks.filter((check) => outcome(check) === 'skipped').length,
    time: (durationMs / 1000).toFixed(3),
  };
  const className = `metrify.${command.replaceAll(' ', '.')}`;
  const totals = attributes(suite);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${totals}>`,
    `  <testsuite ${totals}>`,
    ...checks.map((check) => renderCase(className, check)),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

/** @throws UserError; the old file stays as it was */
export async function writeJunit(
  path: string,
  command: string,
  checks: Check[],
  durationMs: number,
): Promise<void> {
  try {
    await writeFileAtomic(path, renderJunit(command, checks, durationMs));
  } catch (error) {
    throw new UserError(`${path}: ${errorMessage(error)}`, { code: 'JUNIT_NOT_WRITTEN', cause: error });
  }
}

function outcome({ failure, inconclusive }: Check): 'failed' | 'skipped' | 'passed' {
  if (failure !== undefined) return 'failed';
  return inconclusive === undefined ? 'passed' : 'skipped';
}

function renderCase(className: string, check: Check): string {
  const open = `    <testcase ${attributes({ classname: className, name: check.name })}`;
  switch (outcome(check)) {
    case 'failed': {
      const failure = check.failure!;
      const message = attributes({ message: failure.split('\n', 1)[0]! });
      return `${open}><failure ${message}>${escape(failure)}</failure></testcase>`;
    }
    case 'skipped':
      return `${open}><skipped ${attributes({ message: check.inconclusive! })}/></testcase>`;
    case 'passed':
      return `${open}/>`;
  }
}

function attributes(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escape(String(value)).replace(/\s/g, ' ')}"`)
    .join(' ');
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Escaped, and without the characters that XML 1.0 cannot hold even as references. */
function escape(text: string): string {
  return (
    text
      .replace(/\p{Surrogate}/gu, '\ufffd')
      // eslint-disable-next-line no-control-regex
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
      .replace(/[&<>"]/g, (character) => entities[character]!)
  );
}
