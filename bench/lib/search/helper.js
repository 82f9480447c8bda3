// The peer: Elastic's bulk helper, as its documentation has it, with as little work of ours as can be.
import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';

const [folder, url, index, file] = process.argv.slice(2);
const { Client } = createRequire(`${folder}/package.json`)('@elastic/elasticsearch');
const client = new Client({ node: url });

async function* lines() {
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
    const all = (rest + chunk).split('\n');
    rest = all.pop();
    yield* all;
  }
  if (rest !== '') yield rest;
}

const stats = await client.helpers.bulk({
  datasource: lines(),
  onDocument: (line) => ({ index: { _index: index, _id: JSON.parse(line).id } }),
});
console.log(JSON.stringify({ indexed: stats.successful, failed: stats.failed }));
await client.close();
