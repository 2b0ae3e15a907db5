import { once } from 'node:events';
import { createServer, ServerResponse, type Server } from 'node:http';
import { connect, Socket, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { writeAnswersTogether } from './answers.together.js';

let server: Server;
let underWay: number;
/** What the server did, in its order. */
let done: string[];
const clients: Socket[] = [];

beforeEach(async () => {
  underWay = 1;
  done = [];
  const responses = Object.create(ServerResponse.prototype) as ServerResponse;
  writeAnswersTogether(responses, () => underWay);
  server = createServer((request, response) => {
    Object.setPrototypeOf(response, responses);
    done.push('read');
    if (request.url === '/cut') request.socket.destroy();
    response.end('answer');
  });
  server.on('connection', (socket) => {
    const write = socket._write.bind(socket);
    const writev = socket._writev?.bind(socket);
    vi.spyOn(socket, '_write').mockImplementation((...args) => {
      done.push('write');
      write(...args);
    });
    vi.spyOn(socket, '_writev').mockImplementation((...args) => {
      done.push('write');
      writev?.(...args);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  server.close();
});

async function open(): Promise<Socket> {
  const accepted = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  clients.push(client);
  await Promise.all([accepted, once(client, 'connect')]);
  return client;
}

/** Asks on each connection in the same moment, so that the server finds all requests in one turn. */
async function ask(sockets: readonly Socket[], path = '/'): Promise<string[]> {
  const answers = sockets.map(async (socket) =>
    String((await Promise.race([once(socket, 'data'), once(socket, 'close')]))[0]),
  );
  for (const socket of sockets) socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return await Promise.all(answers);
}

it('a request that is alone is answered at once', async () => {
  const [answer] = await ask([await open()]);
  expect(answer).toContain('answer');
  expect(done).toEqual(['read', 'write']);
});

it('of requests that come together, all are read before an answer is written', async () => {
  underWay = 4;
  const answers = await ask([await open(), await open(), await open(), await open()]);
  for (const answer of answers) expect(answer).toContain('answer');
  expect(done).toEqual([...Array<string>(4).fill('read'), ...Array<string>(4).fill('write')]);
});

it('a client that is gone keeps no answer from the others', async () => {
  underWay = 3;
  const [gone, one, two] = [await open(), await open(), await open()];
  const [, ...answers] = await Promise.all([ask([gone], '/cut'), ask([one]), ask([two])]);
  for (const [answer] of answers) expect(answer).toContain('answer');
});
