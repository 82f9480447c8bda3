// The peer: Elastic's bulk helper with its own defaults, given documents as objects, or as the lines of the file, of which
// only the id is read.
import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';

const [folder, url, index, file, form] = process.argv.slice(2);
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

async function* objects() {
  for await (const line of lines()) yield JSON.parse(line);
}

const stats = await client.helpers.bulk({
  datasource: form === 'objects' ? objects() : lines(),
  onDocument: (document) => ({
    index: { _index: index, _id: (form === 'objects' ? document : JSON.parse(document)).id },
  }),
});
console.log(JSON.stringify({ indexed: stats.successful, failed: stats.failed }));
await client.close();
