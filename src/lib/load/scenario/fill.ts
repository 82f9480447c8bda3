import { randomUUID } from 'node:crypto';

import type { PreparedRequest } from '../job.js';
import { escapeFor } from './escape.js';
import type { RequestPlan, Source, Text } from './plan.js';

/** What an iteration's placeholders stand for. */
export interface Values {
  column(feed: number, column: number): string;
  captured(name: string): string;
}

export function fillText(text: Text, values: Values): string {
  let filled = '';
  for (const part of text)
    filled += typeof part === 'string' ? part : escapeFor(part.into, valueOf(part.from, values));
  return filled;
}

/** The request as it is sent: the same object each time where nothing is filled in. */
export function fillRequest({ request, template }: RequestPlan, values: Values): PreparedRequest {
  if (!template) return request;
  const headers = [...request.headers];
  for (const [name, value] of template.headers) headers.push([name, fillText(value, values)]);
  const body = template.body && Buffer.from(fillText(template.body, values));
  if (body) headers.push(['Content-Length', String(body.length)]);
  return { ...request, path: fillText(template.path, values), headers, ...(body && { body }) };
}

function valueOf(source: Source, values: Values): string {
  switch (source.kind) {
    case 'column':
      return values.column(source.feed, source.column);
    case 'captured':
      return values.captured(source.name);
    case 'uuid':
      return randomUUID();
    case 'now':
      return new Date().toISOString();
  }
}
