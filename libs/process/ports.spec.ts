import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { existsSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { freePort, listener } from '#lib/process';

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
  const port = await freePort();
  expect(await freePort(port)).toBe(port);
});

it('a taken port is not free', async () => {
  expect(await freePort(await listen())).toBeUndefined();
});

it.runIf(existsSync('/proc/net/tcp'))('who listens on a port is named', async () => {
  expect((await listener(await listen()))?.pid).toBe(process.pid);
});

it('nobody listens on a free port', async () => {
  expect(await listener((await freePort()) ?? 0)).toBeUndefined();
});
