import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readScenario } from '../../../../src/commands/load/shared/read-scenario.js';
import { Redactor } from '../../../../src/lib/core/secrets/redactor.js';
import { exampleScenario } from '../../../../src/lib/load/scenario/example.js';
import type { Scenario } from '../../../../src/lib/load/scenario/schema.js';
import type { Context } from '../../../../src/runtime/context.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scenario-'));
  await writeFile(join(folder, 'meters.csv'), 'id,name\n1,one\n2,two\n');
  await writeFile(join(folder, 'torn.csv'), 'id,name\n1,one\n2\n');
  await writeFile(join(folder, 'bare.csv'), 'id,name\n');
});
afterAll(() => rm(folder, { recursive: true }));

async function read(yaml: string, env: Record<string, string> = {}) {
  await writeFile(join(folder, 'load.yaml'), yaml);
  const redactor = new Redactor();
  const context = {
    cwd: folder,
    env,
    signal: new AbortController().signal,
    settingsInput: { redactor },
    files: { add: async () => undefined },
    warn: () => undefined,
  };
  const { scenario } = await readScenario('load.yaml', context as unknown as Context);
  return { scenario, redactor };
}

/** `LINE:COLUMN: MESSAGE` of each problem, from top to bottom. */
async function problemsOf(yaml: string): Promise<string[]> {
  try {
    await read(yaml);
    return [];
  } catch (error) {
    return (error as Error).message.replaceAll('load.yaml:', '').split('\n');
  }
}

const base = `target: http://127.0.0.1:1
tasks:
  - name: read
    steps:
      - get: /x
`;

