import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { UserError } from '../../../src/lib/core/errors.js';
import { blueGreenFile, canaryFile, Folder, unmark } from './describe-rollout.js';

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder.remove());

async function refusal(group: 'canary' | 'deploy', text: string, ...argv: string[]): Promise<UserError> {
  folder.write('rollout.yaml', text);
  const error = await folder.read(group, ['-f', 'rollout.yaml', ...argv]).then(
    () => undefined,
    (thrown: unknown) => thrown as UserError,
  );
  expect(error, 'it was not refused').toMatchObject({ exitCode: 2 });
  return error!;
}

/** The one problem of the example with a line of it replaced; the mark says where the problem stands. */
async function expectProblem(
  group: 'canary' | 'deploy',
  file: string,
  [from, to]: [RegExp, string],
  said: string,
) {
  const marked = file.replace(from, () => to);
  expect(marked, 'nothing was replaced').not.toBe(file);
  const { text, place } = unmark(marked);
  const [line, ...rest] = (await refusal(group, text)).message.split('\n');
  expect(rest).toEqual([]);
  expect(line).toBe(`rollout.yaml:${place}: ${said}`);
}

it('the example of the guide is taken as it stands', async () => {
  folder.write('rollout.yaml', canaryFile);
  const { spec, source, kubernetes } = await folder.read('canary', ['-f', 'rollout.yaml']);
  expect(source).toBe('rollout.yaml');
  expect(kubernetes).toEqual({ kubeconfig: undefined, context: undefined, namespace: 'default' });
  expect(spec).toEqual({
    app: 'web',
    namespace: 'default',
    provider: 'istio',
    route: 'web',
    label: 'version',
    versions: {
      stable: { name: 'v1', deployment: 'web-v1', colour: undefined },
      canary: { name: 'v2', deployment: 'web-v2', colour: undefined },
    },
    canary: {
      steps: [10, 50, 100],
      intervalMs: 120_000,
      maxStepDurationMs: 1_800_000,
      gates: { command: undefined, commandTimeoutMs: 60_000, approval: false },
    },
    analysis: {
      prometheus: 'http://127.0.0.1:9090',
      requests: 'sum(increase(http_requests_total{version="{{version}}"}[{{window}}]))',
      errors: 'sum(increase(http_requests_total{version="{{version}}",code=~"5.."}[{{window}}]))',
      latency:
        'sum by (le) (increase(http_request_duration_seconds_bucket{version="{{version}}"}[{{window}}]))',
      probe: undefined,
      minRequests: 100,
      maxErrorIncrease: 0.01,
      latencyQuantile: 0.95,
      maxLatencyIncrease: 0.25,
      falseAbort: 0.01,
      falsePromotion: 0.05,
      maxInconclusive: 5,
      onInconclusive: 'abort',
    },
    smoke: [
      {
        url: 'http://web-preview:8080/healthz',
        status: 200,
        bodyContains: 'v2',
        headers: {},
        timeoutMs: 5000,
      },
    ],
    probes: [],
    nginx: { config: undefined, binary: 'nginx' },
    envoy: { admin: undefined },
  });
});

it('what is left out has the documented defaults', async () => {
  const usual = /^(namespace|label|steps|interval|max| {2}(min|max|false|latencyQ|onInc)).*\n/gm;
  folder.write('whole.yaml', canaryFile);
  folder.write('short.yaml', canaryFile.replace(usual, ''));
  const whole = await folder.read('canary', ['-f', 'whole.yaml', '-n', 'n']);
  const short = await folder.read('canary', ['-f', 'short.yaml', '-n', 'n']);
  expect(short.spec).toEqual(whole.spec);
});

it('steps end at 100 whether or not it is written', async () => {
  folder.write('rollout.yaml', canaryFile.replace('[10, 50, 100]', '[5]'));
  const { spec } = await folder.read('canary', ['-f', 'rollout.yaml']);
  expect(spec).toMatchObject({ canary: { steps: [5, 100] } });
});

