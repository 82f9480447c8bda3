import { elasticsearchSection, solrSection } from '../../../lib/clients/search/section.js';
import type { SearchSection, SearchSettings } from '../../../lib/clients/search/settings.js';
import { withAwsVariables } from '../../../lib/clients/search/sign-in.js';
import { UserError } from '../../../lib/core/errors.js';
import { required } from '../../../lib/core/schema/required.js';
import type { SearchEngine } from '../../../lib/search/engine.js';
import { openEngine } from '../../../lib/search/open-engine.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type Flags, type FlagValues } from '../../../runtime/flags.js';
import type { Settings } from '../../../runtime/settings.js';

/** Which cluster a verb works with. */
export const engineFlags = {
  engine: flag.choice(['elasticsearch', 'solr'], {
    help: 'which one, where both are configured; OpenSearch is configured as elasticsearch',
  }),
  elasticsearchUrl: flag.forSetting('elasticsearch.url', {
    help: 'Elasticsearch or OpenSearch of this run; several nodes, comma-separated',
  }),
  solrUrl: flag.forSetting('solr.url', { help: 'Solr of this run: http://HOST:8983/solr' }),
} satisfies Flags;

/**
 * The configured cluster, closed when the command ends.
 * @param user what needs it, as the subject of a sentence: `search index`
 * @throws UserError exit 2 when none, or more than one, is configured; as openEngine
 */
export async function openConfigured(
  { engine }: Pick<FlagValues<typeof engineFlags>, 'engine'>,
  context: Context,
  user: string,
): Promise<SearchEngine> {
  const settings = await context.settings();
  return open(settings, engine, context, user);
}

/**
 * A target of the configuration: an environment, `ENV`, or where it has both systems `ENV/elasticsearch` or `ENV/solr`.
 * @throws UserError exit 2; as openEngine
 */
export async function openTarget(target: string, context: Context): Promise<SearchEngine> {
  const [environment = '', engine, ...more] = target.split('/');
  if (more.length > 0 || !(engine === undefined || engine === 'elasticsearch' || engine === 'solr'))
    throw new UserError(`'${target}' is not a target`, {
      hint: 'A target is the name of an environment of the configuration: ENV, ENV/elasticsearch or ENV/solr.',
    });
  return open(await context.settingsOf(environment), engine, context, `the target ${target}`);
}

async function open(
  settings: Settings,
  engine: SearchSection | undefined,
  context: Context,
  user: string,
): Promise<SearchEngine> {
  const { elasticsearch, solr } = settings;
  if (engine === undefined && elasticsearch !== undefined && solr !== undefined)
    throw new UserError(`${user} could use Elasticsearch or Solr: both are configured`, {
      code: 'ENGINE_UNCLEAR',
      hint: 'Say which: --engine elasticsearch, --engine solr; of a target ENV/elasticsearch or ENV/solr.',
    });
  const section = engine ?? (elasticsearch === undefined && solr !== undefined ? 'solr' : 'elasticsearch');
  const at =
    section === 'solr'
      ? required<'solr', SearchSettings | undefined>(solrSection, settings, user)
      : required<'elasticsearch', SearchSettings | undefined>(elasticsearchSection, settings, user);
  const signing = withAwsVariables(at, context.env);
  const opened = await openEngine(section, signing, settings, context.signal);
  context.closing(() => opened.close());
  return opened;
}
