import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { RolloutSpec } from '../../../src/lib/rollout/spec.js';
import { sections } from '../../../src/commands/sections.js';
import { refusePasswordsOnCommandLine } from '../../../src/runtime/config/command-line.js';
import { blueGreenFile, canaryFile, Folder } from './describe-rollout.js';

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder.remove());

/** A configuration with these rollouts, and more of its default environment. */
function configure(rollouts: string[], more = ''): void {
  const items = rollouts.map((text) => `      - ${text.trimEnd().replaceAll('\n', '\n        ')}\n`).join('');
  folder.write('metrify.config.yaml', `environments:\n  default:\n${more}    rollouts:\n${items}`);
}

const expression = (metric: string) => `sum(increase(${metric}{v="{{version}}"}[{{window}}]))`;

describe('flags alone', () => {
  it('describe a whole canary', async () => {
    const argv =
      'web --provider istio --route web -n metering --context prod --stable v1=web-v1 --canary v2=web-v2 ' +
      '--label release --steps 5,25% --interval 30s --max-step-duration 10m --approval --command-timeout 5s ' +
      '--prometheus http://prom:9090 --min-requests 1000 --max-error-increase 0.5% --latency-quantile 0.99 ' +
      '--max-latency-increase 10% --false-abort 2% --false-promotion 3% --max-inconclusive 7 --on-inconclusive hold ' +
      '--smoke http://a/ok --smoke http://b/ok --probe-url http://{{version}}/ok --probe-rate 3 --probe-duration 9s --probe-timeout 1s';
    const { spec, kubernetes, source } = await folder.read(
      'canary',
      [
        ...argv.split(' '),
        '--requests',
        expression('r'),
        '--errors',
        expression('e'),
        '--latency',
        expression('l'),
      ],
      { env: { KUBECONFIG: '/k/a:/k/b' } },
    );
    const smoke = { status: 200, bodyContains: undefined, headers: {}, timeoutMs: 5000 };
    expect(source).toBeUndefined();
    expect(kubernetes).toEqual({ kubeconfig: '/k/a:/k/b', context: 'prod', namespace: 'metering' });
    expect(spec).toEqual({
      app: 'web',
      namespace: 'metering',
      provider: 'istio',
      route: 'web',
      label: 'release',
      versions: {
        stable: { name: 'v1', deployment: 'web-v1', colour: undefined },
        canary: { name: 'v2', deployment: 'web-v2', colour: undefined },
      },
      canary: {
        steps: [5, 25, 100],
        intervalMs: 30_000,
        maxStepDurationMs: 600_000,
        gates: { command: undefined, commandTimeoutMs: 5000, approval: true },
      },
      analysis: {
        prometheus: 'http://prom:9090',
        requests: expression('r'),
        errors: expression('e'),
        latency: expression('l'),
        probe: { url: 'http://{{version}}/ok', rate: 3, durationMs: 9000, timeoutMs: 1000 },
        minRequests: 1000,
        maxErrorIncrease: 0.005,
        latencyQuantile: 0.99,
        maxLatencyIncrease: 0.1,
        falseAbort: 0.02,
        falsePromotion: 0.03,
        maxInconclusive: 7,
        onInconclusive: 'hold',
      },
      smoke: [
        { url: 'http://a/ok', ...smoke },
        { url: 'http://b/ok', ...smoke },
      ],
      probes: [],
      nginx: { config: undefined, binary: 'nginx' },
      envoy: { admin: undefined },
    });
  });

  it('describe a whole switch', async () => {
    const argv =
      'web --provider service --route web --blue b=web-b --green g=web-g --probes http://a,http://b'.split(
        ' ',
      );
    const { spec } = await folder.read('deploy', argv);
    expect(spec).toMatchObject({
      versions: { stable: { name: 'b', colour: 'blue' }, canary: { name: 'g', deployment: 'web-g' } },
      probes: [{ url: 'http://a' }, { url: 'http://b' }],
    });
  });

  it.each(['canary', 'deploy'] as const)('are enough for %s to stop one, versions unknown', async (group) => {
    const argv = ['web', '--provider', 'istio', '--route', 'web', '-n', 'x'];
    const { spec } = await folder.read(group, argv, { needs: 'route' });
    expect(spec).toMatchObject({ app: 'web', provider: 'istio', route: 'web', versions: undefined });
  });

  it.each<[string, string]>([
    ['web --provider istio --route web', 'too little is said about this rollout: --stable, --canary are missing'],
    ['--provider istio --route web --stable a=b --canary c=d', 'too little is said about this rollout: APP is missing'],
    ['web --provider istio --route web --stable a --canary c=d', '--stable: the Deployment of stable is missing'],
    ['web --provider istio --route Web --stable a=b --canary c=d', "--route: 'Web' is no name of a Kubernetes object"],
    ['web --provider istio --route w --stable a=b --canary a=d', "--canary: stable and canary have the same name 'a'"],
    ['web --provider istio --route w --stable a=b --canary c=d --steps 5,5', '--steps: steps ascend'],
    ['web --provider istio --route w --stable a=b --canary c=d --min-requests 5', '--min-requests: there is nothing to judge'],
    ['web --provider istio --route w --stable a=b --canary c=d --interval 2h', '--interval: maxStepDuration (30m) is shorter'],
    ['Web --provider istio --route w --stable a=b --canary c=d', "'Web' is no name of an app"],
    ['web --provider istio', "nothing describes the rollout of 'web'"],
    ['', 'no rollout is described'],
    ['web --provider apache', "--provider: 'apache' is not one of"],
    ['web --steps 10,x', "--steps: 'x' is no step"],
    ['web --steps 10,,20', "--steps: '' is no step"],
    ['web --stable =d', "--stable: '=d' names no version"],
    ['web --stable a=b=c', "--stable: 'a=b=c' names no version"],
    ['web --requests up', '--requests: {{version}} is missing'],
    ['web --interval 5', "--interval: '5' is not a duration"],
    ['web --latency-quantile 1.5', '--latency-quantile: must be a number between 0 and 1'],
    ['web --false-abort 60%', "--false-abort: '60%' is no chance"],
    ['web --max-error-increase 0%', '--max-error-increase: 0% can never be shown'],
    ['web --prometheus localhost', '--prometheus: is not a URL'],
    ['web -n a/b', "--namespace: 'a/b' is no name of a namespace"],
  ])('are refused: %s', async (argv, said) => {
    await expect(folder.read('canary', argv.split(' ').filter(Boolean))).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(said) as string,
    });
  }); // prettier-ignore

  it('may not carry the password of Prometheus', async () => {
    for (const argv of [
      ['canary', 'start', '--prometheus', 'http://u:hunter2@prom:9090'],
      ['canary', 'start', '--prometheus=https://u:hunter2@prom:9090'],
    ])
      await expect(refusePasswordsOnCommandLine(argv, async () => sections)).rejects.toMatchObject({
        exitCode: 2,
        hint: expect.stringContaining('METRIFY_PROMETHEUS_URL') as string,
      });
  });
});

