import { type ByteString, fromBytes } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { eachElement, eachMember, memberText } from '../../sources/json-members.js';
import type { Place } from '../query/question.js';
import { readAnswer } from './answer.js';
import { corePath } from './client.js';
import type { Asked } from './query-of.js';
import { searchParameters } from './scan.js';

const pageSize = 5000;

/** The places of every document that matches, page by page. @throws UserError where the field cannot be read */
export async function* placesOf(
  { client, core, schema, signal }: Asked,
  query: unknown,
  field: string,
): AsyncGenerator<readonly { readonly id: ByteString; readonly places: readonly Place[] }[]> {
  for (let cursor = '*'; ;) {
    const body = JSON.stringify({
      query,
      fields: [schema.uniqueKey, field],
      sort: `${schema.uniqueKey} asc`,
      limit: pageSize,
      params: { cursorMark: cursor },
    });
    const answer = await client.bytes(
      { method: 'POST', path: corePath(core, 'select'), query: searchParameters, body },
      signal,
    );
    const page = readAnswer(answer.body, client.name);
    yield page.documents.map((raw) => placed(raw, schema.uniqueKey, field));
    if (page.nextCursor === undefined || page.nextCursor === cursor) return;
    cursor = page.nextCursor;
  }
}

function placed(raw: ByteString, key: string, field: string) {
  let id = '' as ByteString;
  const places: Place[] = [];
  const take = (value: ByteString) => {
    const [lat, lon] = fromBytes(memberText(value)!).split(/[ ,]+/).map(Number);
    if (lat !== undefined && lon !== undefined && Number.isFinite(lat + lon)) places.push({ lat, lon });
  };
  eachMember(raw, (name, value) => {
    const text = JSON.parse(fromBytes(name)) as string;
    if (text === key) id = memberText(value)!;
    else if (text !== field) return;
    else if (value.startsWith('[')) eachElement(value, take);
    else take(value);
  });
  return { id, places };
}

/** @throws UserError */
export function requirePlaces(field: string, places: readonly Place[]): void {
  if (places.length === 0)
    throw new UserError(`The places in ${field} are neither stored nor in docValues, and cannot be read`, {
      code: 'PLACES_UNREADABLE',
    });
}
