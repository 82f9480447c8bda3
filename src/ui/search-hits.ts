import { type ByteString, fromBytes } from '../lib/core/bytes.js';
import { membersOf } from '../lib/search/query/hit-line.js';
import type { FoundHit } from '../lib/search/query/question.js';
import { JsonCursor } from '../lib/sources/json-cursor.js';
import { memberText } from '../lib/sources/json-members.js';
import { escapeLine } from '../runtime/escape.js';
import { type Column, tableLines } from '../runtime/table.js';
import { visibleWidth, wrap } from '../runtime/wrap.js';

/** A longer cell is cut. */
const longestCell = 60;
const gap = 2;

interface Cells extends Column {
  readonly cells: readonly string[];
}

/**
 * Hits as a table of as many fields as fit into `width`, with a line that names the others; one hit as a block of all. Explanations
 * are below. All controls are escaped.
 * @param documents of the hits, as they are to be shown
 * @param areChosen all fields are to be shown, if not side by side then below each other
 */
export function hitTable(
  hits: readonly FoundHit[],
  documents: readonly ByteString[],
  { width, areChosen }: { readonly width: number | undefined; readonly areChosen: boolean },
): string {
  const all = [...metaColumns(hits), ...fieldColumns(hits, documents)];
  const shown = areChosen || hits.length === 1 || width === undefined ? all : fitting(all, width);
  const rows = hits.map((_, i) => shown.map(({ cells }) => cells[i]!));
  const lines = tableLines({ columns: shown, rows }, width, (title) => title);
  const hidden = all.filter((column) => !shown.includes(column)).map(({ title }) => title);
  const note =
    hidden.length === 0
      ? []
      : wrap(`There is no room for ${hidden.join(', ')}: --fields chooses.`, width ?? Infinity);
  return `${[...lines, ...note, ...hits.flatMap(explanationLines)].join('\n')}\n`;
}

function metaColumns(hits: readonly FoundHit[]): Cells[] {
  const columns: Cells[] = [
    { title: '_id', cut: true, cells: hits.map(({ id }) => escapeLine(fromBytes(id))) },
  ];
  if (hits.some(({ score }) => score !== undefined))
    columns.push({
      title: '_score',
      align: 'right',
      cells: hits.map(({ score }) => score?.toFixed(2) ?? ''),
    });
  if (hits.some(({ distance }) => distance !== undefined))
    columns.push({
      title: 'distance',
      align: 'right',
      cells: hits.map(({ distance }) => distanceText(distance)),
    });
  return columns;
}

/** A field that is the id in all of them is not shown twice. */
function fieldColumns(hits: readonly FoundHit[], documents: readonly ByteString[]): Cells[] {
  const members = documents.map((document) => new Map(membersOf(document)));
  const names = [...new Set(members.flatMap((one) => [...one.keys()]))];
  return names
    .filter((name) => !hits.every(({ id }, i) => memberText(members[i]!.get(name) ?? none) === id))
    .map((name) => ({
      title: escapeLine(fromBytes(name)),
      ...(members.every((one) => isNumber(one.get(name))) && { align: 'right' as const }),
      cells: hits.map((hit, i) => escapeLine(cellOf(hit, name, members[i]!.get(name)))),
    }));
}

const none = 'null' as ByteString;

function fitting(columns: readonly Cells[], width: number): Cells[] {
  let left = width;
  return columns.filter((column) => {
    const needs = widthOf(column) + gap;
    if (needs > left + gap) return false;
    left -= needs;
    return true;
  });
}

function widthOf({ title, cells }: Cells): number {
  return Math.max(visibleWidth(title), ...cells.map(visibleWidth));
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
