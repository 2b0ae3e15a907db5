import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { existsSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { freePort, isTaken, listener } from '#lib/process';

async function listen(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

it('a free port can be listened on', async () => {
  expect(await isTaken(await freePort())).toBe(false);
});

it('a port that somebody listens on is taken', async () => {
  expect(await isTaken(await listen())).toBe(true);
});

it.runIf(existsSync('/proc/net/tcp'))('who listens on a port is named', async () => {
  expect((await listener(await listen()))?.pid).toBe(process.pid);
});

it('nobody listens on a free port', async () => {
  expect(await listener(await freePort())).toBeUndefined();
});
