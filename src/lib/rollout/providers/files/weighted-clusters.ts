import type * as yamlPackage from 'yaml';
import type { Alias, Document, Node, YAMLMap, YAMLSeq } from 'yaml';
import { UserError } from '../../../core/errors.js';
import type { Weights } from '../../route.js';
import type { Pair } from '../../spec.js';
import { type Edit, type WeightFormat, applyEdits, weightsOf } from './format.js';

/** Handed in: it is loaded only for this provider. */
export type Yaml = typeof yamlPackage;

/** A route that sends to both versions. */
interface WeightedRoute {
  /** Name of the RouteConfiguration that it is in. */
  readonly configuration: string;
  readonly stable: Amount;
  readonly canary: Amount;
  /** Everything else that must keep its proportion: other clusters, and the deprecated total. */
  readonly others: readonly Amount[];
}

/** A number of the file, and where it is written. */
interface Amount {
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Weighted clusters in Envoy's RouteConfiguration, in YAML or JSON. Only the numbers are replaced in the text, so that
 * everything else keeps its form.
 */
export function weightedClusters(yaml: Yaml, path: string, pair: Pair): WeightFormat {
  return (content) => {
    // A byte order mark is kept.
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(content);
    const routes = findRoutes(yaml, path, text, pair);
    // Routes that somebody made differ are one again after the next change; until then the canary's largest share counts.
    const share = Math.max(
      ...routes.map(({ stable, canary }) => canary.value / (stable.value + canary.value)),
    );
    return {
      weights: weightsOf(share),
      withWeights: (weights) =>
        Buffer.from(
          applyEdits(
            text,
            routes.flatMap((route) => edits(route, weights)),
          ),
        ),
    };
  };
}

/** A RouteConfiguration's name, and what its routes give to stable and to the canary. */
export type Amounts = ReadonlyMap<string, readonly (readonly [stable: number, canary: number])[]>;

/** What Envoy is compared by. Empty when no route sends to both. */
export function pairAmounts(yaml: Yaml, path: string, text: string, pair: Pair): Amounts {
  const amounts = new Map<string, [number, number][]>();
  for (const { configuration, stable, canary } of scan(yaml, path, text, pair).found)
    amounts.set(configuration, [...(amounts.get(configuration) ?? []), [stable.value, canary.value]]);
  return amounts;
}

/**
 * The pair makes 100, or with other clusters beside it what it made before. Where that is too coarse for the share,
 * all weights of the route are multiplied.
 */
function edits({ stable, canary, others }: WeightedRoute, weights: Weights): Edit[] {
  const sum = others.length === 0 ? 100 : stable.value + canary.value;
  const hundredths = Math.round(weights.canary * 100);
  const factor = [1, 10, 100, 1000, 10_000].find((by) => (sum * by * hundredths) % 10_000 === 0)!;
  const share = (sum * factor * hundredths) / 10_000;
  const write = ({ start, end }: Amount, value: number): Edit => ({ start, end, text: String(value) });
  return [
    write(canary, share),
    write(stable, sum * factor - share),
    ...(factor === 1 ? [] : others.map((amount) => write(amount, amount.value * factor))),
  ];
}

function findRoutes(yaml: Yaml, path: string, text: string, pair: Pair): WeightedRoute[] {
  const { found, half } = scan(yaml, path, text, pair);
  if (found.length === 0) throw missing(path, half, pair);
  if (found.some(({ stable, canary }) => stable.value + canary.value === 0))
    throw new UserError(
      `a route in ${path} leaves nothing to '${pair.stable.name}' and '${pair.canary.name}'`,
      {
        code: 'ROUTE_WITHOUT_SHARE',
        hint: `Give '${pair.stable.name}' a weight.`,
      },
    );
  return found;
}

/** `half`: which version is missing where only the other one is named. */
function scan(
  yaml: Yaml,
  path: string,
  text: string,
  pair: Pair,
): { found: WeightedRoute[]; half: string | undefined } {
  const document = yaml.parseDocument(text);
  const [problem] = document.errors;
  if (problem)
    throw new UserError(`${path} cannot be read as YAML: ${problem.message.split('\n')[0]}`, {
      code: 'ROUTE_UNREADABLE',
    });
  const reader = new Reader(yaml, document, path);
  const found: WeightedRoute[] = [];
  let half: string | undefined;
  for (const resource of reader.items(document.contents, 'resources'))
    for (const host of reader.items(resource, 'virtual_hosts'))
      for (const route of reader.items(host, 'routes')) {
        const weighted = reader.child(reader.child(route, 'route'), 'weighted_clusters');
        const clusters = reader.items(weighted, 'clusters');
        const stable = only(reader, clusters, pair.stable.name, path);
        const canary = only(reader, clusters, pair.canary.name, path);
        if (stable && canary) {
          const others = clusters.filter((cluster) => cluster !== stable && cluster !== canary);
          const total = reader.child(weighted, 'total_weight') ? [weighted] : [];
          found.push({
            configuration: reader.text(resource, 'name') ?? '',
            stable: reader.amount(stable, 'weight'),
            canary: reader.amount(canary, 'weight'),
            others: [
              ...others.map((cluster) => reader.amount(cluster, 'weight')),
              ...total.map((map) => reader.amount(map, 'total_weight')),
            ],
          });
        } else if (stable ?? canary) half ??= (stable ? pair.canary : pair.stable).name;
      }
  return { found, half };
}

function only(reader: Reader, clusters: readonly unknown[], name: string, path: string): unknown {
  const [cluster, second] = clusters.filter((each) => reader.text(each, 'name') === name);
  if (second)
    throw new UserError(`a route in ${path} names '${name}' twice`, {
      code: 'ROUTE_AMBIGUOUS',
      hint: 'Join the two clusters into one.',
    });
  return cluster;
}

function missing(path: string, half: string | undefined, { stable, canary }: Pair): UserError {
  return half === undefined
    ? new UserError(`${path} has no route with weighted_clusters '${stable.name}' and '${canary.name}'`, {
        code: 'ROUTE_WITHOUT_VERSION',
        hint: `Write it as route: {weighted_clusters: {clusters: [{name: ${stable.name}, weight: 100}, {name: ${canary.name}, weight: 0}]}}.`,
      })
    : new UserError(`the weighted_clusters in ${path} do not name '${half}'`, {
        code: 'ROUTE_WITHOUT_VERSION',
        hint: `Add the cluster {name: ${half}, weight: 0}.`,
      });
}

/** Walks the document's nodes; what is not of the expected shape counts as not there, since Envoy judges the file. */
class Reader {
  constructor(
    private readonly yaml: Yaml,
    private readonly document: Document.Parsed,
    private readonly path: string,
  ) {}

