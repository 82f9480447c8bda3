import { isDeepStrictEqual } from 'node:util';

import { textOf as textIn } from '../../core/bytes.js';
import type { Answer } from '../transport.js';
import { fillText, type Values } from './fill.js';
import { atJsonPath } from './json-path.js';
import type { CapturePlan, CheckPlan } from './plan.js';

const mostShown = 80;

/** Looks into one answer. What costs time is done once, and when it is asked for. */
export class AnswerReader {
  readonly #answer: Answer;
  readonly #latencyMs: number;
  #text: string | undefined;
  #json: { readonly value: unknown } | undefined | null = null;

  constructor(answer: Answer, latencyMs: number) {
    this.#answer = answer;
    this.#latencyMs = latencyMs;
  }

  /** Why a check fails; undefined when it passes. */
  failure(check: CheckPlan, values: Values): string | undefined {
    const { status, headers } = this.#answer;
    switch (check.kind) {
      case 'status':
        return check.statuses.includes(status) ? undefined : `it is ${status}`;
      case 'body':
        return this.text.includes(fillText(check.text, values)) ? undefined : `it is ${shown(this.text)}`;
      case 'header': {
        const value = headers.get(check.header);
        if (value === undefined) return 'there is no such header';
        return value.includes(fillText(check.text, values)) ? undefined : `it is ${shown(value)}`;
      }
      case 'json': {
        const json = this.#parsed;
        if (!json) return `the body is not JSON: ${shown(this.text)}`;
        const found = atJsonPath(json.value, check.path);
        if (found === undefined) return 'there is no such value';
        return isDeepStrictEqual(found, JSON.parse(fillText(check.value, values)))
          ? undefined
          : `it is ${shown(JSON.stringify(found))}`;
      }
      case 'latency':
        return this.#latencyMs < check.ms ? undefined : `it took ${Math.round(this.#latencyMs)}ms`;
    }
  }

  /** The text that is captured; undefined when it is not there. */
  captured(capture: CapturePlan): string | undefined {
    const { headers } = this.#answer;
    switch (capture.kind) {
      case 'header':
        return headers.get(capture.header);
      case 'cookie':
        return cookieIn(headers.get('set-cookie') ?? '', capture.cookie);
      case 'regex': {
        const found = patternOf(capture).exec(this.text);
        return found?.[1] ?? found?.[0];
      }
      case 'json': {
        const found = atJsonPath(this.#parsed?.value, capture.path);
        if (found === undefined || found === null) return undefined;
        if (typeof found === 'number' && !Number.isSafeInteger(found)) return this.#digitsAt(capture.path);
        return typeof found === 'string' ? found : JSON.stringify(found);
      }
    }
  }

  get text(): string {
    const { body } = this.#answer;
    return (this.#text ??= body ? textIn(body) : '');
  }

  get #parsed(): { readonly value: unknown } | undefined {
    if (this.#json === null)
      try {
        this.#json = { value: JSON.parse(this.text) };
      } catch {
        // Not JSON: whoever asks is told so.
        this.#json = undefined;
      }
    return this.#json;
  }

  /** A number as it was written: `JSON.parse` rounds identifiers of 64 bits. */
  #digitsAt(path: readonly (string | number)[]): string {
    const quoted = this.text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
      token.startsWith('"') ? token : `"${token}"`,
    );
    return String(atJsonPath(JSON.parse(quoted), path));
  }
}

const patterns = new WeakMap<CapturePlan, RegExp>();

function patternOf(capture: CapturePlan & { readonly kind: 'regex' }): RegExp {
  let pattern = patterns.get(capture);
  if (!pattern) patterns.set(capture, (pattern = new RegExp(capture.pattern)));
  return pattern;
}

/** Several `Set-Cookie` are joined by commas, which dates in them have as well. */
function cookieIn(header: string, name: string): string | undefined {
  for (const cookie of header.split(/,\s*(?=[^;,=\s]+=)/)) {
    const [pair = ''] = cookie.split(';');
    const at = pair.indexOf('=');
    if (at >= 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

function shown(text: string): string {
  return text.length > mostShown ? `${text.slice(0, mostShown)}…` : text === '' ? 'empty' : text;
}
