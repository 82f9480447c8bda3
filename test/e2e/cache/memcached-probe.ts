import { connect } from 'node:net';

/** What a Memcached holds under the keys, by its text protocol; values as Latin-1 of their bytes. */
export async function memcachedGet(server: string, keys: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let at = 0; at < keys.length; at += 500) {
    const text = await converse(server, `get ${keys.slice(at, at + 500).join(' ')}\r\n`);
    for (let place = 0; text.startsWith('VALUE ', place);) {
      const lineEnd = text.indexOf('\r\n', place);
      const [, key, , length] = text.slice(place, lineEnd).split(' ');
      found.set(key!, text.slice(lineEnd + 2, lineEnd + 2 + Number(length)));
      place = lineEnd + 2 + Number(length) + 2;
    }
  }
  return found;
}

/** The answer of one command, up to and with its END. */
export function converse(server: string, command: string): Promise<string> {
  const [host, port] = server.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (data: string) => {
      text += data;
      if (!text.endsWith('END\r\n') && !/^(STORED|DELETED|NOT_|ERROR|CLIENT_|SERVER_)/.test(text)) return;
      socket.destroy();
      resolve(text);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write(command, 'latin1');
  });
}