describe('a mistake is told with its line and column', () => {
  it.each<[what: string, yaml: string, problems: string[]]>([
    [
      'tags by which nothing can be chosen',
      `${base}    tags: { name: x, 'a b': y, team: z }\n`,
      [
        "6:19: 'name' is not a tag: thresholds choose by it in another way",
        "6:29: 'a b' is not the key of a tag",
      ],
    ],
    [
      'two requests of one name that tags tell apart',
      `${base}      - get: /x?again\n        tags: { team: a }\n`,
      ["6:9: requests named 'GET /x' have other tags above: give these another name"],
    ],
    [
      'a setting that does not exist',
      `${base}draim: 5s\n`,
      ["6:1: unknown setting 'draim'; did you mean 'drain'?"],
    ],
    [
      'one of a step',
      base.replace('get: /x', '{ get: /x, expects: {} }'),
      ["5:20: unknown setting 'expects'; did you mean 'expect'?"],
    ],
    [
      'one of a stage',
      `${base}load: { stages: [{ duration: 1s, rat: 1 }] }\n`,
      ["6:34: unknown setting 'rat'; did you mean 'rate'?"],
    ],
    [
      'one of a capture',
      base.replace('get: /x', '{ get: /x, capture: { id: { jsn: $.id } } }'),
      ["5:37: unknown setting 'jsn'; did you mean 'json'?"],
    ],
    [
      'one of a wait',
      `${base}wait: { exponentail: 2s }\n`,
      ["6:22: unknown setting 'exponentail'; did you mean 'exponential'?"],
    ],
    ['no target', base.replace(/target.*\n/, ''), ["1:1: 'target' is missing here"]],
    ['no tasks', 'target: http://127.0.0.1:1\n', ["1:1: 'tasks' is missing here"]],
    ['an empty list of tasks', 'target: http://127.0.0.1:1\ntasks: []\n', ['2:8: must not be empty']],
    [
      'a target that is no URL',
      base.replace('http://127.0.0.1:1', 'localhost'),
      [
        '1:9: the URL is not a URL. It starts with http:// or https://; characters like / ? # @ in a password are percent-encoded.',
      ],
    ],
    [
      'two amounts of load',
      `${base}load: { rate: 5, users: 5 }\n`,
      ['6:18: contradicts rate: leave one out'],
    ],
    [
      'no amount of load',
      `${base}load: { arrivals: poisson }\n`,
      ['6:7: says no rate, no users and no stages'],
    ],
    ['a rate of nothing', `${base}load: { rate: 0 }\n`, ['6:15: must be a number above 0']],
    [
      'arrivals of users',
      `${base}load: { users: 5, arrivals: poisson }\n`,
      ['6:29: is about a rate: users begin when they have ended'],
    ],
    [
      'a wait without users',
      `${base}load: { rate: 5 }\nwait: 1s..3s\n`,
      ['7:7: is between the tasks of users: a rate has none'],
    ],
    [
      'a wait that ends before it begins',
      `${base}wait: 3s..1s\n`,
      [expect.stringMatching(/^6:7: '3s..1s' ends before/) as never],
    ],
    [
      'a number without a unit',
      `${base}wait: 3\n`,
      [expect.stringMatching(/^6:7: '3' is not a duration/) as never],
    ],
    [
      'half of a distribution',
      `${base}wait: { normal: 2s }\n`,
      [expect.stringMatching(/^6:7: is not one wait/) as never],
    ],
    [
      'a duration beside stages',
      `${base}load: { stages: [{ duration: 1s, rate: 1 }] }\nduration: 5s\n`,
      ['7:11: contradicts the stages, which say how long the run is'],
    ],
    [
      'stages of rates and of users',
      `${base}load: { stages: [{ duration: 1s, rate: 1 }, { duration: 1s, users: 1 }] }\n`,
      ['6:45: all stages have a rate, or all have users'],
    ],
    [
      'stages that stay at zero',
      `${base}load: { stages: [{ duration: 1s, rate: 0 }] }\n`,
      ['6:17: never leave zero: nothing would be sent'],
    ],
    [
      'two methods',
      base.replace('get: /x', '{ get: /x, post: /y }'),
      ['5:20: contradicts get: each has its own step'],
    ],
    [
      'a step without a request',
      base.replace('get: /x', 'name: x'),
      ['5:9: says neither a request (get, post, put, patch, delete, head) nor wait'],
    ],
    [
      'a pause with a body',
      base.replace('get: /x', 'get: /x\n      - { wait: 1s, body: x }'),
      ['6:21: means nothing in a pause'],
    ],
    ['a task that only waits', base.replace('get: /x', 'wait: 1s'), ['5:7: has no request: it only waits']],
    [
      'two bodies',
      base.replace('get: /x', '{ post: /x, json: {}, body: x }'),
      ['5:31: contradicts json: a request has one body'],
    ],
    [
      'a check of what HEAD does not have',
      base.replace('get: /x', '{ head: /x, expect: { bodyContains: x } }'),
      ['5:29: is about a body, which an answer to HEAD does not have'],
    ],
    [
      'a capture of two things',
      base.replace('get: /x', '{ get: /x, capture: { id: { json: $.a, header: b } } }'),
      ['5:48: contradicts json: leave one out'],
    ],
    [
      'a JSON path that is none',
      base.replace('get: /x', '{ get: /x, capture: { id: { json: items } } }'),
      [expect.stringMatching(/^5:43: 'items' is not a JSON path/) as never],
    ],
    [
      'a regular expression that is none',
      base.replace('get: /x', "{ get: /x, capture: { id: { regex: '(' } } }"),
      [expect.stringMatching(/^5:44: is not a regular expression/) as never],
    ],
    [
      'a status that none can be',
      base.replace('get: /x', '{ get: /x, expect: { status: 99 } }'),
      ['5:38: must be a status from 200 to 599, or a list of them'],
    ],
    [
      'a latency without a sign',
      base.replace('get: /x', '{ get: /x, expect: { latency: 200ms } }'),
      [expect.stringMatching(/^5:39: '200ms' is not a limit of latency/) as never],
    ],
    [
      'an obedience that does not exist',
      base.replace('get: /x', '{ get: /x, onRetryAfter: ignore }'),
      ['5:34: must be one of obey'],
    ],
    [
      'a threshold that is none',
      `${base}thresholds: [p95<200]\n`,
      [expect.stringMatching(/^6:14: 'p95<200' is not a threshold/) as never],
    ],
    [
      'two tasks of one name',
      `${base}  - name: read\n    steps: [get: /y]\n`,
      ["6:11: there are two tasks 'read'"],
    ],
    [
      'only weights of 0',
      base.replace('name: read', 'name: read\n    weight: 0'),
      ['3:3: every task has the weight 0: nothing would be sent'],
    ],
    [
      'a path without a slash',
      base.replace('/x', 'x'),
      [expect.stringMatching(/^5:14: 'x' is not a path/) as never],
    ],
    [
      'a host that is filled in',
      `${base.replace('/x', "'http://{h}/x'")}variables: { h: a }\n`,
      [expect.stringMatching(/^5:14: a host with a placeholder/) as never],
    ],
    [
      'a host with a password',
      base.replace('/x', 'http://a:b@h/x'),
      ['5:14: the URL is a URL with a user, which means nothing here. Leave it out.'],
    ],
    [
      'a path with a space',
      base.replace('/x', '/a b'),
      ["5:14: has ' ', which a path cannot have: write it as %20"],
    ],
    [
      'a path with a fragment',
      base.replace('/x', '/a#b'),
      ["5:14: has a '#', and what follows it is never sent: leave it out"],
    ],
    [
      'a header of two lines',
      `${base}headers: { A: "x\\ny" }\n`,
      ['6:15: a header has a single line of Latin-1 text'],
    ],
    [
      'a header with an impossible name',
      `${base}headers: { 'A B': x }\n`,
      ["6:19: 'A B' is not the name of a header"],
    ],
    [
      'a secret in the file',
      `${base}headers: { Authorization: Bearer abcdefgh }\n`,
      ['6:27: a secret must not be in this file: write { env: NAME } or { file: PATH } instead'],
    ],
    [
      'a secret variable in the file',
      `${base}variables: { password: abcdefgh }\n`,
      ['6:24: a secret must not be in this file: write { env: NAME } or { file: PATH } instead'],
    ],
    [
      'a variable that is not set',
      `${base}variables: { password: { env: NOWHERE } }\n`,
      ['6:24: variables.password: refers to the environment variable NOWHERE, which is not set'],
    ],
  ])('%s', async (_, yaml, problems) => {
    expect(await problemsOf(yaml)).toEqual(problems);
  });

  it.each<[what: string, yaml: string, problems: string[]]>([
    [
      'nothing fills',
      base.replace('/x', '/x/{metr}') + 'variables: { meter: a }\n',
      ["5:14: nothing fills {metr}; did you mean 'meter'?"],
    ],
    [
      'nothing fills in JSON',
      base.replace('get: /x', "post: /x\n        json: { a: [{ b: '{c}' }] }"),
      ['6:26: nothing fills {c}'],
    ],
    ['nothing fills in a header', `${base}headers: { A: '{c}' }\n`, ['6:15: nothing fills {c}']],
    [
      'only a later step captures',
      base.replace('get: /x', "get: '/{id}'\n      - { get: /y, capture: { id: { json: $.id } } }"),
      ['5:14: nothing fills {id}'],
    ],
    [
      'only another task captures',
      base.replace(
        'get: /x',
        "{ get: /x, capture: { id: { json: $.id } } }\n  - name: b\n    steps: [get: '/{id}']",
      ),
      ['7:18: nothing fills {id}'],
    ],
    [
      'no feed has',
      base.replace('/x', '/{metres.id}') + 'feeds: { meters: { file: meters.csv } }\n',
      ["5:14: nothing fills {metres.id}: there is no feed 'metres'; did you mean 'meters'?"],
    ],
    [
      'no column has',
      base.replace('/x', '/{meters.nme}') + 'feeds: { meters: { file: meters.csv } }\n',
      ["5:14: nothing fills {meters.nme}: the feed has no column 'nme'; did you mean 'name'?"],
    ],
    [
      'is a whole feed',
      base.replace('/x', '/{meters}') + 'feeds: { meters: { file: meters.csv } }\n',
      ['5:14: nothing fills {meters}: it is a feed, and a column is named behind a dot'],
    ],
    [
      'is of a feed in setup',
      `${base}feeds: { meters: { file: meters.csv } }\nsetup: [get: '/{meters.id}']\n`,
      ['7:14: {meters.id}: feeds are for tasks, whose requests are many'],
    ],
  ])('a placeholder that %s', async (_, yaml, problems) => {
    expect(await problemsOf(yaml)).toEqual(problems);
  });

  it.each<[what: string, feed: string, message: RegExp]>([
    ['that is not there', 'nowhere.csv', /^6:26: .*nowhere\.csv/],
    ['with a torn row', 'torn.csv', /^6:26: .*torn\.csv:3: 1 field where the header has 2/],
    ['without rows', 'bare.csv', /^6:26: .*bare\.csv has a header and no rows/],
  ])('a feed %s', async (_, feed, message) => {
    const yaml = `${base.replace('/x', '/{meters.id}')}feeds: { meters: { file: ${feed} } }\n`;
    expect(await problemsOf(yaml)).toEqual([expect.stringMatching(message)]);
  });

  it('several at once, from top to bottom', async () => {
    const yaml = `${base.replace('/x', '/{a}')}duration: 1\nwarmup: x\nlod: 1\n`;
    expect((await problemsOf(yaml)).map((problem) => /^\d+:\d+/.exec(problem)?.[0])).toEqual([
      '6:11',
      '7:9',
      '8:1',
    ]);
  });
});

