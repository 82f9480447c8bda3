import type { Examiner, Inquiry } from '../../core/examiner.js';
import { counted } from '../../core/units.js';
import { introduced, type Introduction } from './answer.js';
import { SearchConnection } from './connection.js';
import { elasticIntroduction, solrIntroduction } from './introductions.js';
import type { SearchSettings } from './settings.js';
import { loginOf, withAwsVariables } from './sign-in.js';

/** Each node. @param env with the variables of AWS */
export function examineElasticsearch(settings: SearchSettings, env: NodeJS.ProcessEnv): Examiner[] {
  return nodesOf(settings).map((node) => ({
    system: 'Elasticsearch',
    target: new URL(node.urls[0]!).host,
    ask: async (inquiry) => {
      const connection = await SearchConnection.open('elasticsearch', withAwsVariables(node, env), inquiry);
      const { latencyMs, said, notes } = await examined(
        connection,
        elasticIntroduction(node),
        inquiry,
        elasticNotes,
      );
      return { version: said.isOpenSearch ? `opensearch ${said.number}` : said.number, latencyMs, notes };
    },
  }));
}

/** Each node. */
export function examineSolr(settings: SearchSettings): Examiner[] {
  return nodesOf(settings).map((node) => ({
    system: 'Solr',
    target: new URL(node.urls[0]!).host,
    ask: async (inquiry) => {
      const connection = await SearchConnection.open('solr', node, inquiry);
      const { latencyMs, said } = await examined(connection, solrIntroduction, inquiry);
      return { version: said.version, latencyMs };
    },
  }));
}

/** Settings of one node each. A user that one of the URLs has is that of all. */
function nodesOf(settings: SearchSettings): SearchSettings[] {
  const login = loginOf(settings);
  return settings.urls.map((url) => {
    const base = new URL(url);
    base.username = base.password = '';
    return { ...settings, ...login, urls: [base.href] };
  });
}

type Notes = (connection: SearchConnection, signal: AbortSignal) => Promise<string[]>;

/** Closes the connection in the end. @param notesOf asked once it has introduced itself */
async function examined<T>(
  connection: SearchConnection,
  introduction: Introduction<T>,
  inquiry: Inquiry,
  notesOf: Notes = () => Promise.resolve([]),
): Promise<{ readonly said: T; readonly latencyMs: number; readonly notes: readonly string[] }> {
  const ask = () => introduced(connection, introduction, inquiry.signal);
  try {
    const said = await ask();
    return { said, latencyMs: await inquiry.latency(ask), notes: await notesOf(connection, inquiry.signal) };
  } finally {
    connection.close();
  }
}

/** Nothing is said of what a user may not ask: it may search all the same. */
const elasticNotes: Notes = async (connection, signal) => [
  ...(await healthNotes(connection, signal)),
  ...(await analysisNotes(connection, signal)),
];

const healthNotes: Notes = async (connection, signal) => {
  const { status, body } = await connection.send({ path: '/_cluster/health' }, signal);
  if (status >= 300) return [];
  const health = jsonOf(body) as { status?: string; unassigned_shards?: number } | undefined;
  if (health?.status !== 'yellow' && health?.status !== 'red') return [];
  const count = health.unassigned_shards ?? 0;
  return [
    `${health.status}: ${counted(count, 'shard')} ${count === 1 ? 'is' : 'are'} unassigned; see metrify search status`,
  ];
};

const analysisNotes: Notes = async (connection, signal) => {
  const body = JSON.stringify({ tokenizer: 'standard', filter: ['asciifolding'], text: 'a' });
  const { status } = await connection.send({ method: 'POST', path: '/_analyze', body }, signal);
  return status === 400 ? ['without analysis-common; see metrify search setup --dry-run'] : [];
};

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // A proxy's page.
    return undefined;
  }
}