  /** Envoy takes a field's name as in its definition, or in camel case. */
  child(parent: unknown, name: string): Node | undefined {
    const map = this.resolved(parent);
    if (!this.yaml.isMap(map)) return undefined;
    const camel = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    return ((map as YAMLMap).get(name, true) ?? (map as YAMLMap).get(camel, true)) as Node | undefined;
  }

  items(parent: unknown, name: string): unknown[] {
    const list = this.resolved(this.child(parent, name));
    return this.yaml.isSeq(list) ? (list as YAMLSeq).items.map((item) => this.resolved(item)) : [];
  }

  text(parent: unknown, name: string): string | undefined {
    const node = this.resolved(this.child(parent, name));
    return this.yaml.isScalar(node) ? String(node.value) : undefined;
  }

  amount(parent: unknown, name: string): Amount {
    const node = this.child(parent, name);
    const value = Number(this.text(parent, name));
    if (!node?.range || !Number.isSafeInteger(value) || value < 0)
      throw new UserError(`${this.path} has a weighted cluster whose ${name} is no whole number`, {
        code: 'ROUTE_UNREADABLE',
        hint: 'Give each cluster of weighted_clusters a weight.',
      });
    return { value, start: node.range[0], end: node.range[1] };
  }

  private resolved(node: unknown): unknown {
    return this.yaml.isAlias(node) ? (node as Alias).resolve(this.document) : node;
  }
}
