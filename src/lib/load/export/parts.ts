import type { RequestPlan, Text } from '../scenario/plan.js';
import { literal, textIn } from './code.js';
import { type ExportTask, originAt } from './source.js';

/* What every program has of a request, in whatever language: texts that it prints. */

export function urlText(task: ExportTask, step: RequestPlan): Text {
  return [originAt(task, step), ...(step.template?.path ?? [step.request.path])];
}

/** Only what is the test's own: Host and Content-Length are made by whoever sends it. */
export function headerTexts({ request, template }: RequestPlan): (readonly [name: string, value: Text])[] {
  const constant = request.headers
    .filter(([name]) => !/^(host|content-length)$/i.test(name))
    .map(([name, value]) => [name, [headerText(value)]] as const);
  return [...constant, ...(template?.headers ?? [])];
}

/** A header's bytes as text: UTF-8, or else Latin-1. */
export function headerText(bytes: string): string {
  return textIn(Buffer.from(bytes, 'latin1')) ?? bytes;
}

/** A list of the steps of a JSON path, as a literal of JavaScript and of Python. */
export function pathLiteral(path: readonly (string | number)[]): string {
  return `[${path.map((step) => (typeof step === 'number' ? step : literal(step))).join(', ')}]`;
}

/** The file with the rows of feed i. */
export function feedFile(i: number): string {
  return `feed-${i}.json`;
}
