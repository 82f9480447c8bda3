import { connect } from 'node:net';

/** Whether something accepts connections there within that time. @param address `HOST:PORT`, or a URL with both */
export function answers(address: string, ms: number, signal: AbortSignal): Promise<boolean> {
  const { hostname, port } = new URL(address.includes('://') ? address : `tcp://${address}`);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ms, end(false)).once('connect', end(true)).once('error', end(false));
    signal.addEventListener('abort', end(false), { once: true });
  });
}
