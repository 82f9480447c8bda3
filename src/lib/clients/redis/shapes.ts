import type { ByteString } from '../../core/bytes.js';
import { notAsked } from './connection.js';
import type { Reply } from './resp.js';

/* What a reply has to be. Anything else answers something that was not asked: each throws ServiceUnavailable `NOT_REDIS`. */

/** @param from the server, `HOST:PORT` */
export function asText(reply: Reply | undefined, from: string): ByteString {
  if (typeof reply !== 'string') throw notAsked(from);
  return reply;
}

export function asTextOrNull(reply: Reply | undefined, from: string): ByteString | null {
  return reply === null ? null : asText(reply, from);
}

export function asNumber(reply: Reply | undefined, from: string): number {
  if (typeof reply !== 'number') throw notAsked(from);
  return reply;
}

export function asList(reply: Reply | undefined, from: string): Reply[] {
  if (!Array.isArray(reply)) throw notAsked(from);
  return reply;
}

export function asTexts(reply: Reply | undefined, from: string): ByteString[] {
  const list = asList(reply, from);
  if (!list.every((item) => typeof item === 'string')) throw notAsked(from);
  return list as ByteString[];
}

export function asNumbers(reply: Reply | undefined, from: string): number[] {
  const list = asList(reply, from);
  if (!list.every((item) => typeof item === 'number')) throw notAsked(from);
  return list as number[];
}

/** Of SCAN and its kin. */
export function asPage(reply: Reply | undefined, from: string): { cursor: ByteString; found: ByteString[] } {
  const [cursor, found] = asList(reply, from);
  return { cursor: asText(cursor, from), found: asTexts(found, from) };
}

/** Of XRANGE: each with its id, and its fields and values in turn. */
export function asEntries(reply: Reply | undefined, from: string): [id: ByteString, fields: ByteString[]][] {
  return asList(reply, from).map((entry) => {
    const [id, fields] = asList(entry, from);
    return [asText(id, from), asTexts(fields, from)];
  });
}