describe('flags over a file', () => {
  it('win leaf by leaf, and a version wins whole', async () => {
    folder.write('rollout.yaml', canaryFile);
    const argv = ['-f', 'rollout.yaml', '--interval', '5m', '--min-requests', '7', '--canary', 'v3=web-v3'];
    const plain = await folder.read('canary', ['-f', 'rollout.yaml']);
    const { spec } = await folder.read('canary', [...argv, '--smoke', 'http://other/']);
    const { canary, analysis } = plain.spec as RolloutSpec;
    expect(spec).toEqual({
      ...plain.spec,
      versions: {
        stable: { name: 'v1', deployment: 'web-v1', colour: undefined },
        canary: { name: 'v3', deployment: 'web-v3', colour: undefined },
      },
      canary: { ...canary, intervalMs: 300_000 },
      analysis: { ...analysis, minRequests: 7 },
      smoke: [{ url: 'http://other/', status: 200, bodyContains: undefined, headers: {}, timeoutMs: 5000 }],
    });
  });

  it('complete it', async () => {
    folder.write('rollout.yaml', 'app: web\nprovider: istio\n');
    const argv = ['-f', 'rollout.yaml', '--route', 'r', '--stable', 'a=a', '--canary', 'b=b'];
    expect((await folder.read('canary', argv)).spec).toMatchObject({ route: 'r' });
    await expect(folder.read('canary', argv.slice(0, 2))).rejects.toThrow(
      /^rollout\.yaml:1:1: 'route' is missing here, and there is no --route$/,
    );
  });

  it('are named where they are what is wrong', async () => {
    folder.write('rollout.yaml', canaryFile);
    await expect(folder.read('canary', ['-f', 'rollout.yaml', '--canary', 'v1=web-v9'])).rejects.toThrow(
      /^--canary: stable and canary have the same name 'v1'$/,
    );
  });

  it('APP must be the one that the file describes, or name it', async () => {
    folder.write('rollout.yaml', canaryFile);
    folder.write('nameless.yaml', canaryFile.replace('app: web\n', ''));
    await expect(folder.read('canary', ['shop', '-f', 'rollout.yaml'])).rejects.toThrow(
      'rollout.yaml:1:6: this is the rollout of web, not of shop',
    );
    expect((await folder.read('canary', ['shop', '-f', 'nameless.yaml'])).spec.app).toBe('shop');
  });

  it('paths are relative to where they are written', async () => {
    folder.write('metrify.config.yaml', 'environments: { default: {} }');
    const text = 'app: web\nprovider: nginx\nroute: a.conf\nnginx: { config: b.conf, binary: ./nginx }\n';
    const below = new Folder();
    try {
      below.write('rollout.yaml', text);
      const file = `${below.path}/rollout.yaml`;
      const { spec } = await folder.read('canary', ['-f', file, '--nginx-config', 'c.conf'], {
        needs: 'route',
      });
      expect(spec).toMatchObject({
        route: `${below.path}/a.conf`,
        nginx: { config: `${folder.path}/c.conf`, binary: `${below.path}/nginx` },
      });
    } finally {
      below.remove();
    }
  });
});

