// Answers every bulk as a server that took all of it, and keeps nothing: what is left is the client's own work.
import { createServer } from 'node:http';

const product = { 'x-elastic-product': 'Elasticsearch', 'content-type': 'application/json' };
/** Of a server whose answer is not filtered. */
const item =
  '{"index":{"_index":"bench","_id":"reading-00000000","_version":1,"result":"created",' +
  '"_shards":{"total":1,"successful":1,"failed":0},"_seq_no":100000,"_primary_term":1,"status":201}}';
const filtered = '{"index":{"status":201}}';
const index = { bench: { settings: { 'index.uuid': 'bench', index: { uuid: 'bench' } }, mappings: {} } };

function answerTo(url) {
  if (url === '/') return { version: { number: '9.5.3' }, cluster_uuid: 'bench' };
  if (url.startsWith('/_resolve/')) return { indices: [{ name: 'bench' }], aliases: [], data_streams: [] };
  return index;
}

const server = createServer((request, response) => {
  let lines = 0;
  request.on('data', (chunk) => {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
  });
  request.on('end', () => {
    response.writeHead(200, product);
    if (!request.url.includes('_bulk')) return response.end(JSON.stringify(answerTo(request.url)));
    const each = request.url.includes('filter_path') ? filtered : item;
    response.end(`{"errors":false,"took":30,"items":[${new Array(lines / 2).fill(each).join(',')}]}`);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
