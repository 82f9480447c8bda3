import { type ByteString, fromBytes } from '../lib/core/bytes.js';
import { membersOf } from '../lib/search/query/hit-line.js';
import type { FoundHit } from '../lib/search/query/question.js';
import { JsonCursor } from '../lib/sources/json-cursor.js';
import { memberText } from '../lib/sources/json-members.js';
import { escapeLine } from '../runtime/escape.js';
import { type Column, tableLines } from '../runtime/table.js';

/** A field of longer text is cut. */
const longestCell = 120;

/**
 * Hits as a table, or as blocks where it does not fit into `width`; explanations below. All controls are escaped.
 * @param documents of the hits, as they are to be shown
 */
export function hitTable(
  hits: readonly FoundHit[],
  documents: readonly ByteString[],
  width: number | undefined,
): string {
  const members = documents.map((document) => new Map(membersOf(document)));
  const names = [...new Set(members.flatMap((one) => [...one.keys()]))];
  const isRanked = hits.some(({ score }) => score !== undefined);
  const isNear = hits.some(({ distance }) => distance !== undefined);
  const columns: Column[] = [
    { title: '_id', cut: true },
    ...(isRanked ? [{ title: '_score', align: 'right' as const }] : []),
    ...(isNear ? [{ title: 'distance', align: 'right' as const }] : []),
    ...names.map((name) => ({
      title: escapeLine(fromBytes(name)),
      ...(members.every((one) => isNumber(one.get(name))) && { align: 'right' as const }),
    })),
  ];
  const rows = hits.map((hit, i) =>
    [
      fromBytes(hit.id),
      ...(isRanked ? [hit.score?.toFixed(2) ?? ''] : []),
      ...(isNear ? [distanceText(hit.distance)] : []),
      ...names.map((name) => cellOf(hit, name, members[i]!.get(name))),
    ].map(escapeLine),
  );
  const lines = tableLines({ columns, rows }, width, (title) => title);
  return `${[...lines, ...hits.flatMap(explanationLines)].join('\n')}\n`;
}

function isNumber(raw: ByteString | undefined): boolean {
  return raw === undefined || /^-?\d/.test(raw);
}

function cellOf({ highlights }: FoundHit, name: ByteString, raw: ByteString | undefined): string {
  const field = fromBytes(name);
  const passages = highlights?.[field] ?? highlights?.[`${field}.keyword`];
  if (passages) return passages.join(' … ').replaceAll('\ue000', '[').replaceAll('\ue001', ']');
  const text = raw === undefined ? '' : valueText(raw);
  return text.length > longestCell ? `${text.slice(0, longestCell - 1)}…` : text;
}

/** A place as `--near` takes it, a list with commas; what is nested deeper as JSON. */
function valueText(raw: ByteString): string {
  if (raw.startsWith('{')) {
    const place = new Map(membersOf(raw));
    const [lat, lon] = [place.get('lat' as ByteString), place.get('lon' as ByteString)];
    if (place.size === 2 && lat !== undefined && lon !== undefined) return `${lat},${lon}`;
  }
  if (raw.startsWith('[')) {
    const elements: ByteString[] = [];
    const cursor = new JsonCursor(raw);
    cursor.elements(() => elements.push(cursor.value()));
    if (!elements.some((one) => /^[[{]/.test(one)))
      return elements.map((one) => fromBytes(memberText(one) ?? ('null' as ByteString))).join(', ');
  }
  return fromBytes(memberText(raw) ?? ('' as ByteString));
}

function distanceText(meters: number | undefined): string {
  if (meters === undefined) return '';
  if (meters < 999.5) return `${Math.round(meters)} m`;
  return meters < 99_950 ? `${(meters / 1000).toFixed(1)} km` : `${Math.round(meters / 1000)} km`;
}

interface Explanation {
  readonly value?: number;
  readonly description?: string;
  readonly details?: readonly Explanation[];
}

/** Elasticsearch and OpenSearch give a tree, Solr a text. */
function explanationLines({ id, explanation }: FoundHit): string[] {
  if (explanation === undefined) return [];
  const parsed = JSON.parse(fromBytes(explanation)) as Explanation | string;
  const lines = typeof parsed === 'string' ? parsed.trim().split('\n') : treeLines(parsed);
  return ['', escapeLine(fromBytes(id)), ...lines.map((line) => `  ${escapeLine(line)}`)];
}

function treeLines({ value, description = '', details = [] }: Explanation): string[] {
  return [`${value ?? ''} ${description}`, ...details.flatMap(treeLines).map((line) => `  ${line}`)];
}