describe('rollouts: of the configuration', () => {
  const shop = canaryFile.replace('app: web', 'app: shop').replaceAll('web', 'shop');

  it('APP picks one; without it, the only one, or the only one of the form', async () => {
    configure([canaryFile]);
    expect(await folder.read('canary', [])).toMatchObject({
      spec: { app: 'web' },
      source: 'metrify.config.yaml:4:9',
    });
    configure([canaryFile, shop]);
    expect((await folder.read('canary', ['shop'])).spec).toMatchObject({ app: 'shop', route: 'shop' });
    await expect(folder.read('canary', [])).rejects.toMatchObject({
      exitCode: 2,
      hint: expect.stringContaining('web, shop') as string,
    });
    await expect(folder.read('canary', ['shpo'])).rejects.toThrow("did you mean 'shop'?");
    configure([canaryFile, blueGreenFile.replace('app: web', 'app: api')]);
    expect((await folder.read('deploy', [])).spec.app).toBe('api');
    expect((await folder.read('canary', [])).spec.app).toBe('web');
    await expect(folder.read('deploy', ['web'])).rejects.toThrow(/this describes a canary rollout/);
  });

  it('are checked with the file, by line and column', async () => {
    configure([
      canaryFile,
      canaryFile.replace('steps: [10, 50, 100]', 'steps: [50, 10]').replace('app', 'apq'),
    ]);
    await expect(folder.load()).rejects.toThrow(
      "metrify.config.yaml:28:9: 'app' is missing here\nmetrify.config.yaml:28:9: unknown setting 'apq'; did you mean 'app'?",
    );
    configure([canaryFile, canaryFile.replace('[10, 50, 100]', '[50, 10]')]);
    await expect(folder.load()).rejects.toThrow(
      "metrify.config.yaml:28:14: there are two rollouts of 'web'\n" +
        'metrify.config.yaml:35:21: steps ascend: 10 does not come after 50',
    );
  });

  it('are shown with where each value stands, secrets masked', async () => {
    const secret = canaryFile
      .replace('http://127.0.0.1:9090', '{ env: PROM }')
      .replace('status: 200', 'headers: { Authorization: { file: token }, Host: web }');
    configure([secret]);
    const { origins } = await folder.load({ PROM: 'http://u:hunter2@p' });
    const rows = origins.filter(({ path }) => path.startsWith('rollouts.'));
    expect(rows).toContainEqual({
      path: 'rollouts.web.analysis.prometheus',
      value: '***',
      from: 'metrify.config.yaml:15:23',
      via: 'variable PROM',
    });
    expect(rows).toContainEqual(
      expect.objectContaining({
        path: 'rollouts.web.smoke[0].headers.Authorization',
        value: '***',
        via: 'file token',
      }),
    );
    expect(rows).toContainEqual(
      expect.objectContaining({ path: 'rollouts.web.smoke[0].headers.Host', value: 'web' }),
    );
    expect(rows).toContainEqual({
      path: 'rollouts.web.steps',
      value: '10, 50, 100',
      from: 'metrify.config.yaml:11:16',
    });
    expect(JSON.stringify(rows)).not.toContain('hunter2');
  });
});