describe('a scenario', () => {
  it('has its units read', async () => {
    const { scenario } = await read(`${base}load: { users: 3 }\nduration: 1m\nwait: 1s..3s\n`);
    expect(scenario).toMatchObject<Partial<Scenario>>({
      duration: 60_000,
      wait: { kind: 'uniform', fromMs: 1000, toMs: 3000 },
    });
  });

  it('has its references looked up, and the redactor learns them', async () => {
    const yaml = `${base}headers: { Authorization: { env: AUTH }, X-Tenant: { env: TENANT } }\nvariables: { code: { env: CODE } }\n`;
    const env = { AUTH: 'Bearer abcdefgh', TENANT: 'tenant-77', CODE: 'code-4711' };
    const { scenario, redactor } = await read(yaml, env);
    expect(scenario.headers).toEqual({ Authorization: 'Bearer abcdefgh', 'X-Tenant': 'tenant-77' });
    for (const secret of ['abcdefgh', 'tenant-77', 'code-4711'])
      expect(redactor.text(`it is ${secret}.`)).not.toContain(secret);
  });

  it('may have a placeholder where a secret would be', async () => {
    const yaml = `${base}headers: { Authorization: 'Bearer {token}' }\nsetup: [{ post: /login, capture: { token: { json: $.token } } }]\n`;
    expect(await problemsOf(yaml)).toEqual([]);
  });

  it('is the example that load init writes', async () => {
    const { scenario } = await read(exampleScenario);
    expect(scenario.tasks.map(({ name, weight }) => [name, weight])).toEqual([
      ['read', 6],
      ['report', 3],
      ['forecast', 1],
    ]);
  });
});
