import { SearchRefusal } from '../../../clients/search/refusal.js';
import { ServiceConflict, UserError } from '../../../core/errors.js';
import { indexMissing } from '../../index-missing.js';
import { coreNames } from '../../solr/cores.js';
import type { SolrEngine } from '../../solr/engine.js';
import { type CoreMark, readMark } from './mark.js';

export interface Identified {
  readonly name: string;
  readonly uuid: string;
}

/** A core, or the collection behind an alias. */
export interface CoreSource {
  readonly asked: string;
  readonly core: Identified;
  /** Names of its series that there are, the highest number first: `sensors-000003`. */
  readonly series: readonly string[];
}

const numbered = /^(.+)-(\d{6})$/;

/** @throws UserError exit 2 when the name does not stand for one core, or in SolrCloud is not an alias */
export async function findSource(
  engine: SolrEngine,
  asked: string,
  signal: AbortSignal,
): Promise<CoreSource> {
  const described = await engine.describe(asked, signal);
  if (described === undefined) throw indexMissing(engine.name, asked);
  const [core, ...more] = described.indices;
  if (core === undefined || more.length > 0)
    throw new UserError(`'${asked}' stands for ${more.length + 1} collections`, {
      code: 'NOT_ONE_INDEX',
      hint: 'A reindex works on one.',
    });
  if (engine.client.isCloud && !described.isAlias)
    throw new UserError(`'${asked}' is a collection, and only an alias can be moved to another one`, {
      code: 'NOT_AN_ALIAS',
      hint: 'Let everybody use an alias of it, and name that: /admin/collections?action=CREATEALIAS',
    });
  const base = baseOf(asked, core.name);
  const names = await coreNames(engine.client, signal);
  const series = names.filter((name) => numbered.exec(name)?.[1] === base).sort();
  return { asked, core, series: series.reverse() };
}

export function nextName({ asked, core, series }: CoreSource): string {
  const last = Number(numbered.exec(series[0] ?? '')?.[2] ?? 1);
  return `${baseOf(asked, core.name)}-${String(last + 1).padStart(6, '0')}`;
}

function baseOf(asked: string, core: string): string {
  return numbered.exec(core)?.[1] ?? asked;
}

/** Where a reindex of the core stands. */
export type Standing =
  | { readonly kind: 'unfinished'; readonly mark: CoreMark }
  /** Names were swapped, and what was written to the old core meanwhile is not brought over. */
  | { readonly kind: 'unsettled'; readonly mark: CoreMark }
  | { readonly kind: 'swapped'; readonly mark: CoreMark; readonly old: Identified }
  /** The destination is gone, or another core has its name. */
  | { readonly kind: 'foreign'; readonly mark: CoreMark };

/** The latest one; undefined when there is none, or nothing is left of it. */
export async function findStanding(
  engine: SolrEngine,
  source: CoreSource,
  signal: AbortSignal,
): Promise<Standing | undefined> {
  const { asked, core, series } = source;
  for (const name of new Set([...series, core.name])) {
    const mark = await readMark(engine.client, name, asked, signal).catch((error: unknown) => {
      // Somebody has deleted it since.
      if (error instanceof SearchRefusal && error.status === 404) return undefined;
      throw error;
    });
    const standing = mark && (await standingOf(engine, source, mark, signal));
    if (standing !== undefined) return standing;
  }
  return undefined;
}

async function standingOf(
  engine: SolrEngine,
  { core }: CoreSource,
  mark: CoreMark,
  signal: AbortSignal,
): Promise<Standing | undefined> {
  const { source, destination, swapped } = mark;
  const uuidOf = async (name: string) => (await engine.describe(name, signal))?.indices[0]?.uuid;
  if (core.uuid === destination.uuid && swapped !== undefined) {
    // Of cores the names were swapped, of collections an alias was moved.
    const old = { name: engine.client.isCloud ? source.name : destination.name, uuid: source.uuid };
    if ((await uuidOf(old.name)) !== old.uuid) return undefined;
    return swapped.isSettled ? { kind: 'swapped', mark, old } : { kind: 'unsettled', mark };
  }
  if (core.uuid !== source.uuid) return undefined;
  const isThere = (await uuidOf(destination.name)) === destination.uuid;
  return { kind: isThere ? 'unfinished' : 'foreign', mark };
}

export function foreignCore({ destination }: CoreMark): ServiceConflict {
  return new ServiceConflict(`'${destination.name}' is gone, or not the core that the reindex began with`, {
    code: 'DESTINATION_FOREIGN',
    hint: 'Nothing was changed. Give the reindex up with --abandon, which leaves that core as it is.',
  });
}