it('blue-green has colours and no steps', async () => {
  folder.write('rollout.yaml', blueGreenFile);
  const { spec } = await folder.read('deploy', ['-f', 'rollout.yaml']);
  expect(spec).toMatchObject({
    canary: undefined,
    analysis: undefined,
    versions: {
      stable: { name: 'blue', deployment: 'web-blue', colour: 'blue' },
      canary: { name: 'green', deployment: 'web-green', colour: 'green' },
    },
  });
});

describe('a canary is refused for', () => {
  it.each<[string, RegExp, string, string]>([
    ['an app in capitals', /app: web/, 'app: §Web', "'Web' is no name of an app. It has small letters, digits and dashes, with a letter or digit at both ends, and at most 63 of them."],
    ['an unknown provider', /provider: istio/, 'provider: §nginx-plus', 'must be one of service, istio, gateway-api, nginx-ingress, nginx, envoy'],
    ['an unknown key', /label: version/, '§lable: version', "unknown setting 'lable'; did you mean 'label'?"],
    ['an unknown key of the analysis', /minRequests/, '§minRequest', "unknown setting 'minRequest'; did you mean 'minRequests'?"],
    ['a route that is no object', /route: web/, 'route: §Web/one', "'Web/one' is no name of a Kubernetes object. It has small letters, digits, dashes and dots, with a letter or digit at both ends, and at most 253 of them."],
    ['a namespace that is none', /namespace: default/, 'namespace: §a_b', "'a_b' is no name of a namespace. It has small letters, digits and dashes, with a letter or digit at both ends, and at most 63 of them."],
    ['a version that YAML reads as a number', /name: v2/, 'name: §1.10', 'must be text: write it in quotes'],
    ['a version that would break out of a query', /name: v2/, `name: §'v2"} or up{a="'`, `'v2"} or up{a="' is no name of a version. It has letters, digits, dashes, dots and underscores, with a letter or digit at both ends, and at most 63 of them.`],
    ['two versions of one name', /name: v2/, 'name: §v1', "stable and canary have the same name 'v1'"],
    ['two versions of one Deployment', /web-v2/, '§web-v1', "stable and canary have the same deployment 'web-v1'"],
    ['a version without its Deployment', /canary: \{.*/, 'canary: §{ name: v2 }', 'the Deployment of canary is missing: its replicas are looked at before traffic is moved'],
    ['a version that is only a name', /canary: \{.*/, 'canary: §v2', 'must be a mapping'],
    ['colours beside them', /label/, 'green: §{ name: v3, deployment: web-v3 }\nlabel', 'a rollout has stable: and canary:, or blue: and green:, but not all of them'],
    ['provider service', /provider: istio([^]*?)stable: /, 'provider: service\nroute: web\nstable: §', 'provider service moves all traffic or none: name the versions blue: and green:, for metrify deploy'],
    ['probes', /$/, 'probes: §[{ url: http://web }]\n', 'only blue-green has probes, for --watch; a canary is judged by its analysis'],
    ["another provider's section", /label/, 'nginx: §{ config: /etc/nginx/nginx.conf }\nlabel', 'only provider nginx reads this; this one is istio'],
    ['steps that fall', /10, 50, 100/, '10, 50, §20', 'steps ascend: 20 does not come after 50'],
    ['a step that stays', /10, 50, 100/, '50, §50', 'steps ascend: 50 does not come after 50'],
    ['a step of nothing', /10, 50/, '§0, 50', 'must be a whole number from 1 to 100'],
    ['a step past the end', /50, 100/, '§101', 'must be a whole number from 1 to 100'],
    ['half a percent', /10, 50/, '§0.5, 50', 'must be a whole number from 1 to 100'],
    ['no steps', /\[10, 50, 100\]/, '§[]', 'must not be empty'],
    ['an interval without unit', /interval: 2m/, 'interval: §2', "'2' is not a duration. Write it like 500ms, 30s, 5m, 1h or 7d."],
    ['no interval', /interval: 2m/, 'interval: §0s', "'0s' is no time at all. Give a duration above zero."],
    ['a step shorter than its interval', /30m/, '§1m', 'maxStepDuration (1m) is shorter than interval (2m), the least time in a step'],
    ['a Prometheus with its password', /http:\/\/127/, '§http://u:hunter2@127', 'a URL with a password must not be in this file: write { env: NAME } or { file: PATH } instead'],
    ['a Prometheus that is none', /http:\/\/127.*/, '§localhost:9090', 'is not a URL with http:// or https://'],
    ['an expression for all versions', /requests: .*/, 'requests: §sum(increase(http_requests_total[{{window}}]))', '{{version}} is missing. Write it like sum(increase(http_requests_total{version="{{version}}"}[{{window}}])).'],
    ['an expression with a window of its own', /errors: .*/, 'errors: §sum(increase(e{v="{{version}}"}[5m]))', '{{window}} is missing. Write it like sum(increase(http_requests_total{version="{{version}}"}[{{window}}])).'],
    ['a placeholder that is none', /errors: .*/, 'errors: §sum(increase(e{v="{{versoin}}"}[{{window}}]))', 'nothing is known to stand for {{versoin}}. There are {{version}} and {{window}}.'],
    ['a latency that is a quantile', /latency: .*/, 'latency: §histogram_quantile(0.9, sum by (le) (increase(b{v="{{version}}"}[{{window}}])))', 'this is a quantile, of which nothing can be counted. Give the buckets: sum by (le) (increase(…_bucket{version="{{version}}"}[{{window}}])).'],
    ['errors without requests', / {2}requests: .*\n {2}errors: /, '  errors: §', "errors alone say little: 'requests' is missing beside it, the number of all requests"],
    ['a Prometheus that is asked nothing', /prometheus: (.*\n).*\n.*\n.*\n/, 'prometheus: §http://p\n', "nothing is asked of Prometheus: 'requests' is missing, and errors or latency"],
    ['an analysis of nothing', /prometheus: .*\n.*\n.*\n.*\n {2}(?=min)/, '§', 'there is nothing to judge: give requests with errors or latency, or a probe with its url'],
    ['no minimum', /minRequests: 100/, 'minRequests: §0', 'must be a whole number from 1 up'],
    ['a tolerance of nothing', /maxErrorIncrease: 1%/, 'maxErrorIncrease: §0%', '0% can never be shown. However many requests there are, some difference may remain: give a tolerance, like 0.5%.'],
    ['a tolerance of everything', /maxErrorIncrease: 1%/, 'maxErrorIncrease: §100%', "'100%' tolerates everything. Give less than 100%."],
    ['a tolerance without its sign', /maxErrorIncrease: 1%/, 'maxErrorIncrease: §0.01', "'0.01' is not a percentage. Write it like 10%."],
    ['a quantile in percent', /0\.95/, '§95', 'must be a number between 0 and 1, like 0.95'],
    ['a quantile of all', /0\.95/, '§1', 'must be a number between 0 and 1, like 0.95'],
    ['a risk of nothing', /falseAbort: 1%/, 'falseAbort: §0%', "'0%' is no chance of a wrong verdict. It is more than 0% and at most 50%."],
    ['a risk above a coin', /falsePromotion: 5%/, 'falsePromotion: §51%', "'51%' is no chance of a wrong verdict. It is more than 0% and at most 50%."],
    ['a third way', /onInconclusive: abort/, 'onInconclusive: §promote', 'must be one of abort, hold'],
    ['a gate that is a line of shell', /label/, 'gates: { command: §./check.sh --all }\nlabel', 'must be a list'],
    ['a gate without a program', /label/, 'gates: { command: §[] }\nlabel', 'must not be empty'],
    ['an approval that is text', /label/, 'gates: { approval: §yes please }\nlabel', 'must be true or false'],
    ['a probe that both versions answer', /minReq/, 'probe: { url: §"http://web" }\n  minReq', '{{version}} is missing. Both versions would be asked at one address.'],
    ['a smoke test without a URL', /smoke: .*/, 'smoke: [§{ status: 200 }]', "'url' is missing here, and there is no --smoke"],
    ['a status that is none', /status: 200/, 'status: §20', 'must be a whole number from 100 to 599'],
    ['a plain credential', /status: 200/, 'headers: { Authorization: §Bearer hunter2 }', 'a secret must not be in this file: write { env: NAME } or { file: PATH } instead'],
    ['a header of two lines', /status: 200/, 'headers: { Host: §"a\\nb: c" }', 'a header has a single line'],
    ['a header that is none', /status: 200/, 'headers: { "a b": §c }', "'a b' is not the name of a header"],
    ['a key given twice', /label: version/, 'label: version\n§label: v', 'this is not YAML: Map keys must be unique'],
  ])('%s', async (_, from, to, said) => {
    await expectProblem('canary', canaryFile, [from, to], said);
  }); // prettier-ignore
});

describe('blue-green is refused for', () => {
  it.each<[string, RegExp, string, string]>([
    [
      'steps',
      /smoke/,
      'steps: §[50, 100]\nsmoke',
      'blue-green moves all traffic at once and has no steps; a canary has stable: and canary:, and a provider other than service',
    ],
    [
      'an interval',
      /provider: service([^]*)smoke/,
      'provider: istio\nroute: web\nblue: { name: blue, deployment: b }\ngreen: { name: green, deployment: g }\ninterval: §1m\nsmoke',
      'blue-green moves all traffic at once and has no interval; a canary has stable: and canary:',
    ],
    ['one colour', /green: \{.*\n/, '', "'green' is missing here, and there is no --green"],
  ])('%s', async (_, from, to, said) => {
    if (to === '') {
      const error = await refusal('deploy', blueGreenFile.replace(from, to));
      expect(error.message).toBe(`rollout.yaml:1:1: ${said}`);
    } else await expectProblem('deploy', blueGreenFile, [from, to], said);
  });
});

it('a file is used only by the group of its form', async () => {
  expect((await refusal('deploy', canaryFile)).message).toBe(
    'rollout.yaml:5:9: this describes a canary rollout, for metrify canary; a blue-green rollout has blue: and green:',
  );
  expect((await refusal('canary', blueGreenFile)).message).toBe(
    'rollout.yaml:4:7: this describes a blue-green rollout, for metrify deploy; a canary rollout has stable: and canary:',
  );
});

it('all problems are told at once, from top to bottom, without secrets', async () => {
  const error = await refusal(
    'canary',
    canaryFile
      .replace('interval: 2m', 'interval: soon')
      .replace('route: web\n', '')
      .replace('http://127', 'http://u:hunter2@127')
      .replace('status: 200', 'status: ok'),
  );
  expect(error.message.split('\n').map((line) => line.split(': ')[0])).toEqual([
    'rollout.yaml:1:1',
    'rollout.yaml:8:11',
    'rollout.yaml:11:15',
    'rollout.yaml:23:59',
  ]);
  expect(error.message).not.toContain('hunter2');
});

it.each([
  ['', 'rollout.yaml:1:1: must be a mapping: app, provider, route, …'],
  ['- app: web\n', 'rollout.yaml:1:1: must be a mapping: app, provider, route, …'],
  ['app: [', 'rollout.yaml:1:7: this is not YAML'],
])('%j is no rollout', async (text, said) => {
  expect((await refusal('canary', text)).message).toContain(said);
});

it('a file that is not there is named', async () => {
  await expect(folder.read('canary', ['-f', 'none.yaml'])).rejects.toMatchObject({
    code: 'ROLLOUT_NOT_FOUND',
    exitCode: 2,
    message: expect.stringContaining('none.yaml') as string,
  });
});

it('names are those of the provider', async () => {
  const nginx =
    'app: web\nprovider: nginx\nroute: conf/Split.conf\nstable: { name: web_v1 }\ncanary: { name: web_v2 }\n';
  folder.write('rollout.yaml', nginx);
  const { spec } = await folder.read('canary', ['-f', 'rollout.yaml']);
  expect(spec).toMatchObject({
    route: `${folder.path}/conf/Split.conf`,
    versions: { stable: { name: 'web_v1', deployment: undefined }, canary: { name: 'web_v2' } },
  });
  const error = await refusal('canary', nginx.replace('web_v1', '"a; evil on"'));
  expect(error.message).toMatch(/^rollout.yaml:4:17: 'a; evil on' is no name of an upstream\./);
});