describe('Prometheus', () => {
  const without = canaryFile.replace(/ {2}prometheus.*\n/, '');
  const settings = '    prometheus: { url: "http://configured" }\n';
  const asked = async (argv: string[], env: NodeJS.ProcessEnv = {}) => {
    const { spec } = await folder.read('canary', argv, { env });
    return (spec as RolloutSpec).analysis?.prometheus;
  };

  it('is that of the flag, the variable, the rollout, the configuration', async () => {
    configure([canaryFile], settings);
    const env = { METRIFY_PROMETHEUS_URL: 'http://u:p@variable' };
    expect(await asked(['--prometheus', 'http://flag'], env)).toBe('http://flag');
    expect(await asked([], env)).toBe('http://u:p@variable');
    expect(await asked([])).toBe('http://127.0.0.1:9090');
    configure([without], settings);
    expect(await asked([])).toBe('http://configured');
    folder.write('rollout.yaml', without);
    expect(await asked(['-f', 'rollout.yaml'])).toBe('http://configured');
  });

  it('must be known where expressions are asked', async () => {
    folder.write('rollout.yaml', without);
    await expect(asked(['-f', 'rollout.yaml'])).rejects.toThrow(
      /^rollout\.yaml:12:13: there is no Prometheus to ask: .*METRIFY_PROMETHEUS_URL/,
    );
  });

  it('is not asked of a rollout that metrify probes itself', async () => {
    const probing = canaryFile.replace(
      / {2}prometheus[^]*(?= {2}minRequests)/,
      '  probe: { url: "http://{{version}}/" }\n',
    );
    configure([probing], settings);
    expect(await folder.read('canary', [])).toMatchObject({
      spec: {
        analysis: {
          prometheus: undefined,
          probe: { url: 'http://{{version}}/', rate: 10, durationMs: 30_000, timeoutMs: 5000 },
        },
      },
    });
  });
});

describe('references', () => {
  const secret = canaryFile
    .replace('http://127.0.0.1:9090', '{ env: PROM }')
    .replace('status: 200', 'headers: { Authorization: { file: token } }');

  it('are looked up beside the file', async () => {
    folder.write('rollout.yaml', secret);
    folder.write('token', 'Bearer s3cret\n');
    expect(
      await folder.read('canary', ['-f', 'rollout.yaml'], { env: { PROM: 'http://u:p@p' } }),
    ).toMatchObject({
      spec: {
        analysis: { prometheus: 'http://u:p@p' },
        smoke: [{ headers: { Authorization: 'Bearer s3cret' } }],
      },
    });
  });

  it('that lead nowhere are told all at once, and only when they are needed', async () => {
    folder.write('rollout.yaml', secret);
    await expect(folder.read('canary', ['-f', 'rollout.yaml'])).rejects.toThrow(
      /^rollout\.yaml:12:15: analysis\.prometheus: refers to the environment variable PROM, which is not set\nrollout\.yaml:24:\d+: smoke\[0\]\.headers\.Authorization: refers to the file .*token/,
    );
    const { spec } = await folder.read('canary', ['-f', 'rollout.yaml'], { needs: 'route' });
    expect(spec).toMatchObject({ route: 'web', versions: { canary: { name: 'v2' } } });
    configure([secret]);
    expect((await folder.load()).settings.rollouts).toHaveLength(1);
  });

  it('to what is no URL do not show it', async () => {
    folder.write('rollout.yaml', secret.replace(/headers: \{.*?\} \}/, 'status: 200'));
    const reading = folder.read('canary', ['-f', 'rollout.yaml'], { env: { PROM: 'hunter2' } });
    await expect(reading).rejects.toThrow(/analysis\.prometheus: is not a URL/);
    await expect(reading).rejects.not.toThrow(/hunter2/);
  });
});
